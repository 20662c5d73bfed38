"""The store in memory: for tests, and for programs whose visitors may be forgotten when the process ends.

It keeps every law of the contract but durability, for one process. All of it happens between two awaits, so there is
nothing to lock.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import AsyncIterator

from hospes.errors import SetupError
from hospes.store.contract import Clock, Conflict, Record

_SPARE = 64  # ends in the heap that are out of date and yet not worth a rebuild


class MemoryStore:
    """A store that ends with its process.

    Args:
        clock: Tells the time in seconds since the epoch; `time.time` by default.
    """

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._records: dict[tuple[str, bytes], Record] = {}
        self._ends: list[tuple[float, str, bytes]] = []  # a heap; an entry counts if its record still ends then
        self._last_version = 0
        self._process = 0  # which may use the store; 0: it is not open

    async def open(self) -> None:
        """Make ready; what an earlier `open` of this object kept is still there."""
        self._process = os.getpid()

    async def close(self) -> None:
        """Refuse further use until the next `open`."""
        self._process = 0

    async def check(self) -> None:
        """Refuse where it is not open; else it is there."""
        self._check()

    async def get(self, space: str, key: bytes) -> Record | None:
        """The record, or None."""
        return self._live(space, key)

    def recall(self, space: str, key: bytes) -> tuple[Record | None] | None:
        """What `get` would give; None where it would refuse."""
        return (self._live(space, key),) if os.getpid() == self._process else None

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        """Write whatever was there before; gives the new version."""
        self._check()
        return self._write(space, key, value, expires)

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        """Write if the record still has this version; gives the new version.

        Raises:
            Conflict: if it has another.
        """
        record = self._live(space, key)
        if version != (record.version if record is not None else 0):
            raise Conflict
        return self._write(space, key, value, expires)

    async def delete(self, space: str, key: bytes) -> bool:
        """Remove the record; False when it was not there."""
        if self._live(space, key) is None:
            return False
        del self._records[space, key]
        return True

    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        """Move the record's end; False when it was not there."""
        record = self._live(space, key)
        if record is None:
            return False
        self._keep(space, key, Record(record.value, record.version, expires))
        return True

    async def sweep(self, now: float, limit: int) -> int:
        """Remove at most `limit` records whose end had come at `now`."""
        self._check()
        swept = 0
        while swept < limit and self._ends and self._ends[0][0] <= now:
            end, space, key = heapq.heappop(self._ends)
            record = self._records.get((space, key))
            if record is not None and record.expires == end:
                del self._records[space, key]
                swept += 1
        return swept

    async def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
        """Every record of a space, by ascending key."""
        self._check()
        for key in sorted(key for each, key in self._records if each == space):
            record = self._live(space, key)
            if record is not None:
                yield key, record

    def _check(self) -> None:
        if os.getpid() != self._process:
            # A forked child has a copy of its own: what it writes the others would never see.
            raise SetupError("the memory store is not open in this process", remedy="Open it after the fork, in each process.")

    def _live(self, space: str, key: bytes) -> Record | None:
        self._check()
        record = self._records.get((space, key))
        if record is None or (record.expires is not None and record.expires <= self._clock()):
            return None
        return record

    def _write(self, space: str, key: bytes, value: bytes, expires: float | None) -> int:
        self._last_version += 1  # one count for all records: a record made anew never has an old version
        self._keep(space, key, Record(value, self._last_version, expires))
        return self._last_version

    def _keep(self, space: str, key: bytes, record: Record) -> None:
        self._records[space, key] = record
        if record.expires is None:
            return
        heapq.heappush(self._ends, (record.expires, space, key))
        if len(self._ends) > 2 * len(self._records) + _SPARE:
            # Every touch leaves an entry behind; rebuilt at twice the size, the cost per touch stays constant.
            self._ends = [(each.expires, *at) for at, each in self._records.items() if each.expires is not None]
            heapq.heapify(self._ends)
