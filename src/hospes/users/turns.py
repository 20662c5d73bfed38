"""One visitor, one turn: whoever wants one waits in line, in this process and then between processes.

    line of this process (first come, first served) → range lock of the visitor (see `rangelock`) → the turn

Laws:

* At most one turn of a visitor is out, over the tasks of this loop and, with a file, over all loops and processes that
  have the same file.
* Within the loop turns are given in the order they were asked for; no process is kept out by the line of another.
* Nobody waits longer than `wait`; whoever leaves the line, because it took too long or was cancelled, holds up nobody.
* A turn that nobody holds costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TypeAlias

from hospes.errors import HttpError
from hospes.store import StoreUnavailable
from hospes.users.rangelock import PLACES, RangeLock

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.005  # seconds between two looks at another process's turn

_Line: TypeAlias = "deque[asyncio.Future[None]]"


class TurnTimeout(HttpError):
    """The visitor's turn did not come in time: earlier requests of the same visitor are still under way. 503."""

    def __init__(self) -> None:
        super().__init__(503, explain="Your earlier requests are still under way.", headers={"Retry-After": "1"})


class Turns:
    """Gives turns. It belongs to one loop.

    Args:
        wait: Seconds until waiting for a turn is given up.
        lock: Parts processes; None where there is one only.
    """

    def __init__(self, wait: float, lock: RangeLock | None = None) -> None:
        self._wait = wait
        self._lock = lock
        self._lines: dict[int, _Line | None] = {}  # an entry: a turn is out, or about to be; None: nobody waits for it

    @property
    def out(self) -> int:
        """How many turns are out or about to be."""
        return len(self._lines)

    async def enter(self, key: bytes) -> int:
        """Wait for the turn of the visitor whose record has this key; gives what `leave` takes.

        Raises:
            TurnTimeout: if it did not come in time.
            StoreUnavailable: if the file of the locks cannot be made or locked.
        """
        place = int.from_bytes(key[:8], "big") % PLACES
        if place not in self._lines and (self._lock is None or self._try_enter(place)):
            self._lines[place] = None
            return place
        return await self._enter_later(place)

    def leave(self, place: int) -> None:
        """Give the turn back."""
        if self._lock is not None:
            self._lock.leave(place)
        self._pass_on(place)

    def close(self) -> None:
        """Let go of the file."""
        if self._lock is not None:
            self._lock.close()

    async def _enter_later(self, place: int) -> int:
        deadline = asyncio.get_running_loop().time() + self._wait
        if place in self._lines:
            await self._stand_in_line(place, deadline)
        else:
            self._lines[place] = None
        try:
            if self._lock is not None and not self._try_enter(place):
                await self._wait_for_others(self._lock, place, deadline)
        except BaseException:
            self._pass_on(place)
            raise
        return place

    async def _stand_in_line(self, place: int, deadline: float) -> None:
        """Until the one before passes the place on."""
        loop = asyncio.get_running_loop()
        line = self._lines[place]
        if line is None:
            line = self._lines[place] = deque()
        called: asyncio.Future[None] = loop.create_future()
        line.append(called)
        timer = loop.call_at(deadline, _give_up, called)
        try:
            await called
        except BaseException:
            if called.done() and not called.cancelled() and called.exception() is None:
                self._pass_on(place)  # cancelled when it had just been called
            else:
                with suppress(ValueError):  # it may have been passed over already
                    line.remove(called)
            raise
        finally:
            timer.cancel()

    async def _wait_for_others(self, lock: RangeLock, place: int, deadline: float) -> None:
        """Until no other process, or loop, has the place."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        is_next = False
        try:
            while True:
                is_next = is_next or lock.try_porch(place)
                if is_next and lock.try_room(place):
                    is_next = False
                    return
                if loop.time() >= deadline:
                    raise TurnTimeout
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except OSError as error:
            raise _unusable(error) from error
        finally:
            if is_next:
                lock.leave_porch(place)

    def _try_enter(self, place: int) -> bool:
        assert self._lock is not None
        try:
            return self._lock.try_enter(place)
        except OSError as error:
            raise _unusable(error) from error

    def _pass_on(self, place: int) -> None:
        """Call the next one in the line of this process."""
        line = self._lines[place]
        while line:
            called = line.popleft()
            if not called.done():
                called.set_result(None)
                return
        del self._lines[place]


def _give_up(called: asyncio.Future[None]) -> None:
    if not called.done():
        called.set_exception(TurnTimeout())


def _unusable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the file that keeps visitors' turns cannot be used: {error}")
