"""Content: what a request brings and what a response sends, as far as it is not simply bytes.

Laws:

* Request content is pulled. What nobody reads is not taken from the peer: the carrier stops reading the socket when
  `HIGH_WATER` octets wait here, and goes on when a reader has made room (back-pressure).
* A reader sees every octet once, in order, and then the end; or an error, and then the same error for ever.
* Whoever is handed a `Stream` or a `FileContent` closes it, also when the peer has gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from hospes.errors import HttpError
from hospes.limits import KiB

HIGH_WATER = 256 * KiB
"""Octets waiting unread at which the carrier stops reading the socket: enough to keep a fast peer busy, small per connection."""
LOW_WATER = 64 * KiB
"""Octets waiting at which it starts again; well below, so that the socket is not switched at every piece."""


class Flow(Protocol):
    """What a reader asks of the carrier."""

    def want_content(self) -> None:
        """Somebody waits, or there is room again: go on reading (and send `100 Continue` if the peer waits for it)."""


class ContentReader:
    """The content of one request, as a pull stream. `RequestBodyReader` is its name in handlers.

    Args:
        flow: The carrier's side.
        declared: Content-Length, or None where the content is chunked.
        limit: Octets that are taken at the most; None where the route streams without a bound.
    """

    __slots__ = ("_ended", "_error", "_flow", "_pieces", "_waiter", "buffered", "declared", "limit", "received", "trailers")

    def __init__(self, flow: Flow | None, declared: int | None, limit: int | None) -> None:
        self._flow = flow
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._ended = False
        self.buffered = 0
        self.received = 0
        self.declared = declared
        self.limit = limit
        self.trailers: list[tuple[bytes, bytes]] = []

    @classmethod
    def of(cls, content: bytes, limit: int | None = None) -> ContentReader:
        """Content that is here already (test client, adapters)."""
        reader = cls(None, len(content), limit)
        if content:
            reader.feed(content)
        reader.end([])
        return reader

    # The carrier's side.

    def feed(self, piece: bytes) -> None:
        """The next octets have come."""
        self._pieces.append(piece)
        self.buffered += len(piece)
        self.received += len(piece)
        self._wake()

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The content is complete."""
        self.trailers = trailers
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """No more will come, because of `error`; what waits unread is dropped."""
        if not self._ended and self._error is None:
            self._error = error
            self._pieces.clear()
            self.buffered = 0
            self._wake()

    @property
    def ended(self) -> bool:
        """Whether the peer has sent all of it."""
        return self._ended

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for octets that have not come."""
        return self._waiter is not None

    # The reader's side.

    async def read(self, n: int = -1) -> bytes:
        """Read the next octets.

        Args:
            n: At most so many, at least one unless the content has ended (then b""). -1, the default: all that is left.

        Raises:
            HttpError: 413 where the content is longer than `limit`; 400 or 408 where the peer broke off or broke the protocol.
            ClientDisconnected: where the peer has gone.
        """
        self.check_declared()
        if n < 0:
            pieces = [piece async for piece in self]
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if n == 0:
            return b""
        piece = await self._next()
        if len(piece) > n:
            self._pieces.appendleft(piece[n:])
            self.buffered += len(piece) - n
            piece = piece[:n]
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they come, none of them empty."""
        self.check_declared()
        while piece := await self._next():
            yield piece

    def check_declared(self) -> None:
        """Refuse content whose declared length is over the limit, before an octet of it is taken.

        Raises:
            HttpError: 413.
        """
        if self.limit is not None and self.declared is not None and self.declared > self.limit:
            raise HttpError(
                413, "Content too large", f"At most {self.limit} bytes are taken here; {self.declared} were announced."
            )

    async def _next(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            if self._waiter is not None:
                raise RuntimeError("this request's content is being read by two tasks at once; let one of them read it")
            self._waiter = asyncio.get_running_loop().create_future()
            if self._flow is not None:
                self._flow.want_content()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        before = self.buffered
        self.buffered = before - len(piece)
        if before > LOW_WATER >= self.buffered and self._flow is not None and not self._ended:
            self._flow.want_content()
        return piece

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Stream:
    """Response content that is made while it is sent.

    Args:
        source: Gives bytes or str (sent as UTF-8), asynchronously or not. A plain iterator is pulled in the thread pool,
            so that it may block.
        length: Octets in all where that is known beforehand; else None, and the content goes out in chunks.
    """

    __slots__ = ("length", "source")

    def __init__(self, source: AsyncIterable[bytes | str] | Iterable[bytes | str], length: int | None = None) -> None:
        self.source = source
        self.length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as bytes; empty ones are left out, for an empty chunk would end the message."""
        if not isinstance(self.source, AsyncIterable):
            raise TypeError("a plain iterator is pulled in the thread pool; the application turns it into an async one")
        async for piece in self.source:
            if piece:
                yield piece.encode() if isinstance(piece, str) else bytes(piece)

    async def aclose(self) -> None:
        """Tell the source that no more will be asked: its `finally` blocks run."""
        close = getattr(self.source, "aclose", None)
        if close is not None:
            await close()


@dataclass(frozen=True, slots=True)
class FileContent:
    """A part of an open regular file, sent by the kernel where the carrier can."""

    file: BinaryIO
    """Opened for reading, binary, with a file descriptor; the carrier closes it."""
    offset: int
    """The first octet to send."""
    length: int
    """How many."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()
