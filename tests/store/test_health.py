"""Whether a store is there: the answer is text, in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hospes.store import StoreUnavailable, answers
from hospes.store.memory import MemoryStore
from hospes.store.sqlite import SqliteStore


class Away(MemoryStore):
    async def check(self) -> None:
        raise StoreUnavailable("the store at somewhere failed: no answer")


class Silent(MemoryStore):
    async def check(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("kind", "within", "problem"),
    [
        (MemoryStore, 60, ""),
        (Away, 60, "the store at somewhere failed: no answer"),
        (Silent, 0.01, "the store did not answer within 0.01 s"),
    ],
)
def test_what_is_wrong(kind: type[MemoryStore], within: float, problem: str) -> None:
    async def main() -> None:
        store = kind()
        await store.open()
        assert await answers(store, within) == problem

    asyncio.run(main())


def test_one_that_is_not_open_says_so() -> None:
    assert asyncio.run(answers(MemoryStore(), 30)) == "the memory store is not open in this process"


def test_a_file_that_was_removed_or_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "a.db"
        store = SqliteStore(str(path))
        await store.open()
        assert await answers(store, 30) == "", "nothing has been written yet, and that is well"
        await store.put("users", b"k", b"v")
        assert await answers(store, 30) == ""
        path.rename(tmp_path / "b.db")
        assert "was removed or replaced" in await answers(store, 30)
        (tmp_path / "b.db").rename(path)
        assert await answers(store, 30) == ""
        await store.close()

    asyncio.run(main())
