"""What visits share."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.users.support import DAY, ask

from hospes.store.memory import MemoryStore
from hospes.store.turns import Turns
from hospes.users import VisitorOptions
from hospes.users.entrance import Entrance
from hospes.users.house import House, alone
from hospes.users.seal import Sealer


async def house(options: VisitorOptions) -> House:
    store = MemoryStore()
    turns = Turns(store, options.wait)
    entrance = Entrance(store, turns, options, time.time)
    return House(store, turns, options, time.time, asyncio.get_running_loop(), Sealer(store), entrance, alone)


def test_it_knows_when_cookies_are_renewed_and_what_is_declared() -> None:
    options = VisitorOptions(max_age=20 * 86_400, login_idle=36_000, types={"cart": list[int]})
    made = asyncio.run(house(options))
    assert made.renewals == (DAY, 3_600.0)
    assert made.shapes.types == {"cart": list[int]}
    asyncio.run(made.underway.join())  # nothing is


def test_who_has_no_company_is_alone_and_hears_of_failures() -> None:
    async def main() -> None:
        async with alone(ask()) as nothing:
            assert nothing is None
        with pytest.raises(OSError, match="lost"):
            async with alone(ask()):
                raise OSError("lost")

    asyncio.run(main())
