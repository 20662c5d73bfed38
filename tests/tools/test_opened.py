"""The store of a command is closed in any case, and what it refuses is a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from hospes.errors import SetupError
from hospes.store import Store, StoreFull
from hospes.tools.opened import is_same, opened, run


def test_it_is_open_inside_the_block(tmp_path: Path) -> None:
    stores: list[Store] = []

    async def work() -> None:
        async with opened(f"sqlite:///{tmp_path}/a.db", makes=True) as store:
            stores.append(store)
            assert await store.get("users", b"a") is None
            raise KeyError

    async def closed() -> None:
        with pytest.raises(SetupError, match="not open"):
            await stores[0].get("users", b"a")

    with pytest.raises(KeyError):
        run(work())
    run(closed())
    assert list(tmp_path.iterdir()) == [], "reading makes no file"


def test_what_a_store_refuses_is_a_mistake() -> None:
    async def work() -> None:
        raise StoreFull("no room")

    with pytest.raises(SetupError, match="the store failed: no room") as caught:
        run(work())
    assert caught.value.remedy == "make room, and run the same command again"


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("redis://a/0", "redis://a/0", True),
        ("redis://a/0", "redis://a/1", False),
        ("sqlite:///a.db", "sqlite:///./a.db", True),
        ("sqlite:///a.db", "SQLITE:///%61.db", True),
        ("sqlite:///a.db", "sqlite:///b.db", False),
        ("sqlite:///a.db", "redis://a/0", False),
    ],
)
def test_two_urls_of_one_store(url: str, other: str, same: bool) -> None:
    assert is_same(url, other) is same


def test_a_new_store_is_for_who_makes_one(tmp_path: Path) -> None:
    async def work(makes: bool) -> None:
        async with opened(f"sqlite:///{tmp_path}/a.db", makes=makes) as store:
            await store.put("users", b"a", b"")

    with pytest.raises(SetupError, match="there is no store: the file "):
        run(work(makes=False))
    run(work(makes=True))
    run(work(makes=False))
