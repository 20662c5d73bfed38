"""An answer that is made in a thread while the loop sends it.

    thread                            loop
    put(octets) ──▶ AHEAD octets ──▶  async for octets in …
    waits while they are not taken    waits while there are none

Laws:

* Octets are on the loop's side as soon as they are put, however long the next ones take.
* The thread never waits for a loop that wants no more: it gets an OSError.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Final

from hospes.execution import ThreadPool
from hospes.limits import KiB

AHEAD: Final = 64 * KiB
"""Octets that may wait before `put` does."""


class ThreadOutput(AsyncIterator[bytes]):
    """The content of an answer, from a thread to the loop.

    Args:
        pool: The thread's.
    """

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._changed = threading.Condition()
        self._pieces: list[bytes] = []
        self._held = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._hungry = False
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False
        """Whether no more will come."""

    # In the thread.

    def put(self, octets: bytes) -> None:
        """Send octets; waits while those before have not been taken.

        Raises:
            OSError: where nobody wants them any more.
        """
        with self._changed:
            while self._held > AHEAD and not self._closed:
                self._changed.wait()
            if self._closed:
                raise ConnectionResetError("the peer has gone, and does not get the rest")
            self._pieces.append(octets)
            self._held += len(octets)
            self._tell()

    def end(self, failure: BaseException | None = None) -> None:
        """No more will come, because of `failure` if there is one."""
        with self._changed:
            self.ended, self._failure = True, failure
            self._tell()

    def _tell(self) -> None:
        if self._hungry:
            self._hungry = False
            self._pool.hand_over(self)

    # On the loop.

    def settle(self) -> None:
        """There are octets, or it is over."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> bytes:
        """What there is."""
        with self._changed:
            pieces, self._pieces, self._held = self._pieces, [], 0
            self._hungry = not pieces and not self.ended
            self._changed.notify()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def failed(self) -> bool:
        """Whether it ended because of a failure."""
        return self._failure is not None

    async def __anext__(self) -> bytes:
        """What there is, or will be next.

        Raises:
            BaseException: what the thread ended it with.
        """
        while not (octets := self.take()):
            if self.ended and not self._held:
                failure, self._failure = self._failure, None
                try:
                    raise failure or StopAsyncIteration
                finally:
                    failure = None  # its traceback names this frame
            self._waiter = asyncio.get_running_loop().create_future()
            if self._hungry:
                await self._waiter
        return octets

    async def aclose(self) -> None:
        """No more is wanted."""
        self.close()

    def close(self) -> None:
        """No more is wanted: whoever waits in `put` goes on, with an error."""
        with self._changed:
            self._closed = True
            self._pieces, self._held = [], 0
            self._changed.notify()
