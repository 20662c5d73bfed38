"""Whose session it is: recognised by the cookie, new, or a program's own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.sessions.support import DAY, ask, cookie_of, count, finish, opened, serve, set_cookie

from hospes.errors import HttpError
from hospes.http import Response
from hospes.sessions import OwnSessions, Session, SessionFactory, SessionOptions, StoredSession
from hospes.sessions.record import key_of
from hospes.store import Record
from hospes.store.memory import MemoryStore


def test_a_session_is_there_again() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            for expected in (2, 3):
                session, response = await serve(house.sessions, cookie, count)
                assert (session["n"], set_cookie(response)) == (expected, "")
            ((key, _),) = await house.records()
            assert key == key_of(cookie.partition("=")[2]), "the store has a hash of the id, not the id"

    asyncio.run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_that_nobody_looked_into_costs_no_write_and_no_cookie(method: str) -> None:
    async def main() -> None:
        async with opened() as house:
            for change in (
                lambda s: None,
                lambda s: s.get("a"),
                lambda s: s.flashes(),
                lambda s: s.rotate(),
                lambda s: s.invalidate(),
            ):
                _, response = await serve(house.sessions, change=change, method=method)
                assert set_cookie(response) == ""
            assert await house.records() == []

    asyncio.run(main())


@pytest.mark.parametrize("what", ["id", "is_new", "creation_time", "last_accessed_time"])
def test_who_asks_for_what_lasts_has_a_session_that_does(what: str) -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=lambda session: getattr(session, what))
            _, again = await serve(house.sessions, cookie_of(response))
            assert (set_cookie(again), len(await house.records())) == ("", 1)

    asyncio.run(main())


def test_what_a_session_says_of_itself() -> None:
    async def main() -> None:
        async with opened() as house:
            said: list[Any] = []

            def note(session: StoredSession) -> None:
                said.append((session.id, session.is_new, session.creation_time, session.last_accessed_time))

            _, response = await serve(house.sessions, change=note)
            cookie = cookie_of(response)
            house.clock.now += 100
            await serve(house.sessions, cookie, note)
            house.clock.now += 100
            await serve(house.sessions, cookie, note)
            id = cookie.partition("=")[2]
            assert said == [(id, True, 1e6, 1e6), (id, False, 1e6, 1e6), (id, False, 1e6, 1e6 + 100)]

    asyncio.run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("planted", ["a" * 24, "x", "", "a" * 24 + "; a=1", '"' + "a" * 24 + '"'])
def test_an_id_that_a_client_made_up_is_never_adopted(planted: str, method: str) -> None:
    async def main() -> None:
        async with opened() as house:
            session, response = await serve(house.sessions, f"hospes_session={planted}", count, method)
            assert session.was_new
            id = cookie_of(response).partition("=")[2]
            assert id not in {planted, "a" * 24}
            assert [key for key, _ in await house.records()] == [key_of(id)]

    asyncio.run(main())


def test_an_ended_sessions_id_is_not_adopted_either() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            _, response = await serve(house.sessions, cookie, lambda session: session.invalidate())
            assert set_cookie(response).startswith("hospes_session=; Max-Age=0")
            assert await house.records() == []
            session, response = await serve(house.sessions, cookie, count)
            assert (session["n"], cookie_of(response) != cookie) == (1, True)

    asyncio.run(main())


@pytest.mark.parametrize(("pause", "lives"), [(1799.9, True), (1800.0, False), (1800.1, False)])
def test_idle_time(pause: float, lives: bool) -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            house.clock.now += pause
            session, _ = await serve(house.sessions, cookie, count)
            assert session["n"] == (2 if lives else 1)

    asyncio.run(main())


def test_reading_keeps_a_session_alive_and_writes_once_a_minute() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            key = key_of(cookie.partition("=")[2])
            ends: list[float | None] = []
            for _ in range(9):
                house.clock.now += 20
                await serve(house.sessions, cookie, lambda session: session["n"], "GET")
                record = await house.store.get("sessions", key)
                assert record is not None
                ends.append(record.expires)
            assert ends == [1e6 + 1800 + moved for moved in (0, 0, 60, 60, 60, 120, 120, 120, 180)]
            for _ in range(10):
                house.clock.now += 1700
                session, _ = await serve(house.sessions, cookie, lambda session: session["n"], "GET")
                assert session["n"] == 1

    asyncio.run(main())


@pytest.mark.parametrize(("age", "lives"), [(0.9, True), (1.0, False)])
def test_a_session_ends_in_any_case(age: float, lives: bool) -> None:
    async def main() -> None:
        async with opened(SessionOptions(idle=DAY, lifetime=3 * DAY)) as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            for _ in range(4):
                house.clock.now += DAY / 2
                await serve(house.sessions, cookie, lambda session: session["n"], "GET")
            house.clock.now += age * DAY
            for method in ("GET", "POST"):
                session, _ = await serve(house.sessions, cookie, lambda session: None, method)
                assert ("n" in session) is lives

    asyncio.run(main())


def test_a_program_chooses_the_idle_time() -> None:
    async def main() -> None:
        async with opened() as house:

            def stay(session: StoredSession) -> None:
                count(session)
                session.max_inactive_interval = 5 * 1800

            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            await serve(house.sessions, cookie, stay, "GET")
            for _ in range(2):
                house.clock.now += 4 * 1800
                session, _ = await serve(house.sessions, cookie, lambda session: None, "GET")
                assert (session["n"], session.max_inactive_interval) == (2, 5 * 1800)

    asyncio.run(main())


def test_a_clock_that_steps_back_ends_nothing() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            house.clock.now -= 5000
            session, _ = await serve(house.sessions, cookie_of(response), count)
            assert session["n"] == 2

    asyncio.run(main())


def test_over_tls_the_cookie_is_bound_to_the_host() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count, scheme="https")
            assert set_cookie(response).startswith("__Host-hospes_session=")
            session, _ = await serve(house.sessions, cookie_of(response), count, scheme="https")
            assert session["n"] == 2
            plain = cookie_of(response).removeprefix("__Host-")
            session, _ = await serve(house.sessions, plain, count, scheme="https")
            assert session["n"] == 1, "a cookie that plain HTTP may have planted is none"

    asyncio.run(main())


class Hesitant(MemoryStore):
    """Others get a chance before it answers."""

    async def get(self, space: str, key: bytes) -> Record | None:
        await asyncio.sleep(0)
        return await super().get(space, key)


def test_one_session_per_request() -> None:
    async def main() -> None:
        async with opened(engine=Hesitant) as house:
            request = ask()
            first, second = await asyncio.gather(house.sessions.take(request), house.sessions.take(request))
            assert first is second is request.session is await house.sessions.take(request, create=False)
            assert first is not None
            first["n"] = 1
            await finish(request, response := Response())
            again = ask(cookie_of(response))
            third, fourth = await asyncio.gather(house.sessions.take(again), house.sessions.take(again))
            assert third is fourth
            await finish(again, Response())

    asyncio.run(main())


def test_without_create_there_is_none_unless_there_was_one() -> None:
    async def main() -> None:
        async with opened() as house:
            request = ask("hospes_session=" + "a" * 24)
            assert await house.sessions.take(request, create=False) is None
            assert request.session is None
            made = await house.sessions.take(request)
            assert await house.sessions.take(request, create=False) is made
            await finish(request, Response())

    asyncio.run(main())


def test_a_session_at_once() -> None:
    async def main() -> None:
        async with opened() as house:
            request = ask()
            assert house.sessions.take_now(request, create=False) is None
            made = house.sessions.take_now(request)
            assert made is not None
            assert house.sessions.take_now(request) is await house.sessions.take(request) is request.session is made
            made["n"] = 1
            await finish(request, response := Response())
            request = ask(cookie_of(response))
            found = await house.sessions.take(request, create=False)
            assert found is not None
            assert house.sessions.take_now(request, create=False) is found
            found.invalidate()
            assert house.sessions.take_now(request, create=False) is None
            other = house.sessions.take_now(request)
            assert other is not None
            other["n"] = 5
            await finish(request, response := Response())
            session, _ = await serve(house.sessions, cookie_of(response), count)
            assert (session["n"], len(await house.records())) == (6, 1)

    asyncio.run(main())


def test_after_the_end_another_begins() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            cookie = cookie_of(response)
            request = ask(cookie)
            old = await house.sessions.take(request)
            assert old is not None
            old.invalidate()
            assert await house.sessions.take(request, create=False) is None
            new = await house.sessions.take(request)
            assert new is not None
            assert new is not old
            new["n"] = 10
            await finish(request, response := Response())
            assert cookie_of(response) != cookie, "one cookie: the new session's"
            session, _ = await serve(house.sessions, cookie_of(response), count)
            assert session["n"] == 11
            assert len(await house.records()) == 1

    asyncio.run(main())


def test_a_session_taken_after_its_request_was_answered_below_is_loaded_anew() -> None:
    async def main() -> None:
        async with opened() as house:
            _, response = await serve(house.sessions, change=count)
            request = ask(cookie_of(response))
            below = request.below("")
            below.services = request.services
            inner = await house.sessions.take(below)
            assert inner is not None
            inner["n"] = 5
            await finish(below, Response())
            outer = await house.sessions.take(request)
            assert outer is not None
            assert outer is not inner
            assert outer["n"] == 5
            await finish(request, Response())

    asyncio.run(main())


def test_a_damaged_record_is_an_error_and_gives_the_turn_back() -> None:
    async def main() -> None:
        async with opened() as house:
            await house.store.put("sessions", key_of("a" * 24), b"\x01")
            for method in ("GET", "POST"):
                with pytest.raises(HttpError, match="500 a session's record is damaged"):
                    await serve(house.sessions, "hospes_session=" + "a" * 24, method=method)

    asyncio.run(main())


# Own factories.


class Mine(Session):
    def __init__(self, id: str) -> None:
        super().__init__()
        self._id = id
        self._valid = True
        self.data: dict[str, Any] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def is_valid(self) -> bool:
        return self._valid

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return tuple(self.data)

    def get_attribute(self, name: str) -> Any:
        return self.data.get(name)

    def set_attribute(self, name: str, value: Any) -> None:
        self.data[name] = value

    def invalidate(self) -> None:
        self._valid = False


class Plain(SessionFactory):
    """In a dict, with plain methods."""

    def __init__(self) -> None:
        self.kept: dict[str, Mine] = {}
        self.asked: list[tuple[str, bool]] = []
        self.threads: set[str] = set()

    def get_session(self, session_id: str, create: bool = False) -> Mine | None:
        self.asked.append((session_id, create))
        self.threads.add(threading.current_thread().name)
        if create:
            self.kept[session_id] = Mine(session_id)
        return self.kept.get(session_id)


class Awaited(SessionFactory):
    """The same, asynchronously; and it saves."""

    def __init__(self) -> None:
        self.plain = Plain()
        self.saved: list[str] = []

    async def get_session(self, session_id: str, create: bool = False) -> Mine | None:
        await asyncio.sleep(0)
        return self.plain.get_session(session_id, create)

    async def save(self, session: Session) -> None:
        await asyncio.sleep(0)
        self.saved.append(session.id)


class Either(Plain):
    """A plain method that gives an awaitable."""

    def get_session(self, session_id: str, create: bool = False) -> Any:
        async def get() -> Any:
            return Plain.get_session(self, session_id, create)

        return get()


@pytest.mark.parametrize("factory", [Plain(), Awaited(), Either()], ids=["plain", "async", "either"])
def test_own_sessions(factory: Plain | Awaited) -> None:
    async def main() -> None:
        sessions = OwnSessions(factory, SessionOptions(cookie="sid"))
        request = ask()
        session = await sessions.take(request)
        assert session is not None
        assert await sessions.take(request) is session is request.session
        session["n"] = 1
        await finish(request, response := Response())
        cookie = cookie_of(response)
        assert cookie == f"sid={session.id}"
        again = ask(cookie)
        assert await sessions.take(again) is session
        await finish(again, response := Response())
        assert set_cookie(response) == "", "the cookie says it already"
        assert isinstance(session, Mine)
        session.invalidate()
        request = ask(cookie)
        assert await sessions.take(request, create=False) is None
        await finish(request, Response())

    asyncio.run(main())


def test_an_own_session_at_once() -> None:
    async def main() -> None:
        factory = Plain()
        request = ask()
        session = OwnSessions(factory).take_now(request)
        assert session is not None
        assert session is factory.kept[session.id]
        await finish(request, response := Response())
        assert cookie_of(response) == f"hospes_session={session.id}"
        for awaited in (Awaited(), Either()):
            with pytest.raises(TypeError, match="is async, and a session is wanted at once"):
                OwnSessions(awaited).take_now(ask())

    asyncio.run(main())


def test_own_factories_are_not_asked_to_adopt_an_id() -> None:
    async def main() -> None:
        factory = Plain()
        sessions = OwnSessions(factory)
        request = ask("hospes_session=planted")
        session = await sessions.take(request)
        assert session is not None
        (looked_up, made) = factory.asked
        assert looked_up == ("planted", False)
        assert made == (session.id, True)
        assert len(session.id) == 24
        await finish(request, response := Response())
        assert cookie_of(response) == f"hospes_session={session.id}"
        assert not any("MainThread" in name for name in factory.threads), "a plain factory may wait"

    asyncio.run(main())


def test_own_sessions_are_saved_before_the_answer_and_not_without_one() -> None:
    async def main() -> None:
        factory = Awaited()
        sessions = OwnSessions(factory)
        for response in (Response(), None):
            request = ask()
            await sessions.take(request)
            (finisher,) = request.finishers or []
            await finisher(response)
            await finisher(response)
        assert len(factory.saved) == 1

    asyncio.run(main())


def test_an_own_session_that_ended_takes_its_cookie_along() -> None:
    async def main() -> None:
        factory = Plain()
        sessions = OwnSessions(factory)
        factory.kept["known"] = Mine("known")
        request = ask("hospes_session=known")
        session = await sessions.take(request)
        assert session is not None
        session.invalidate()
        await finish(request, response := Response())
        assert set_cookie(response).startswith("hospes_session=; Max-Age=0")
        assert sessions.step_aside(request) is None
        await sessions.close()

    asyncio.run(main())
