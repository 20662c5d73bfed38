"""`wsgi.input`: content that is here, content on its way, content that breaks off."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
from tests.adapters.support import on_loop

from hospes.adapters.wsgi_input import AHEAD, ContentInput, input_of
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


def into(file: Any, way: str, size: int) -> bytes:
    """What is read into a buffer of so many octets."""
    buffer = bytearray(size)
    return bytes(buffer[: getattr(file, way)(buffer)])


READS: list[tuple[Callable[[BinaryIO], object], object]] = [
    (lambda file: file.read(), b"one\ntwo\nthree"),
    (lambda file: file.read(4), b"one\n"),
    (lambda file: (file.readline(), file.readline(2), file.read(1)), (b"one\n", b"tw", b"o")),
    (lambda file: list(file), [b"one\n", b"two\n", b"three"]),
    (lambda file: file.readlines(), [b"one\n", b"two\n", b"three"]),
    (lambda file: (file.read(), file.read(), file.read(1)), (b"one\ntwo\nthree", b"", b"")),
    (lambda file: (file.read(0), file.read(None), file.readline()), (b"", b"one\ntwo\nthree", b"")),  # type: ignore[arg-type]
    (lambda file: (file.read(1), file.readline(0), file.readline(1), file.readline(None)), (b"o", b"", b"n", b"e\n")),  # type: ignore[arg-type]
    (lambda file: (file.read(5), file.read(100)), (b"one\nt", b"wo\nthree")),
    (lambda file: b"".join(iter(lambda: file.read1(2), b"")), b"one\ntwo\nthree"),  # type: ignore[attr-defined]
    (lambda file: (file.read1(0), b"".join(iter(file.read1, b""))), (b"", b"one\ntwo\nthree")),  # type: ignore[attr-defined]
    (lambda file: into(file, "readinto", 20), b"one\ntwo\nthree"),
    (lambda file: into(file, "readinto", 7)[:7], b"one\ntwo"),
    (lambda file: b"".join(iter(lambda: into(file, "readinto1", 4), b"")), b"one\ntwo\nthree"),
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
        (RuntimeError("other"), OSError, "the request's content cannot be read: other", None),
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
        for read in (lambda: file.read(64), file.read, file.readline):  # again and again
            with pytest.raises(kind) as error:
                await in_thread(read)
            assert str(error.value) == text
            assert error.value.__cause__ is failure
        assert (raw.refusal.code if raw.refusal else None) == refused

    on_loop(work)


def test_nothing_is_brought_before_it_is_read() -> None:
    async def work() -> None:
        reader = ContentReader(None, None, None)
        reader.feed(b"some")
        file, raw = input_of(reader)
        assert raw is not None
        assert (raw.readable(), raw.seekable(), raw.writable()) == (True, False, False)
        await asyncio.sleep(0)
        assert reader.buffered == 4
        assert await in_thread(lambda: file.read(4)) == b"some"
        file.close()
        with pytest.raises(ValueError, match=r"wsgi\.input is closed"):
            file.read()
        reader.end([])

    on_loop(work)


@pytest.mark.parametrize("piece", [AHEAD // 4 - 1, AHEAD // 4, AHEAD // 4 + 1])
def test_what_is_brought_ahead_is_bounded(piece: int) -> None:
    async def work() -> None:
        reader = ContentReader(None, None, None)
        file, _ = input_of(reader)
        for number in range(10):
            reader.feed(bytes([number]) * piece)
        fits = -(-AHEAD // piece)  # so many pieces, the last of which reaches it; one more where the thread has taken one by then
        assert await in_thread(lambda: file.read(1)) == b"\0"
        assert reader.buffered in {piece * (10 - fits), piece * (9 - fits)}
        reader.end([])
        assert len(await in_thread(file.read)) == piece * 10 - 1
        assert reader.buffered == 0

    on_loop(work)


def test_a_reader_that_is_as_quick_as_the_peer_is_always_brought_more() -> None:
    async def work() -> None:
        reader = ContentReader(None, None, None)
        file, _ = input_of(reader)
        reading = asyncio.ensure_future(in_thread(lambda: sum(len(each) for each in iter(lambda: file.read(AHEAD // 8), b""))))
        for _ in range(200):
            reader.feed(b"x" * (AHEAD // 4))
            await asyncio.sleep(0)
        reader.end([])
        assert await asyncio.wait_for(reading, 20) == 50 * AHEAD

    on_loop(work)


def test_a_loop_that_ends_meanwhile_is_a_peer_that_goes() -> None:
    async def work() -> None:
        reader = ContentReader(None, None, None)
        file, _ = input_of(reader)
        reading = asyncio.ensure_future(in_thread(lambda: file.read(1)))
        while not (bringing := [each for each in asyncio.all_tasks() if "_bring" in repr(each)]) or not reader.wanted:
            await asyncio.sleep(0)
        bringing[0].cancel()
        with pytest.raises(ConnectionResetError, match="the peer went away before its request was complete"):
            await reading

    on_loop(work)
