"""Content: what is sent, how long it is, and whether it can be sent again."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hospes.client.content import STEP, Body, Outgoing, Upload
from hospes.http.media import parse_media_type
from hospes.http.multipart import FormReader
from hospes.limits import KiB, Limits


def opened(**given: Any) -> Outgoing:
    outgoing = Body(**given).open()
    assert outgoing is not None
    return outgoing


def octets(outgoing: Outgoing) -> bytes:
    return b"".join(outgoing.pieces())


def test_nothing() -> None:
    assert Body().open() is None


@pytest.mark.parametrize(
    ("given", "media_type", "expected"),
    [
        ({"json": {"a": [1, None]}}, "application/json", b'{"a":[1,null]}'),
        ({"json": []}, "application/json", b"[]"),
        ({"form": {"a": "ü&", "b": [1, 2.5]}}, "application/x-www-form-urlencoded", b"a=%C3%BC%26&b=1&b=2.5"),
        ({"content": b"abc"}, "", b"abc"),
        ({"content": b""}, "", b""),
        ({"content": bytearray(b"abc")}, "", b"abc"),
        ({"content": memoryview(b"abc")}, "", b"abc"),
        ({"content": "ü"}, "text/plain; charset=utf-8", "ü".encode()),
        ({"content": Upload("ü")}, "text/plain; charset=utf-8", "ü".encode()),
    ],
)
def test_whole_contents(given: dict[str, Any], media_type: str, expected: bytes) -> None:
    outgoing = opened(**given)
    assert (outgoing.media_type, outgoing.length, octets(outgoing)) == (media_type, len(expected), expected)
    assert outgoing.is_replayable
    assert octets(outgoing) == expected
    assert not outgoing.is_async
    assert not outgoing.may_block


@pytest.mark.parametrize(
    "given",
    [{"json": 1, "content": b""}, {"form": {}, "content": b""}, {"json": 1, "files": {}}, {"json": 1, "form": {"a": "b"}}],
)
def test_one_content_only(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one content"):
        Body(**given).open()


@pytest.mark.parametrize("wrong", [7, 1.5, object()])
def test_not_everything_can_be_sent(wrong: Any) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        Body(content=wrong).open()


def test_json_that_is_none() -> None:
    with pytest.raises(TypeError):
        Body(json=object()).open()


@pytest.mark.parametrize("size", [0, 1, STEP, STEP + 1, 3 * STEP])
def test_a_path_is_read_in_pieces_and_again(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    outgoing = opened(content=path)
    assert outgoing.length == size
    assert outgoing.may_block
    for _ in range(2):
        pieces = list(outgoing.pieces())
        assert b"".join(pieces) == content
        assert all(0 < len(piece) <= STEP for piece in pieces)
    assert outgoing.is_replayable


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Body(content=tmp_path / "nothing").open()


def test_a_file_is_sent_from_where_it_stands(tmp_path: Path) -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    outgoing = opened(content=file)
    assert outgoing.length == 6
    assert octets(outgoing) == octets(outgoing) == b"456789"


def test_a_pipe_is_sent_once() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe:
        with open(writing, "wb") as into:
            into.write(b"abc")
        outgoing = opened(content=pipe)
        assert outgoing.length is None
        assert [outgoing.is_replayable, octets(outgoing), outgoing.is_replayable] == [True, b"abc", False]
        with pytest.raises(RuntimeError, match="cannot be begun again"):
            octets(outgoing)


def test_a_generator_is_sent_once_a_list_again() -> None:
    def generate() -> Iterator[bytes | str]:
        yield "ü"
        yield b""
        yield b"b"

    once = opened(content=generate())
    assert (once.length, once.is_replayable, list(once.pieces()), once.is_replayable) == (None, True, ["ü".encode(), b"b"], False)
    again = opened(content=[b"a", "b"])
    assert octets(again) == octets(again) == b"ab"


def test_pieces_are_octets_or_text() -> None:
    with pytest.raises(TypeError, match="may give bytes and str"):
        octets(opened(content=[3]))


def test_an_async_source_is_for_the_async_client() -> None:
    async def generate() -> AsyncIterator[bytes | str]:
        yield b"a"
        yield ""
        yield "ü"

    outgoing = opened(content=generate())
    assert outgoing.is_async

    async def collect() -> list[bytes]:
        return [piece async for piece in outgoing.async_pieces()]

    assert asyncio.run(collect()) == [b"a", "ü".encode()]
    assert not outgoing.is_replayable
    with pytest.raises(TypeError, match="AsyncHttpClient"):
        octets(opened(content=generate()))


def test_progress_is_told_after_each_piece() -> None:
    told: list[tuple[int, int | None]] = []
    octets(opened(content=Upload([b"ab", b"", b"c"], length=3, progress=lambda *step: told.append(step))))
    assert told == [(2, 3), (3, 3)]
    told.clear()
    octets(opened(content=iter([b"ab"]), progress=lambda *step: told.append(step)))
    assert told == [(2, None)]


def test_long_octets_go_in_slices() -> None:
    content = os.urandom(600 * KiB)
    told: list[int] = []
    assert octets(opened(content=Upload(content, progress=lambda sent, total: told.append(sent)))) == content
    assert told == [256 * KiB, 512 * KiB, 600 * KiB]


def read_form(outgoing: Outgoing) -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str, bytes]]]]:
    reader = FormReader(parse_media_type(outgoing.media_type), Limits())
    reader.feed(octets(outgoing))
    with reader.finish() as form:
        files = {name: [(each.filename, each.content_type, each.content) for each in files] for name, files in form.files.items()}
        return form.fields, files


def test_forms_with_files(tmp_path: Path) -> None:
    path = tmp_path / "ü.txt"
    path.write_bytes(b"from disk")
    files: dict[str, Any] = {
        "a": ("a.png", b"PNG", "image/png"),
        "b": [path, ("c.bin", io.BytesIO(b"open"))],
        "c": (("d", b"1"), ("e", b"2")),
    }
    outgoing = opened(form={"title": "Ä", "n": [1, 2]}, files=files)
    assert outgoing.length == len(octets(outgoing))
    assert outgoing.is_replayable
    fields, found = read_form(outgoing)
    assert fields == {"title": ["Ä"], "n": ["1", "2"]}
    octet_stream = "application/octet-stream"
    assert found == {
        "a": [("a.png", "image/png", b"PNG")],
        "b": [("ü.txt", octet_stream, b"from disk"), ("c.bin", octet_stream, b"open")],
        "c": [("d", octet_stream, b"1"), ("e", octet_stream, b"2")],
    }


def test_names_cannot_add_anything() -> None:
    evil = 'x"; filename="y\r\nX-Evil: 1\r\n\r\n--boundary\0'
    fields, files = read_form(opened(form={evil: "1"}, files={evil: (evil, b"2")}))
    name = evil.replace("\0", "")
    assert fields == {name: ["1"]}
    assert [each[2] for each in files[name]] == [b"2"]


def test_a_media_type_cannot_add_anything_either() -> None:
    with pytest.raises(ValueError, match="control"):
        opened(files={"a": ("a", b"", "text/plain\r\nX: y")})


def test_a_form_of_unknown_length() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return 0

    outgoing = opened(files={"a": ("a", Endless())})
    assert outgoing.length is None
    octets(outgoing)
    assert not outgoing.is_replayable
