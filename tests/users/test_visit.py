"""Turns of streams and websockets, and being forgotten: what a visit does besides a plain request."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.users.support import DAY, Clock, ask, cookie_of, count, finish, serve, set_cookie

from hospes.errors import HttpError
from hospes.http import Response
from hospes.store import Conflict
from hospes.store.memory import MemoryStore
from hospes.users import User, VisitorOptions, Visitors


@pytest.fixture(params=["memory:", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
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
