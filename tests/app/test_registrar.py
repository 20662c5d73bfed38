"""The decorators: on functions, methods and classes; what they refuse."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from tests.app.support import mistake, refusal
from tests.golden import check_golden

from hospes import App, CallNext, HttpError, Request, Response, SetupError, get, using


def routes(app: App) -> list[tuple[str, str]]:
    return sorted((route.pattern or route.regexp, ",".join(sorted(route.methods))) for route in app.routes)


def plain() -> str:
    return "plain"


async def idle(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def test_a_decorator_hands_back_what_it_decorates() -> None:
    app = App()
    assert app.route("/a")(plain) is plain
    assert app.get("/b")(plain) is plain
    assert app.filter(idle) is idle
    assert app.error(404)(plain) is plain
    assert app.error(plain) is plain

    class Items:
        @get("")
        def items(self) -> str:
            return "items"

    assert app.controller(Items) is Items
    assert app.controller("/x")(Items) is Items
    assert app.route("/y")(Items) is Items


def test_stacked_routes() -> None:
    app = App()

    @app.get("/a")
    @app.post("/a")
    @app.route("/b", "PUT, PATCH")
    @app.request_map(regexp="^c$")
    def handler() -> str:
        return "here"

    assert routes(app) == [("/a", "GET"), ("/a", "POST"), ("/b", "PATCH,PUT"), ("^c$", "")]
    with app.test() as client:
        assert [client.get("/a").text, client.post("/a").text, client.request("PATCH", "/b").text] == ["here"] * 3
        assert client.get("/c").text == "here"


def test_every_method_has_its_decorator() -> None:
    app = App()
    for name in ("get", "post", "put", "patch", "delete"):
        getattr(app, name)("/x", status=202)(lambda: "done")
    with app.test() as client:
        for name in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert client.request(name, "/x").status == 202


def test_options_reach_the_route() -> None:
    app = App()
    app.route("/x", "GET", params=["a=1", "b"], match_all_params_expressions=False, headers="X-Beta")(lambda: "x")
    app.get("/x", params=("c",), headers=["X-New", "!X-Old"])(lambda: "new")
    with app.test() as client:
        assert client.get("/x?b=2", {"X-Beta": "1"}).text == "x"
        assert client.get("/x?c=2", {"X-New": "1"}).text == "new"
        assert client.get("/x?c=2", {"X-New": "1", "X-Old": "1"}).status == 404


def test_methods_of_a_plain_class() -> None:
    app = App()
    made: list[object] = []

    class Items:
        def __init__(self) -> None:
            made.append(self)

        @app.get("/items")
        @app.get("/things")
        def show(self) -> str:
            return str(self is made[-1])

        @app.get("/static")
        @staticmethod
        def static(n: int = 0) -> str:
            return f"static {n}"

        @app.get("/class")
        @classmethod
        def of_class(cls, n: int = 0) -> str:
            return f"{cls.__name__} {n}"

    with app.test() as client:
        assert [client.get(path).text for path in ("/items", "/things", "/items")] == ["True"] * 3
        assert len(made) == 3
        assert client.get("/static?n=1").text == "static 1"
        assert client.get("/class?n=2").text == "Items 2"
        assert len(made) == 3
    assert Items().show() == "True"
    assert Items.static(4) == "static 4"


def test_a_bare_decorator_on_a_method() -> None:
    app = App()

    @app.route("/items")
    class Items:
        @app.route
        def show(self) -> str:
            return "shown"

        @app.post
        async def make(self) -> str:
            return "made"

    with app.test() as client:
        assert client.get("/items").text == "shown"
        assert client.post("/items").text == "made"


def test_a_prefix_with_methods_and_conditions() -> None:
    app = App()

    @app.route("/a", "GET", params="v=1")
    @app.route("/b", "POST")
    class Items:
        @app.route("/x", headers="X-Here")
        def show(self) -> str:
            return "shown"

        @app.put("/x")
        def put(self) -> str:
            return "put"

        @app.route(regexp="^reg(.)$", method="GET")
        def reg(self) -> str:
            return "reg"

    assert routes(app) == [
        ("/a/x", "GET"),
        ("/a/x", "PUT"),
        ("/b/x", "POST"),
        ("/b/x", "PUT"),
        ("^reg(.)$", "GET"),
        ("^reg(.)$", "GET"),
    ]
    with app.test() as client:
        assert client.get("/a/x?v=1", {"X-Here": "1"}).text == "shown"
        assert client.get("/a/x", {"X-Here": "1"}).status == 404
        assert client.post("/b/x", {"X-Here": "1"}).text == "shown"


def test_a_controller_with_and_without_parentheses() -> None:
    app = App()

    class Counter:
        def __init__(self) -> None:
            self.count = 0

        @app.get("/count")
        def up(self) -> str:
            self.count += 1
            return str(self.count)

    app.controller(Counter)
    with app.test() as client:
        assert [client.get("/count").text for _ in range(2)] == ["1", "2"]
    with app.test() as client:
        assert client.get("/count").text == "1"
    app.controller("/each", singleton=False)(Counter)
    with app.test() as client:
        assert [client.get("/each/count").text for _ in range(2)] == ["1", "1"]


def test_a_controllers_arguments_and_filters() -> None:
    app = App()

    async def stamp(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["X-Stamp"] = "1"
        return response

    @app.controller("/greet", args=["hello"], kwargs={"mark": "!"}, filters=[stamp])
    class Greeter:
        def __init__(self, word: str, mark: str, times: int = 2) -> None:
            self.text = (word + mark) * times

        @app.get("")
        def greet(self) -> str:
            return self.text

    app.get("/other")(plain)
    with app.test() as client:
        answer = client.get("/greet?times=9")
        assert (answer.text, answer.headers["X-Stamp"]) == ("hello!hello!", "1")
        assert "X-Stamp" not in client.get("/other").headers


def test_a_class_whose_methods_wear_the_modules_decorators() -> None:
    """`@app.controller` takes them over, whichever app the module's decorators belong to."""
    app, default = App(), App()
    with using(default):

        class Items:
            @get("/x")
            def show(self) -> str:
                return "shown"

        assert routes(default) == [("/x", "GET")]

    app.controller("/items")(Items)
    assert routes(app) == [("/items/x", "GET")]
    assert routes(default) == []


