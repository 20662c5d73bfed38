"""A key is made once, and everybody who shares the store has the same."""

from __future__ import annotations

import asyncio

import pytest

from hospes.store import Record, Store, StoreError
from hospes.store.keys import StoredKey
from hospes.store.memory import MemoryStore


def key_in(store: Store, name: bytes = b"tea") -> StoredKey:
    return StoredKey(store, name, "the tea chest", "there is no tea")


class Watched(MemoryStore):
    """Counts what it is asked."""

    asked = 0

    async def get(self, space: str, key: bytes) -> Record | None:
        self.asked += 1
        return await super().get(space, key)


class Racing(MemoryStore):
    """Somebody else writes the key right before we do."""

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        await self.put(space, key, b"k" * 32)
        return await super().compare_and_set(space, key, value, version, expires=expires)


def test_a_key_is_made_once_and_remembered() -> None:
    async def main() -> None:
        store = Watched()
        await store.open()
        mine = key_in(store)
        assert await mine.find() == b""
        key = await mine.get()
        assert len(key) == 32
        asked = store.asked
        assert await mine.get() == await mine.find() == key
        assert store.asked == asked
        assert await key_in(store).find() == await key_in(store).get() == key
        assert await key_in(store, b"coffee").get() != key
        assert [(name, record.value) async for name, record in store.scan("keys")][1] == (b"tea", key)

    asyncio.run(main())


def test_asking_writes_nothing() -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        assert await key_in(store).find() == b""
        assert [each async for each in store.scan("keys")] == []

    asyncio.run(main())


def test_of_two_that_make_the_key_one_wins() -> None:
    async def main() -> None:
        store = Racing()
        await store.open()
        assert await key_in(store).get() == b"k" * 32

    asyncio.run(main())


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_damaged_key_is_an_error(length: int) -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        await store.put("keys", b"tea", b"k" * length)
        for ask in (key_in(store).find, key_in(store).get):
            with pytest.raises(StoreError, match="500 the key of the tea chest is damaged; without it there is no tea"):
                await ask()

    asyncio.run(main())
