"""Visitors found, taken out, taken in and erased."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.tools.support import ACCOUNT, ANONYMOUS, MOVES, STONES, STORED, everything, fill, value

from hospes.errors import SetupError
from hospes.store import Store
from hospes.tools import visitors
from hospes.tools.opened import opened
from hospes.tools.transfer import Imported
from hospes.users.account import STONE, Account, login_key, moving

T = TypeVar("T")


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    fill(url)
    return url


def with_store(url: str, work: Callable[[Store], Awaitable[T]]) -> T:
    async def main() -> T:
        async with opened(url, makes=True) as store:
            return await work(store)

    return asyncio.run(main())


def test_everybody(url: str) -> None:
    async def work(store: Store) -> list[bytes]:
        return [key async for key, _ in visitors.everything(store)]

    assert with_store(url, work) == sorted([ANONYMOUS, STORED, MOVES, ACCOUNT])


@pytest.mark.parametrize(("who", "key"), [("ada", ACCOUNT), ("02" * 16, STORED), ("05" * 16, ACCOUNT), ("03" * 16, MOVES)])
def test_somebody_is_found(url: str, who: str, key: bytes) -> None:
    assert with_store(url, lambda store: visitors.find(store, who))[0] == key


@pytest.mark.parametrize("who", ["", "bob", "09" * 16, "Ada"])
def test_nobody_is_found(url: str, who: str) -> None:
    with pytest.raises(SetupError, match="no visitor with the id or the login name"):
        with_store(url, lambda store: visitors.find(store, who))


def test_a_name_without_an_account_is_nobody(url: str) -> None:
    async def work(store: Store) -> None:
        await store.delete("users", ACCOUNT)
        await visitors.find(store, "ada")

    with pytest.raises(SetupError, match="no visitor"):
        with_store(url, work)


def test_erasing_an_account_leaves_nothing_that_leads_to_it(url: str) -> None:
    async def work(store: Store) -> None:
        # Its last move was left half-way.
        await store.put("users", MOVES, moving(ACCOUNT, b"n" * 16, value({"secret": 1}, 3)))
        await visitors.erase(store, *await visitors.find(store, "ada"))
        assert await store.get("users", ACCOUNT) is None
        assert await store.get("logins", login_key("ada")) is None
        moved = await store.get("users", MOVES)
        assert moved is not None
        assert moved.value == STONE
        await visitors.erase(store, *await visitors.find(store, "02" * 16))
        assert await store.get("users", STORED) is None

    with_store(url, work)


def test_sweeping(url: str) -> None:
    async def work(store: Store) -> None:
        for number in range(300):
            await store.put("users", b"%d" % number, STONE, expires=1.0)
        assert await visitors.sweep(store) == 300
        assert await visitors.sweep(store) == 0

    with_store(url, work)


def test_out_and_in_again(url: str, tmp_path: Path) -> None:
    async def out(store: Store) -> list[str]:
        return [json.dumps(line) async for line in visitors.lines(store)]

    texts = ["", *with_store(url, out), "\n"]
    assert len(texts) == 7
    other = f"sqlite:///{tmp_path}/b.db"

    def take_in(overwrite: bool = False) -> Imported:
        return with_store(other, lambda store: visitors.take_in(store, visitors.read(texts), overwrite))

    assert take_in() == Imported(5, 0)
    wanted = [each for each in everything(url) if each[0] in {"users", "logins"}]
    assert everything(other) == wanted
    assert take_in() == Imported(0, 5)

    async def change(store: Store) -> None:
        await store.put("users", STONES, b"other")

    with_store(other, change)
    assert take_in() == Imported(0, 5)
    assert everything(other) != wanted
    assert take_in(overwrite=True) == Imported(5, 0)
    assert everything(other) == wanted


def test_a_name_that_is_bound_stays_bound(url: str) -> None:
    async def work(store: Store) -> None:
        other = Account("ada", b"m" * 24).encode(value({}, 9))
        assert await visitors.take_in(store, [(b"o" * 32, other, None)], overwrite=True) == Imported(1, 0)
        assert (await visitors.find(store, "ada"))[0] == ACCOUNT

    with_store(url, work)


@pytest.mark.parametrize("count", [255, 256, 257, 600])
def test_many_are_taken_in(tmp_path: Path, count: int) -> None:
    records = [(number.to_bytes(32, "big"), STONE, None) for number in range(count)]
    url = f"sqlite:///{tmp_path}/a.db"
    done = with_store(url, lambda store: visitors.take_in(store, records, False))
    assert done == Imported(count, 0)
    assert len(everything(url)) == count


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"kind": "visitor"}', "\x00"])
def test_a_bad_line_is_named(text: str) -> None:
    with pytest.raises(SetupError, match="line 3 is no visitor"):
        list(visitors.read(["", "\n", text]))
