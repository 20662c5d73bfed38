"""Only cookies that we issued are ours."""

from __future__ import annotations

import asyncio
import string

import pytest

from hospes.store import Record, Store, StoreError, open_store
from hospes.store.memory import MemoryStore
from hospes.users.seal import Sealer, public_id, read, record_key


async def opened() -> Store:
    store = MemoryStore()
    await store.open()
    return store


def test_a_cookie_is_ours_also_after_a_restart() -> None:
    async def main() -> None:
        store = await opened()
        value = await Sealer(store).issue()
        again = Sealer(store)
        assert await again.is_ours(value)
        assert await again.is_ours(await again.issue())

    asyncio.run(main())


def test_a_cookie_is_long_random_and_plain() -> None:
    async def main() -> None:
        sealer = Sealer(await opened())
        values = {await sealer.issue() for _ in range(200)}
        assert len(values) == 200
        for value in values:
            id, _, seal = value.partition(".")
            assert (len(id), len(seal)) == (24, 43)  # 144 bits, 256 bits
            assert set(value) <= set(string.ascii_letters + string.digits + "-_.")
            assert read(value) == id.encode()

    asyncio.run(main())


def test_any_other_character_breaks_the_seal() -> None:
    async def main() -> None:
        sealer = Sealer(await opened())
        value = await sealer.issue()
        for place, character in enumerate(value):
            forged = value[:place] + ("A" if character != "A" else "B") + value[place + 1 :]
            # The last character has two bits that no octet needs: it must match all the same.
            assert read(forged) is None or not await sealer.is_ours(forged)

    asyncio.run(main())


def test_another_store_has_another_key() -> None:
    async def main() -> None:
        value = await Sealer(await opened()).issue()
        other = await opened()
        assert not await Sealer(other).is_ours(value)  # it has none yet
        await Sealer(other).issue()
        assert not await Sealer(other).is_ours(value)

    asyncio.run(main())


@pytest.mark.parametrize(
    "value", [None, "", "x", "." * 68, "a" * 68, "a" * 24 + "." + "b" * 42, "a" * 24 + "." + "b" * 44, "é" * 24 + "." + "b" * 43]
)
def test_what_looks_like_none_is_none(value: str | None) -> None:
    if value == "." * 68:
        assert read(value) == b"." * 24  # it looks like one; its seal says the rest
    else:
        assert read(value) is None


def test_neither_the_record_nor_the_public_id_tells_the_id() -> None:
    id = b"a" * 24
    assert len(record_key(id)) == 32
    assert len(public_id(id)) == 16
    assert record_key(id)[:16] != public_id(id)


class Racing(MemoryStore):
    """Somebody else writes the key right before we do."""

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        await self.put(space, key, b"k" * 32)
        return await super().compare_and_set(space, key, value, version, expires=expires)


def test_of_two_that_make_the_key_one_wins() -> None:
    async def main() -> None:
        store = Racing()
        await store.open()
        value = await Sealer(store).issue()
        assert [each async for each in store.scan("keys")] == [(b"visitor cookies", Record(b"k" * 32, 1))]
        assert await Sealer(store).is_ours(value)

    asyncio.run(main())


def test_a_damaged_key_is_an_error() -> None:
    async def main() -> None:
        store = await opened()
        await store.put("keys", b"visitor cookies", b"short")
        with pytest.raises(StoreError, match="500 the key of visitors' cookies is damaged"):
            await Sealer(store).issue()

    asyncio.run(main())


def test_asking_writes_nothing(tmp_path: object) -> None:
    async def main() -> None:
        store = open_store("memory:")
        await store.open()
        assert not await Sealer(store).is_ours("a" * 24 + "." + "b" * 43)
        assert [each async for each in store.scan("keys")] == []

    asyncio.run(main())
