"""`wsgi.input`: a request's content as a file, read in the application's thread.

    thread                         loop
    read(n) ── asks for more ────▶ content, piece after piece, until AHEAD octets wait
            ◀── a queue ──────────
    … asks again when fewer than half of that wait

Laws:

* It ends where the content ends, however that is framed (`wsgi.input_terminated`); nothing behind it can be read.
* Content that is here already costs no way to the loop and back. Nothing is taken from the peer before somebody reads.
* Beyond `AHEAD` octets, and the piece that goes over it, what is not read waits where the carrier sees it.
* What the carrier refuses (413, 408, 400), and a peer that has gone, is an OSError for the application; the refusal is kept,
  for it is the answer then.
"""

from __future__ import annotations

import asyncio
import io
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import MANY, ContentReader, gather
from hospes.limits import KiB

if TYPE_CHECKING:
    from typing_extensions import Buffer

AHEAD: Final = 512 * KiB
"""Octets that are brought into the thread's reach before it asks: two of the largest pieces that a carrier receives."""


class ContentInput(io.BufferedIOBase):
    """Content that is on its way.

    Args:
        content: What is read.
        loop: Where it lives.
    """

    def __init__(self, content: ContentReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._pieces = aiter(content)
        self._loop = loop
        self._brought: SimpleQueue[bytes | BaseException] = SimpleQueue()  # b"": the end
        self._bringing = Lock()  # held while the loop is asked for more, or is at it
        self._filling: asyncio.Task[None] | None = None
        self._given = 0  # octets in all, by the loop
        self._taken = 0  # by the thread
        self._piece = b""  # the thread has it,
        self._at = 0  # and has given out so much of it
        self._ended = False
        self._failure: BaseException | None = None
        self.refusal: HttpError | None = None
        """What the carrier has refused the content with."""

    # In the thread.

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Wait for so many octets, fewer only at the end; all that are left by default.

        Raises:
            OSError: where no more will come, although it has not ended.
        """
        parts: list[bytes | bytearray | memoryview] = []
        left = -1 if size is None else size
        while left and self._has_more():
            part = self._part(left)
            parts.append(part)
            if left > 0:
                left -= len(part)
            if len(parts) == MANY:
                gather(parts)
        return b"".join(parts)  # of one piece that is the piece itself

    def read1(self, size: int = -1, /) -> bytes:
        """What is here, or the next octets that come, but not more than `size`."""
        return bytes(self._part(size)) if size and self._has_more() else b""

    def readinto(self, buffer: Buffer, /) -> int:
        """As `read`, into a buffer; gives how many octets there were."""
        with memoryview(buffer).cast("B") as view:
            octets = self.read(len(view))
            view[: len(octets)] = octets
            return len(octets)

    def readinto1(self, buffer: Buffer, /) -> int:
        """As `read1`, into a buffer."""
        with memoryview(buffer).cast("B") as view:
            octets = self.read1(len(view))
            view[: len(octets)] = octets
            return len(octets)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Octets up to and with the next line feed, or the end; `size` at the most."""
        parts: list[bytes | memoryview] = []
        left = -1 if size is None else size
        while left and self._has_more():
            stop = len(self._piece) if left < 0 else min(self._at + left, len(self._piece))
            found = self._piece.find(b"\n", self._at, stop) + 1
            part = self._part((found or stop) - self._at)
            parts.append(part)
            if found:
                break
            if left > 0:
                left -= len(part)
        return b"".join(parts)

    def _part(self, size: int) -> bytes | memoryview:
        """What is left of the piece, or so many octets of it, which are not copied."""
        piece, at = self._piece, self._at
        end = len(piece) if size < 0 else min(at + size, len(piece))
        if end == len(piece):
            self._piece, self._at = b"", 0
        else:
            self._at = end
        return piece if not at and end == len(piece) else memoryview(piece)[at:end]

    def _has_more(self) -> bool:
        """Whether there is a piece with octets that were not given out; waits for the next one."""
        if self.closed:
            raise ValueError("wsgi.input is closed")
        if self._piece:
            return True
        if self._failure is not None:
            raise self._error(self._failure)
        if self._ended:
            return False
        if self._wants_more():
            self._loop.call_soon_threadsafe(self._fill)
        brought = self._brought.get()
        if isinstance(brought, BaseException):
            self._failure = brought
            raise self._error(brought)
        self._piece, self._at = brought, 0
        self._taken += len(brought)
        self._ended = not brought
        return bool(brought)

    def _wants_more(self) -> bool:
        """Whether more has to be brought, and by whoever asks this."""
        return self._given - self._taken <= AHEAD // 2 and self._bringing.acquire(blocking=False)

    def _error(self, failure: BaseException) -> Exception:
        if isinstance(failure, HttpError):
            self.refusal = failure
            error: Exception = OSError(f"the request's content cannot be read: {failure}")
        elif isinstance(failure, (ClientDisconnected, asyncio.CancelledError)):
            error = ConnectionResetError("the peer went away before its request was complete")
        else:
            error = OSError(f"the request's content cannot be read: {failure}")
        error.__cause__ = failure
        return error

    # On the loop.

    def _fill(self) -> None:
        self._filling = self._loop.create_task(self._bring())

    async def _bring(self) -> None:
        """Bring pieces, until enough are there; nobody does it again after the end, or a failure."""
        try:
            more = True
            while more:
                while self._given - self._taken < AHEAD:
                    piece = await anext(self._pieces, b"")
                    self._given += len(piece)
                    self._brought.put(piece)
                    if not piece:
                        return
                self._bringing.release()
                more = self._wants_more()  # it may have taken all of it meanwhile, and asks nobody who is at it
        except BaseException as failure:
            self._brought.put(failure)
            if not isinstance(failure, Exception):
                raise


def input_of(content: ContentReader | None) -> tuple[BinaryIO, ContentInput | None]:
    """The content as a file; to be called on the loop. And the way to it, where that is still needed."""
    if content is None:
        return io.BytesIO(), None
    if content.ended:
        return io.BytesIO(_taken(content)), None
    coming = ContentInput(content, asyncio.get_running_loop())
    return cast("BinaryIO", coming), coming


def _taken(content: ContentReader) -> bytes:
    """Content that is all here."""
    reading = content.read()
    try:
        reading.send(None)
    except StopIteration as stop:
        return cast("bytes", stop.value)
    raise AssertionError("content that has ended is not waited for")
