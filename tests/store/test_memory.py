"""What is special about the store in memory: its heap of ends stays in proportion. The rest is the contract's test."""

from __future__ import annotations

import asyncio

from hospes.store.memory import MemoryStore


def test_touching_for_ever_takes_no_memory() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: 0.0)
        await store.open()
        for i in range(10):
            await store.put("sessions", b"%d" % i, b"", expires=1.0)
        for i in range(10_000):
            await store.touch("sessions", b"%d" % (i % 10), 2.0 + i)
        assert len(store._ends) <= 2 * 10 + 64
        assert await store.sweep(1e9, 100) == 10
        assert await store.sweep(1e9, 100) == 0

    asyncio.run(main())


def test_ends_of_equal_time_are_swept() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: 0.0)
        await store.open()
        version = await store.put("sessions", b"a", b"", expires=1.0)
        await store.compare_and_set("sessions", b"a", b"x", version, expires=1.0)  # two entries, one record
        await store.put("sessions", b"b", b"", expires=1.0)
        assert await store.sweep(1.0, 10) == 2

    asyncio.run(main())
