"""A session that is written without being awaited: the same is kept as by who awaits it, or nothing has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.sessions.support import Clock, House, ask, begun, count, finish, met, opened, serve

from hospes.http import Request, Response
from hospes.sessions import SessionOptions, StoredSession
from hospes.sessions.stay import Stay
from hospes.store import Store, StoreError
from hospes.store.memory import MemoryStore
from hospes.store.sqlite import SqliteStore

Heard = asyncio.Queue[BaseException | None]


def run(path: Path, work: Callable[[House], Awaitable[None]], options: SessionOptions | None = None) -> None:
    def engine(clock: Clock) -> Store:
        return SqliteStore(str(path / "a.db"), clock)

    async def main() -> None:
        async with opened(options, engine=engine) as house:
            await work(house)

    asyncio.run(main())


async def asked(house: House, cookie: str, method: str = "GET") -> tuple[Request, StoredSession, Stay]:
    """A request that has its session, and the session's finisher."""
    request = ask(cookie, method)
    session = await house.sessions.take(request)
    assert isinstance(session, StoredSession)
    assert request.finishers is not None
    (stay,) = request.finishers
    assert isinstance(stay, Stay)
    return request, session, stay


async def kept(house: House, cookie: str) -> dict[str, object]:
    session, _ = await serve(house.sessions, cookie, method="GET")
    return dict(session)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_changed_is_durable_when_it_is_heard(tmp_path: Path, method: str) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        await kept(house, cookie)  # the store's first read is not believed yet
        for expected in (2, 3):
            _, session, stay = await asked(house, cookie, method)
            count(session)
            assert not stay.finish_quietly()
            assert stay.finish_later(heard.put_nowait)
            assert heard.empty()
            with pytest.raises(RuntimeError, match="this request has been answered"):
                session["late"] = 1
            assert await heard.get() is None
            assert house.turns.out == 0
            assert await kept(house, cookie) == {"n": expected}

    run(tmp_path, work)


def test_what_somebody_else_wrote_in_between_is_carried_over_by_who_is_awaited(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        request, session, stay = await asked(house, cookie)
        count(session)
        await serve(house.sessions, cookie, count)
        assert not stay.finish_later(heard.put_nowait)
        assert house.turns.out == 0
        await finish(request, Response())
        assert await kept(house, cookie) == {"n": 3}

    run(tmp_path, work)


def test_a_turn_that_is_out_is_waited_for_by_who_is_awaited(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        request, session, stay = await asked(house, cookie)
        count(session)
        other, end = await begun(house, cookie, "POST")
        count(other)
        assert not stay.finish_later(heard.put_nowait)
        finishing = asyncio.create_task(finish(request, Response()))
        await end()
        await finishing
        assert await kept(house, cookie) == {"n": 3}

    run(tmp_path, work)


def test_a_turn_that_was_lost_loses_nothing(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        _, session, stay = await asked(house, cookie, "POST")
        count(session)
        ((key, value),) = await house.records()
        record = await house.store.get("sessions", key)
        assert record is not None
        theirs = value.replace(b"\x01", b"\x05")  # somebody without a turn counts as well
        assert theirs != value
        theirs = value[:-1] + b"\x05"
        await house.store.compare_and_set("sessions", key, theirs, record.version, expires=record.expires)
        assert stay.finish_later(heard.put_nowait)
        assert await heard.get() is None
        assert await kept(house, cookie) == {"n": 6}

    run(tmp_path, work)


def test_who_closes_waits_for_what_was_lost_and_is_written_again(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        _, session, stay = await asked(house, cookie, "POST")
        count(session)
        ((key, value),) = await house.records()
        await house.store.put("sessions", key, value[:-1] + b"\x05", expires=house.clock.now + 100)
        assert stay.finish_later(heard.put_nowait)
        await house.sessions.close()
        assert heard.get_nowait() is None
        assert await kept(house, cookie) == {"n": 6}

    run(tmp_path, work)


def test_a_session_that_has_ended_meanwhile_stays_so(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        _, session, stay = await asked(house, cookie, "POST")
        count(session)
        ((key, _),) = await house.records()
        await house.store.delete("sessions", key)
        assert stay.finish_later(heard.put_nowait)
        failure = await heard.get()
        assert isinstance(failure, StoreError)
        assert failure.code == 409
        assert await house.records() == []

    run(tmp_path, work)


def test_what_cannot_be_kept_is_said_by_who_is_awaited(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        for method in ("GET", "POST"):
            request, session, stay = await asked(house, cookie, method)
            session["n"] = ["x" * 200]
            assert not stay.finish_later(heard.put_nowait)
            with pytest.raises(StoreError, match="at most 100 are kept"):
                await finish(request, Response())
            assert house.turns.out == 0
        assert await kept(house, cookie) == {"n": 1}

    run(tmp_path, work, SessionOptions(size=100))


@pytest.mark.parametrize("change", ["nothing", "rotate", "invalidate", "new"])
def test_what_is_no_plain_change_is_left_to_who_is_awaited(tmp_path: Path, change: str) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        request, session, stay = await asked(house, cookie if change != "new" else "", "POST")
        if change == "new":
            count(session)
        elif change != "nothing":
            getattr(session, change)()
        assert not stay.finish_later(heard.put_nowait)
        response = Response()
        await finish(request, response)
        assert ("Set-Cookie" in dict(response.lines())) is (change != "nothing")

    run(tmp_path, work)


def test_a_store_that_cannot_begin_is_awaited() -> None:
    async def main() -> None:
        async with opened(engine=MemoryStore) as house:
            cookie, heard = await met(house), Heard()
            request, session, stay = await asked(house, cookie)
            count(session)
            assert not stay.finish_later(heard.put_nowait)
            await finish(request, Response())
            assert await kept(house, cookie) == {"n": 2}

    asyncio.run(main())


def test_a_file_of_locks_that_cannot_be_used_is_said_by_who_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(house: House) -> None:
        cookie, heard = await met(house), Heard()
        request, session, stay = await asked(house, cookie)
        count(session)

        def refuse(*_: object) -> None:
            raise StoreError("the file that keeps visitors' turns cannot be used")

        with monkeypatch.context() as patch:
            patch.setattr(house.turns, "take_now", refuse)
            assert not stay.finish_later(heard.put_nowait)
        await finish(request, Response())
        assert await kept(house, cookie) == {"n": 2}

    run(tmp_path, work)
