"""Content: what a request brings and what a response sends, as far as it is not simply bytes.

Laws:

* Request content is pulled. What nobody reads is not taken from the peer: the carrier stops reading the socket when
  `HIGH_WATER` octets wait here, and goes on when a reader has made room (back-pressure).
* A reader sees every octet once, in order, and then the end; or an error, and then the same error for ever. One that is
  cancelled has taken nothing that it did not give out: the next one goes on where the last octet was given.
* Its task is woken as the last thing that happens to a piece in the same call: so it is used while it is in the
  processor's cache, and much content needs little memory.
* Whoever is handed a `Stream` or a `FileContent` closes it, also when the peer has gone.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.bell import Bell
from hospes.units import KiB

if TYPE_CHECKING:
    from hospes.http.saving import Conduit

HIGH_WATER = 256 * KiB
"""Octets waiting unread at which the carrier stops reading the socket: enough to keep a fast peer busy, small per connection."""
LOW_WATER = 64 * KiB
"""Octets waiting at which it starts again; well below, so that the socket is not switched at every piece."""
_TWO_READERS: Final = "this request's content is being read by two tasks at once; let one of them read it"
MANY = 1024
"""Pieces that are kept apart by whoever wants all of a content: see `gather`."""


def gather(pieces: list[bytes | bytearray | memoryview]) -> None:
    """Make one of many pieces. A peer may cut what it sends into pieces of two octets, and each of them takes thirty times their
    room.

    Args:
        pieces: They are replaced by one, which later calls add to.
    """
    first = pieces[0]
    whole = first if isinstance(first, bytearray) else bytearray(first)
    whole += b"".join(pieces[1:])
    pieces[:] = [whole]


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

    __slots__ = (
        "_bell",
        "_ended",
        "_error",
        "_flow",
        "_full",
        "_pieces",
        "_start",
        "_waits",
        "buffered",
        "declared",
        "limit",
        "received",
        "trailers",
    )

    def __init__(self, flow: Flow | None, declared: int | None, limit: int | None) -> None:
        self._flow = flow
        self._pieces: deque[bytes] = deque()
        self._start = 0  # octets of the first piece that were given out already
        self._bell: Bell | None = None  # made for the first who waits
        self._waits = False  # whether somebody does
        self._error: Exception | None = None
        self._ended = False
        self._full = False  # the carrier has stopped because of what waits here
        self.buffered = 0
        self.received = 0
        self.declared = declared
        self.limit = limit
        self.trailers: list[tuple[bytes, bytes]] = []

    @classmethod
    def of(cls, content: bytes, limit: int | None = None) -> ContentReader:
        """Content that is here already (test client, adapters)."""
        reader = cls(None, len(content), limit)
        reader.feed(content)
        reader.end([])
        return reader

    @classmethod
    def taken(cls, length: int, limit: int | None = None) -> ContentReader:
        """Content of which every octet has been read already."""
        reader = cls(None, length, limit)
        reader.received = length
        reader.end([])
        return reader

    # The carrier's side.

    def feed(self, piece: bytes, at_once: bool = False) -> None:
        """The next octets have come. After `fail` they are dropped.

        Args:
            piece: They.
            at_once: Whether somebody who waits goes on before this returns: then this has to be the last that is done for them.
        """
        if not piece or self._error is not None:
            return
        self._pieces.append(piece)
        size = len(piece)
        self.buffered += size
        self.received += size
        if self.buffered >= HIGH_WATER:
            self._full = True
        bell = self._bell
        if bell is not None:
            if at_once:
                bell.ring()
            else:
                bell.ring_soon()

    def end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The content is complete."""
        if self._error is None:
            self.trailers = trailers
            self._ended = True
            self._wake()

    def fail(self, error: Exception) -> None:
        """No more will come, because of `error`; what waits unread is dropped."""
        if not self._ended and self._error is None:
            self._error = error
            self._pieces.clear()
            self._start = self.buffered = 0
            self._wake()

    @property
    def ended(self) -> bool:
        """Whether the peer has sent all of it."""
        return self._ended

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for octets that have not come."""
        return self._waits

    # The reader's side.

    @property
    def begun(self) -> bool:
        """Whether octets have been given out: then nobody gets the whole content any more."""
        return self._error is None and self.received > self.buffered

    async def read(self, n: int = -1) -> bytes:
        """Read the next octets.

        Args:
            n: At most so many, at least one unless the content has ended (then b""). -1, the default: all that is left.

        Raises:
            HttpError: 413 where the content is longer than `limit`; 400 or 408 where the peer broke off or broke the protocol.
            ClientDisconnected: where the peer has gone.
            RuntimeError: where another task is reading.
        """
        if n < 0:
            if self._ended and len(self._pieces) == 1 and not (self._start or self._waits):
                self.check_declared()  # the usual case: it is here in one piece, and nobody has to wait
                self.buffered = 0
                return self._pieces.pop()
            return await self._read_all()
        if n == 0:
            return b""
        return await self._next(n)

    async def save_to_file(self, file: str | os.PathLike[str] | IO[bytes]) -> int:
        """Write all that is left to a file; gives how many octets it was.

        On the engine the kernel moves the octets: this takes about half of the time of reading and writing pieces.

        Args:
            file: Where to. A path: an existing file is replaced in one step, when the whole content is there, durably; folders
                are not made. Or a file that is open for writing in binary mode: they go where its position is, and it stays open.

        Raises:
            OSError: if it cannot be written, as on a full disk. An open file has a part then; behind a path nothing is left.
            TypeError: for what is neither.
            HttpError, ClientDisconnected, RuntimeError: as `read`; with the same for the file.
        """
        from hospes.http.saving import save

        return await save(self, file)

    def conduit_into(self, descriptor: int, is_own: bool) -> Conduit | None:
        """What the carrier has to put content into a regular file by itself; None where nothing.

        Args:
            descriptor: The file's.
            is_own: Whether nobody else writes to it.
        """
        make: type[Conduit] | None = getattr(self._flow, "conduit_of", None)
        return None if make is None else make(self, descriptor, is_own)

    async def pass_by(self, conduit: Conduit) -> None:
        """Wait while what comes goes through a conduit; what is here then, a reader has to take."""
        self.check_declared()
        if self._waits:
            raise RuntimeError(_TWO_READERS)
        self._waits = True
        try:
            if self._flow is not None:
                self._flow.want_content()
            while not (self._pieces or self._ended or self._error is not None) and conduit.goes_on():
                await (self._bell or self._hang_bell())
        finally:
            self._waits = False
            conduit.end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they come, none of them empty."""
        make: type[Pieces] = getattr(self._flow, "pieces_of", Pieces)
        return make(self)

    def check_declared(self) -> None:
        """Refuse content that is over the limit; where its length is declared, before an octet of it is taken.

        Raises:
            HttpError: 413.
        """
        if self.limit is None:
            return
        if self.declared is not None and self.declared > self.limit:
            raise HttpError(
                413, "Content too large", f"At most {self.limit} bytes are taken here; {self.declared} were announced."
            )
        if self.received > self.limit:
            raise HttpError(413, "Content too large", f"At most {self.limit} bytes are taken here.")

    async def _read_all(self) -> bytes:
        pieces: list[bytes | bytearray | memoryview] = []
        try:
            while piece := await self._next():
                pieces.append(piece)
                if len(pieces) == MANY:
                    gather(pieces)
        except BaseException:
            if self._error is None:  # cancelled: the next reader begins where this one did
                self._pieces.extendleft(bytes(each) for each in reversed(pieces))
                self.buffered += sum(map(len, pieces))
            raise
        return b"".join(pieces)  # of one piece that is the piece itself

    async def _next(self, n: int = -1, stops: bool = False) -> bytes:
        """Wait for octets, and give out what is left of the first piece, or `n` octets of it. What is not given is not copied.

        Args:
            n: How many at the most; -1 for any number.
            stops: Whether the end is StopAsyncIteration; else it is b"".
        """
        if self.limit is not None:
            self.check_declared()
        if self._waits:
            raise RuntimeError(_TWO_READERS)
        while not self._pieces:
            if self._error is not None:
                raise self._error.with_traceback(None)  # one is raised again and again: its traceback must not grow
            if self._ended:
                if stops:
                    raise StopAsyncIteration
                return b""
            self._waits = True
            try:
                if self._flow is not None:
                    self._flow.want_content()
                if not (self._pieces or self._ended or self._error is not None):
                    await (self._bell or self._hang_bell())
            finally:
                self._waits = False
            if self.limit is not None:
                self.check_declared()
        piece, start = self._pieces[0], self._start
        if 0 <= n < len(piece) - start:
            self._start = start + n
            piece = piece[start : self._start]
        else:
            self._pieces.popleft()
            if start:
                self._start = 0
                piece = piece[start:]
        self.buffered -= len(piece)
        if self._full and self.buffered <= LOW_WATER:
            self._full = False
            if self._flow is not None and not self._ended:
                self._flow.want_content()
        return piece

    def _hang_bell(self) -> Bell:
        """The carrier's kind of bell, where it has one."""
        make: type[Bell] = getattr(self._flow, "bell", Bell)
        bell = self._bell = make(asyncio.get_running_loop())
        return bell

    def _wake(self) -> None:
        if self._bell is not None:
            self._bell.ring_soon()


