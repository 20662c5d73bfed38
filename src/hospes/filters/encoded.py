"""Content that is encoded while it is sent: of a stream, of a blocking iterator, of a file.

Laws:

* What a source has given is on its way before the next piece is asked for: an event does not wait for its successors.
* Whoever closes the encoded content closes its source, also where nobody ever asked for a piece. A source that fails fails here,
  and the coding is left without its end.
* A piece that takes long to encode is encoded in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias, cast

from hospes.filters.encoding import Encoder
from hospes.http.content import FileContent, Stream, octets_of
from hospes.units import KiB

LONG: Final = 32 * KiB
"""Octets whose encoding takes about a millisecond, many times what handing them to a thread costs."""
_PIECE: Final = 64 * KiB

InThread: TypeAlias = Callable[[Callable[[], bytes]], Awaitable[bytes]]
"""Runs a function in a thread, where there is one."""


class EncodedStream(AsyncIterator[bytes]):
    """The source of a stream whose source is asynchronous."""

    def __init__(self, stream: Stream, encoder: Encoder, in_thread: InThread) -> None:
        self._stream = stream
        self._pieces: AsyncGenerator[bytes] | None = None
        self._encoder: Encoder | None = encoder
        self._in_thread = in_thread

    async def __anext__(self) -> bytes:
        """The next octets, never none."""
        if self._pieces is None:
            self._pieces = cast("AsyncGenerator[bytes]", aiter(self._stream))
        while self._encoder is not None:
            encoder = self._encoder
            piece = await anext(self._pieces, b"")
            if not piece:  # a stream gives no empty piece
                self._encoder = None
                return encoder.finish()
            make = partial(_flushed, encoder, piece)
            octets = await self._in_thread(make) if len(piece) > LONG else make()
            if octets:
                return octets
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the source."""
        try:
            if self._pieces is not None:
                await self._pieces.aclose()
        finally:
            await self._stream.aclose()


class EncodedPieces(Iterator[bytes]):
    """The source of a stream whose source blocks: both run in the pool, in one thread at a time.

    Args:
        source: Gives bytes or str.
        encoder: Encodes them.
        flushes: Whether a piece is to be on its way before the next one is there.
    """

    def __init__(self, source: Iterable[bytes | str], encoder: Encoder, *, flushes: bool) -> None:
        self._source: Iterable[bytes | str] = source
        self._encoder: Encoder | None = encoder
        self._encode = partial(_flushed, encoder) if flushes else encoder.encode

    def __next__(self) -> bytes:
        """The next octets, never none."""
        self._source = source = iter(self._source)
        while self._encoder is not None:
            encoder = self._encoder
            try:
                piece = next(source)
            except StopIteration:
                self._encoder = None
                return encoder.finish()
            octets = self._encode(octets_of(piece))
            if octets:
                return octets
        raise StopIteration

    def close(self) -> None:
        """Close the source, as far as it can be closed."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


class FilePieces(Iterator[bytes]):
    """A file's content, read piece by piece."""

    def __init__(self, content: FileContent) -> None:
        self._content = content
        self._left = content.length
        self._begun = False

    def __next__(self) -> bytes:
        """The next octets.

        Raises:
            OSError: if the file cannot be read, or has become shorter.
        """
        if not self._begun:
            self._content.file.seek(self._content.offset)
            self._begun = True
        if not self._left:
            raise StopIteration
        piece = self._content.file.read(min(self._left, _PIECE))
        if not piece:
            raise OSError("the file has become shorter while it was sent")
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the file."""
        self._content.close()


def encoded(content: Stream | FileContent, encoder: Encoder, in_thread: InThread) -> Stream:
    """The same content, encoded as it is sent."""
    if isinstance(content, FileContent):
        return Stream(EncodedPieces(FilePieces(content), encoder, flushes=False))
    if isinstance(content.source, AsyncIterable):
        return Stream(EncodedStream(content, encoder, in_thread))
    return Stream(EncodedPieces(content.source, encoder, flushes=True))


def _flushed(encoder: Encoder, octets: bytes) -> bytes:
    return encoder.encode(octets) + encoder.flush() if octets else b""
