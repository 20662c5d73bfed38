"""Endpoints: where handlers run, what is finished when, and what is let go of."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any

import anyio
import pytest
from tests.app.support import PATIENCE, peer_of
from tests.server.support import Peer
from tests.server.support import request as octets

from hospes import App, BytesBody, CallNext, Event, EventStream, HttpError, Request, RequestBodyReader, Response, Stream
from hospes.http.content import FileContent


def thread() -> str:
    return threading.current_thread().name


def declare_everywhere(app: App) -> None:
    """A handler of each kind that tells its thread."""

    @app.get("/async")
    async def coroutine() -> str:
        return thread()

    @app.get("/pool")
    def plain() -> str:
        return thread()

    @app.get("/inline", inline=True)
    def inline() -> str:
        return thread()

    @app.get("/generator")
    def generator() -> Iterator[str]:
        yield thread()

    @app.get("/agenerator")
    async def agenerator() -> AsyncIterator[str]:
        yield thread()

    @functools.wraps(coroutine)
    def wrapper() -> Any:
        return coroutine()

    app.get("/wrapped")(wrapper)
    app.get("/partial")(functools.partial(plain))


EVERYWHERE = ("/async", "/pool", "/inline", "/generator", "/agenerator", "/wrapped", "/partial")
IN_POOL = {"/pool", "/generator", "/partial"}


@pytest.mark.parametrize("filtered", [False, True])
def test_where_handlers_run(filtered: bool) -> None:
    app = App()
    declare_everywhere(app)
    if filtered:

        @app.filter
        async def through(request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    with app.test() as client:
        names = {path: client.get(path).text for path in EVERYWHERE}
    assert {path for path, name in names.items() if name.startswith("hospes-worker-")} == IN_POOL
    assert {names[path] for path in names if path not in IN_POOL} == {threading.current_thread().name}


def test_where_handlers_run_in_a_server() -> None:
    app = App()
    declare_everywhere(app)
    with peer_of(app) as peer:
        for path in EVERYWHERE:
            peer.send(octets(path))
            name = peer.get().content.decode()
            assert name.startswith("hospes-worker-") is (path in IN_POOL)
            assert path in IN_POOL or name == "hospes-server"


def test_what_asyncio_and_anyio_offer_works_in_a_server() -> None:
    app = App()

    @app.get("/timeout")
    async def timeout() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(PATIENCE)
        except TimeoutError:
            return "timeout"
        return ""

    @app.get("/group")
    async def group() -> str:
        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(asyncio.sleep(0, each)) for each in "ab"]
        return "".join(task.result() for task in made)

    @app.get("/anyio")
    async def scopes() -> str:
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(PATIENCE)
        return str(scope.cancelled_caught)

    @app.get("/cancel")
    async def cancel() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            task.uncancel()
        return "cancelled itself"

    with peer_of(app) as peer:
        for path, text in {"/timeout": b"timeout", "/group": b"ab", "/anyio": b"True", "/cancel": b"cancelled itself"}.items():
            peer.send(octets(path))
            assert peer.get().content == text


def test_context_variables_reach_no_other_request() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    app = App(threads=1)

    def use() -> str:
        before = variable.get()
        variable.set("set")
        return before

    async def use_async() -> str:
        return use()

    app.get("/pool")(use)
    app.get("/inline", inline=True)(use)
    app.get("/async")(use_async)
    with peer_of(app) as peer:
        for path in ("/pool", "/inline", "/async") * 2:
            peer.send(octets(path))
            assert peer.get().content == b"unset"


KINDS = ("async", "pool", "inline", "filtered")


def declare(app: App, kind: str, handler: Callable[[Request], Any], url: str = "/", **options: Any) -> None:
    """The same handler in each of the ways that an endpoint is made."""

    async def awaited(request: Request) -> Any:
        return handler(request)

    def plain(request: Request) -> Any:
        return handler(request)

    if kind == "filtered":

        @app.filter
        async def through(request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    function: Any = awaited if kind == "async" else plain
    app.route(url, inline=kind == "inline", **options)(function)


def finisher(log: list[Any], name: str, error: Exception | None = None) -> Callable[[Response | None], Any]:
    async def finish(response: Response | None) -> None:
        await asyncio.sleep(0)
        log.append((name, response.status if response is not None else None))
        if error is not None:
            raise error

    return finish


@pytest.mark.parametrize("kind", KINDS)
def test_finishers_run_in_turn_before_the_answer_leaves(kind: str) -> None:
    app, log = App(), list[Any]()

    def handler(request: Request) -> tuple[int, str]:
        request.finish_with(finisher(log, "first"))
        request.finish_with(finisher(log, "second"))
        return 201, "x"

    declare(app, kind, handler)
    with app.test() as client:
        assert client.get("/").status == 201
    assert log == [("second", 201), ("first", 201)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_finisher_that_fails(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its failure is the answer, which the others see; what was answered is closed."""
    app, log, file = App(), list[Any](), BytesIO(b"x")

    def handler(request: Request) -> Response:
        request.finish_with(finisher(log, "first"))
        request.finish_with(finisher(log, "second", HttpError(409, "not stored")))
        return Response(FileContent(file, 0, 1))

    declare(app, kind, handler)
    with app.test() as client:
        answer = client.get("/")
        assert (answer.status, answer.json()["title"]) == (409, "Conflict")
    assert log == [("second", 200), ("first", 409)]
    assert file.closed


