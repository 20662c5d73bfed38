"""What goes by the map is answered octet for octet as on the portable carrier, whatever the function gives or raises."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from tests.collector import no_collection
from tests.server.support import Peer, request

from hospes import App, JSONBody, Response
from hospes.http.request import Request
from hospes.limits import Limits, Timeouts
from hospes.server import ServerOptions, ServingThread

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from tests.engine.test_map import Address2, Order, post, posting


@contextmanager
def both(build: Callable[[], App], **limits: int) -> Generator[list[int]]:
    """Serve an application with each carrier, each on a loop of its own; gives the ports."""
    threads: list[ServingThread] = []
    options = ServerOptions(port=0, limits=Limits(**limits), timeouts=Timeouts(drain=0.5))
    try:
        for carrier in ("portable", "engine"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("HOSPES_CARRIER", carrier)
                threads.append(ServingThread(build().started, options))
                threads[-1].start()
        yield [thread.server.address[1] for thread in threads]
    finally:
        for thread in threads:
            thread.stop(drain=0.2)


def compare(build: Callable[[], App], requests: list[bytes], **limits: int) -> bytes:
    """Have both carriers answer; gives what they say, without the dates."""
    answers: list[bytes] = []
    with both(build, **limits) as ports:
        for port in ports:
            with Peer(port) as peer:
                peer.send(b"".join(requests) + request("/last", "GET", None, "Connection: close"))
                answers.append(re.sub(rb"Date: [^\r]+", b"Date:", peer.rest()))
    assert answers[1] == answers[0]
    assert answers[0].count(b"HTTP/1.1 ") == len(requests) + 1
    return answers[0]


def test_content_is_answered_by_both_in_the_same_way() -> None:
    requests = [
        post(path, content, *lines)
        for path in ("/order", "/address", "/any", "/bytes", "/request?q=a", "/stream", "/nothing")
        for content in (b"", b'{"item": "a", "street": "b"}', b"[1]", b"{", b'{"a": "\xff"}', b"[" * 120 + b"]" * 120)
        for lines in (
            ("Content-Type: application/json",),
            ("Content-Type: text/plain",),
            ("Content-Type: application/x-www-form-urlencoded",),
            ("Content-Type: application/json", "Cookie: a=b", "Sec-Fetch-Site: cross-site"),
        )
    ]
    compare(posting, [*requests, request("/get", "GET", b"x"), request("/get")], requests_per_connection=1000)


VALUES: list[Any] = [
    "text",
    "",
    "<html></html>",
    " <!doctype html>",
    "<?xml version='1.0'?>",
    "\ufeff<html>",
    "é",
    "<é",
    b"octets",
    b"",
    {"a": 1},
    [1, "é"],
    {},
    True,
    False,
    None,
    201,
    404,
    204,
    (201, "made"),
    ("text", 202),
    Order("a"),
    Address2("a"),
    Response("mine", 203),
    Response("h", headers={"X-A": "b"}),
    Response(None, 204),
    "x" * 20_000,
    ["y" * 20_000],
    "\ud800",
    {"a": float("nan")},
    object(),
    {"a": object()},
    99,
    "z" * 300_000,
    iter([b"a", b"b"]),
    {1, 2},
    2**70,
    [2**70],
]


@pytest.mark.parametrize("status", [200, 201, 204, 404])
def test_answers_of_any_kind(status: int) -> None:
    def build() -> App:
        app = App()

        @app.get("/async/{n:int}", status=status)
        async def on_loop(n: int) -> Any:
            return VALUES[n] if VALUES[n].__class__.__name__ != "list_iterator" else iter([b"a", b"b"])

        @app.get("/inline/{n:int}", status=status, inline=True)
        def inline(n: int) -> Any:
            return VALUES[n] if VALUES[n].__class__.__name__ != "list_iterator" else iter([b"a", b"b"])

        return app

    requests = [
        request(f"/{kind}/{n}", method) for kind in ("async", "inline") for n in range(len(VALUES)) for method in ("GET", "HEAD")
    ]
    compare(build, requests, requests_per_connection=1000)


class Own(BaseException):
    """What is no Exception."""


def without_form(app: App) -> None:
    """Handlers of what has no form that could be sent."""

    @app.error(TypeError, UnicodeError)
    async def no_form(error: Exception) -> str:
        return f"{type(error).__name__}: {error}"

    @app.get("/no-json")
    async def no_json() -> dict[str, object]:
        return {"a": object}

    @app.get("/endless")
    async def endless() -> list[Any]:
        found: list[Any] = []
        found.append(found)
        return found

    @app.get("/surrogate")
    async def surrogate() -> str:
        return "\ud800"


def failing(log: list[str]) -> App:
    app = App()
    without_form(app)

    @app.error(ValueError)
    async def value(error: ValueError, request: Request) -> str:
        await asyncio.sleep(0)
        return f"handled {error} of {request.path} with {dict(request.path_values)}"

    @app.error(404)
    def missing(request: Request) -> str:
        return f"no {request.path}"

    @app.get("/value/{x}")
    async def fail(x: str) -> None:
        raise ValueError(x)

    @app.get("/value/later/{x}")
    async def fail_later(x: str) -> None:
        await asyncio.sleep(0)
        raise ValueError(x)

    @app.get("/key", inline=True)
    def key() -> None:
        raise KeyError("a")

    @app.get("/cancelled")
    async def cancelled() -> None:
        raise asyncio.CancelledError

    @app.get("/number/{x:int}")
    async def number(x: int, y: int, z: bool = False) -> str:
        return f"{x} {y} {z}"

    @app.get("/finished")
    async def finished(request: Request) -> str:
        async def finish(response: Response | None) -> None:
            assert response is not None
            response.headers["X-Finished"] = "yes"
            log.append("finished")

        request.finish_with(finish)
        return "finished"

    return app


def test_failures() -> None:
    log: list[str] = []

    targets = [
        "/no-json",
        "/endless",
        "/surrogate",
        "/value/a",
        "/value/later/b",
        "/key",
        "/cancelled",
        "/nowhere",
        "/number/1?y=2",
        "/number/x?y=2",
        "/number/1",
        "/number/1?y=a",
        "/number/1?y=%32",
        "/number/99999999999999999999?y=-1&z=on",
        "/finished",
        "/number/1?y=2&y=a",
        "/number/-0?y=0&z",
    ]
    answers = compare(lambda: failing(log), [request(target) for target in targets])
    assert answers.count(b"X-Finished: yes") == 1
    assert b"handled a of /value/a with {'x': 'a'}" in answers
    assert log == ["finished", "finished"]


def test_objects_are_made_after_the_arguments_and_once() -> None:
    made: list[str] = []

    def build() -> App:
        app = App()

        class Thing:
            def __init__(self, name: str) -> None:
                self.name = name

        @app.provide(scope="request")
        def thing(request: Request) -> Thing:
            made.append(request.path)
            if request.path == "/thing/6":
                raise ValueError("six")
            return Thing(f"thing of {request.path}")

        @app.get("/thing/{n:int}")
        async def with_thing(thing: Thing, n: int, q: int = 1) -> str:
            return f"{thing.name} {n} {q}"

        @app.get("/response")
        async def with_response(response: Response) -> str:
            response.headers["X-B"] = "c"
            return "with"

        @app.controller("/class")
        class Controller:
            def __init__(self) -> None:
                made.append("controller")

            @app.get("/{n:int}")
            async def show(self, n: int) -> list[int]:
                return [n]

        return app

    targets = ["/thing/5", "/thing/6", "/thing/7?q=x", "/response", "/class/3", "/class/x"]
    answers = compare(build, [request(target) for target in targets])
    assert b"thing of /thing/5 5 1" in answers
    assert [each for each in made if each != "controller"] == ["/thing/5", "/thing/6"] * 2


class First(str):
    """An object that may have to be awaited, and may not be had."""


class Second(str):
    """One that is there at once."""


class Third(str):
    """One that is made of the others."""


def awaiting(made: list[str]) -> App:
    """Objects before, between and behind other arguments, for functions of every kind."""
    app = App()

    @app.provide(scope="request")
    async def first(request: Request) -> First:
        made.append(f"first of {request.path}")
        if "wait" in request.query_string:
            await asyncio.sleep(0)
        if "fail" in request.query_string:
            raise LookupError("first")
        return First("1")

    @app.provide(scope="request")
    def second(request: Request) -> Second:
        made.append(f"second of {request.path}")
        return Second("2")

    @app.provide(scope="request")
    async def third(first: First, second: Second) -> Third:
        return Third(f"3{first}{second}")

    @app.get("/all/{n:int}")
    async def all_three(second: Second, n: int, third: Third, first: First) -> list[Any]:
        return [second, n, third, first]

    @app.get("/inline", inline=True)
    def inline(first: First, request: Request) -> str:
        return first + request.path

    @app.get("/suspends")
    async def suspends(third: Third) -> str:
        await asyncio.sleep(0)
        return third

    @app.controller("/class")
    class Controller:
        @app.get("/{n:int}")
        async def show(self, n: int, third: Third) -> list[Any]:
            return [n, third]

    return app


def test_objects_that_have_to_be_awaited() -> None:
    made: list[str] = []
    paths = ["/all/5", "/all/x", "/inline", "/suspends", "/class/7"]
    targets = [f"{path}{query}" for path in paths for query in ("", "?wait", "?fail", "?wait&fail")]
    answers = compare(lambda: awaiting(made), [request(target) for target in targets])
    assert answers.count(b'["2",5,"312","1"]') == 2
    assert answers.count(b'[7,"312"]') == 2
    assert answers.count(b"HTTP/1.1 500") == 8
    half = len(made) // 2
    assert made[:half] == made[half:], "both carriers made the same, once, in the same order"


class Finisher:
    """A finisher that does it quietly, or not, or fails."""

    def __init__(self, name: str, told: list[str], how: str) -> None:
        self.name = name
        self.told = told
        self.how = how

    async def __call__(self, response: Response | None) -> None:
        self.told.append(f"{self.name} heard")
        if self.how == "fails":
            raise LookupError(self.name)
        if response is not None:
            response.headers[f"X-{self.name}"] = "finished"

    def finish_quietly(self) -> bool:
        if self.how == "fails":
            self.told.append(f"{self.name} failed")
            raise LookupError(self.name)
        if self.how == "quiet":
            self.told.append(f"{self.name} was quiet")
        return self.how == "quiet"


@pytest.mark.parametrize("value", ["text", {"a": 1}, Response("mine"), object(), "x" * 70_000])
def test_finishers_that_have_nothing_to_do(value: object) -> None:
    told: list[str] = []

    def build() -> App:
        app = App()

        @app.get("/{inner}/{outer}")
        async def home(request: Request, inner: str, outer: str) -> Any:
            request.finish_with(Finisher("Outer", told, outer))
            request.finish_with(Finisher("Inner", told, inner))
            return value if type(value) is not Response else Response("mine")

        return app

    pairs = [(inner, outer) for inner in ("quiet", "speaks", "fails") for outer in ("quiet", "speaks", "fails")]
    with both(build, requests_per_connection=1000) as ports:
        heard = list[list[tuple[bytes, list[str]]]]()
        for port in ports:
            heard.append([])
            for inner, outer in pairs:
                told.clear()
                with Peer(port) as peer:
                    peer.send(request(f"/{inner}/{outer}", "GET", None, "Connection: close"))
                    answer = re.sub(rb"Date: [^\r]+", b"Date:", peer.rest())
                heard[-1].append((answer, [each.partition(" ")[0] for each in told]))
                assert [each.partition(" ")[0] for each in told] == ["Inner", "Outer"], (inner, outer)
    for (inner, outer), (portable, _), (engine, _) in zip(pairs, *heard, strict=True):
        if "quiet" not in (inner, outer):
            assert engine == portable, (inner, outer)
        status = portable[:12]
        assert engine.startswith(status), (inner, outer)
        fails = "fails" in (inner, outer) or type(value) is object
        assert (status == b"HTTP/1.1 500") == fails


SEEN: ContextVar[str] = ContextVar("seen", default="-")


def suspending(tasks: dict[str, list[Any]]) -> App:
    app = App()

    @app.get("/at-once/{x}")
    async def at_once(x: str) -> str:
        before = SEEN.get()
        SEEN.set(x)
        return before

    @app.get("/later/{x}")
    async def later(x: str) -> str:
        tasks["before"].append(asyncio.current_task())
        SEEN.set(x)
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        tasks["after"].append(asyncio.current_task())
        return SEEN.get()

    @app.get("/time")
    async def time() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "in time"
        return "never"

    @app.get("/group")
    async def group() -> str:
        async with asyncio.TaskGroup() as tasks:
            one, two = tasks.create_task(at_once("1")), tasks.create_task(later("2"))
        return one.result() + two.result()

    @app.get("/cancel")
    async def cancel() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            task.uncancel()
            return "cancelled"
        return "not cancelled"

    return app


def test_a_function_runs_in_a_context_and_a_task_of_its_own() -> None:
    tasks: dict[str, list[Any]] = {"before": [], "after": []}

    targets = ["/at-once/a", "/at-once/b", "/later/c", "/at-once/d", "/time", "/group", "/cancel", "/at-once/e"]
    answers = compare(lambda: suspending(tasks), [request(target) for target in targets])
    assert re.findall(rb"\r\n\r\n([^{]*?)(?:HTTP|$)", answers)[:8] == [
        b"-",
        b"-",
        b"c",
        b"-",
        b"in time",
        b"-2",
        b"cancelled",
        b"-",
    ]
    assert tasks["before"] == tasks["after"]


def test_a_peer_that_goes_ends_the_function_it_waits_for() -> None:
    app = App()
    entered, ended = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    @app.get("/wait")
    async def wait() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            done.append("ended")
            ended.set()

    async def test(port: int) -> None:
        with Peer(port) as peer:
            peer.send(request("/wait"))
            await entered.wait()
        await ended.wait()

    on_loop(app, test)
    assert done == ["ended"]


def on_loop(app: App, test: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Run a test beside an engine, on its loop."""

    async def run() -> None:
        from hospes.server import Server

        async with app.started() as handler:
            server = Server(handler, ServerOptions(port=0))
            await server.start()
            try:
                await test(server.address[1])
            finally:
                await server.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", "engine")
        asyncio.run(run())


def test_no_python_code_runs_between_the_octets_and_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr("hospes.engine.carrier.interval", lambda timeouts: 60.0)  # no look at what is late in between

    app = App()
    calls: list[str] = []

    @app.get("/users/{id:int}")
    async def user(id: int, verbose: bool = False) -> dict[str, object]:
        return {"id": id, "verbose": verbose}

    @app.post("/echo")
    async def echo(data: Annotated[dict[str, Any], JSONBody]) -> dict[str, Any]:
        return data

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and "asyncio" not in frame.f_code.co_filename and "selectors" not in frame.f_code.co_filename:
            calls.append(frame.f_code.co_name)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for octets, content in ((request("/users/42?verbose=true"), 24), (post("/echo", b'{"a":1}'), 7)):
            for _ in range(3):
                calls.clear()
                sys.setprofile(note)
                writer.write(octets)
                await reader.readuntil(b"\r\n\r\n")
                sys.setprofile(None)
                await reader.readexactly(content)
            assert [name for name in calls if name not in {"test", "run"}] == ["user" if content == 24 else "echo"]
        writer.close()
        await writer.wait_closed()

    with no_collection():
        on_loop(app, test)
