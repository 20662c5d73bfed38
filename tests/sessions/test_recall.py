"""A session that is only read is there without waiting, where everything is known of it."""

from __future__ import annotations

import gc
from contextvars import Context
from pathlib import Path

import pytest
from tests.sessions.support import House, ask, content, count, finish, met, run

from hospes import App, CallNext, Request, Response, Session
from hospes.sessions import StoredSessions
from hospes.sessions.stored import StoredSession


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db"


class Told:
    """How often a session was there at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_once: list[bool] = []
        recall = StoredSessions.recall

        def told(sessions: StoredSessions, request: Request) -> Session | None:
            found = recall(sessions, request)
            self.at_once.append(found is not None)
            return found

        monkeypatch.setattr(StoredSessions, "recall", told)

    def last(self) -> bool:
        return self.at_once[-1]


def make(url: str) -> App:
    app = App(store=url)

    @app.get("/")
    async def look(session: Session, again: Session) -> str:
        assert session is again
        return str(session.get("n", 0))

    @app.post("/")
    async def count(session: Session) -> None:
        session["n"] = session.get("n", 0) + 1

    @app.get("/count")
    async def count_all_the_same(session: Session) -> str:
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    @app.post("/end")
    async def end(session: Session) -> None:
        session.invalidate()

    return app


def test_reading_waits_for_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    with make(url).test() as client:
        client.post("/")
        for _ in range(3):
            assert client.get("/").text == "1"
        assert told.at_once[-2:] == [True, False], "the second parameter of a request has the first one's"
        client.post("/")
        assert not told.last(), "who asks for a change takes his turn"
        assert client.get("/").text == "2"


def test_who_has_been_there_leaves_nothing_to_the_collector() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        await content(house, cookie)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                request = ask(cookie, "GET")
                session = Context().run(house.sessions.recall, request)
                assert session is not None
                assert request.finishers is not None
                assert request.finishers.pop().finish_quietly()  # type: ignore[attr-defined]
                request = ask(cookie, "GET")
                session = Context().run(house.sessions.recall, request)
                await finish(request, Response())
                del session, request
            assert gc.collect() == 0
        finally:
            gc.enable()

    run(main)


def test_who_has_been_there_can_take_the_turn_again() -> None:
    async def main(house: House) -> None:
        cookie = await met(house)
        await content(house, cookie)
        request = ask(cookie, "GET")
        session = house.sessions.recall(request)
        assert isinstance(session, StoredSession)
        before = session.turn()
        await finish(request, Response())
        async with before:
            count(session)
        async with session.turn():
            count(session)
        assert await content(house, cookie) == {"n": 3}

    run(main)


def test_what_a_get_changes_is_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    with make(url).test() as client:
        client.post("/")
        for _ in range(2):
            client.get("/")
        assert client.get("/count").text == "2"
        assert told.last()
        assert client.get("/").text == "2"


def test_a_session_that_has_ended_is_not_recalled(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    with make(url).test() as client:
        client.post("/")
        for _ in range(3):
            client.get("/")
        cookie = f"hospes_session={client.cookies['hospes_session']}"
        client.post("/end")
        for _ in range(3):
            assert client.get("/", headers={"Cookie": cookie}).text == "0"
            assert not told.last()


def test_what_a_filter_has_changed_counts(url: str) -> None:
    app = make(url)

    @app.filter
    async def another(request: Request, call_next: CallNext) -> Response:
        if "X-As" in request.headers:
            request.headers["Cookie"] = request.headers["X-As"]
        return await call_next(request)

    with app.test() as client:
        cookies: list[str] = []
        for times in (1, 2):
            client.cookies.clear()
            for _ in range(times):
                client.post("/")
            cookies.append(f"hospes_session={client.cookies['hospes_session']}")
        client.cookies.clear()
        ada, bob = cookies
        for _ in range(3):
            assert client.get("/", headers={"Cookie": ada}).text == "1"
            assert client.get("/", headers={"Cookie": bob}).text == "2"
            assert client.get("/", headers={"Cookie": ada, "X-As": bob}).text == "2"


def test_the_familiar_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.sessions.sessions._MOST_FAMILIAR", 2)
    told = Told(monkeypatch)
    with make("memory:").test() as client:
        client.post("/")
        cookie = f"hospes_session={client.cookies['hospes_session']}"
        for number in range(3):
            assert client.get("/", headers={"Cookie": f"a={number}; {cookie}"}).text == "1"
        assert client.get("/", headers={"Cookie": f"a=2; {cookie}"}).text == "1"
        assert told.at_once[-2:] == [True, False]
        assert client.get("/", headers={"Cookie": f"a=0; {cookie}"}).text == "1"
        assert told.at_once[-2:] == [False, False]
        for _ in range(3):
            assert client.get("/", headers={"Cookie": f"a={'x' * 512}; {cookie}"}).text == "1"
            assert told.at_once[-2:] == [False, False]
