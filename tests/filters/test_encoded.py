"""Content that is encoded while it is sent: on its way at once, closed however it ends, long pieces in a thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.filters.asking import decoded, opened

from hospes.filters.encoded import LONG, EncodedPieces, EncodedStream, FilePieces, encoded
from hospes.filters.encoding import CODINGS, Encoder
from hospes.http.content import FileContent, Stream


@pytest.fixture(params=sorted(CODINGS))
def coding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def encoder(coding: str) -> Encoder:
    return CODINGS[coding].make(CODINGS[coding].level)


async def here(call: Callable[[], bytes]) -> bytes:
    return call()


class Source:
    """An asynchronous source that tells what happens to it."""

    def __init__(self, *pieces: bytes | str, failure: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.failure = failure
        self.log: list[str] = []

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        for number, piece in enumerate(self.pieces):
            self.log.append(f"asked {number}")
            yield piece
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        self.log.append("closed")


def test_each_piece_is_on_its_way_before_the_next(coding: str) -> None:
    async def scene() -> None:
        source = Source("event 1\n", b"", "", b"event 2\n", "ärgerlich\n")
        stream = encoded(Stream(source), encoder(coding), here)
        assert stream.length is None
        undo, got = opened(coding), list[bytes]()
        async for octets in stream:
            assert octets
            got.append(b"".join(undo(octets)))
        undo(b"", finish=True)
        await stream.aclose()
        assert got == [b"event 1\n", b"event 2\n", "ärgerlich\n".encode(), b""]
        assert source.log == ["asked 0", "asked 1", "asked 2", "asked 3", "asked 4", "closed"]

    asyncio.run(scene())


def test_a_stream_of_nothing(coding: str) -> None:
    async def scene() -> None:
        stream = encoded(Stream(Source(), length=0), encoder(coding), here)
        assert decoded(b"".join([piece async for piece in stream]), coding) == b""
        await stream.aclose()

    asyncio.run(scene())


def test_closed_before_it_began_and_in_between() -> None:
    async def scene() -> None:
        for asked in (0, 1):
            source = Source("a", "b")
            made = EncodedStream(Stream(source), encoder("gzip"), here)
            for _ in range(asked):
                await anext(made)
            await made.aclose()
            assert source.log == [*[f"asked {number}" for number in range(asked)], "closed"]

    asyncio.run(scene())


def test_a_source_that_fails_leaves_the_coding_without_its_end() -> None:
    async def scene() -> None:
        stream = encoded(Stream(Source("a", failure=ValueError("broken"))), encoder("gzip"), here)
        pieces = aiter(stream)
        assert opened("gzip")(await anext(pieces)) == [b"a"]
        with pytest.raises(ValueError, match="broken"):
            await anext(pieces)

    asyncio.run(scene())


def test_long_pieces_go_to_a_thread() -> None:
    sizes = [1, LONG, LONG + 1]
    handed: list[int] = []

    async def in_thread(call: Callable[[], bytes]) -> bytes:
        octets = call()
        handed.append(len(octets))
        return octets

    async def scene() -> None:
        pieces = [os.urandom(size) for size in sizes]
        stream = encoded(Stream(Source(*pieces)), encoder("gzip"), in_thread)
        assert decoded(b"".join([piece async for piece in stream]), "gzip") == b"".join(pieces)

    asyncio.run(scene())
    assert len(handed) == 1


def test_a_blocking_iterator(coding: str) -> None:
    log: list[str] = []

    def source() -> Iterator[str | bytes]:
        try:
            yield "eins\n"
            yield b""
            yield b"zwei\n"
        finally:
            log.append("closed")

    stream = encoded(Stream(source()), encoder(coding), here)
    assert isinstance(stream.source, EncodedPieces)
    pieces, undo = stream.source, opened(coding)
    assert [b"".join(undo(octets)) for octets in pieces] == [b"eins\n", b"zwei\n", b""]
    undo(b"", finish=True)
    assert list(pieces) == []
    pieces.close()
    assert log == ["closed"]


def test_a_blocking_iterator_of_what_cannot_be_sent() -> None:
    pieces = EncodedPieces(iter([3]), encoder("gzip"), flushes=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a stream gave int"):
        next(pieces)
    pieces.close()  # there is nothing to close


def test_a_file(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "file"
    content = b"0123456789" * 30_000
    path.write_bytes(content)
    file = path.open("rb", buffering=0)
    stream = encoded(FileContent(file, 10, len(content) - 20), encoder(coding), here)
    assert isinstance(stream.source, EncodedPieces)
    assert decoded(b"".join(stream.source), coding) == content[10:-10]
    stream.source.close()
    assert file.closed


def test_a_file_that_has_become_shorter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with path.open("rb") as file:
        pieces = FilePieces(FileContent(file, 0, 6))
        assert next(pieces) == b"short"
        with pytest.raises(OSError, match="has become shorter"):
            next(pieces)
