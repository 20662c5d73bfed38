"""One record, one turn: whoever may change a visitor's, or a session's, waits in line, in this process and then beyond it.

    line of this process (first come, first served) ─┬→ range lock of the record (see `rangelock`) ─┬→ the turn
                                                     └→ the store's own turn, where it has some ────┘

Where this process is alone with the file, one lock on all of it stands for those of single records, from the first turn that is
given out in a round of the loop until the next round, or where many are given out for as long as that goes on and nobody else
comes: so it costs them next to nothing. A turn that lasts longer has the lock of its own record from then on.

A store that machines share parts their turns itself (see `hospes.store.TurnStore`), and reads and writes the record on the
same way. Beside any other store the processes of one machine have a file of locks.

Laws:

* At most one turn at a record is out, over the tasks of this loop and, with a file, over all loops and processes that
  have the same file; with a store that parts turns, over everybody who has the same store.
* Within the loop turns are given in the order they were asked for; no process is kept out by the line of another.
* Nobody waits longer than `wait`; whoever leaves the line, because it took too long or was cancelled, holds up nobody.
* A turn that nobody holds costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final, TypeAlias

from msgspec import Struct

from hospes.errors import HttpError
from hospes.store import PromptStore, QuickStore, Record, Store, StoreUnavailable, Taken, TurnStore
from hospes.store.contract import Told
from hospes.store.rangelock import PLACES, RangeLock

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.005  # seconds between two looks at another process's turn

_MANY: Final = 4  # turns of one round, from which on the next rounds will have as many
_STAY: Final = 0.002  # seconds that others wait at the most for a process that takes the file for its own
_STAYS: Final = 25  # times that it stays for no more than the many turns that are out: they wait for a disk, most likely

_Line: TypeAlias = "deque[asyncio.Future[None]]"


class TurnTimeout(HttpError):
    """The turn did not come in time: earlier requests of the same visitor are still under way. 503."""

    def __init__(self) -> None:
        super().__init__(503, explain="Your earlier requests are still under way.", headers={"Retry-After": "1"})


class Held(Struct, eq=False):
    """A turn that is out."""

    place: int
    """Where in the line of this process."""
    space: str
    """The record's space."""
    key: bytes
    """Its key."""
    record: Record | None
    """The record as it was when the turn began."""
    taken: Taken | None
    """The store's turn, where it parts them: who takes it from here gives it back."""


