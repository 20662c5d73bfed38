"""Removing what is over, in the background: a few records at a time, so that nobody's request waits for it.

Laws:

* One statement removes at most `_BATCH` records, and between two of them passes a pause, at least `_REST` times what one took.
  The records lie anywhere in a file, so each touches pages of its own, which have to be written twice: 50 at a time were
  measured to be felt by others who write, 20 were not. 200 a second are 17 million a day.
* A store that is away, or full, is left alone until the next look.
* Processes that share a store do not all look at the same moment.
"""

from __future__ import annotations

import asyncio
import logging
import random

from hospes.store import Store, StoreError
from hospes.store.contract import Clock

_BATCH = 20
_REST = 5

_log = logging.getLogger("hospes.users")


class Sweeper:
    """Sweeps a store from `start` to `stop`. It belongs to one loop.

    Args:
        store: Is open until after `stop`.
        every: Seconds between two looks, more or less.
        clock: Tells the time in seconds since the epoch.
        pause: Seconds between two batches, at least; 0.1 by default.
    """

    def __init__(self, store: Store, every: float, clock: Clock, pause: float = 0.1) -> None:
        self._store = store
        self._every = every
        self._clock = clock
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first look comes after a while."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Finish; a second call does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def sweep(self) -> int:
        """Remove everything that is over now, batch by batch; gives how many records.

        Raises:
            StoreError: if the store is away.
        """
        now, loop = self._clock(), asyncio.get_running_loop()
        swept = 0
        while True:
            began = loop.time()
            count = await self._store.sweep(now, _BATCH)
            swept += count
            if count < _BATCH:
                return swept
            await asyncio.sleep(max(self._pause, _REST * (loop.time() - began)))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every * random.uniform(0.5, 1.5))  # noqa: S311 (parts processes, guards nothing)
            try:
                await self.sweep()
            except StoreError as error:
                _log.warning("sweeping was put off: %s", error)