class Pieces(AsyncIterator[bytes]):
    """The pieces of a content."""

    __slots__ = ("_content",)

    def __init__(self, content: ContentReader) -> None:
        self._content = content

    def __anext__(self) -> Awaitable[bytes]:
        return self._content._next(stops=True)  # pyright: ignore[reportPrivateUsage]  # a part of it


class Stream:
    """Response content that is made while it is sent.

    Args:
        source: Gives bytes or str (sent as UTF-8), asynchronously or not. A plain iterator is pulled in the thread pool,
            so that it may block.
        length: Octets in all where that is known beforehand; else None, and the content goes out in chunks.

    Attributes:
        trailers: Fields to send behind the last chunk, known at the latest when the source has ended. They get lost where the
            content is not sent in chunks.
    """

    __slots__ = ("length", "source", "trailers")

    def __init__(self, source: AsyncIterable[bytes | str] | Iterable[bytes | str], length: int | None = None) -> None:
        self.source = source
        self.length = length
        self.trailers: Sequence[tuple[str, str]] = ()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as bytes; empty ones are left out, for an empty chunk would end the message."""
        if not isinstance(self.source, AsyncIterable):
            raise TypeError("a plain iterator is pulled in the thread pool; the application turns it into an async one")
        async for piece in self.source:
            octets = octets_of(piece)
            if octets:
                yield octets

    async def aclose(self) -> None:
        """Tell the source that no more will be asked: its `finally` blocks run, or it is closed as a file is."""
        close = getattr(self.source, "aclose", None)
        if close is not None:
            await close()
            return
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


def octets_of(piece: object) -> bytes:
    """A piece of a stream as it is sent.

    Raises:
        TypeError: if it is neither bytes nor str.
    """
    if type(piece) is bytes:
        return piece
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", piece))
    # bytes(3) would be three octets of zero: a number must not become content, and a large one not a gigabyte.
    raise TypeError(f"a stream gave {type(piece).__qualname__}; it may give bytes and str")


class FileContent(Struct, frozen=True):
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
