"""Who signs in or out: the session goes along under another id; visitors in filters; options; the store asked for its health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_visiting import Kept, Nothing
from tests.golden import check_golden

from hospes import App, CallNext, HttpError, Request, Response, Session, SetupError, User, VisitorOptions
from hospes.sessions.record import SPACE, encode, new_id
from hospes.store import open_store
from hospes.testing import TestClient

Made = Callable[[App], None]


def sid(client: TestClient) -> str:
    return client.cookies.get("hospes_session", "")


def awaited(app: App) -> None:
    @app.post("/login")
    async def login(user: User, session: Session) -> str:
        await user.login("ada")
        session["in"] = True
        return session.id


def at_the_end(app: App) -> None:
    @app.post("/login")
    def login(user: User, session: Session) -> None:
        user.login("ada")
        session["in"] = True


def session_first(app: App) -> None:
    @app.post("/login")
    async def login(session: Session, user: User) -> None:
        session["in"] = True
        user.login("ada")


def without_the_session(app: App) -> None:
    @app.post("/login")
    def login(user: User) -> None:
        user.login("ada")


def make(login: Made) -> App:
    app = App(store="memory:")
    login(app)

    @app.get("/")
    async def home(session: Session, user: User) -> list[Any]:
        session["n"] = session.get("n", 0) + 1
        return [session["n"], session.get("in", False), user.name]

    @app.get("/session")
    async def alone(session: Session) -> list[str]:
        return sorted(session)

    @app.post("/fail")
    def fail(user: User, session: Session) -> int:
        user.login("ada")
        return 400

    @app.post("/logout")
    def logout(user: User) -> None:
        user.logout()

    return app


@pytest.mark.parametrize("login", [awaited, at_the_end, session_first, without_the_session])
def test_signing_in_and_out_changes_the_sessions_id(login: Made) -> None:
    with make(login).test() as client:
        assert client.get("/").json() == [1, False, ""]
        before = sid(client)
        answer = client.post("/login")
        assert answer.status == 200
        after = sid(client)
        assert before != after, answer.headers.get_all("set-cookie")
        if login is awaited:
            assert answer.text == after, "the handler that awaited it has the new id already"
        is_in = login is not without_the_session
        assert client.get("/").json() == [2, is_in, "ada"], "what was in it is there"
        assert client.get("/session", headers={"Cookie": f"hospes_session={before}"}).json() == [], "the old id is nobody's"
        client.post("/logout")
        assert sid(client) != after
        assert client.get("/").json() == [3, is_in, ""]


def test_one_that_fails_changes_nothing() -> None:
    with make(at_the_end).test() as client:
        client.get("/")
        before = sid(client)
        assert client.post("/fail").status == 400
        assert sid(client) == before


def test_who_has_no_session_gets_none() -> None:
    with make(without_the_session).test() as client:
        assert client.post("/login").status == 200
        assert sid(client) == ""


def test_a_session_that_was_ended_stays_so() -> None:
    app = make(at_the_end)

    @app.post("/anew")
    async def anew(user: User, session: Session) -> None:
        session.invalidate()
        await user.login("ada")

    with app.test() as client:
        client.get("/")
        assert client.post("/anew").status == 200
        assert sid(client) == ""


class Turning(Kept):
    turned = 0

    def rotate(self) -> None:
        self.turned += 1
        self._id = new_id()


class Own(Nothing):
    def __init__(self, kind: type[Kept]) -> None:
        super().__init__()
        self.kind = kind

    def get_session(self, session_id: str, create: bool = False) -> Kept | None:
        if create:
            self.sessions[session_id] = self.kind(session_id)
        return self.sessions.get(session_id)


@pytest.mark.parametrize("kind", [Kept, Turning])
def test_own_sessions_go_along_if_they_can(kind: type[Kept]) -> None:
    factory = Own(kind)
    app = App(store="memory:", sessions=factory)

    @app.get("/")
    def home(session: Session) -> None: ...

    at_the_end(app)
    with app.test() as client:
        client.get("/")
        before = sid(client)
        assert client.post("/login").status == 200
        assert (sid(client) == before) is (kind is Kept)
        (session,) = factory.sessions.values()
        assert getattr(session, "turned", None) == (1 if kind is Turning else None)


def test_two_who_sign_in_and_want_each_others_session_do_not_wait_in_a_circle() -> None:
    app = make(awaited)

    @app.post("/other")
    async def other(session: Session, user: User) -> None:
        session["m"] = session.get("m", 0) + 1

    async def main() -> None:
        async with app.test() as client:
            await client.get("/")
            await client.post("/login")
            paths = ["/login", "/other"] * 10
            answers = await asyncio.wait_for(asyncio.gather(*(client.post(path) for path in paths)), 8)  # below a turn's 10 s
            # Who comes by an id that another one has left behind has another session, and all get their answer.
            assert {answer.status for answer in answers} <= {200, 409}

    asyncio.run(main())


# Visitors in filters.


def test_a_filter_asks_who_comes() -> None:
    app = App(store="memory:")

    @app.filter("/admin/**")
    async def staff(request: Request, call_next: CallNext) -> Response:
        user: User = await request.get_user()
        if not user.get("staff"):
            raise HttpError(403)
        assert request.user is user
        return await call_next(request)

    @app.get("/admin")
    async def admin(user: User) -> str:
        user["seen"] = user.get("seen", 0) + 1
        return str(user["seen"])

    @app.post("/login")
    async def login(user: User) -> None:
        user["staff"] = True

    with app.test() as client:
        assert client.get("/admin").status == 403
        client.post("/login")
        assert [client.get("/admin").text for _ in range(2)] == ["1", "2"]


def test_a_turn_begins_in_the_filter() -> None:
    app = App(store="memory:")

    @app.filter
    async def counted(request: Request, call_next: CallNext) -> Response:
        user: User = await request.get_user()
        n = user.get("n", 0)
        response = await call_next(request)
        user["n"] = n + 1
        return response

    @app.get("/")
    async def home() -> None:
        await asyncio.sleep(0)

    @app.get("/n")
    async def n(user: User) -> int:
        return 200 + int(user["n"])

    async def main() -> None:
        async with app.test() as client:
            await client.get("/")
            await asyncio.gather(*(client.get("/") for _ in range(20)))
            assert (await client.get("/n")).status == 221

    asyncio.run(main())


def test_a_filter_that_did_not_ask_is_told() -> None:
    app = App(store="memory:")
    told: list[str] = []

    @app.filter
    async def hasty(request: Request, call_next: CallNext) -> Response:
        try:
            request.user.get("staff")
        except RuntimeError as error:
            told.append(str(error))
        return await call_next(request)

    @app.get("/")
    def home(user: User) -> None: ...

    with app.test() as client:
        assert client.get("/").status == 200
    check_golden("app/user_not_asked", told[0])


def test_without_an_application_there_are_no_visitors() -> None:
    app = App()
    seen: list[Request] = []

    @app.get("/")
    def home(request: Request) -> None:
        seen.append(request)

    with app.test() as client:
        client.get("/")
    seen[0].services = {}
    assert seen[0].user is None
    with pytest.raises(RuntimeError, match="only an application has visitors"):
        asyncio.run(seen[0].get_user())


def test_another_sites_page_gets_no_visitor_in_a_filter_either() -> None:
    app = App(store="memory:")

    @app.filter
    async def ask(request: Request, call_next: CallNext) -> Response:
        await request.get_user()
        return await call_next(request)

    @app.post("/")
    def home() -> None: ...

    with app.test() as client:
        assert client.post("/", headers={"Origin": "https://evil.example"}).status == 403


# Options.


def test_visitors_are_remembered_as_options_say() -> None:
    app = App(store="memory:", visitors=VisitorOptions(cookie="guest", max_age=60))

    @app.get("/")
    def home(user: User) -> None: ...

    with app.test() as client:
        assert "Max-Age=60" in client.get("/").headers["Set-Cookie"]
        assert "guest" in client.cookies


def test_options_of_visitors_are_none_of_sessions() -> None:
    with pytest.raises(SetupError) as caught:
        App(visitors={"max_age": 60})  # type: ignore[arg-type]
    check_golden("app/wrong_visitor_options", str(caught.value))


def test_a_program_with_sessions_alone_sweeps_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    app = App(store=url, visitors=VisitorOptions(sweep=0.01))

    @app.get("/")
    def home(session: Session) -> None: ...

    async def main() -> None:
        store = open_store(url)
        await store.open()
        await store.put(SPACE, b"k" * 32, encode({}, 1.0, 1.0, 100), expires=2.0)
        async with app.test() as client:
            await client.get("/")
            while await store.sweep(1.0, 1) or _count(tmp_path):  # until somebody else has removed it
                await asyncio.sleep(0.01)
        await store.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def _count(folder: Path) -> int:
    import sqlite3

    connection = sqlite3.connect(folder / "a.db")
    try:
        (count,) = connection.execute("SELECT count(*) FROM record WHERE expires <= 2").fetchone()
        return int(count)
    finally:
        connection.close()


# The store's health.


def test_the_store_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/a.db")

    @app.get("/")
    def home(user: User) -> None:
        user["n"] = 1

    @app.get("/ready")
    async def ready() -> str:
        return await app.store_problem() or "ready"

    with app.test() as client:
        assert client.get("/ready").text == "ready"
        client.get("/")
        assert client.get("/ready").text == "ready"
        (tmp_path / "a.db").rename(tmp_path / "b.db")
        assert "was removed or replaced" in client.get("/ready").text


def test_a_store_that_nobody_wants_has_no_problem(tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/missing/a.db")
    assert asyncio.run(app.store_problem()) == ""