def test_inheritance() -> None:
    app = App()

    class Readable:
        rows: tuple[str, ...] = ()

        @app.get("")
        def show(self) -> list[str]:
            return list(self.rows)

        @app.get("/first")
        def first(self) -> str:
            return self.rows[0]

    @app.controller("/books")
    class Books(Readable):
        rows = ("hamlet",)

    @app.controller("/old")
    class OldBooks(Books):
        def first(self) -> str:
            return "gilgamesh"

    assert routes(app) == [("/books", "GET"), ("/books/first", "GET"), ("/old", "GET"), ("/old/first", "GET")]
    with app.test() as client:
        assert client.get("/books").json() == client.get("/old").json() == ["hamlet"]
        assert client.get("/books/first").text == "hamlet"
        assert client.get("/old/first").text == "gilgamesh"


def test_partials_and_callables_and_wrappers() -> None:
    app = App()

    class Doubles:
        async def __call__(self, n: int) -> str:
            return str(2 * n)

    def add(a: int, b: int) -> str:
        return str(a + b)

    @functools.wraps(add)
    def wrapped(*args: Any, **kwargs: Any) -> str:
        return f"<{add(*args, **kwargs)}>"

    class Shop:
        def open(self) -> str:
            return "open"

    app.get("/double")(Doubles())
    app.get("/add")(functools.partial(add, b=3))
    app.get("/wrapped")(wrapped)
    app.get("/bound")(Shop().open)
    with app.test() as client:
        assert client.get("/double?n=4").text == "8"
        assert client.get("/add?a=4&b=9").text == "7"
        assert client.get("/wrapped?a=4&b=9").text == "<13>"
        assert client.get("/bound").text == "open"


def test_types_of_a_function_are_found_where_the_decorator_stands() -> None:
    @dataclass
    class Local:
        n: int

    app = App()

    @app.post("/function")
    def function(body: Local) -> str:
        return str(body.n)

    class Items:
        @dataclass
        class Inner:
            m: int

        @app.post("/method")
        def method(self, body: Local) -> str:
            return str(body.n)

        @app.post("/inner")
        def inner(self, body: Inner) -> str:
            return str(body.m)

    class Stop(Exception): ...

    @app.error(Stop)
    def stopped(what: Stop) -> str:
        return f"stopped by {type(what).__name__}"

    @app.get("/stop")
    def stop() -> str:
        raise Stop

    with app.test() as client:
        assert client.post("/function", json={"n": 1}).text == "1"
        assert client.post("/method", json={"n": 2}).text == "2"
        assert client.post("/inner", json={"m": 3}).text == "3"
        assert client.get("/stop").text == "stopped by Stop"


def test_error_keys() -> None:
    app = App()

    @app.error
    async def anything(code: int) -> str:
        return f"any {code}"

    @app.error(404, "410")
    async def gone() -> str:
        return "gone"

    @app.error(HTTPStatus.CONFLICT)
    async def conflict() -> str:
        return "conflict"

    @app.get("/{code:int}")
    async def fail(code: int) -> str:
        raise HttpError(code)

    with app.test() as client:
        assert [client.get(f"/{code}").text for code in (404, 410, 409, 418)] == ["gone", "gone", "conflict", "any 418"]