@pytest.mark.parametrize("kind", KINDS)
def test_finishers_of_a_handler_that_fails(kind: str) -> None:
    app, log = App(), list[Any]()

    def handler(request: Request) -> str:
        request.finish_with(finisher(log, "one"))
        raise HttpError(418)

    declare(app, kind, handler)
    with app.test() as client:
        assert client.get("/").status == 418
    assert log == [("one", 418)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_answer(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    declare(app, kind, lambda request: object())
    with app.test() as client:
        assert client.get("/").status == 500
    assert "which is no answer" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_noted_for_provided_objects(kind: str) -> None:
    app, log = App(), list[str]()

    class Transaction:
        pass

    @app.provide("request")
    def transaction() -> Iterator[Transaction]:
        try:
            yield Transaction()
        except HttpError:
            log.append("rolled back")
            raise
        log.append("committed")

    def handler(request: Request, transaction: Transaction) -> str:
        if "fail" in request.query:
            raise HttpError(404)
        return ""

    async def awaited(request: Request, transaction: Transaction) -> str:
        return handler(request, transaction)

    if kind == "filtered":
        app.filter("/")(lambda request, call_next: call_next(request))
    app.get("/", inline=kind == "inline")(awaited if kind == "async" else handler)
    with app.test() as client:
        client.get("/")
        client.get("/?fail=")
    assert log == ["committed", "rolled back"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_iterator_is_pulled_in_the_pool(kind: str) -> None:
    app = App()

    def pieces() -> Iterator[str]:
        yield thread()

    declare(app, kind, lambda request: pieces())
    with app.test() as client:
        assert client.get("/").text.startswith("hospes-worker-")


def test_a_finisher_may_put_another_stream_in() -> None:
    app = App()

    def handler(request: Request) -> str:
        async def swap(response: Response | None) -> None:
            assert response is not None
            response.content = Stream(iter(["a", "b"]))

        request.finish_with(swap)
        return "x"

    app.get("/")(handler)
    with app.test() as client:
        assert client.get("/").text == "ab"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("limit", "size", "status"),
    [(3, 2, 200), (3, 3, 200), (3, 4, 413), (None, 4, 200), (..., 4, 200), (..., 11, 413), (None, 11, 200)],
)
def test_the_limit_of_content(kind: str, limit: Any, size: int, status: int) -> None:
    """Of the route, else of the server; announced content is refused before the handler."""
    from hospes import Limits

    app, ran = App(), list[int]()

    def handler(request: Request) -> str:
        ran.append(1)
        return ""

    declare(app, kind, handler, method="GET, POST", body_limit=limit)
    with app.test(limits=Limits(body=10)) as client:
        assert client.post("/", content=b"x" * size).status == status
    assert bool(ran) is (status == 200)


def test_content_is_read_for_who_asks() -> None:
    app = App()

    @app.post("/bytes")
    def octets_of(body: BytesBody) -> str:
        return body.decode()

    @app.post("/form")
    async def form(a: str) -> str:
        return a

    @app.post("/stream")
    async def stream(body: RequestBodyReader) -> str:
        return (await body.read(2)).decode()

    @app.post("/inline", inline=True)
    def inline(body: BytesBody) -> str:
        return body.decode()

    with app.test() as client:
        assert client.post("/bytes", content=b"abc").text == "abc"
        assert client.post("/form", form={"a": "x"}).text == "x"
        assert client.post("/stream", content=b"abc").text == "ab"
        assert client.post("/inline", content=b"abc").text == "abc"


def test_provided_objects_that_are_waited_for() -> None:
    app = App()

    class Database:
        name = "db"

    @app.provide("request")
    async def database() -> Database:
        await asyncio.sleep(0)
        return Database()

    @app.get("/async")
    async def awaited(database: Database) -> str:
        return database.name

    @app.get("/pool")
    def plain(database: Database) -> str:
        return f"{database.name} {thread()[:6]}"

    @app.get("/inline", inline=True)
    def inline(database: Database) -> str:
        return f"{database.name} {thread()[:6]}"

    with app.test() as client:
        assert [client.get(path).text for path in ("/async", "/pool", "/inline")] == ["db", "db hospes", "db MainTh"]


def test_a_filters_failure_is_noted_too() -> None:
    app, log = App(), list[str]()

    class Transaction:
        pass

    @app.provide("request")
    def transaction() -> Iterator[Transaction]:
        try:
            yield Transaction()
        except HttpError:
            log.append("rolled back")
            raise

    @app.filter
    async def refuse(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise HttpError(403)

    @app.get("/")
    async def handler(transaction: Transaction) -> str:
        return ""

    with app.test() as client:
        assert client.get("/").status == 403
    assert log == ["rolled back"]


def test_a_stream_is_closed_when_its_peer_leaves() -> None:
    app = App()
    closed = threading.Event()

    @app.get("/")
    async def stream() -> EventStream:
        async def source() -> AsyncIterator[Event]:
            try:
                yield Event("first")
                await asyncio.sleep(PATIENCE)
            finally:
                closed.set()

        return EventStream(source())

    with app.serving() as server, Peer(int(server.url.rpartition(":")[2])) as peer:
        peer.send(octets("/"))
        peer.until(b"data: first\n\n")
        peer.sock.close()
        assert closed.wait(PATIENCE)


class Database:
    name = "db"


class Waits:
    """An object that has to be waited for."""

    def __init__(self, database: Database) -> None:
        self.text = database.name


class Reads:
    """An object that takes the content."""

    def __init__(self, body: BytesBody) -> None:
        self.text = body.decode()


class Simple:
    text = "simple"


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize(("base", "text"), [(Simple, "simple"), (Waits, "db"), (Reads, "abc")])
def test_methods_of_objects(base: type, text: str, filtered: bool) -> None:
    app = App(threads=1)

    @app.provide
    async def database() -> Database:
        return Database()

    if filtered:

        @app.filter
        def through(request: Request, call_next: Callable[[Request], Response]) -> Response:
            return call_next(request)

    @app.controller("/x", singleton=False)
    class Items(base):  # type: ignore[misc]  # any of the three
        @app.post("/async")
        async def awaited(self, n: int = 1) -> str:
            return f"{self.text} {n}"

        @app.post("/pool")
        def plain(self, n: int = 1) -> str:
            return f"{self.text} {n}"

        @app.post("/inline", inline=True)
        def inline(self, n: int = 1) -> str:
            return f"{self.text} {n}"

        @app.post("/bare")
        def bare(self) -> str:
            return f"{self.text} bare"

        @app.post("/stream")
        async def stream(self, body: RequestBodyReader) -> str:
            return (await body.read()).decode()

    with app.test() as client:
        for path in ("/x/async", "/x/pool", "/x/inline"):
            assert client.post(f"{path}?n=2", content=b"abc").text == f"{text} 2"
            assert client.post(f"{path}?n=x", content=b"abc").status == 400
        assert client.post("/x/bare", content=b"abc").text == f"{text} bare"
        if base is not Reads:
            assert client.post("/x/stream", content=b"abc").text == "abc"


def test_what_is_not_routed_is_answered_inside_of_filters(caplog: pytest.LogCaptureFixture) -> None:
    app, seen = App(), list[int]()

    @app.filter
    async def watch(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        return response

    def broken(request: Request) -> Response:
        raise ValueError

    app.mount("/broken", broken)
    with app.test() as client:
        assert [client.get(path).status for path in ("/nowhere", "/broken")] == [404, 500]
    assert seen == [404, 500]


def test_a_plain_handler_below_a_lent_thread() -> None:
    """That of a mounted app, inside of the outer app's plain filter."""
    app, inner = App(threads=1), App(threads=1)
    app.filter(lambda request, call_next: call_next(request))
    inner.get("/")(thread)
    app.mount("/in", inner)
    with app.test() as client:
        assert client.get("/in").text.startswith("hospes-worker-")


@pytest.mark.parametrize("inline", [False, True])
def test_content_that_nobody_asks_for(inline: bool) -> None:
    app = App()
    app.post("/", inline=inline, body_limit=3)(lambda: "x")
    with app.test() as client:
        assert [client.post("/", content=b"x" * size).status for size in (2, 3, 4)] == [200, 200, 413]
