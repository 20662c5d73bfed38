"""Who comes again is recognised without waiting, by nothing but what the cookie says and the record confirms."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path

import pytest
from tests.users.support import ask, cookie_of, count, finish, serve

from hospes.http import Headers, Request, Response
from hospes.users import User, Visitors

Work = Callable[[Visitors], Awaitable[None]]


def run(url: str, work: Work) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            await work(visitors)

    asyncio.run(main())


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db"


def now(visitors: Visitors, request: Request) -> User | None:
    """A request of its own, as carriers give each a context of its own."""
    return Context().run(visitors.take_now, request)


async def apart(work: Awaitable[object]) -> None:
    await asyncio.create_task(_awaited(work), context=Context())


async def _awaited(work: Awaitable[object]) -> None:
    await work


async def known(visitors: Visitors, change: Callable[[User], object] = count) -> str:
    """The cookie of somebody who has come so often that everything is known of him."""
    _, response = await serve(visitors, change=change)
    cookie = cookie_of(response)
    for _ in range(3):
        await apart(serve(visitors, cookie))
    return cookie


def test_who_comes_again_is_there_at_once(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)
        request = ask(cookie)
        user = now(visitors, request)
        assert user == {"n": 1}
        assert user is request.user
        assert now(visitors, request) is None, "who it is was told already"
        assert await visitors.take(request) is user
        assert now(visitors, ask(cookie)) is None, "the turn is out"
        count(user)
        await finish(request, Response())
        request = ask(cookie)
        assert await visitors.take(request) == {"n": 2}
        await finish(request, Response())

    run(url, work)


def test_who_has_been_there_leaves_nothing_to_the_collector(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                request = ask(cookie)
                user = now(visitors, request)
                assert user == {"n": 1}
                assert request.finishers is not None
                assert request.finishers.pop().finish_quietly()  # type: ignore[attr-defined]
                request = ask(cookie)
                user = now(visitors, request)
                await finish(request, Response())
                del user, request
            assert gc.collect() == 0
        finally:
            gc.enable()

    run(url, work)


def test_who_has_been_there_can_take_the_turn_again(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)
        request = ask(cookie)
        user = now(visitors, request)
        assert user is not None
        before = user.turn()
        await finish(request, Response())
        async with before as again:
            assert again is user
            count(user)
        async with user.turn():
            count(user)
        assert user == {"n": 3}
        user, _ = await serve(visitors, cookie)
        assert user == {"n": 3}

    run(url, work)


def test_who_was_asked_for_below_is_known_above(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        request = ask(await known(visitors))
        below = request.below("")
        user = now(visitors, below)
        assert user == {"n": 1}
        assert now(visitors, request) is None
        assert await visitors.take(request) is user
        assert await visitors.take(request.below("")) is user
        await finish(request, Response())
        assert visitors.turns.out == 0

    run(url, work)


def test_a_stranger_has_to_be_looked_at(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)
        forged = cookie[:-1] + ("A" if cookie[-1] != "A" else "B")
        for each in ("", "a=b", "hospes=x", forged.replace("hospes=", "hospes=A"), f"a=1; {cookie}"):
            assert now(visitors, ask(each)) is None
            assert visitors.turns.out == 0

    run(url, work)


def test_who_has_stored_nothing_is_known_by_the_seal(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors, change=lambda user: None)
        request = ask(cookie)
        user = now(visitors, request)
        if url == "memory:":  # SQLite has no file yet, and so nothing to recall by
            assert user == {}
            assert not user.is_new
        await finish(request, Response())

    run(url, work)


def test_a_record_that_is_gone_does_not_vouch_for_an_unsealed_id(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)  # recognised by the record: nobody has looked at the seal
        other = cookie[:-20] + "A" * 20  # the same id under a seal that is not ours
        for _ in range(3):
            await apart(serve(visitors, other))
        request = ask(other)
        assert now(visitors, request) == {"n": 1}
        await finish(request, Response())
        await serve(visitors, cookie, User.forget)
        for _ in range(3):
            assert now(visitors, ask(other)) is None
            user, response = await serve(visitors, other)
            assert user.is_new
            assert cookie_of(response)

    run(url, work)


def test_an_account_is_asked_each_time_whether_the_device_is_signed_in(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        async def sign_in() -> str:
            request = ask()
            user = await visitors.take(request)
            await user.login("ada")
            user["n"] = 1
            response = Response()
            await finish(request, response)
            return cookie_of(response)

        cookies = [await asyncio.create_task(sign_in(), context=Context()) for _ in range(2)]
        for cookie in cookies * 3:
            await apart(serve(visitors, cookie))
        request = ask(cookies[0])
        user = now(visitors, request)
        assert user is not None
        assert (user.name, user["n"]) == ("ada", 1)
        user.logout_everywhere()
        await finish(request, Response())
        for cookie in cookies:
            for _ in range(3):
                assert now(visitors, ask(cookie)) is None
                user, _ = await serve(visitors, cookie)
                assert (user.name, user.is_new) == ("", True)

    run(url, work)


def test_what_was_found_out_of_a_record_is_believed_of_that_record_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"

    async def main() -> None:
        async with Visitors.at(url) as visitors, Visitors.at(url) as elsewhere:
            cookie = await known(visitors)
            for _ in range(2):
                request = ask(cookie)
                user = now(visitors, request)
                assert user is not None
                assert (dict(user), user.is_new, user.name) == ({"n": 1}, False, "")
                assert user.export()["id"] == user.id
                await finish(request, Response())
            assert user is not None
            first = user.id, user.created
            await apart(serve(elsewhere, cookie, count))
            await apart(serve(visitors, cookie))
            request = ask(cookie)
            user = now(visitors, request)
            assert user is not None
            assert user == {"n": 2}
            assert (user.id, user.created) == first
            user["list"] = [1]
            await finish(request, Response())
            await apart(serve(visitors, cookie))
            request = ask(cookie)
            user = now(visitors, request)
            assert user is not None
            user["list"].append(2)
            await finish(request, Response())
            await apart(serve(visitors, cookie))
            request = ask(cookie)
            user = now(visitors, request)
            assert user == {"n": 2, "list": [1, 2]}
            await finish(request, Response())
            await apart(serve(elsewhere, cookie, User.forget))
            await apart(_expect_nobody(visitors, cookie))

    asyncio.run(main())


async def _expect_nobody(visitors: Visitors, cookie: str) -> None:
    assert now(visitors, ask(cookie)) is None
    user, _ = await serve(visitors, cookie)
    assert user == {}


def test_what_a_filter_has_changed_counts(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        ada, bob = await known(visitors), await known(visitors)
        request = ask(ada)
        request.headers["Cookie"] = bob
        found = now(visitors, request)
        assert found is not None
        await finish(request, Response())
        asked = ask(bob)
        user = await visitors.take(asked)
        assert user.id == found.id
        await finish(asked, Response())
        request = ask(ada)
        request.cookies = {"hospes": bob.partition("=")[2]}
        assert now(visitors, request) is None
        request = ask(ada)
        request.headers = Headers({"Cookie": [ada, bob]})
        assert now(visitors, request) is None
        request = ask(ada)
        request.user = "somebody"
        assert now(visitors, request) is None

    run(url, work)


def test_a_cookie_over_tls_is_another_one(url: str) -> None:
    async def work(visitors: Visitors) -> None:
        cookie = await known(visitors)
        assert now(visitors, ask(cookie, scheme="https")) is None

    run(url, work)


def test_the_familiar_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.users.visitors._MOST_FAMILIAR", 2)

    async def work(visitors: Visitors) -> None:
        cookies = [await known(visitors) for _ in range(3)]
        assert now(visitors, ask(cookies[0])) is None
        request = ask(cookies[2])
        assert now(visitors, request) == {"n": 1}
        await finish(request, Response())
        long = f"a={'x' * 512}; {cookies[2]}"
        for _ in range(3):
            await apart(serve(visitors, long))
        assert now(visitors, ask(long)) is None

    run("memory:", work)


def test_without_a_store_nobody_comes() -> None:
    assert now(Visitors.at("memory:"), ask("hospes=x")) is None
