"""Filters: order, paths, answers of their own, failures, plain ones."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.app.support import PATIENCE, asked, made, peer_of, until
from tests.server.support import request as octets

from hospes import App, CallNext, HttpError, Request, Response, Stream
from hospes.app.onion import Layer
from hospes.errors import SetupError

Next = Callable[[Request], Response]


def noting(log: list[str], name: str) -> Callable[[Request, CallNext], Any]:
    async def noted(request: Request, call_next: CallNext) -> Response:
        log.append(f"{name} in")
        response = await call_next(request)
        log.append(f"{name} out")
        return response

    return noted


def plain_noting(log: list[str], name: str) -> Callable[[Request, Next], Response]:
    def noted(request: Request, call_next: Next) -> Response:
        log.append(f"{name} in")
        response = call_next(request)
        log.append(f"{name} out")
        return response

    return noted


def test_the_first_is_the_outermost_and_each_runs_once() -> None:
    app, log = App(threads=1), list[str]()
    app.filter(noting(log, "a"))
    app.filter(plain_noting(log, "b"))

    @app.controller("/x", filters=[noting(log, "d"), plain_noting(log, "e")])
    class Items:
        @app.get("")
        def show(self) -> str:
            log.append("handler")
            return "shown"

    app.filter("/x")(noting(log, "c"))
    with app.test() as client:
        assert client.get("/x").text == "shown"
    assert log == [*(f"{name} in" for name in "abcde"), "handler", *(f"{name} out" for name in "edcba")]


def test_filters_see_what_nothing_answers_and_what_fails(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    seen: list[int] = []

    @app.filter
    async def watch(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        return response

    @app.get("/broken", inline=True)
    def broken() -> str:
        raise ValueError

    @app.get("/teapot")
    async def teapot() -> str:
        raise HttpError(418)

    with app.test() as client:
        for path in ("/nowhere", "/broken", "/teapot", "/%ff"):
            client.get(path)
        client.post("/teapot")
        client.options("/teapot")
    assert seen == [404, 500, 418, 400, 405, 204]


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/x", "/%61dmin/x", "//admin/x", "/./admin", "/a/../admin/x", "/admin%2Fx"]
)
def test_no_spelling_of_a_path_slips_past(path: str) -> None:
    app = App()

    @app.filter("/admin/**")
    async def guard(request: Request, call_next: CallNext) -> Response:
        raise HttpError(403)

    @app.get("/admin")
    @app.get("/admin/{rest:path}")
    @app.get("/{a}/{b}")
    @app.get("/{all:path}")
    def show() -> str:
        raise AssertionError("the guard was passed")

    with app.test() as client:
        assert client.get(path).status == 403


def test_a_guard_stands_before_mounts_and_folders() -> None:
    app, inner = App(), App()

    @app.filter(regexp="^/?api")
    async def guard(request: Request, call_next: CallNext) -> Response:
        raise HttpError(403)

    app.mount("/api", inner)
    app.mount("/open", inner)
    inner.get("/x")(lambda: "x")
    with app.test() as client:
        assert [client.get(path).status for path in ("/api/x", "/%61pi/x", "/open/x")] == [403, 403, 200]


def test_other_paths_pay_nothing() -> None:
    layer = Layer.of(print, "/admin/**")
    assert (layer.applies("/admin/x"), layer.applies("/x"), Layer.of(print).applies("/x")) == (True, False, True)


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [("own", 200, "own"), ((402, "pay"), 402, "pay"), (418, 418, ""), (Response("r", 201), 201, "r")],
)
def test_a_filter_that_answers_itself(kind: str, answer: Any, status: int, text: str) -> None:
    app = App()

    async def awaited(request: Request, call_next: CallNext) -> Any:
        return answer

    def plain(request: Request, call_next: Next) -> Any:
        return answer

    app.filter(awaited if kind == "async" else plain)
    app.get("/")(lambda: pytest.fail("the filter has answered"))
    with app.test() as client:
        got = client.get("/")
        assert (got.status, got.text) == (status, text)


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_filter_that_forgets_to_return(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def forgets(request: Request, call_next: CallNext) -> None:
        await call_next(request)

    def forgets_too(request: Request, call_next: Next) -> None:
        call_next(request)

    app.filter(forgets if kind == "async" else forgets_too)
    app.get("/")(lambda: "x")
    with app.test() as client:
        assert client.get("/").status == 500
    assert "returned nothing: `return await call_next(request)`, or an answer of its own" in caplog.text
    assert "test_onion.py:" in caplog.text


def test_a_filter_that_forgets_to_await(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def forgets(request: Request, call_next: CallNext) -> object:
        return call_next(request)

    app.filter(forgets)
    app.get("/")(lambda: "x")
    with app.test() as client:
        assert client.get("/").status == 500
    assert "returned what it did not await: `return await call_next(request)`, or an answer of its own" in caplog.text


def test_a_filter_that_says_nothing_of_itself_is_taken() -> None:
    class Silent:
        __signature__ = 3  # what `inspect` cannot read, as of a callable that is written in C

        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    app = App()
    app.filter(Silent())
    app.get("/")(lambda: "x")
    with app.test() as client:
        assert client.get("/").text == "x"


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_filter_that_raises(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def raises(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise LookupError("secret")

    def raises_too(request: Request, call_next: Next) -> Response:
        call_next(request)
        raise LookupError("secret")

    app.filter(raises if kind == "async" else raises_too)
    app.error(LookupError)(lambda: (409, "looked"))
    app.get("/")(lambda: "x")
    with app.test() as client:
        answer = client.get("/")
        assert (answer.status, answer.text) == (409, "looked")
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_filter_that_calls_twice(kind: str) -> None:
    app = App(threads=1)
    calls: list[int] = []

    async def twice(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return await call_next(request)

    def twice_too(request: Request, call_next: Next) -> Response:
        call_next(request)
        return call_next(request)

    app.filter(twice if kind == "async" else twice_too)

    @app.post("/")
    def count(body: bytes) -> str:
        calls.append(len(body))
        return str(len(calls))

    with app.test() as client:
        assert client.post("/", content=b"abc").text == "2"
    assert calls == [3, 3]


def test_objects_and_wrappers_as_filters() -> None:
    app, log = App(), list[str]()

    class Stamps:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            log.append(self.name)
            return await call_next(request)

        async def method(self, request: Request, call_next: CallNext) -> Response:
            log.append(f"method of {self.name}")
            return await call_next(request)

    app.filter(Stamps("a"))
    app.filter("/x")(Stamps("b").method)
    app.get("/x")(lambda: "x")
    with app.test() as client:
        client.get("/x")
    assert log == ["a", "method of b"]


def test_what_a_filter_changes_is_seen_inside() -> None:
    app = App()

    @app.filter
    async def tag(request: Request, call_next: CallNext) -> Response:
        request.headers["X-Tag"] = "changed"
        request.state["found"] = "out"
        return await call_next(request)

    @app.get("/")
    def show(request: Request, tag: str = "") -> str:
        return f"{request.headers['x-tag']} {request.state['found']}"

    with app.test() as client:
        assert client.get("/").text == "changed out"


def test_context_variables_go_inwards() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    app = App()

    @app.filter
    def outer(request: Request, call_next: Next) -> Response:
        variable.set("plain")
        return call_next(request)

    @app.filter("/both")
    async def inner(request: Request, call_next: CallNext) -> Response:
        variable.set(variable.get() + " async")
        return await call_next(request)

    @app.get("/both")
    @app.get("/one")
    def show() -> str:
        return variable.get()

    with app.test() as client:
        assert [client.get(path).text for path in ("/one", "/both", "/one")] == ["plain", "plain async", "plain"]
    assert variable.get() == "unset"


def test_plain_filters_need_one_thread_for_all() -> None:
    """Three plain filters, a plain handler and a plain error handler, many at once, in a pool of one."""
    app, log = App(threads=1), list[str]()
    for name in "abc":
        app.filter(plain_noting(log, name))

    @app.get("/{n:int}")
    def show(n: int) -> str:
        if n % 2:
            raise HttpError(418)
        return str(n)

    @app.error(418)
    def teapot() -> str:
        return "teapot"

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "a"
        yield "b"

    async def main() -> None:
        async with app.test() as client:
            answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(10)), client.get("/stream"))
            assert [each.text for each in answers] == [
                *(["0", "teapot", "2", "teapot", "4", "teapot", "6", "teapot", "8", "teapot"]),
                "ab",
            ]

    asyncio.run(main())


def test_a_mounted_apps_plain_handlers_below_a_plain_filter() -> None:
    app, inner, log = App(threads=1), App(threads=1), list[str]()
    app.filter(plain_noting(log, "outer"))
    inner.filter("/filtered")(plain_noting(log, "inner"))
    inner.get("/plain")(lambda: threading.current_thread().name)
    inner.get("/filtered")(lambda: threading.current_thread().name)
    app.mount("/in", inner)
    with app.test() as client:
        first = client.get("/in/plain").text
        assert first == client.get("/in/filtered").text
        assert first.startswith("hospes-worker-")


@pytest.mark.parametrize("depth", [1, 2])
def test_a_peer_that_leaves_meanwhile(depth: int) -> None:
    """The inside learns of it; and the thread is free again."""
    app, log = App(threads=1), list[str]()
    entered, left = threading.Event(), threading.Event()
    for name in "ab"[:depth]:
        app.filter("/wait")(plain_noting(log, name))

    @app.get("/wait")
    async def wait() -> str:
        entered.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            left.set()
        return "never"

    app.get("/plain")(lambda: "free")
    with app.serving() as server:
        from tests.server.support import Peer

        port = int(server.url.rpartition(":")[2])
        with Peer(port) as peer:
            peer.send(octets("/wait"))
            assert entered.wait(PATIENCE)
        assert left.wait(PATIENCE)
        with Peer(port) as peer:
            peer.send(octets("/plain"))
            assert peer.get().content == b"free"
    assert log == ["a in", "b in"][:depth]


def test_a_filters_timeout_around_a_plain_handler() -> None:
    """What the thread does is not stopped; the filter goes on when it is through, and the finishers run once, with its answer."""
    app = App()
    gate, finished, limits = threading.Event(), list[object](), list[asyncio.Timeout]()

    @app.filter
    async def impatient(request: Request, call_next: CallNext) -> Response:
        try:
            async with asyncio.timeout(0.5) as limit:
                limits.append(limit)
                return await call_next(request)
        except TimeoutError:
            return Response("too slow", 504)

    @app.get("/slow")
    def slow(request: Request) -> str:
        async def finish(response: Response | None) -> None:
            finished.append(response.status if response else None)

        request.finish_with(finish)
        assert gate.wait(PATIENCE)
        return "slow"

    async def main() -> None:
        async with asked(app) as ask:
            task = asyncio.create_task(ask(made("/slow")))
            await until(lambda: limits and limits[0].expired())
            await asyncio.sleep(0)
            assert not task.done()
            gate.set()
            assert (await task).status == 504

    asyncio.run(main())
    assert finished == [504]


def test_a_stream_inside_plain_filters_through_a_server() -> None:
    app = App(threads=1)
    log: list[str] = []
    app.filter(plain_noting(log, "a"))

    @app.get("/")
    def stream() -> Stream:
        return Stream(iter(["a", "b"]))

    with peer_of(app) as peer:
        for _ in range(2):
            peer.send(octets("/"))
            assert peer.get().content == b"ab"
    assert log == ["a in", "a out"] * 2


def test_what_is_no_filter() -> None:
    with pytest.raises(SetupError, match="filter was given int"):
        Layer.of(3)
    with pytest.raises(SetupError, match="both"):
        Layer.of(print, "/a", "b")


def test_cancelled_without_a_peer() -> None:
    """A request cancelled from outside, before its plain filter has asked the inside."""
    app = App(threads=1)
    entered, gate = threading.Event(), threading.Event()

    @app.filter
    def holds(request: Request, call_next: Next) -> Response:
        entered.set()
        assert gate.wait(PATIENCE)
        return call_next(request)

    app.get("/")(lambda: pytest.fail("nobody wants it any more"))

    async def main() -> None:
        async with asked(app) as ask:
            task = asyncio.create_task(ask(made("/")))
            await until(entered.is_set)
            task.cancel()
            await asyncio.sleep(0)
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