class Turns:
    """Gives turns. It belongs to one loop.

    Args:
        store: Keeps the records.
        wait: Seconds until waiting for a turn is given up.
        lock: Parts processes; None where there is one only, or the store parts them.
    """

    def __init__(self, store: Store, wait: float, lock: RangeLock | None = None) -> None:
        self._store = store
        self._shared = store if isinstance(store, TurnStore) else None
        self._recall = store.recall if isinstance(store, QuickStore) else None
        self._begin = store.begin_set if isinstance(store, PromptStore) and self._shared is None else None
        self._wait = wait
        self._lock = lock
        self._lines: dict[int, _Line | None] = {}  # an entry: a turn is out, or about to be; None: nobody waits for it

        self._has_all = False  # whether the file is locked as a whole
        self._given = 0  # turns, since then
        self._stays = 0  # times that it stayed, since many were given
        self._outside: set[int] = set()  # places whose line waits for another process

    @property
    def is_prompt(self) -> bool:
        """Whether writes begin where they are asked for, see `write_soon`."""
        return self._begin is not None

    @property
    def out(self) -> int:
        """How many turns are out or about to be."""
        return len(self._lines)

    async def take(self, space: str, key: bytes) -> Held:
        """Wait for the turn at a record and read it; `give_back` has to follow.

        Raises:
            TurnTimeout: if it did not come in time.
            StoreError: if the store is away.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        place = await self.enter(key)
        try:
            if self._shared is None:
                return Held(place, space, key, await self._store.get(space, key), None)
            taken = await self._shared.take(space, key, deadline - loop.time())
            if taken is None:
                raise TurnTimeout
            return Held(place, space, key, taken.record, taken)
        except BaseException:
            self.leave(place)
            raise

    def take_now(self, space: str, key: bytes, place: int = -1) -> Held | None:
        """The turn, if it is free and the store knows the record; `give_back` has to follow. None where that has to be awaited.

        Args:
            space: The record's space.
            key: Its key.
            place: `place_of` that key, for who knows it.

        Raises:
            StoreUnavailable: if the file of the locks cannot be made or locked.
        """
        recall = self._recall
        if recall is None:
            return None
        lines = self._lines
        if place < 0:
            place = place_of(key)
        if place in lines or not (self._has_all or self._lock is None or self._try_enter(place)):
            return None
        lines[place] = None
        self._given += 1
        # Only now: before the turn began somebody else may have written.
        known = recall(space, key)
        if known is None:
            self.leave(place)
            return None
        return Held(place, space, key, known[0], None)

    async def write(self, held: Held, value: bytes, expires: float | None) -> int:
        """Write the record of a turn, if nobody else did; gives the new version. It is the turn's last act.

        Raises:
            Conflict: if somebody did.
            StoreError: if the store has no room, or is away.
        """
        taken, held.taken = held.taken, None
        if taken is not None:
            assert self._shared is not None
            return await self._shared.set_and_release(taken, value, expires=expires)
        version = held.record.version if held.record is not None else 0
        return await self._store.compare_and_set(held.space, held.key, value, version, expires=expires)

    def write_soon(self, held: Held, value: bytes, expires: float | None, told: Told) -> None:
        """As `write`, begun at once, where that `is_prompt`; `told` is called when it is through."""
        assert self._begin is not None
        version = held.record.version if held.record is not None else 0
        self._begin(held.space, held.key, value, version, told, expires=expires)

    def give_back(self, held: Held) -> None:
        """Give the turn back; to be called once, after `write` too."""
        if held.taken is not None:
            taken, held.taken = held.taken, None
            assert self._shared is not None
            self._shared.release(taken)
        place = held.place
        if self._has_all and self._lines[place] is None:  # the usual case of `leave`
            del self._lines[place]
        else:
            self.leave(place)

    async def enter(self, key: bytes) -> int:
        """Wait for the turn at the record with this key, as far as it is parted here; gives what `leave` takes.

        Raises:
            TurnTimeout: if it did not come in time.
            StoreUnavailable: if the file of the locks cannot be made or locked.
        """
        place = place_of(key)
        if place not in self._lines and (self._lock is None or self._try_enter(place)):
            self._lines[place] = None
            return place
        return await self._enter_later(place)

    def leave(self, place: int) -> None:
        """Undo `enter`."""
        if self._lock is not None and not self._has_all:
            self._lock.leave(place)
        self._pass_on(place)

    def close(self) -> None:
        """Let go of the file."""
        self._has_all = False
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
                self._outside.add(place)
                try:
                    await self._wait_for_others(self._lock, place, deadline)
                finally:
                    self._outside.discard(place)
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
        pause = 0.0
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
                pause = min(2 * pause or _FIRST_PAUSE, _LONGEST_PAUSE)
        except OSError as error:
            raise _unusable(error) from error
        finally:
            if is_next:
                lock.leave_porch(place)

    def _try_enter(self, place: int) -> bool:
        assert self._lock is not None
        if self._has_all:
            return True
        try:
            return self._try_all(self._lock) or self._lock.try_enter(place)
        except OSError as error:
            raise _unusable(error) from error

    def _try_all(self, lock: RangeLock) -> bool:
        """Lock the file as a whole until the loop's next round, if nobody else has it open."""
        if not lock.is_alone() or not lock.try_all():
            return False
        self._has_all = True
        self._given = 0
        asyncio.get_running_loop().call_soon(self._leave_soon)
        return True

    def _leave_soon(self) -> None:
        if self._given < _MANY:
            self._leave_all()
        else:
            self._given = self._stays = 0
            asyncio.get_running_loop().call_later(_STAY, self._leave_or_stay)

    def _leave_or_stay(self) -> None:
        """Keep the file where that goes on paying: to give it up costs every turn that is out a lock of its own."""
        self._stays = 0 if self._given >= _MANY else self._stays + 1
        if self._has_all and len(self._lines) >= _MANY and self._stays < _STAYS and self._is_alone():
            self._given = 0
            asyncio.get_running_loop().call_later(_STAY, self._leave_or_stay)
        else:
            self._leave_all()

    def _is_alone(self) -> bool:
        try:
            return self._lock is not None and self._lock.is_alone()
        except OSError:
            return False

    def _leave_all(self) -> None:
        self._has_all = False
        if self._lock is not None:
            self._lock.leave_all(but=[place for place in self._lines if place not in self._outside])

    def _pass_on(self, place: int) -> None:
        """Call the next one in the line of this process."""
        line = self._lines[place]
        while line:
            called = line.popleft()
            if not called.done():
                called.set_result(None)
                return
        del self._lines[place]


def place_of(key: bytes) -> int:
    """Where the turn of the record with this key is parted: one of few places, which records have by chance."""
    return int.from_bytes(key[:8], "big") % PLACES


def _give_up(called: asyncio.Future[None]) -> None:
    if not called.done():
        called.set_exception(TurnTimeout())


def _unusable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the file that keeps visitors' turns cannot be used: {error}")
