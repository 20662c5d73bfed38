"""A store is copied whole, in as many runs as it takes, and compared."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from tests.tools.support import END, everything, fill

from hospes.errors import SetupError
from hospes.store import Record, StoreUnavailable
from hospes.store.memory import MemoryStore
from hospes.tools import migration
from hospes.tools.opened import opened


async def stores(count: int = 0) -> tuple[MemoryStore, MemoryStore]:
    source, target = MemoryStore(), MemoryStore()
    await source.open()
    await target.open()
    for number in range(count):
        await source.put(random.Random(number).choice(migration.SPACES), b"%d" % number, b"v%d" % number, expires=END)
    return source, target


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_everything_is_copied(count: int) -> None:
    async def main() -> None:
        source, target = await stores(count)
        assert await migration.count(source) == count
        copied: list[int] = []
        done = await migration.copy(source, target, copied.append)
        assert (done.records, done.equal, done.different, done.foreign) == (count, count, 0, 0)
        assert sum(copied) == count
        assert (await migration.compare(target, source)).checksum == done.checksum

    asyncio.run(main())


def test_the_checksum_is_what_it_says() -> None:
    async def main() -> None:
        source, target = await stores()
        await source.put("users", b"k", b"value")
        parts = b"".join(len(part).to_bytes(8, "big") + part for part in (b"users", b"k", b"value"))
        done = await migration.copy(source, target, lambda count: None)
        assert done.checksum == sha256(parts).hexdigest()

    asyncio.run(main())


class Breaking(MemoryStore):
    """Goes away after so many writes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000_000

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("away")
        return await super().put(space, key, value, expires=expires)


def test_an_interrupted_copy_goes_on_where_it_was() -> None:
    async def main() -> None:
        source, _ = await stores(1000)
        target = Breaking()
        await target.open()
        target.left = 300
        with pytest.raises(StoreUnavailable):
            await migration.copy(source, target, lambda count: None)
        target.left = 700
        copied: list[int] = []
        done = await migration.copy(source, target, copied.append)
        assert done.is_complete
        assert copied[0] == 300
        assert target.left == 0, "each record was written once"

    asyncio.run(main())


def test_a_target_with_records_of_its_own_is_refused() -> None:
    async def main() -> None:
        source, target = await stores(3)
        await source.put("users", b"a", b"1")
        await target.put("users", b"a", b"2")
        await target.put("users", b"b", b"3")
        with pytest.raises(SetupError, match="1 are different in the source, 1 are not there"):
            await migration.copy(source, target, lambda count: None)
        assert await migration.count(target) == 2
        done = await migration.copy(source, target, lambda count: None, overwrite=True)
        assert done.is_complete
        assert await target.get("users", b"b") is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("ours", "theirs", "is_equal"),
    [
        (END, END, True),
        (END, END + 0.001, True),
        (END, END + 0.01, False),
        (END, None, False),
        (None, END, False),
        (None, None, True),
    ],
)
def test_ends_are_compared(ours: float | None, theirs: float | None, is_equal: bool) -> None:
    pair = migration.Pair("users", b"a", Record(b"x", 1, ours), Record(b"x", 2, theirs))
    assert pair.is_equal is is_equal
    assert not pair._replace(target=None).is_equal
    assert not pair._replace(target=Record(b"y", 2, ours)).is_equal


def test_what_ends_meanwhile_is_passed_over() -> None:
    class Late(MemoryStore):
        """Still shows what has just ended."""

        async def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
            if space == "users":
                yield b"a", Record(b"x", 1, 1.0)

    async def main() -> None:
        source, target = Late(), MemoryStore()
        await source.open()
        await target.open()
        assert (await migration.copy(source, target, lambda count: None)).is_complete

    asyncio.run(main())


def test_a_source_that_changes_is_noticed() -> None:
    async def main() -> None:
        source, target = await stores(3)
        changes: list[Any] = []

        def progress(count: int) -> None:
            changes.append(asyncio.ensure_future(source.put("users", b"new%d" % len(changes), b"")))

        with pytest.raises(SetupError, match="the stores are different"):
            await migration.copy(source, target, progress)
        await asyncio.gather(*changes)

    asyncio.run(main())


@pytest.mark.parametrize("to", ["sqlite", "valkey", "postgres"])
def test_from_a_file(tmp_path: Any, request: pytest.FixtureRequest, to: str) -> None:
    one, two = f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"
    if to != "sqlite":
        two = request.getfixturevalue(to).url()
    fill(one)

    async def main() -> migration.Comparison:
        async with opened(one, makes=True) as source, opened(two, makes=True) as target:
            return await migration.copy(source, target, lambda count: None)

    assert asyncio.run(main()).records == 8
    assert everything(one) == everything(two)
