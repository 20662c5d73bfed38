"""A visitor's record that is written without being awaited: the same is kept as by who awaits it, or nothing has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.users.support import DAY, Clock, ask, cookie_of, count, finish, serve

from hospes.http import Request, Response
from hospes.store import Conflict
from hospes.store.sqlite import SqliteStore
from hospes.users import User, VisitorOptions, Visitors
from hospes.users.visit import Visit

Heard = asyncio.Queue[BaseException | None]


def run(path: Path, work: Callable[[Visitors, Clock], Awaitable[None]], size: int = 10_000) -> None:
    async def main() -> None:
        clock = Clock()
        async with Visitors(lambda: SqliteStore(str(path / "a.db"), clock), VisitorOptions(size=size), clock) as visitors:
            await work(visitors, clock)
            assert visitors.turns.out == 0

    asyncio.run(main())


async def met(visitors: Visitors) -> str:
    _, response = await serve(visitors, change=count)
    return cookie_of(response)


async def asked(visitors: Visitors, cookie: str) -> tuple[Request, User, Visit]:
    request = ask(cookie)
    user = await visitors.take(request)
    assert request.finishers is not None
    (visit,) = request.finishers
    assert isinstance(visit, Visit)
    return request, user, visit


async def kept(visitors: Visitors, cookie: str) -> dict[str, object]:
    user, _ = await serve(visitors, cookie)
    return dict(user)


def test_what_is_changed_is_durable_when_it_is_heard(tmp_path: Path) -> None:
    async def work(visitors: Visitors, clock: Clock) -> None:
        cookie, heard = await met(visitors), Heard()
        for expected in (2, 3):
            _, user, visit = await asked(visitors, cookie)
            count(user)
            assert not visit.finish_quietly()
            assert visit.finish_later(heard.put_nowait)
            assert heard.empty()
            with pytest.raises(RuntimeError, match="this request's turn is over"):
                user["late"] = 1
            assert visitors.turns.out == 1, "until it is durable"
            assert await heard.get() is None
            assert visitors.turns.out == 0
            assert await kept(visitors, cookie) == {"n": expected}

    run(tmp_path, work)


def test_a_turn_that_was_lost_is_an_error(tmp_path: Path) -> None:
    async def work(visitors: Visitors, clock: Clock) -> None:
        cookie, heard = await met(visitors), Heard()
        _, user, visit = await asked(visitors, cookie)
        count(user)
        ((key, record),) = [each async for each in visitors.store.scan("users")]
        await visitors.store.put("users", key, record.value, expires=record.expires)
        assert visit.finish_later(heard.put_nowait)
        assert isinstance(await heard.get(), Conflict)

    run(tmp_path, work)


def test_who_closes_waits(tmp_path: Path) -> None:
    async def work(visitors: Visitors, clock: Clock) -> None:
        cookie, heard = await met(visitors), Heard()
        _, user, visit = await asked(visitors, cookie)
        count(user)
        turns = visitors.turns
        assert visit.finish_later(heard.put_nowait)
        await visitors.close()
        assert heard.get_nowait() is None
        assert turns.out == 0
        await visitors.open()
        assert await kept(visitors, cookie) == {"n": 2}

    run(tmp_path, work)


@pytest.mark.parametrize("change", ["forget", "login", "logout", "new", "too large", "due"])
def test_what_is_no_plain_change_is_left_to_who_is_awaited(tmp_path: Path, change: str) -> None:
    async def work(visitors: Visitors, clock: Clock) -> None:
        cookie, heard = await met(visitors), Heard()
        if change == "due":
            clock.now += 2 * DAY
        request, user, visit = await asked(visitors, cookie if change != "new" else "")
        if change == "forget":
            user.forget()
        else:
            user["more"] = ["x" * (200 if change == "too large" else 1)]
        if change == "login":
            user.login("ada")
        elif change == "logout":
            user.logout()
        assert not visit.finish_later(heard.put_nowait)
        assert visitors.turns.out == (0 if change == "new" else 1)
        response = Response()
        if change == "too large":
            with pytest.raises(Exception, match="at most 100 are kept"):
                await finish(request, response)
        else:
            await finish(request, response)
        changes_cookie = change in {"forget", "login", "new", "due"}
        assert ("Set-Cookie" in dict(response.lines())) is changes_cookie

    run(tmp_path, work, size=100)


def test_an_account_is_left_to_who_is_awaited(tmp_path: Path) -> None:
    async def work(visitors: Visitors, clock: Clock) -> None:
        _, response = await serve(visitors, change=lambda user: user.login("ada"))
        cookie, heard = cookie_of(response), Heard()
        request, user, visit = await asked(visitors, cookie)
        count(user)
        assert not visit.finish_later(heard.put_nowait)
        await finish(request, Response())
        assert await kept(visitors, cookie) == {"n": 1}

    run(tmp_path, work)
