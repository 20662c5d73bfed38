"""One session in one request: turns, commits, rotation, and what happens when two meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest
from tests.sessions.support import House, ask, begun, content, cookie_of, count, finish, met, run, serve, set_cookie

from hospes.errors import HttpError
from hospes.http import Response
from hospes.http.request import QuickFinisher
from hospes.sessions import SessionOptions, StoredSession
from hospes.sessions.record import encode, key_of
from hospes.store import Conflict, StoreUnavailable
from hospes.store.memory import MemoryStore

# Turns.


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_however_many_come_at_once_they_are_counted(method: str) -> None:
    async def main(house: House) -> None:
        cookie = await met(house)

        async def one() -> None:
            session, end = await begun(house, cookie, method)
            n = session.get("n", 0)
            await asyncio.sleep(0)
            session["n"] = n + 1
            await end()

        await asyncio.gather(*(one() for _ in range(160)))
        assert await content(house, cookie) == {"n": 161}

    run(main)


def test_who_only_reads_waits_for_nobody_and_keeps_nobody_waiting() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        readers = [await begun(house, cookie, method) for method in ("GET", "HEAD", "OPTIONS")]
        assert house.turns.out == 0
        writer, end_writing = await begun(house, cookie, "POST")
        assert house.turns.out == 1
        readers.append(await begun(house, cookie, "GET"))
        writer["n"] = 7
        for session, end in readers:
            assert session["n"] == 1
            assert set_cookie(await end()) == ""
        await end_writing()
        assert await content(house, cookie) == {"n": 7}

    run(main)


TIMES = ["2020-01-02T03:04:05", datetime.fromisoformat("2020-01-02T03:04:05")]


@pytest.mark.parametrize(("before", "after"), [TIMES, TIMES[::-1]])
def test_a_datetime_in_the_place_of_its_text_is_a_change(before: object, after: object) -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        for value in (before, after):
            session, end = await begun(house, cookie)
            session["at"] = value
            await end()
        assert await content(house, cookie) == {"n": 1, "at": after}
        await serve(house.sessions, cookie, lambda session: session.set_attribute("at", [{"at": before}, before]))
        session, end = await begun(house, cookie)
        session["at"][0]["at"] = after
        await end()
        assert await content(house, cookie) == {"n": 1, "at": [{"at": after}, before]}

    run(main)


def test_who_may_write_waits_for_the_one_before() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        first, end_first = await begun(house, cookie, "POST")
        second = asyncio.create_task(serve(house.sessions, cookie, count, "PUT"))
        await asyncio.sleep(0)
        assert not second.done()
        count(first)
        await end_first()
        session, _ = await second
        assert session["n"] == 3

    run(main)


def test_a_turn_that_does_not_come_is_a_503() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        _, end = await begun(house, cookie, "POST")
        with pytest.raises(HttpError) as caught:
            await serve(house.sessions, cookie)
        assert caught.value.code == 503
        await end()

    run(main, wait=0.01)


def test_what_a_get_changed_is_carried_over() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        get, end_get = await begun(house, cookie, "GET")
        post, end_post = await begun(house, cookie, "POST")
        get["seen"] = True
        post["cart"] = ["tea"]
        count(get)
        count(post)
        ending = asyncio.create_task(end_get())
        await asyncio.sleep(0)
        await end_post()
        await ending
        assert await content(house, cookie) == {"n": 3, "cart": ["tea"], "seen": True}
        assert dict(get) == {"n": 3, "cart": ["tea"], "seen": True}

    run(main)


def test_an_idle_time_that_was_changed_is_carried_over() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        one, end_one = await begun(house, cookie, "GET")
        other, end_other = await begun(house, cookie, "GET")
        third, end_third = await begun(house, cookie, "GET")
        one.max_inactive_interval = 99
        other["a"] = 1
        third.max_inactive_interval = 77
        for end in (end_one, end_other):
            await end()
        session, end = await begun(house, cookie)
        assert (session.max_inactive_interval, session["a"]) == (99, 1)
        await end()
        await end_third()
        session, end = await begun(house, cookie)
        assert session.max_inactive_interval == 77
        await end()

    run(main)


def test_a_message_is_shown_once() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, lambda session: session.flash("saved", "good"))
        first, end = await begun(house, cookie)
        assert first.flashes() == ["saved"]
        await end()
        second, end = await begun(house, cookie)
        assert second.flashes() == []
        await end()

    run(main)


def test_a_message_that_comes_while_others_are_shown_is_shown_next() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, lambda session: session.flash("one"))
        page, end_page = await begun(house, cookie)
        assert page.flashes() == ["one"]
        await serve(house.sessions, cookie, lambda session: session.flash("two"))
        await end_page()
        page, end_page = await begun(house, cookie)
        assert page.flashes() == ["two"]
        await end_page()

    run(main)


# Commits.


def test_nested_changes_are_noticed() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, lambda session: session.update(cart=[{"n": 1}]))
        for method in ("GET", "POST"):
            session, end = await begun(house, cookie, method)
            session["cart"][0]["n"] += 1
            await end()
        assert await content(house, cookie) == {"cart": [{"n": 3}]}

    run(main)


def test_the_change_is_durable_before_the_answer_and_with_it_the_cookie() -> None:
    class Full(MemoryStore):
        full = False

        async def compare_and_set(
            self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None
        ) -> int:
            if self.full:
                raise StoreUnavailable("away")
            return await super().compare_and_set(space, key, value, version, expires=expires)

    async def main(house: House) -> None:
        assert isinstance(house.store, Full)
        house.store.full = True
        request, response = ask(), Response("ok")
        session = await house.sessions.take(request)
        assert session is not None
        session["n"] = 1
        with pytest.raises(StoreUnavailable):
            await finish(request, response)
        assert set_cookie(response) == ""

    run(main, engine=Full)


def test_too_much_is_refused() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, lambda session: session.update(a="x" * 90))
        for method in ("GET", "POST"):
            with pytest.raises(HttpError, match="507 a session's record would have 101 octets"):
                await serve(house.sessions, cookie, lambda session: session.update(a="x" * 96), method)
            with pytest.raises(TypeError, match=r"session\['b'\]\[0\]: a session keeps"):
                await serve(house.sessions, cookie, lambda session: session.update(b=[object()]), method)
        assert await content(house, cookie) == {"a": "x" * 90}
        await serve(house.sessions, cookie, lambda session: session.update(a="x" * 95))

    run(main, options=SessionOptions(size=100))


def test_what_a_cancelled_request_changed_is_dropped() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        for method in ("GET", "POST"):
            request = ask(cookie, method)
            session = await house.sessions.take(request)
            assert session is not None
            session["n"] = 9
            await finish(request, None)
            session["n"] = 10  # nobody cares any more
        assert await content(house, cookie) == {"n": 1}

    run(main)


def test_a_commit_goes_on_when_its_peer_leaves() -> None:
    class Slow(MemoryStore):
        slow = False

        async def open(self) -> None:
            await super().open()
            self.go, self.begun = asyncio.Event(), asyncio.Event()

        async def compare_and_set(
            self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None
        ) -> int:
            if self.slow:
                self.begun.set()
                await self.go.wait()
            return await super().compare_and_set(space, key, value, version, expires=expires)

    async def main(house: House) -> None:
        assert isinstance(house.store, Slow)
        cookie = await met(house)
        house.store.slow = True
        leaving = asyncio.create_task(serve(house.sessions, cookie, count))
        await house.store.begun.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert house.turns.out == 1, "the turn is held until the write is over"
        house.store.go.set()
        await house.sessions.close()
        assert house.turns.out == 0
        assert await content(house, cookie) == {"n": 2}

    run(main, engine=Slow)


def test_a_change_after_the_answer_is_an_error() -> None:
    async def main(house: House) -> None:
        session, _ = await serve(house.sessions, change=count)
        assert session["n"] == 1
        for change in (count, lambda s: s.rotate(), lambda s: s.invalidate()):
            with pytest.raises(RuntimeError, match=r"async with session.turn\(\)"):
                change(session)
        unwritten, _ = await serve(house.sessions)
        assert (unwritten.id, unwritten.is_new) == ("", True)

    run(main)


def test_a_turn_that_was_lost_is_no_loss() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        key = key_of(cookie.partition("=")[2])
        post, end = await begun(house, cookie, "POST")
        count(post)
        # Somebody else takes the lease for run out, and writes.
        await house.store.put("sessions", key, encode({"n": 5, "x": 1}, 1e6, 1800, 1000), expires=1e6 + 1800)
        await end()
        assert await content(house, cookie) == {"n": 6, "x": 1}

    run(main)


def test_a_turn_that_is_lost_time_and_again_is_a_conflict() -> None:
    class Contested(MemoryStore):
        contested = False

        async def compare_and_set(
            self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None
        ) -> int:
            if self.contested:
                raise Conflict
            return await super().compare_and_set(space, key, value, version, expires=expires)

    async def main(house: House) -> None:
        assert isinstance(house.store, Contested)
        cookie = await met(house)
        house.store.contested = True
        for method in ("GET", "POST"):
            with pytest.raises(Conflict):
                await serve(house.sessions, cookie, count, method)
        with pytest.raises(Conflict):
            await serve(house.sessions, change=count)

    run(main, engine=Contested)


def test_a_request_ends_once() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        request = ask(cookie)
        await house.sessions.take(request)
        (finisher,) = request.finishers or []
        for _ in range(2):
            await finisher(Response())
            assert house.turns.out == 0

    run(main)


# Ends, and new ids.


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_end_is_final(method: str) -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        get, end_get = await begun(house, cookie, "GET")
        reading, end_reading = await begun(house, cookie, "GET")
        _, response = await serve(house.sessions, cookie, lambda session: session.invalidate(), method)
        assert set_cookie(response).startswith("hospes_session=; Max-Age=0")
        get["n"] = 100
        with pytest.raises(Conflict, match="ended in the meantime"):
            await end_get()
        house.clock.now += 100
        assert reading["n"] == 1
        assert set_cookie(await end_reading()) == ""
        assert await house.records() == []

    run(main)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rotation(method: str) -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        created: list[float] = []

        def sign_in(session: StoredSession) -> None:
            before = session.id
            session.rotate()
            assert session.id != before
            session.rotate()
            session["name"] = "ada"
            created.append(session.creation_time)

        house.clock.now += 100
        session, response = await serve(house.sessions, cookie, sign_in, method)
        new = cookie_of(response)
        assert new == f"hospes_session={session.id}" != cookie
        assert [key for key, _ in await house.records()] == [key_of(session.id)]
        assert await content(house, new) == {"n": 1, "name": "ada"}
        assert created == [1e6], "it is the same session, and ends in any case when it would have"
        assert await content(house, cookie) == {}, "the old id is nobody's"

    run(main)


def test_a_rotation_alone_moves_the_session() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        _, response = await serve(house.sessions, cookie, lambda session: session.rotate())
        assert cookie_of(response) not in {"", cookie}
        assert await content(house, cookie_of(response)) == {"n": 1}

    run(main)


def test_a_new_sessions_rotation_is_another_id() -> None:
    async def main(house: House) -> None:
        ids: list[str] = []

        def turn(session: StoredSession) -> None:
            ids.append(session.id)
            session.rotate()
            ids.append(session.id)

        _, response = await serve(house.sessions, change=turn)
        assert ids[0] != ids[1]
        assert cookie_of(response) == f"hospes_session={ids[1]}"
        assert len(await house.records()) == 1

    run(main)


def test_a_crash_in_a_rotation_leaves_the_session_as_it_was() -> None:
    class Crashing(MemoryStore):
        async def delete(self, space: str, key: bytes) -> bool:
            raise StoreUnavailable("crashed")

    async def main(house: House) -> None:
        cookie = await met(house)

        def sign_in(session: StoredSession) -> None:
            session.rotate()
            session["name"] = "ada"

        with pytest.raises(StoreUnavailable):
            await serve(house.sessions, cookie, sign_in)
        assert await content(house, cookie) == {"n": 1}

    run(main, engine=Crashing)


def test_who_has_nothing_to_tell_and_nothing_to_write_finishes_quietly() -> None:
    async def main(house: House) -> None:
        async def quietly(
            cookie: str, act: Callable[[StoredSession], object] = lambda session: None, method: str = "GET"
        ) -> bool:
            request = ask(cookie, method)
            session = await house.sessions.take(request)
            assert isinstance(session, StoredSession)
            act(session)
            (finisher,) = request.finishers or []
            assert isinstance(finisher, QuickFinisher)
            was_quiet = finisher.finish_quietly()
            if was_quiet:
                assert not finisher.finish_quietly(), "once is enough"
                with pytest.raises(RuntimeError, match="has been answered"):
                    session["n"] = 1
            await finish(request, Response())
            return was_quiet

        cookie = await met(house)
        assert await quietly(cookie)
        assert await quietly(cookie, method="POST"), "the turn is given back"
        assert await quietly(""), "a new session in which nothing was stored"
        assert not await quietly("", count)
        assert not await quietly(cookie, count)
        assert not await quietly(cookie, lambda session: session.setdefault("list", []).append(1))
        assert not await quietly(cookie, lambda session: session["list"].append(2)), "also what is inside"
        assert not await quietly(cookie, lambda session: session.rotate())
        house.clock.now += 120.0
        cookie = await met(house)
        assert await quietly(cookie)
        house.clock.now += 120.0
        assert not await quietly(cookie), "its end is to be moved"
        assert await quietly(cookie)
        assert not await quietly(cookie, StoredSession.invalidate)

    run(main)
