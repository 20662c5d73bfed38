"""The store of a command is closed in any case, and what it refuses is a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from hospes.errors import SetupError
from hospes.store import Store, StoreFull
from hospes.tools.opened import opened, run


def test_it_is_open_inside_the_block(tmp_path: Path) -> None:
    stores: list[Store] = []

    async def work() -> None:
        async with opened(f"sqlite:///{tmp_path}/a.db") as store:
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

    with pytest.raises(SetupError, match="the store failed: 507 no room"):
        run(work())
