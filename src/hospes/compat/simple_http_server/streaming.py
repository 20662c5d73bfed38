"""What a function writes piece by piece, on its way to the peer while the function goes on.

    function        loop
    write(a) ─────▶ has_begun: the answer leaves with its fields
    returns  ◀───── it has left, and what was changed before is durable
    write(b) ─────▶ stream ──▶ peer
    close()  ─────▶ the end; at the latest when the function has returned

Laws:

* The first `write` waits until the answer leaves: in a thread by itself, on the loop where it is awaited.
* Between the function and the peer there are never more than `MOST` octets and one piece: in a thread `write` waits, on the loop
  it gives what can be awaited.
* A function that fails after it has begun cuts the answer off, so that nobody takes it for whole, and is logged.
* When the peer has gone, the function is told by its next `write`. One that is asked by HEAD runs to its end, and nobody sees
  what it writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Final

from hospes.http.asking import running_loop
from hospes.limits import KiB

MOST: Final = 256 * KiB
"""Octets that may wait for the peer before the function waits."""

LOG: Final = logging.getLogger("hospes.compat.simple_http_server")
_GONE: Final = "the peer has gone: nobody takes what is written"


class Written:
    """What `write_bytes` gives: it may be awaited, and need not be."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Pieces | None) -> None:
        self._pieces = pieces

    def __await__(self) -> Generator[Any, None, None]:
        if self._pieces is not None:
            yield from self._pieces.room().__await__()


class Pieces:
    """The pieces of one answer, an async iterator. It belongs to the running loop, and is written to from anywhere.

    Args:
        are_wanted: Whether the peer gets them.

    Attributes:
        has_begun: Whether anything was written.
    """

    def __init__(self, are_wanted: bool = True) -> None:
        self.has_begun = False
        self._are_wanted = are_wanted
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._leaves = self._has_ended = self._is_gone = False
        self._changed = asyncio.Event()
        self._work: asyncio.Future[Any] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the function has not come to its end yet."""
        return self._work is not None and not self._work.done()

    def write(self, data: bytes) -> Written:
        """Send a piece.

        Raises:
            ConnectionError: where the peer has gone.
        """
        if running_loop() is self._loop:
            self._put(data)
            return Written(self)
        asyncio.run_coroutine_threadsafe(self._put_and_wait(data), self._loop).result()
        return Written(None)

    def close(self) -> None:
        """There is no more."""
        if running_loop() is self._loop:
            self._end()
        else:
            self._loop.call_soon_threadsafe(self._end)

    async def begun_or(self, work: asyncio.Future[Any]) -> None:
        """Wait until something is written, or `work` is done, which ends it."""
        self._work = work
        work.add_done_callback(lambda _: self._end())
        while not self.has_begun and not work.done():
            self._changed.clear()
            await self._changed.wait()

    async def room(self) -> None:
        """Wait until the answer leaves, and the peer has taken most of what waits.

        Raises:
            ConnectionError: where it has gone.
        """
        while self._are_wanted and (self._waiting > MOST or not self._leaves) and not self._is_gone:
            self._changed.clear()
            await self._changed.wait()
        if self._is_gone:
            raise ConnectionError(_GONE)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        """The next piece; at the end what went wrong in the function."""
        if not self._leaves:
            self._leaves = True
            self._changed.set()
        while not self._pieces:
            if self._has_ended:
                await self.aclose()
                if self._work is not None and self._work.done():
                    self._work.result()
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        self._changed.set()
        return piece

    async def aclose(self) -> None:
        """Nobody will take more."""
        if self._is_gone:
            return
        self.refuse()
        work = self._work
        if work is not None and not work.done() and not self._has_ended and self._are_wanted:
            work.cancel()

    def refuse(self) -> None:
        """The answer leaves no more; what goes wrong in the function is only logged."""
        self.give_up()
        if self._work is not None:
            self._work.add_done_callback(_tell)

    def give_up(self) -> None:
        """Nobody will take it."""
        self._is_gone = self._are_wanted
        self._leaves = True
        self._changed.set()

    async def _put_and_wait(self, data: bytes) -> None:
        self._put(data)
        await self.room()

    def _put(self, data: bytes) -> None:
        if self._is_gone:
            raise ConnectionError(_GONE)
        self.has_begun = True
        if self._are_wanted:
            self._pieces.append(data)
            self._waiting += len(data)
        self._changed.set()

    def _end(self) -> None:
        self._has_ended = True
        self._changed.set()


def _tell(work: asyncio.Future[Any]) -> None:
    """Log what went wrong in a function whose answer has left already."""
    if not work.cancelled() and (error := work.exception()) is not None and not isinstance(error, ConnectionError):
        LOG.error("a function failed after its answer had left", exc_info=error)


async def sent_early(pieces: Pieces, work: asyncio.Future[Any], sent: Callable[[], Any]) -> Any:
    """What a function answers: `sent()` as soon as it has written something, else what it returns."""
    try:
        await pieces.begun_or(work)
    except asyncio.CancelledError:
        pieces.give_up()
        work.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await work
        raise
    return sent() if pieces.has_begun else work.result()