def test_files_and_mounts_are_told(tmp_path: Path) -> None:
    app = App()
    app.files("/static/", tmp_path)
    app.mount("/a b", lambda request: Response("x"))
    assert [(each.prefix, each.source.rpartition("/")[2].partition(":")[0]) for each in app.mounts] == [
        ("/static", "test_registrar.py"),
        ("/a%20b", "test_registrar.py"),
    ]


class Routed:
    @get("/x")
    def answer(self) -> str:
        return "x"


class Unfit:
    """What is refused, by the name of its golden text."""

    @staticmethod
    def route_of_nothing() -> None:
        App().route("/x")(3)  # type: ignore[type-var]

    @staticmethod
    def route_without_path() -> None:
        App().get()(plain)

    @staticmethod
    def route_with_bad_status() -> None:
        App().get("/x", status=99)

    @staticmethod
    def filter_of_nothing() -> None:
        App().filter("/x")("text")  # type: ignore[type-var]

    @staticmethod
    def filter_class() -> None:
        App().filter(Unfit)

    @staticmethod
    def filter_pattern() -> None:
        App().filter("/a/**/b")(plain)

    @staticmethod
    def filter_of_one_parameter() -> None:
        def alone(request: Request) -> str:
            return "alone"

        App().filter(alone)

    @staticmethod
    def controller_filter() -> None:
        App().controller("/x", filters=["no"])(Routed)  # type: ignore[list-item]

    @staticmethod
    def controller_filter_of_one_parameter() -> None:
        App().controller("/x", filters=[lambda request: request])(Routed)

    @staticmethod
    def controller_without_routes() -> None:
        App().controller("/x")(Unfit)

    @staticmethod
    def route_with_text_as_status() -> None:
        App().get("/x", status="201")  # type: ignore[call-overload]

    @staticmethod
    def error_of_nothing() -> None:
        App().error(404)(None)  # type: ignore[type-var]

    @staticmethod
    def error_status() -> None:
        App().error(200)(plain)

    @staticmethod
    def error_type() -> None:
        App().error(KeyboardInterrupt)(plain)

    @staticmethod
    def error_twice() -> None:
        app = App()
        app.error(404)(plain)
        app.error("404", 500)(lambda: "")

    @staticmethod
    def error_parameter() -> None:
        App().error(404)(lambda code, message, explain, database: "")

    @staticmethod
    def mount_without_slash() -> None:
        App().mount("api", App())

    @staticmethod
    def mount_class() -> None:
        App().mount("/api", App)

    @staticmethod
    def mount_of_nothing() -> None:
        App().mount("/api", "handler")

    @staticmethod
    def mount_twice() -> None:
        app = App()
        app.mount("/api", App())
        app.mount("/api/", App())


def test_the_line_is_that_of_the_decorator() -> None:
    app = App()
    before = sys._getframe().f_lineno
    app.get("/x")(plain)
    app.get("/x")(plain)
    with pytest.raises(SetupError) as caught, app.test():
        pass
    assert [place.rpartition(":")[2] for place in caught.value.where] == [str(before + 2), str(before + 1)]


@pytest.mark.parametrize("name", [name for name in vars(Unfit) if not name.startswith("_")])
def test_what_a_decorator_refuses(name: str) -> None:
    check_golden(f"app/{name}", mistake(getattr(Unfit, name)))


def twice_for_a_method() -> App:
    app = App()
    app.get("/x/{a}")(plain)

    @app.controller("/x")
    class Items:
        @app.route("/{b}", "GET, POST")
        def show(self, b: str) -> str:
            return b

    return app


def hidden_by_another_decorator() -> App:
    app = App()

    class Items:
        @staticmethod
        @app.get("/x")
        def show() -> str:
            return ""

    return app


def hidden_by_its_namesake() -> App:
    app = App()

    class Items:
        @app.get("/x")
        def show(self) -> str:
            return ""

        @app.post("/x")  # type: ignore[no-redef]
        def show(self) -> str:  # noqa: F811
            return ""

    return app


def method_without_self() -> App:
    app = App()

    @app.controller("/x")
    class Items:
        @app.get("/a")
        def show() -> str:  # type: ignore[misc]
            return ""

    return app


def constructor_from_nowhere() -> App:
    app = App()

    @app.controller("/x")
    class Items:
        def __init__(self, database: Request) -> None: ...

        @app.get("")
        def show(self) -> str:
            return ""

    return app


@pytest.mark.parametrize(
    "make",
    [twice_for_a_method, hidden_by_another_decorator, hidden_by_its_namesake, method_without_self, constructor_from_nowhere],
)
def test_what_the_start_refuses(make: Callable[[], App]) -> None:
    check_golden(f"app/{make.__name__}", refusal(make()))
