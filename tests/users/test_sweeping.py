"""What is over is removed in the background."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.users.support import DAY, Clock, count, serve

from hospes.store import StoreUnavailable
from hospes.store.memory import MemoryStore
from hospes.users import VisitorOptions, Visitors
from hospes.users.sweeping import Sweeper


async def filled(clock: Clock, count: int) -> MemoryStore:
    store = MemoryStore(clock)
    await store.open()
    for number in range(count):
        await store.put("users", b"%d" % number, b"", expires=clock() + 10)
    return store


@pytest.mark.parametrize("records", [0, 1, 19, 20, 21, 130])
def test_everything_that_is_over_is_removed(records: int) -> None:
    async def main() -> None:
        clock = Clock()
        store = await filled(clock, records)
        await store.put("users", b"stays", b"", expires=clock() + 11)
        sweeper = Sweeper(store, 60.0, clock, pause=0.0)
        assert await sweeper.sweep() == 0
        clock.now += 10
        assert await sweeper.sweep() == records
        assert [key async for key, _ in store.scan("users")] == [b"stays"]

    asyncio.run(main())


class Away(MemoryStore):
    """Is away at the first sweep, and says when it has swept."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.swept = asyncio.Event()
        self.tries = 0

    async def sweep(self, now: float, limit: int) -> int:
        self.tries += 1
        if self.tries == 1:
            raise StoreUnavailable("away")
        swept = await super().sweep(now, limit)
        if swept:
            self.swept.set()
        return swept


def test_it_goes_on_after_a_failure_until_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        clock = Clock()
        store = Away(clock)
        await store.open()
        await store.put("users", b"a", b"", expires=clock())
        sweeper = Sweeper(store, 0.001, clock)
        sweeper.start()
        await asyncio.wait_for(store.swept.wait(), 10.0)
        await sweeper.stop()
        await sweeper.stop()
        tries = store.tries
        await asyncio.sleep(0.01)
        assert store.tries == tries

    with caplog.at_level(logging.WARNING, "hospes.users"):
        asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == ["sweeping was put off: 503 away"]


def test_visitors_sweep_while_they_are_open() -> None:
    async def main() -> None:
        clock = Clock()
        store = Away(clock)
        async with Visitors(lambda: store, VisitorOptions(sweep=0.001), clock) as visitors:
            await serve(visitors, change=count)
            clock.now += 400 * DAY
            await asyncio.wait_for(store.swept.wait(), 10.0)
            assert [key async for key, _ in store.scan("users")] == []

    asyncio.run(main())
