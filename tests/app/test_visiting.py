"""Visitors, sessions and keys in an application: who asks gets them, and one store keeps them."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hospes.app import visiting
from hospes.binding import ProviderRegistry
from hospes.errors import SetupError
from hospes.filters import Csrf
from hospes.http.request import Request, SessionSource
from hospes.http.response import Response
from hospes.running import App
from hospes.sessions import Flash, Session, SessionFactory, SessionOptions
from hospes.signing import InvalidSignature, Keyring, Signer
from hospes.testing import AsyncTestClient
from hospes.users import User

FOREIGN = {"Origin": "https://evil.example"}


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/hospes.db"


def count(session: Session) -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


# The store.


def test_who_asks_for_nothing_of_it_opens_no_store(tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/missing/hospes.db")

    @app.get("/")
    def home() -> str:
        return "home"

    with app.test() as client:
        assert client.get("/").text == "home"


@pytest.mark.parametrize("wanted", [User, Session, Keyring])
def test_who_asks_for_something_of_it_learns_at_start_that_it_cannot_be_used(wanted: Any, tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/missing/hospes.db")

    def home(it: Any) -> None: ...

    home.__annotations__["it"] = wanted
    app.get("/")(home)
    with pytest.raises(SetupError, match="missing"), app.test():
        pass


def test_a_default_object_asks_as_well(tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/missing/hospes.db")

    @app.get("/")
    def home(session=Session()) -> None: ...  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)

    with pytest.raises(SetupError, match="missing"), app.test():
        pass


def test_own_sessions_and_own_keys_need_no_store(tmp_path: Path) -> None:
    app = App(store=f"sqlite:///{tmp_path}/missing/hospes.db", sessions=Nothing(), keys="sixteen octets..")

    @app.get("/")
    def home(keyring: Keyring) -> str:
        return keyring.signer("tea").sign("x")

    @app.get("/session")
    def session(session: Session) -> None: ...

    with app.test() as client:
        assert Signer("sixteen octets..", "tea").read(client.get("/").text) == "x"


def test_one_store_keeps_it_all(tmp_path: Path) -> None:
    def make() -> App:
        app = App(store=url_in(tmp_path))

        @app.post("/")
        def home(user: User, session: Session, keyring: Keyring, token: str = "") -> list[Any]:
            user["n"] = user.get("n", 0) + 1
            signer = keyring.signer("tea")
            return [user["n"], count(session), signer.read(token) if token else signer.sign("x")]

        return app

    with make().test() as client:
        first = client.post("/")
        n, m, token = first.json()
        assert (n, m) == (1, "1")
        assert client.post(f"/?token={token}").json() == [2, "2", "x"]
    cookies = "; ".join(line.partition(";")[0] for line in first.headers.get_all("set-cookie"))
    with make().test() as client:
        assert client.post(f"/?token={token}", headers={"Cookie": cookies}).json() == [3, "3", "x"]
    assert [each.name for each in tmp_path.glob("*.db")] == ["hospes.db"]


# Sessions.


def test_sessions_bind_by_annotation_by_default_and_by_request() -> None:
    app = App(store="memory:")

    @app.get("/annotated")
    def annotated(session: Session) -> str:
        return count(session)

    @app.get("/default")
    async def default(session=Session()) -> str:  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return count(session)

    @app.get("/optional")
    async def optional(session: Session | None = None) -> str:
        assert session is not None
        return count(session)

    @app.get("/request")
    async def asked(request: Request) -> str:
        session = await request.get_session()
        assert session is request.session is await request.get_session(create=False)
        return count(session)

    with app.test() as client:
        paths = ("/annotated", "/default", "/optional", "/request")
        assert [client.get(path).text for path in paths] == ["1", "2", "3", "4"]


def test_a_session_at_once() -> None:
    app = App(store="memory:")

    @app.route("/early")
    async def early(request: Request) -> str:
        with pytest.raises(RuntimeError, match="store is not open yet"):
            request.services[SessionSource].take_now(request)
        return "early"

    @app.route("/now")
    async def now(request: Request) -> str:
        assert await request.get_session(create=False) is request.session
        return count(request.services[SessionSource].take_now(request))

    with app.test() as client:
        assert client.get("/early").text == "early"
        assert [client.get("/now").text for _ in range(2)] == ["1", "2"]
        assert client.post("/now", headers={"Origin": "https://elsewhere.example"}).status == 403


def test_a_filter_and_a_handler_have_the_same_session() -> None:
    app = App(store="memory:")
    seen: list[Session] = []

    @app.filter
    async def greet(request: Request, call_next: Any) -> Response:
        seen.append(await app.providers.get(Session, request))
        response: Response = await call_next(request)
        seen[-1]["after"] = True
        return response

    @app.get("/")
    def home(session: Session) -> dict[str, Any]:
        seen.append(session)
        return dict(session)

    with app.test() as client:
        assert client.get("/").json() == {}
        assert client.get("/").json() == {"after": True}
    assert seen[0] is seen[1]


def test_session_options() -> None:
    app = App(store="memory:", sessions=SessionOptions(cookie="sid", size=20))

    @app.post("/")
    def home(session: Session, text: str) -> None:
        session["text"] = text

    with app.test() as client:
        answer = client.post("/", form={"text": "short"})
        assert answer.headers["Set-Cookie"].startswith("sid=")
        assert client.post("/", form={"text": "x" * 30}).status == 507


class Kept(Session):
    def __init__(self, id: str) -> None:
        super().__init__()
        self._id = id
        self.data: dict[str, Any] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return tuple(self.data)

    def get_attribute(self, name: str) -> Any:
        return self.data.get(name)

    def set_attribute(self, name: str, value: Any) -> None:
        self.data[name] = value


class Nothing(SessionFactory):
    def __init__(self) -> None:
        self.sessions: dict[str, Kept] = {}

    def get_session(self, session_id: str, create: bool = False) -> Kept | None:
        if create:
            self.sessions[session_id] = Kept(session_id)
        return self.sessions.get(session_id)


class Later(Nothing):
    async def get_session(self, session_id: str, create: bool = False) -> Kept | None:  # type: ignore[override]  # or awaited
        await asyncio.sleep(0)
        return Nothing.get_session(self, session_id, create)


@pytest.mark.parametrize("factory", [Nothing(), Later()], ids=["plain", "async"])
def test_own_sessions(factory: Nothing) -> None:
    app = App(sessions=factory)

    @app.get("/")
    async def home(session: Session) -> str:
        session.flash("hello")
        return count(session)

    @app.get("/own")
    async def own(session: Kept) -> list[Flash]:
        return session.flashes()

    with app.test() as client:
        client.get("/", headers={"Cookie": "hospes_session=planted"})
        assert [client.get("/").text for _ in range(3)] == ["2", "3", "4"]
        assert len(factory.sessions) == 1
        assert client.get("/own").json() == ["hello"] * 4
        assert client.get("/own").json() == []


@pytest.mark.parametrize("wrong", [Nothing, "sid", 0])
def test_sessions_come_from_a_factory(wrong: Any) -> None:
    with pytest.raises(SetupError, match="neither SessionOptions nor a SessionFactory"):
        App(sessions=wrong)


# Turns of both.


def test_both_turns_in_any_order() -> None:
    app = App(store="memory:")

    @app.post("/one")
    async def one(user: User, session: Session) -> None:
        await asyncio.sleep(0)
        user["n"] = user.get("n", 0) + 1
        count(session)

    @app.post("/other")
    async def other(session: Session, user: User) -> None:
        await asyncio.sleep(0)
        user["n"] = user.get("n", 0) + 1
        count(session)

    @app.post("/last")
    async def last(session: Session) -> None:
        count(session)

    @app.get("/")
    async def home(user: User, session: Session) -> list[int]:
        return [user.get("n", 0), session.get("n", 0)]

    async def main() -> None:
        async with app.test() as client:
            await client.post("/one")
            paths = ["/one", "/other", "/last"] * 20
            answers = await asyncio.wait_for(asyncio.gather(*(client.post(path) for path in paths)), 8)  # below a turn's 10 s
            assert {answer.status for answer in answers} == {200}
            assert (await client.get("/")).json() == [41, 61]

    asyncio.run(main())


# Keys.


def test_a_token_lives_as_long_as_the_store(tmp_path: Path) -> None:
    def make() -> App:
        app = App(store=url_in(tmp_path))

        @app.get("/")
        async def home(keyring: Keyring, token: str = "") -> Any:
            signer = keyring.signer("tea")
            return {"value": signer.read(token, max_age=60)} if token else {"token": signer.sign({"to": "ada"})}

        return app

    with make().test() as client:
        token = client.get("/").json()["token"]
    with make().test() as client:
        assert client.get(f"/?token={token}").json() == {"value": {"to": "ada"}}
        answer = client.get(f"/?token={token}x")
        assert (answer.status, "not made here" in answer.text) == (400, True)


def test_keys_are_changed_one_after_the_other() -> None:
    old, new = "the old key, as it was", "the new key, as it is"

    def sign(*keys: str) -> str:
        app = App(store="memory:", keys=keys)

        @app.get("/")
        def home(keyring: Keyring) -> str:
            return keyring.signer("tea").sign("x")

        with app.test() as client:
            return client.get("/").text

    assert Signer([new, old], "tea").read(sign(old)) == "x"
    with pytest.raises(InvalidSignature):
        Signer(old, "tea").read(sign(new, old))


# Other sites.


def guarded(**options: Any) -> App:
    app = App(store="memory:", **options)

    @app.route("/user")
    async def user(user: User) -> None: ...

    @app.route("/session")
    async def session(session: Session) -> None: ...

    @app.route("/asked")
    async def asked(request: Request) -> None:
        await request.get_session(create=False)

    @app.route("/provided")
    async def provided(basket: Basket) -> None: ...

    @app.route("/hooks/git")
    async def hook(user: User) -> None: ...

    @app.route("/api")
    async def api() -> None: ...

    app.provide("request")(basket_of)
    return app


class Basket:
    pass


def basket_of(user: User) -> Basket:
    return Basket()


KNOWING = ("/user", "/session", "/asked", "/provided", "/hooks/git")


async def statuses(client: AsyncTestClient, method: str, headers: dict[str, str]) -> list[int]:
    return [(await client.request(method, path, headers=headers)).status for path in KNOWING]


def test_what_another_sites_page_sends_gets_no_visitor_and_no_session() -> None:
    async def main() -> None:
        async with guarded().test() as client:
            assert await statuses(client, "POST", FOREIGN) == [403] * 5, "without cookies, too: nobody is given one"
            assert await statuses(client, "GET", FOREIGN) == [200] * 5
            assert await statuses(client, "POST", {}) == [200] * 5
            assert await statuses(client, "POST", {"Sec-Fetch-Site": "same-origin"}) == [200] * 5
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                assert await statuses(client, method, {"Sec-Fetch-Site": "cross-site"}) == [403] * 5
            refused = await client.post("/user", headers=FOREIGN)
            assert "set-cookie" not in refused.headers

    asyncio.run(main())


def test_who_is_known_is_asked_where_a_change_comes_from_as_well() -> None:
    app = App(store="memory:")

    @app.post("/count")
    async def count_on(user: User) -> list[int]:
        user["n"] = user.get("n", 0) + 1
        return [user["n"]]

    @app.post("/both")
    async def both(session: Session, user: User) -> list[object]:
        session["n"] = session.get_attribute("n") or 0
        session["n"] += 1
        user["n"] += 1
        return [session["n"], user["n"]]

    with app.test() as client:
        for n in range(1, 5):
            assert client.post("/count").json() == [n]
            assert client.post("/count", headers=FOREIGN).status == 403
        for n in range(1, 4):
            assert client.post("/both").json() == [n, 4 + n]
        assert client.post("/count").json() == [8]


def test_what_may_be_sent_from_elsewhere_is_a_matter_of_options() -> None:
    async def main() -> None:
        async with guarded(csrf=False).test() as client:
            assert await statuses(client, "POST", FOREIGN) == [200] * 5
        async with guarded(csrf=Csrf(exempt="/hooks/**")).test() as client:
            assert await statuses(client, "POST", FOREIGN) == [403, 403, 403, 403, 200]
        async with guarded(csrf=Csrf(origins=["https://evil.example"])).test() as client:
            assert await statuses(client, "POST", FOREIGN) == [200] * 5

    asyncio.run(main())


def test_it_is_the_registry_of_the_app() -> None:
    assert isinstance(visiting.Visiting(visiting.Guests(store_url="memory:")), ProviderRegistry)


class State(StrEnum):
    NEW = "new"


STRANGERS: dict[str, tuple[object, object]] = {
    "a member of an enum": ("new", State.NEW),
    "a UUID": (str(UUID(int=7)), UUID(int=7)),
    "a set": (["a"], {"a"}),
}


@pytest.mark.parametrize("kind", [User, Session])
@pytest.mark.parametrize("name", STRANGERS)
def test_what_cannot_be_kept_is_refused_in_the_place_of_what_is_there(
    name: str, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Although both are the same to JSON: what a program puts in is what it reads back, or an error."""
    before, after = STRANGERS[name]
    app = App(store="memory:")

    @app.post("/order")
    async def order(state: kind) -> None:
        state["order"] = {"state": before}

    @app.post("/change")
    async def change(state: kind) -> None:
        state["order"]["state"] = after

    @app.post("/read")
    async def read(state: kind) -> Any:
        return state["order"]

    with app.test() as client:
        assert client.post("/order").status < 300
        assert client.post("/change").status == 500
        assert "['order']['state']: a" in caplog.text
        assert client.post("/read").json() == {"state": before}
