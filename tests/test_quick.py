"""The default app behind the module's decorators."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import hospes
from hospes import App, CallNext, HttpError, ModelBinding, Request, Response, quick, using
from hospes.quick import default_app


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def declare(tmp_path: Path, log: list[str]) -> None:
    """Something with each of the module's decorators."""

    @quick.get("/get")
    @quick.post("/post")
    @quick.put("/put")
    @quick.patch("/patch")
    @quick.delete("/delete")
    @quick.route("/route", "BREW")
    @quick.request_map("/map")
    def handler() -> str:
        return "here"

    @quick.controller("/items")
    class Items:
        @quick.get("")
        def show(self) -> str:
            return "items"

        @quick.route
        def bare(self) -> str:
            return "bare"

    @quick.route("/things")
    class Things:
        @quick.route
        def bare(self) -> str:
            return "things"

    quick.files("/static", tmp_path)
    quick.mount("/in", lambda request: Response(request.path))
    declare_more(log)


def declare_more(log: list[str]) -> None:
    @quick.filter("/get")
    async def stamp(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers["X-Stamp"] = "1"
        return response

    @quick.error(404)
    async def missing() -> str:
        return "missing"

    @quick.error
    def anything() -> str:
        return "anything"

    @quick.provide("request")
    def point() -> Point:
        return Point(7)

    @quick.get("/point")
    def show(point: Point) -> str:
        return str(point.x)

    @quick.lifespan
    async def life() -> AsyncIterator[None]:
        log.append("begins")
        yield

    @quick.default_model_binding
    class Binding(ModelBinding):
        def bind(self) -> Any:
            return "bound"

    quick.model_binding(Point)


def test_the_decorators_declare_on_the_app_in_use(tmp_path: Path) -> None:
    app, log = App(), list[str]()
    (tmp_path / "a.txt").write_text("file")
    with using(app) as given:
        assert given is app is default_app()
        declare(tmp_path, log)
    with app.test() as client:
        for path, method in {
            "/get": "GET",
            "/post": "POST",
            "/put": "PUT",
            "/patch": "PATCH",
            "/delete": "DELETE",
            "/route": "BREW",
            "/map": "GET",
        }.items():
            assert client.request(method, path).text == "here"
        assert client.get("/get").headers["X-Stamp"] == "1"
        assert client.get("/items").text == "items"
        assert client.post("/items").text == "bare"
        assert client.get("/things").text == "things"
        assert client.get("/point").text == "7"
        assert client.get("/nowhere").text == "missing"
        assert client.post("/get").text == "anything"
        assert client.get("/static/a.txt").text == "file"
        assert client.get("/in/x").text == "/x"
    assert log == ["begins"]


def test_apps_do_not_see_each_others_routes() -> None:
    one, two = App(), App()
    with using(one):
        quick.get("/one")(lambda: "")
        with using(two):
            quick.get("/two")(lambda: "")
        quick.get("/three")(lambda: "")
    assert [route.pattern for route in one.routes] == ["/one", "/three"]
    assert [route.pattern for route in two.routes] == ["/two"]
    with pytest.raises(HttpError), using(one):
        raise HttpError(400)
    assert default_app() is not one


def test_one_default_app() -> None:
    app = default_app()
    assert isinstance(app, App)
    assert default_app() is app is hospes.default_app()


def test_places_are_those_of_the_program(tmp_path: Path) -> None:
    app = App()
    with using(app):
        quick.get("/x")(lambda: "")
        quick.files("/static", tmp_path)
    places = [route.source for route in app.routes] + [mount.source for mount in app.mounts]
    assert {place.rpartition("/")[2].partition(":")[0] for place in places} == {"test_quick.py"}


def test_names_and_what_they_say() -> None:
    assert (quick.route.__name__, quick.run.__doc__) == ("route", "`App.run` on the default app.")
    assert quick.request_map is quick.route


def test_a_program_of_one_file(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from hospes import get, lifespan, run\n"
        "import asyncio, os, signal\n"
        "@get('/')\n"
        "def home() -> str:\n"
        "    return 'Hello'\n"
        "@lifespan\n"
        "async def life():\n"
        "    killing = asyncio.create_task(kill())\n"
        "    yield\n"
        "    await killing\n"
        "    print('stopped')\n"
        "async def kill():\n"
        "    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:\n"
        "        await asyncio.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "run(port=0)\n"
    )
    ended = subprocess.run([sys.executable, "-W", "error", str(program)], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "stopped"), ended.stderr
