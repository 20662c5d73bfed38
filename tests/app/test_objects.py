"""The objects whose methods answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.app.support import made, refusal
from tests.golden import check_golden

from hospes import App, BytesBody, HttpError, Request, RequestBodyReader


class Database:
    def __init__(self) -> None:
        self.name = "db"


class Table:
    def __init__(self, database: Database) -> None:
        self.name = f"table in {database.name}"


def with_database(app: App) -> list[str]:
    log: list[str] = []

    @app.provide
    async def database() -> AsyncIterator[Database]:
        log.append("open")
        yield Database()
        log.append("close")

    return log


def test_one_for_all_is_made_once_however_many_come() -> None:
    app, log = App(), list[object]()

    @app.provide
    async def database() -> Database:
        await asyncio.sleep(0.01)
        return Database()

    @app.controller("/x")
    class Items:
        def __init__(self, database: Database, size: int = 3) -> None:
            self.text = f"{database.name} {size}"
            log.append(self)

        @app.get("/async")
        async def awaited(self) -> str:
            return self.text

        @app.get("/pool")
        def plain(self) -> str:
            return self.text

        @app.get("/inline", inline=True)
        def inline(self) -> str:
            return self.text

    async def main() -> None:
        async with app.test() as client:
            paths = ["/x/async", "/x/pool", "/x/inline"] * 3
            answers = await asyncio.gather(*(client.get(f"{path}?size=9") for path in paths))
            assert [each.text for each in answers] == ["db 3"] * 9

    asyncio.run(main())
    assert len(log) == 1
    asyncio.run(main())
    assert len(log) == 2


@pytest.mark.parametrize("inline", [True, False])
def test_one_without_anything_to_wait_for(inline: bool) -> None:
    app = App()

    @app.controller
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        @app.get("/{n:int}", inline=inline)
        def add(self, n: int) -> str:
            self.count += n
            return str(self.count)

    with app.test() as client:
        assert [client.get("/2").text, client.get("/5").text] == ["2", "7"]


def test_a_constructor_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    app, tries = App(), list[int]()

    @app.controller
    class Items:
        def __init__(self) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise HttpError(503, "not yet")

        @app.get("/")
        def show(self) -> str:
            return "shown"

    with app.test() as client:
        assert [client.get("/").status for _ in range(3)] == [503, 200, 200]
    assert len(tries) == 2


def test_a_new_one_for_each_request_may_take_its_parts() -> None:
    app = App()
    log = with_database(app)

    class Items:
        def __init__(self, request: Request, database: Database, n: int = 1) -> None:
            self.text = f"{request.path} {database.name} {n}"

        @app.get("/show", inline=True)
        def show(self) -> str:
            return self.text

        @app.get("/async")
        async def awaited(self) -> str:
            return self.text

    class Simple:
        def __init__(self, n: int) -> None:
            self.n = n

        @app.get("/simple/{n:int}", inline=True)
        def show(self, n: int) -> str:
            return f"{self.n} {n}"

    with app.test() as client:
        assert client.get("/show?n=4").text == "/show db 4"
        assert client.get("/async").text == "/async db 1"
        assert client.get("/simple/3?n=4").text == "4 3"
        assert client.get("/simple/3").status == 400
    assert log == ["open", "close"]


def test_content_that_a_constructor_takes() -> None:
    app = App()

    class Items:
        def __init__(self, body: BytesBody) -> None:
            self.body = body

        @app.post("/whole")
        def whole(self) -> str:
            return self.body.decode()

    class Streams:
        def __init__(self, request: Request) -> None:
            self.request = request

        @app.post("/stream")
        async def stream(self, body: RequestBodyReader) -> str:
            return f"{await body.read(2)!r} {self.request.content is not None}"

        @app.post("/form")
        async def form(self) -> str:
            return str(self.request.form.fields)

    with app.test() as client:
        assert client.post("/whole", content=b"abc").text == "abc"
        assert client.post("/stream", content=b"abc").text == "b'ab' True"
        assert client.post("/form", form={"a": "x"}).text == "{'a': ['x']}"


def test_given_arguments() -> None:
    app = App()

    @app.controller("/one", args=("a",), kwargs={"c": "c"})
    @app.controller("/two", args=("a",), singleton=False)
    class Items:
        def __init__(self, a: str, b: str = "b", c: str = "?") -> None:
            self.text = a + b + c

        @app.get("")
        def show(self) -> str:
            return self.text

    with app.test() as client:
        assert client.get("/one?b=9").text == client.get("/two?c=9").text == "abc"


def test_the_objects_of_a_request_scope_are_refused() -> None:
    app = App()

    class Cart: ...

    @app.provide("request")
    def cart() -> Cart:
        return Cart()

    @app.controller("/x")
    class Items:
        def __init__(self, cart: Cart) -> None: ...

        @app.get("")
        def show(self) -> str:
            return ""

    check_golden("app/constructor_of_shorter_life", refusal(app))


def test_one_object_for_all_its_routes_and_prefixes() -> None:
    app, log = App(), list[Any]()

    @app.controller("/a")
    @app.route("/b")
    class Items:
        def __init__(self) -> None:
            log.append(self)

        @app.get("/x")
        @app.get("/y")
        def show(self) -> str:
            return ""

    with app.test() as client:
        assert [client.get(path).status for path in ("/a/x", "/a/y", "/b/x", "/b/y")] == [200] * 4
    assert len(log) == 1
    assert made("/").path == "/"


def test_a_new_one_for_each_request_without_parameters() -> None:
    app, log = App(), list[object]()

    class Items:
        def __init__(self) -> None:
            log.append(self)

        @app.get("/")
        async def show(self) -> str:
            return "shown"

    with app.test() as client:
        assert [client.get("/").text for _ in range(2)] == ["shown", "shown"]
    assert len(log) == 2
