"""Turns that a program takes at a session, or steps aside from."""

from __future__ import annotations

import asyncio

import pytest
from tests.sessions.support import House, ask, begun, content, cookie_of, count, finish, met, run, serve

from hospes.http import Response
from hospes.sessions import StoredSession
from hospes.store import Conflict


def test_a_get_counts_exactly_in_a_turn() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        seen: list[int] = []

        async def one() -> None:
            session, end = await begun(house, cookie)
            async with session.turn():
                session["n"] += 1
                seen.append(session["n"])
                await asyncio.sleep(0)
            await end()

        await asyncio.gather(*(one() for _ in range(50)))
        assert seen == [*range(2, 52)]
        assert await content(house, cookie) == {"n": 51}

    run(main)


def test_a_stream_takes_turns_after_the_answer() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        session, end = await begun(house, cookie, "POST")
        await end()
        assert house.turns.out == 0
        await serve(house.sessions, cookie, count)
        async with session.turn():
            assert session["n"] == 2, "loaded anew"
            async with session.turn():
                session["n"] += 1
            with pytest.raises(RuntimeError, match="changes the cookie"):
                session.rotate()
            with pytest.raises(RuntimeError, match="removes the cookie"):
                session.invalidate()
        assert await content(house, cookie) == {"n": 3}
        async with session.turn():
            pass
        with pytest.raises(RuntimeError, match="has been answered"):
            session["n"] = 1

    run(main)


@pytest.mark.parametrize("answered", [False, True])
def test_a_block_that_fails_changes_nothing(answered: bool) -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        session, end = await begun(house, cookie)
        if answered:
            await end()
        else:
            session["before"] = True

        async def fail() -> None:
            async with session.turn():
                session["n"] = 99
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert session["n"] == 1
        if not answered:
            await end()
        assert await content(house, cookie) == ({"n": 1} if answered else {"n": 1, "before": True})

    run(main)


def test_within_a_turn_of_the_requests_there_is_no_other() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        session, end = await begun(house, cookie, "POST")
        async with session.turn():
            session["n"] = 5
        assert house.turns.out == 1, "the request still has it"
        await end()
        fresh, end = await begun(house, "", "GET")
        async with fresh.turn():
            fresh["n"] = 6
        assert await content(house, cookie_of(await end())) == {"n": 6}

    run(main)


def test_a_session_that_is_no_more_has_no_turn() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        session, end = await begun(house, cookie)
        await end()
        await serve(house.sessions, cookie, lambda each: each.invalidate())
        with pytest.raises(Conflict, match="ended in the meantime"):
            async with session.turn():
                raise AssertionError
        never, end = await begun(house, "")
        await end()
        with pytest.raises(Conflict, match="nothing had been stored in it"):
            async with never.turn():
                raise AssertionError

    run(main)


def test_the_answer_waits_for_a_block_of_another_task() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        session, end = await begun(house, cookie)
        inside, go = asyncio.Event(), asyncio.Event()

        async def background() -> None:
            async with session.turn():
                inside.set()
                await go.wait()
                session["n"] = 7

        task = asyncio.create_task(background())
        await inside.wait()
        ending = asyncio.create_task(end())
        await asyncio.sleep(0)
        assert not ending.done()
        go.set()
        await asyncio.gather(task, ending)
        assert await content(house, cookie) == {"n": 7}

    run(main)


# Stepping aside.


def test_a_turn_is_given_back_for_a_moment() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        request = ask(cookie)
        session = await house.sessions.take(request)
        assert isinstance(session, StoredSession)
        session["mine"] = 1
        stay = house.sessions.step_aside(request)
        assert stay is not None
        assert house.turns.out == 0
        assert house.sessions.step_aside(request) is None
        await serve(house.sessions, cookie, count)
        await stay.step_in()
        assert house.turns.out == 1
        assert dict(session) == {"n": 2, "mine": 1}
        await finish(request, Response())
        assert await content(house, cookie) == {"n": 2, "mine": 1}

    run(main)


def test_who_has_no_turn_does_not_step_aside() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        assert house.sessions.step_aside(ask(cookie)) is None
        request = ask(cookie, "GET")
        await house.sessions.take(request)
        assert house.sessions.step_aside(request) is None
        await finish(request, Response())

    run(main)
