"""`wsgi.input`: content that is here, content on its way, content that breaks off."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
from tests.adapters.support import on_loop

from hospes.adapters.wsgi_input import ContentInput, input_of
from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import ContentReader


async def in_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, call)


def test_no_content_and_content_that_is_here() -> None:
    async def work() -> None:
        assert input_of(None)[0].read() == b""
        file, raw = input_of(ContentReader.of(b"abc"))
        assert isinstance(file, io.BytesIO)
        assert raw is None
        assert (file.read(2), file.read(), file.read()) == (b"ab", b"c", b"")

    on_loop(work)


READS: list[tuple[Callable[[BinaryIO], object], object]] = [
    (lambda file: file.read(), b"one\ntwo\nthree"),
    (lambda file: file.read(4), b"one\n"),
    (lambda file: (file.readline(), file.readline(2), file.read(1)), (b"one\n", b"tw", b"o")),
    (lambda file: list(file), [b"one\n", b"two\n", b"three"]),
    (lambda file: file.readlines(), [b"one\n", b"two\n", b"three"]),
    (lambda file: (file.read(), file.read(), file.read(1)), (b"one\ntwo\nthree", b"", b"")),
]


@pytest.mark.parametrize(("read", "expected"), READS)
@pytest.mark.parametrize("size", [1, 3, 13])
def test_content_on_its_way(read: Callable[[BinaryIO], object], expected: object, size: int) -> None:
    content = b"one\ntwo\nthree"

    async def work() -> None:
        reader = ContentReader(None, None, None)
        file, raw = input_of(reader)
        assert isinstance(raw, ContentInput)
        assert raw.readable()
        reading = asyncio.ensure_future(in_thread(lambda: read(file)))
        for at in range(0, len(content), size):
            reader.feed(content[at : at + size])
            await asyncio.sleep(0)
        reader.end([])
        assert await reading == expected

    on_loop(work)


@pytest.mark.parametrize(
    ("failure", "kind", "text", "refused"),
    [
        (HttpError(413, "too much"), OSError, "the request's content cannot be read: 413 too much", 413),
        (ClientDisconnected("gone"), ConnectionResetError, "the peer went away before its request was complete", None),
    ],
)
def test_content_that_breaks_off(failure: Exception, kind: type[OSError], text: str, refused: int | None) -> None:
    async def work() -> None:
        reader = ContentReader(None, None, None)
        reader.feed(b"some")
        file, raw = input_of(reader)
        assert raw is not None
        assert await in_thread(lambda: file.read(1)) == b"s"
        reader.fail(failure)
        with pytest.raises(kind) as error:
            await in_thread(lambda: file.read(64))
        assert str(error.value) == text
        assert (raw.refusal.code if raw.refusal else None) == refused

    on_loop(work)
