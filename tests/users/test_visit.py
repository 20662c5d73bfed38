"""Turns of streams and websockets, and being forgotten: what a visit does besides a plain request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.users.support import DAY, Clock, ask, cookie_of, count, finish, serve, set_cookie

from hospes.errors import HttpError
from hospes.http import Response
from hospes.http.request import QuickFinisher
from hospes.store import Conflict
from hospes.store.memory import MemoryStore
from hospes.users import User, VisitorOptions, Visitors


@pytest.fixture(params=["memory:", "sqlite", "valkey", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in ("valkey", "postgres"):
        return str(request.getfixturevalue(request.param).url())
    return str(request.param) if request.param == "memory:" else f"sqlite:///{tmp_path}/visitors.db"


def test_after_the_answer_a_change_needs_a_turn(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            with pytest.raises(RuntimeError, match=r"write `async with user.turn\(\):` around it"):
                count(user)
            await serve(visitors, cookie, count)
            async with user.turn() as same:
                assert same == {"n": 2}, "the record is loaded anew"
                count(user)
            with pytest.raises(RuntimeError):
                count(user)
            user, _ = await serve(visitors, cookie)
            assert user == {"n": 3}

    asyncio.run(main())


TIMES = ["2020-01-02T03:04:05", datetime.fromisoformat("2020-01-02T03:04:05")]


@pytest.mark.parametrize(("before", "after"), [TIMES, TIMES[::-1]])
def test_a_datetime_in_the_place_of_its_text_is_a_change(url: str, before: object, after: object) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=lambda user: user.update(at=before))
            cookie = cookie_of(response)
            await serve(visitors, cookie, lambda user: user.update(at=after))
            user, _ = await serve(visitors, cookie)
            assert user == {"at": after}
            await serve(visitors, cookie, lambda user: user.update(events=[{"at": before}, before]))
            await serve(visitors, cookie, lambda user: user["events"][0].update(at=after))
            user, _ = await serve(visitors, cookie)
            assert user["events"] == [{"at": after}, before]

    asyncio.run(main())


def test_a_visitor_can_be_stored_first_by_a_stream(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors)
            async with user.turn():
                count(user)
            again, _ = await serve(visitors, cookie_of(response), count)
            assert again == {"n": 2}
            assert again.id == user.id

    asyncio.run(main())


def test_blocks_and_requests_of_one_visitor_wait_for_each_other(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors)
            cookie = cookie_of(response)
            other, _ = await serve(visitors, cookie)

            async def block(user: User) -> None:
                async with user.turn():
                    n = user.get("n", 0)
                    await asyncio.sleep(0)
                    user["n"] = n + 1

            # Two tasks share a User, as the reader and the writer of one websocket do.
            await asyncio.gather(
                *(block(user) for _ in range(20)),
                *(block(other) for _ in range(20)),
                *(serve(visitors, cookie, count) for _ in range(20)),
            )
            user, _ = await serve(visitors, cookie)
            assert user == {"n": 60}

    asyncio.run(main())


def test_while_the_request_has_the_turn_a_block_is_part_of_it() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            _, response = await serve(visitors, change=count)
            request = ask(cookie_of(response))
            user = await visitors.take(request)
            async with user.turn():
                count(user)
            count(user)
            await finish(request, Response())
            assert user == {"n": 3}

    asyncio.run(main())


def test_a_block_within_a_block_is_part_of_it() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            user, response = await serve(visitors)
            async with user.turn():
                async with user.turn():
                    count(user)
                count(user)
            again, _ = await serve(visitors, cookie_of(response))
            assert again == {"n": 2}

    asyncio.run(main())


def test_a_block_that_fails_keeps_nothing_and_frees_the_turn() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            user, response = await serve(visitors, change=count)

            async def failing() -> None:
                async with user.turn():
                    count(user)
                    raise LookupError

            with pytest.raises(LookupError):
                await failing()
            async with user.turn():
                assert user == {"n": 1}
            with pytest.raises(TypeError, match=r"user\['bad'\]\[0\]"):
                async with user.turn():
                    user["bad"] = [object()]
            again, _ = await serve(visitors, cookie_of(response))
            assert again == {"n": 1}

    asyncio.run(main())


def test_a_block_that_changes_nothing_writes_nothing() -> None:
    async def main() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        async with Visitors(lambda: store, clock=clock) as visitors:
            user, _ = await serve(visitors, change=count)
            before = [each async for each in store.scan("users")]
            clock.now += 2 * DAY  # a renewal is due, but the cookie cannot be told
            async with user.turn():
                pass
            assert [each async for each in store.scan("users")] == before
            async with user.turn():
                count(user)
            [(_, record)] = [each async for each in store.scan("users")]
            assert record.expires == before[0][1].expires

    asyncio.run(main())


def test_a_block_waits_within_a_bound() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            user, response = await serve(visitors)
            request = ask(cookie_of(response))
            await visitors.take(request)
            with pytest.raises(HttpError, match="503"):
                async with user.turn():
                    pytest.fail("the request has the turn")
            await finish(request, Response())

    asyncio.run(main())


def test_a_block_after_a_cancelled_request() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            _, response = await serve(visitors, change=count)
            request = ask(cookie_of(response))
            user = await visitors.take(request)
            user["n"] = 99
            await finish(request, None)
            async with user.turn():
                count(user)
            assert user == {"n": 2}

    asyncio.run(main())


def test_finishing_twice_does_nothing() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            request, response = ask(), Response()
            await visitors.take(request)
            assert request.finishers is not None
            [finisher] = request.finishers
            await finisher(response)
            await finisher(response)
            await finisher(None)
            assert set_cookie(response)

    asyncio.run(main())


def test_who_has_nothing_to_tell_and_nothing_to_write_finishes_quietly(url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with Visitors.at(url, clock=clock) as visitors:

            async def quietly(cookie: str, act: Callable[[User], object] = len) -> bool:
                request = ask(cookie)
                act(await visitors.take(request))
                (finisher,) = request.finishers or []
                assert isinstance(finisher, QuickFinisher)
                was_quiet = finisher.finish_quietly()
                if was_quiet:
                    assert not finisher.finish_quietly(), "once is enough"
                await finish(request, Response())
                return was_quiet

            assert not await quietly(""), "a cookie has to be told"
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            assert await quietly(cookie)
            assert not await quietly(cookie, count)
            assert not await quietly(cookie, lambda user: user.setdefault("list", []).append(1))
            assert not await quietly(cookie, lambda user: user["list"].append(1)), "also what is inside"
            assert await quietly(cookie, lambda user: user["list"])
            with pytest.raises(TypeError):
                await quietly(cookie, lambda user: user["list"].append(object()))
            clock.now += 2 * DAY
            assert not await quietly(cookie), "the cookie is to be renewed"
            assert await quietly(cookie)
            _, response = await serve(visitors, cookie, lambda user: user.login("ada"))
            cookie = cookie_of(response)
            assert await quietly(cookie)
            clock.now += 2 * DAY
            assert not await quietly(cookie)
            assert not await quietly(cookie, lambda user: user.login("bob"))
            _, response = await serve(visitors, cookie, lambda user: user.login("ada"))
            assert not await quietly(cookie_of(response), User.logout)
            _, response = await serve(visitors, change=count)
            assert not await quietly(cookie_of(response), User.forget)
            assert visitors.turns.out == 0

    asyncio.run(main())


def test_a_forgotten_visitor_leaves_nothing() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            for scheme, prefix in (("http", ""), ("https", "__Host-")):
                user, response = await serve(visitors, change=count, scheme=scheme)
                cookie = cookie_of(response)
                gone, response = await serve(visitors, cookie, lambda user: user.forget(), scheme)
                assert gone == {}
                assert [each async for each in store.scan("users")] == []
                assert set_cookie(response).startswith(
                    f"{prefix}hospes=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"
                )
                with pytest.raises(RuntimeError, match="forgotten in this request"):
                    count(gone)
                for each in (user, gone):
                    with pytest.raises(Conflict, match="the visitor was forgotten in the meantime"):
                        async with each.turn():
                            pytest.fail("there is nobody")
                again, _ = await serve(visitors, cookie, scheme=scheme)
                assert again == {}

    asyncio.run(main())


def test_forgetting_somebody_who_has_stored_nothing_writes_nothing() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors, change=lambda user: user.forget())
            assert set_cookie(response).startswith("hospes=; Max-Age=0")
            assert [each async for each in store.scan("users")] == []

    asyncio.run(main())


def test_after_the_answer_it_is_too_late_to_forget() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            user, _ = await serve(visitors, change=count)
            async with user.turn():
                with pytest.raises(RuntimeError, match="this request's answer has left"):
                    user.forget()
                assert user == {"n": 1}, "nothing was emptied"

    asyncio.run(main())


def login(user: User) -> None:
    user.login("ada")


async def member(visitors: Visitors) -> str:
    """The cookie of Ada, who has signed in."""
    _, response = await serve(visitors, change=login)
    return cookie_of(response)


def test_without_await_signing_in_is_done_before_the_answer_leaves(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            await serve(visitors, await member(visitors), lambda user: user.update(b=1))

            def change(user: User) -> None:
                user["a"] = 1
                user.login("ada")
                assert (user.name, user) == ("", {"a": 1}), "not yet"
                user["a"] = 2

            user, response = await serve(visitors, change=change)
            assert (user.name, user) == ("ada", {"a": 2, "b": 1})
            user, _ = await serve(visitors, cookie_of(response))
            assert (user.name, user) == ("ada", {"a": 2, "b": 1})

    asyncio.run(main())


@pytest.mark.parametrize(("status", "name"), [(200, "ada"), (303, "ada"), (399, "ada"), (400, ""), (403, ""), (503, "")])
def test_an_answer_of_refusal_signs_nobody_in(url: str, status: int, name: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            request, response = ask(), Response("", status)
            user = await visitors.take(request)
            count(user)
            user.login("ada")
            await finish(request, response)
            assert user.name == name
            user, _ = await serve(visitors, cookie_of(response))
            assert (user.name, user) == (name, {"n": 1})

    asyncio.run(main())


def test_the_cookie_of_who_has_signed_in(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=login, scheme="https")
            line = set_cookie(response)
            assert line.startswith("__Host-hospes=")
            assert line.partition("; ")[2].startswith("Max-Age=25919"), "30 days, less what the test took"
            assert line.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
            user, _ = await serve(visitors, cookie_of(response), scheme="https")
            assert user.name == "ada"

    asyncio.run(main())


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, -24)])
def test_a_cookie_with_another_secret_is_nobodys(url: str, cut: slice) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookie = await member(visitors)
            forged = cookie[cut] + "A" * (len(cookie) - len(cookie[cut]))
            user, response = await serve(visitors, forged if forged != cookie else cookie[cut] + "B")
            assert (user.name, user.is_new) == ("", True)
            assert cookie_of(response) not in ("", cookie)
            user, _ = await serve(visitors, "hospes=" + "a" * 24 + "." + "b" * 24)
            assert user.is_new

    asyncio.run(main())


def test_signing_out_leaves_somebody_new(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            one, two = await member(visitors), await member(visitors)

            def change(user: User) -> None:
                count(user)
                user.logout()
                user.logout()
                with pytest.raises(RuntimeError, match=r"await user.logout\(\)"):
                    count(user)

            user, response = await serve(visitors, one, change)
            assert (user.name, user) == ("", {})
            after = cookie_of(response)
            stranger, _ = await serve(visitors, after)
            assert (stranger.name, stranger, stranger.id) == ("", {}, user.id)
            user, _ = await serve(visitors, one)
            assert user.is_new
            user, _ = await serve(visitors, two)
            assert (user.name, user) == ("ada", {"n": 1}), "the other device stays, and what was changed before is kept"

    asyncio.run(main())


def test_after_signing_out_by_await_the_user_is_the_new_one(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookie = await member(visitors)
            request, response = ask(cookie), Response("ok")
            user = await visitors.take(request)
            count(user)
            id = user.id
            await user.logout()
            assert (user.name, user, user.is_new) == ("", {}, True)
            assert user.id != id
            user["flash"] = "goodbye"
            await finish(request, response)
            user, _ = await serve(visitors, cookie_of(response))
            assert user == {"flash": "goodbye"}
            user, _ = await serve(visitors, change=login)
            assert user == {"n": 1}

    asyncio.run(main())


def test_signing_out_everywhere(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookies = [await member(visitors) for _ in range(3)]

            def change(user: User) -> None:
                user.logout_everywhere()
                user.logout()

            await serve(visitors, cookies[0], change)
            for cookie in cookies:
                user, _ = await serve(visitors, cookie)
                assert user.is_new
            user, _ = await serve(visitors, await member(visitors))
            assert user.name == "ada"

    asyncio.run(main())


def test_somebody_anonymous_cannot_sign_out(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            user, response = await serve(visitors, cookie, User.logout_everywhere)
            assert user == {"n": 1}
            assert set_cookie(response) == ""

    asyncio.run(main())


def test_the_last_word_counts(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookie = await member(visitors)

            def changes(*steps: str) -> Callable[[User], None]:
                def change(user: User) -> None:
                    for step in steps:
                        method, *arguments = step.split(" ")
                        getattr(user, method)(*arguments)

                return change

            user, _ = await serve(visitors, change=changes("login ada", "logout"))
            assert user.name == ""
            user, response = await serve(visitors, cookie, changes("login bob"))
            assert user.name == "bob"
            user, response = await serve(visitors, cookie_of(response), changes("login ada", "forget"))
            user, _ = await serve(visitors, cookie_of(response))
            assert user.name == ""

    asyncio.run(main())


def test_after_the_answer_nobody_signs_in_or_out(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, _ = await serve(visitors)
            with pytest.raises(RuntimeError, match="turn is over"):
                user.login("ada")
            async with user.turn():
                with pytest.raises(RuntimeError, match="changes the cookie too"):
                    user.login("ada")
                with pytest.raises(RuntimeError, match="changes the cookie too"):
                    user.logout()
            request = ask()
            user = await visitors.take(request)
            change = user.login("ada")
            await finish(request, None)
            with pytest.raises(RuntimeError, match="signing in or out"):
                await change

    asyncio.run(main())


def test_an_impossible_name_is_refused_at_once(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            with pytest.raises(ValueError, match="1 to 512 octets"):
                await serve(visitors, change=lambda user: user.login(""))

    asyncio.run(main())


def test_a_failing_rule_is_the_answer_and_gives_the_turns_back(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)

            def fails(mine: object, theirs: object) -> dict[str, Any]:
                raise KeyError("the rule's own")

            with pytest.raises(KeyError, match="the rule's own"):
                await serve(visitors, cookie, lambda user: user.login("ada", fails))
            user, _ = await serve(visitors, cookie, count)
            assert user == {"n": 2}
            assert (await serve(visitors, change=login))[0] == {}

    asyncio.run(main())


def test_who_leaves_while_signing_in_is_signed_in_whole(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=count)
            request = ask(cookie_of(response))
            user = await visitors.take(request)

            async def handler() -> None:
                await user.login("ada")

            task = asyncio.create_task(handler())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await finish(request, None)
            user, _ = await serve(visitors, change=login)
            assert user == {"n": 1}
            user, _ = await serve(visitors, cookie_of(response))
            assert user == {}

    asyncio.run(main())


def test_a_request_cancelled_while_it_signs_in_at_its_end(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            request = ask()
            user = await visitors.take(request)
            count(user)
            user.login("ada")
            task = asyncio.create_task(finish(request, Response("ok")))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            user, _ = await serve(visitors, change=login)
            assert user == {"n": 1}

    asyncio.run(main())


def test_a_turn_of_who_was_signed_out_meanwhile_is_refused(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookie = await member(visitors)
            user, _ = await serve(visitors, cookie)
            async with user.turn():
                count(user)
            await serve(visitors, cookie, User.logout)
            with pytest.raises(Conflict, match="signed in, or out"):
                async with user.turn():
                    pass
            anonymous, response = await serve(visitors, change=count)
            await serve(visitors, cookie_of(response), login)
            with pytest.raises(Conflict, match="signed in, or out"):
                async with anonymous.turn():
                    pass
            user, _ = await serve(visitors, change=login)
            assert user == {"n": 1}, "what two devices disagree on is the account's"

    asyncio.run(main())
