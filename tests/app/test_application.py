"""The application: providing, lifespans, starting and stopping in order, mounting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.app.support import PATIENCE, mistake, refusal
from tests.golden import check_golden

from hospes import App, HttpError, Response, SetupError, User
from hospes.app import Application
from hospes.app.application import Placed
from hospes.app.places import Runs
from hospes.app.threads import Threads
from hospes.http.handler import Handler
from hospes.routing import Router


class Database:
    pass


def noting(app: App, log: list[str], name: str) -> None:
    """A lifespan and a provided object that tell when they begin and end."""

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        log.append(f"{name} begins")
        yield
        log.append(f"{name} ends")

    @app.provide
    async def database() -> AsyncIterator[Database]:
        log.append(f"{name} opens")
        yield Database()
        log.append(f"{name} closes")

    @app.get("/database")
    async def use(database: Database) -> str:
        return name


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSPES_STORE", raising=False)
    app = Application()
    assert (app.store_url, app.templates.folder) == ("sqlite:///hospes.db", Path("templates"))
    assert app.threads > 0
    monkeypatch.setenv("HOSPES_STORE", "memory:")
    assert Application().store_url == "memory:"
    assert Application(store="sqlite:///x.db", threads=3).store_url == "sqlite:///x.db"


def test_lifespans_and_objects_in_order() -> None:
    app, log = App(), list[str]()
    noting(app, log, "a")

    @app.lifespan
    async def with_app(given: App) -> AsyncIterator[None]:
        assert given is app
        log.append("second begins")
        try:
            yield
        finally:
            log.append("second ends")

    with app.test() as client:
        assert client.get("/database").text == "a"
    assert log == ["a begins", "second begins", "a opens", "second ends", "a ends", "a closes"]


def test_lifespans_of_other_shapes() -> None:
    app, log = App(), list[str]()

    @asynccontextmanager
    async def managed(given: App) -> AsyncGenerator[None]:
        log.append("managed")
        yield

    async def with_name(name: str) -> AsyncGenerator[None]:
        log.append(name)
        yield

    app.lifespan(managed)
    app.lifespan(partial(with_name, "partial"))

    class Life:
        async def run(self) -> AsyncGenerator[None]:
            log.append("method")
            yield

    app.lifespan(Life().run)
    with app.test():
        assert log == ["managed", "partial", "method"]


def test_stopping_goes_on_whatever_fails() -> None:
    before = threading.enumerate()  # what other tests have left to come to its end
    app, log = App(), list[str]()
    noting(app, log, "a")

    @app.lifespan
    async def broken() -> AsyncIterator[None]:
        yield
        raise KeyError("stopping")

    with pytest.raises(KeyError, match="stopping"), app.test() as client:
        client.get("/database")
    assert log == ["a begins", "a opens", "a ends", "a closes"]
    assert not [each for each in threading.enumerate() if each.name.startswith("hospes-worker") and each not in before]


def test_a_start_that_fails_leaves_nothing() -> None:
    app, log = App(), list[str]()
    noting(app, log, "a")

    @app.lifespan
    async def broken() -> AsyncIterator[None]:
        if log:
            raise KeyError("starting")
        yield

    with pytest.raises(KeyError, match="starting"), app.test():
        pass
    assert log == ["a begins", "a ends"]


def test_everything_is_checked_before_anything_begins() -> None:
    """Also of what is mounted, and of what is checked after it."""
    app, inner, log = App(), App(), list[str]()
    noting(app, log, "outer")
    noting(inner, log, "inner")
    app.mount("/in", inner)
    app.get("/bad/{x:nothing}")(lambda x: "")
    assert "nothing" in refusal(app)
    other = App()
    other.mount("/app", app)
    assert "nothing" in refusal(other)
    assert log == []


def test_mounted_applications_begin_first_and_once() -> None:
    app, middle, inner, log = App(), App(), App(), list[str]()
    for each, name in ((app, "app"), (middle, "middle"), (inner, "inner")):
        noting(each, log, name)
    middle.mount("/in", inner)
    app.mount("/one", middle)
    app.mount("/two", inner)
    app.mount("/three", inner)
    with app.test() as client:
        assert [client.get(f"{path}/database").text for path in ("", "/one", "/one/in", "/two", "/three")] == [
            "app",
            "middle",
            "inner",
            "inner",
            "inner",
        ]
    assert log[:3] == ["inner begins", "middle begins", "app begins"]
    assert log[-6:] == ["app ends", "app closes", "middle ends", "middle closes", "inner ends", "inner closes"]
    assert log.count("inner opens") == 1


def test_an_application_inside_of_itself() -> None:
    app, inner = App(), App()
    app.mount("/in", inner)
    inner.mount("/out", app)
    check_golden("app/mounted_in_itself", refusal(app))


def test_declarations_after_a_start_belong_to_the_next() -> None:
    app = App()
    with app.test() as client:
        app.get("/")(lambda: "x")
        assert client.get("/").status == 404
    with app.test() as client:
        assert client.get("/").text == "x"


def test_the_visitors_of_a_mounted_application_are_its_own(tmp_path: Path) -> None:
    app, inner = App(store=f"sqlite:///{tmp_path}/a.db"), App(store=f"sqlite:///{tmp_path}/b.db")
    for each in (app, inner):

        @each.get("/visit")
        async def visit(user: User) -> str:
            user["n"] = user.get("n", 0) + 1
            return str(user["n"])

    app.mount("/in", inner)
    with app.test() as client:
        assert [client.get(path).text for path in ("/visit", "/in/visit")] == ["1", "1"]


def test_providing() -> None:
    @dataclass
    class Settings:
        name: str = "settings"

    app = App()
    assert app.provide(Settings) is Settings

    @app.provide
    def database(settings: Settings) -> Database:
        made = Database()
        made.name = settings.name  # type: ignore[attr-defined]
        return made

    @app.get("/")
    async def show(database: Database) -> str:
        return database.name  # type: ignore[attr-defined,no-any-return]

    with app.test() as client:
        assert client.get("/").text == "settings"
        with app.providers.override(Settings, Settings("other")):
            assert client.get("/").text == "settings"
    with app.providers.override(Settings, Settings("other")), app.test() as client:
        assert client.get("/").text == "other"


def test_routes_are_told() -> None:
    app = App()
    app.get("/b")(lambda: "")

    class Items:
        @app.get("/a")
        def show(self) -> str:
            return ""

    assert [(route.pattern, route.endpoint.takes_object) for route in app.routes] == [("/b", False), ("/a", True)]


def test_model_bindings() -> None:
    from hospes import ModelBinding

    app = App()

    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    @app.model_binding(Point)
    class PointBinding(ModelBinding):
        def bind(self) -> Point:
            return Point(int(self.request.query["x"][0]))

    @app.get("/")
    def show(point: Point) -> str:
        return str(point.x)

    with app.test() as client:
        assert client.get("/?x=3").text == "3"


def test_threads_that_do_not_end_do_not_hold_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.app.application._THREADS_END", 0.05)
    app = App()
    gate, entered = threading.Event(), threading.Event()

    @app.get("/")
    def stuck() -> str:
        entered.set()
        gate.wait(PATIENCE)
        return ""

    async def main() -> None:
        async with app.started() as handler:
            from tests.app.support import made

            answer: Any = handler(made())
            answer.then(lambda answer, failure: None)
            while not entered.is_set():
                await asyncio.sleep(0.001)

    asyncio.run(main())
    gate.set()


def not_yielding() -> None: ...


class Unfit:
    @staticmethod
    def threads_of_text() -> None:
        App(threads="4")  # type: ignore[arg-type]

    @staticmethod
    def threads_below_none() -> None:
        App(threads=-1)

    @staticmethod
    def lifespan() -> None:
        App().lifespan(not_yielding)

    @staticmethod
    def provide_without_type() -> None:
        App().provide(not_yielding)

    @staticmethod
    def provide_scope() -> None:
        App().provide("forever")(Database)

    @staticmethod
    def provide_twice() -> None:
        app = App()
        app.provide(Database)
        app.provide("request")(Database)


@pytest.mark.parametrize("name", [name for name in vars(Unfit) if not name.startswith("_")])
def test_what_is_refused(name: str) -> None:
    check_golden(f"app/{name}", mistake(getattr(Unfit, name)))


def twice() -> App:
    app = App()
    app.get("/x")(lambda: "a")
    app.route("/x", "GET, POST")(lambda: "b")
    return app


def from_nowhere() -> App:
    app = App()

    @app.get("/x")
    def show(database: Response | Database) -> str:
        return ""

    return app


def unknown_path_value() -> App:
    from hospes import PathValue

    app = App()

    @app.get("/{a}")
    def show(b: str = PathValue("b")) -> str:
        return ""

    return app


def bad_expression() -> App:
    app = App()
    app.get("/x", params="=1")(lambda: "")
    return app


def bad_method() -> App:
    app = App()
    app.route("/x", ["GET POST"])(lambda: "")
    return app


@pytest.mark.parametrize("make", [twice, from_nowhere, unknown_path_value, bad_expression, bad_method])
def test_what_the_start_refuses(make: Any) -> None:
    check_golden(f"app/start_{make.__name__}", refusal(make()))


def test_routes_of_a_broken_pattern() -> None:
    app = App()
    app.get("/{")(lambda: "")
    with pytest.raises(SetupError):
        _ = app.routes


def test_mounts_are_told(tmp_path: Path) -> None:
    app = App()
    app.files("/static", tmp_path)
    app.mount("/in", App())
    assert [each.prefix for each in app.mounts] == ["/static", "/in"]


def test_a_method_whose_class_never_came() -> None:
    app = App()

    class Items:
        show = staticmethod(app.get("/x")(lambda: ""))

    assert "never came to its class" in refusal(app)


def test_another_sites_page_is_refused() -> None:
    """Where a request brings a cookie: at routes, and before what is mounted. See test_guarding."""
    app = App()
    app.post("/")(lambda: "posted")
    app.mount("/in", lambda request: Response("mounted"))
    foreign = {"Origin": "https://elsewhere.example", "Cookie": "a=1"}
    with app.test() as client:
        assert [client.post(path, foreign).status for path in ("/", "/in")] == [403, 403]
        assert [client.post(path, {"Cookie": "a=1"}).status for path in ("/", "/in")] == [200, 200]
    open_app = App(csrf=False)
    open_app.post("/")(lambda: "posted")
    open_app.mount("/in", lambda request: Response("mounted"))
    with open_app.test() as client:
        assert [client.post(path, foreign).status for path in ("/", "/in")] == [200, 200]


def test_a_token_for_everything_is_refused() -> None:
    from hospes.filters import Csrf

    check_golden("app/csrf_token", mistake(lambda: App(csrf=Csrf(token=True))))


class Face(App):
    """What a face of another system does in its own way."""

    def _make_router(self) -> Router[Handler]:
        return Router("last")

    def _show_failure(self, error: HttpError, accept: str | None) -> Response:
        return Response(f"{error.code}!", error.code)

    def _place(self, call: Callable[..., Any], function: Callable[..., Any], inline: bool, threads: Threads) -> Placed:
        def shouted(*arguments: Any) -> str:
            return str(call(*arguments)).upper()

        return shouted, Runs.INLINE


def test_a_face_has_its_own_ways() -> None:
    declared, app = App(), Face()
    declared.get("/twice")(lambda: "first")
    declared.get("/twice")(lambda name="x": f"second {name}")
    declared.error(410)(lambda: "gone")
    app.get("/forgotten")(lambda: "")
    app.adopt(declared)
    declared.get("/later")(lambda: "")
    with app.test() as client:
        assert client.get("/twice?name=ada").text == "SECOND ADA"
        assert [client.get(path).text for path in ("/forgotten", "/later")] == ["404!", "404!"]
