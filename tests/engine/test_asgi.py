"""What the engine hears of an ASGI application by itself, and where an AsgiExchange takes over: the same, octet by octet.

Two servers have the same application. One goes the engine's own way as far as it leads; the other's handler is a function around
the application, so that it is an AsgiExchange from the first message on.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.support import body, start
from tests.server.support import WAIT, Peer, request, serving

from hospes.adapters import HostedAsgi, HostedWsgi, from_asgi
from hospes.adapters.asgi import AsgiApplication, Message, Receive, Scope, Send
from hospes.adapters.asgi_exchange import AHEAD
from hospes.http.request import Request
from hospes.server import Server, ServerOptions
from hospes.server.carriers import ENGINE

core = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

Step = Message | str
"""A message that is sent, or what else an application does."""
TYPE = (b"content-type", b"text/plain")
LENGTH = (b"content-length", b"5")
LAST = "Connection: close"
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="untouched")


@dataclass
class Script:
    """An application that does what is written, and what it has seen."""

    steps: list[Step]
    catches: bool = False
    """Whether what is raised in a step is noted, and the next one taken."""
    seen: list[object] = field(default_factory=list[object])
    ended: threading.Event | None = None
    """Set when all steps are taken; None where it has not been called."""

    async def play(self, receive: Receive, send: Send) -> None:
        """Take the steps."""
        self.ended = threading.Event()
        try:
            for step in self.steps:
                await self._try(step, receive, send)
        finally:
            self.ended.set()

    async def _try(self, step: Step, receive: Receive, send: Send) -> None:
        try:
            await self._take(step, receive, send)
        except Exception as error:
            self.seen.append((type(error).__name__, str(error)))
            if not self.catches:
                raise

    async def _take(self, step: Step, receive: Receive, send: Send) -> None:
        if not isinstance(step, str):
            self.seen.append(await send(step))  # type: ignore[func-returns-value]
        elif step == "receive":
            receiving = asyncio.ensure_future(receive())
            for _ in range(3):
                await asyncio.sleep(0)
            self.seen.append(receiving.result() if receiving.done() else "waits")
            receiving.cancel()
        elif step == "receive at once":
            self.seen.append(await receive())
        elif step == "all content":
            messages = [await receive()]
            while messages[-1].get("more_body"):
                messages.append(await receive())
            self.seen.append(b"".join(message["body"] for message in messages))
        elif step == "pause":
            await asyncio.sleep(0)
        elif step == "task":
            task = asyncio.current_task()
            assert task is not None
            self.seen.append((task.cancelling(), VARIABLE.get()))
            VARIABLE.set("set")
        else:
            raise ArithmeticError(step)


class Stage:
    """Scripts, and the two servers that play them."""

    def __init__(self, ports: list[int], scripts: dict[str, Script]) -> None:
        self.ports = ports
        self.scripts = scripts

    def play(self, *steps: Step, catches: bool = False, asked: bytes = b"") -> tuple[bytes, list[object]]:
        """What both servers say and what both applications see; it is the same."""
        came: list[tuple[bytes, list[object]]] = []
        for port in self.ports:
            script = self.scripts["/script"] = Script(list(steps), catches)
            said = exchanged(port, asked or request("/script"))
            if script.ended is not None:
                assert script.ended.wait(WAIT)
            came.append((said, script.seen))
        assert came[0] == came[1]
        return came[0]


def exchanged(port: int, octets: bytes) -> bytes:
    """All that a server says to a request, and to one behind it; without dates, and how it ends."""
    with Peer(port) as peer:
        peer.send(octets + request("/last", "GET", None, LAST))
        try:
            said = peer.rest()
        except ConnectionResetError:
            return b"reset"
    return re.sub(rb"Date: [^\r]+", b"Date:", said)


def interrupted(hosted: HostedAsgi | HostedWsgi) -> None:
    """Have a server asked twice; the second time the application interrupts its loop."""
    server = Server(hosted, ServerOptions(port=0))

    async def run() -> None:
        await server.start()
        try:
            await asyncio.to_thread(exchanged, server.address[1], b"")
            await asyncio.to_thread(exchanged, server.address[1], request("/script"))
        finally:
            await server.stop(0)

    async def end() -> None:
        async with hosted.running():
            await server.stop()

    with asyncio.Runner() as runner:
        with pytest.raises(KeyboardInterrupt):
            runner.run(run())
        runner.run(end())


@contextmanager
def staged(
    application: AsgiApplication | None = None, make: Callable[[AsgiApplication], HostedAsgi] = from_asgi
) -> Generator[Stage]:
    """Two servers."""
    scripts = {"/last": Script([start(200, TYPE), body(b"last")])}

    async def play(scope: Scope, receive: Receive, send: Send) -> None:
        await scripts[scope["path"]].play(receive, send)

    own = make(application or play)
    others = make(application or play)
    with ExitStack() as stack:
        yield Stage(
            [stack.enter_context(serving(ENGINE, own)), stack.enter_context(serving(ENGINE, lambda request: others(request)))],
            scripts,
        )


@pytest.fixture(scope="module")
def stage() -> Generator[Stage]:
    with staged() as stage:
        for port in stage.ports:  # the first request has a driver made
            assert exchanged(port, b"").endswith(b"last")
        yield stage


def test_the_usual_answer(stage: Stage) -> None:
    said, seen = stage.play(start(201, TYPE, LENGTH), body(b"hello"))
    assert said.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n" in said
    assert seen == [None, None]


def test_the_usual_answer_needs_no_exchange(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    def refuse(self: HostedAsgi, request: Request, scope: Scope) -> None:
        raise AssertionError("an exchange is made")

    stage.scripts["/script"] = Script(
        ["receive at once", start(200, TYPE, LENGTH, (b"x-a", b"b")), body(b"he", True), body(b"llo")]
    )
    monkeypatch.setattr(HostedAsgi, "exchange", refuse)
    assert b"x-a: b\r\nContent-Length: 5\r\n\r\nhello" in exchanged(stage.ports[0], request("/script", "POST", b"octets"))


FIELDS: list[tuple[tuple[bytes, bytes], ...]] = [
    (),
    (TYPE, (b"x-a", b"1")),
    ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")),
    ((b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"X-Latin", b"\xe9")),
    ((b"x-a", b"1"), (b"x-b", b"2"), (b"X-A", b"3")),
    (TYPE, TYPE),
    ((b"content-type", b""), (b"content-type", b"text/html")),
    ((b"Content-Type", b"text/html"),),
    ((b"Content-Type", b"text/html"), TYPE),
    (LENGTH,),
    (LENGTH, LENGTH),
    ((b"content-length", b"x"),),
    ((b"content-length", b"4"),),
    ((b"content-length", b"05"),),
    ((b"content-length", b"5" * 30),),
    ((b"Content-Length", b"5"),),
    ((b"x-content-type-options", b"other"),),
    ((b"connection", b"close"),),
    ((b"server", b"mine"), (b"date", b"now"), (b"upgrade", b"x"), (b"keep-alive", b"x"), (b"transfer-encoding", b"chunked")),
    ((b"x a", b"1"),),
    ((b"", b"1"),),
    ((b"x-a", b"1\r\nx-b: 2"),),
    ((b"content-type", b"a\nb"),),
    ((b"x-a", b" padded "),),
    ((b"x-long", b"a" * 9000),),
    ((b"x-long", b"a" * 8000), (b"x-longer", b"b" * 150)),
    tuple((b"x-%d" % number, b"a" * 100) for number in range(70)),
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("content", [b"hello", b"x" * 20_000])
def test_fields(stage: Stage, fields: tuple[tuple[bytes, bytes], ...], content: bytes) -> None:
    stage.play(start(200, *fields), body(content), catches=True)
    stage.play(start(200, *fields), body(content))
    stage.play(start(200, *fields), "pause", body(content))


def test_messages_of_other_forms(stage: Stage) -> None:
    said, _ = stage.play(
        {"type": "http.response.start", "status": 200, "headers": ([b"x-a", b"1"],)}, {"type": "http.response.body"}
    )
    assert b"x-a: 1\r\nContent-Length: 0\r\n" in said
    for headers in ({TYPE: 1}, [(b"a", b"b", b"c")], [("a", "b")], [(b"a", 1)], [b"ab"], None, 3):
        stage.play({"type": "http.response.start", "status": 200, "headers": headers}, body(b"a"), catches=True)
    for status in ("200", "x", 99, 100, 199, 200, 204, 205, 304, 599, 600, 1000, True, None, 2.5):
        stage.play({"type": "http.response.start", "status": status}, body(b"a"), catches=True)
    for trailers in (True, False, None, 0, 1):
        stage.play(
            start(trailers=trailers), body(b"a"), {"type": "http.response.trailers", "headers": [(b"x-a", b"b")]}, catches=True
        )
    for content in (bytearray(b"a"), memoryview(b"a"), "a", None, 3):
        stage.play(start(), {"type": "http.response.body", "body": content}, catches=True)
    for more in (True, False, None, 0, 1, "x"):
        stage.play(start(), {"type": "http.response.body", "body": b"a", "more_body": more}, body(b"b"), catches=True)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [body(b"a")],
        [start()],
        [start(), start()],
        [start(), body(), body()],
        [start(), body(), start()],
        [{}],
        [{"type": "other"}],
        [{"type": 3}],
        [start(), {"body": b"a"}],
        [start(200, LENGTH), body(b"hell", True), body(b"")],
        [start(200, LENGTH), body(b"hello", True), body(b"")],
        [start(200, LENGTH), body(b"hello", True), body(b"!")],
        [start(200, LENGTH), body(b"hello!", True)],
        [start(), body(b"", True), body(b"", True)],
        [start(), {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}, body(b"a")],
        [{"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}, start(), body(b"a")],
        [start(), {"type": "http.response.pathsend", "path": __file__}],
        [start(), body(b"a", True), {"type": "http.response.pathsend", "path": __file__}],
        [start(), {"type": "http.response.pathsend", "path": "/nowhere"}, body(b"a")],
    ],
)
@pytest.mark.parametrize("more", [[], ["fail"], ["pause"], ["pause", "fail"], ["receive", "receive"]])
@pytest.mark.parametrize("catches", [True, False])
def test_out_of_order_and_in_it(stage: Stage, messages: list[Message], more: list[str], catches: bool) -> None:
    stage.play(*messages, *more, catches=catches)


@pytest.mark.parametrize("size", [AHEAD - 1, AHEAD, AHEAD + 1])
@pytest.mark.parametrize("pieces", [1, 2])
def test_as_much_as_may_wait(stage: Stage, size: int, pieces: int) -> None:
    said, _ = stage.play(start(), body(b"a" * size, True), *[body(b"b", True)] * (pieces - 1), body(b"c"))
    assert said.count(b"a") > size


@pytest.mark.parametrize("content", [None, b"", b"hello"])
def test_content(stage: Stage, content: bytes | None) -> None:
    asked = request("/script", "GET" if content is None else "POST", content)
    _, seen = stage.play("receive at once", "receive", start(), body(), "receive", asked=asked)
    assert seen[1] == "waits"
    assert seen[4] == {"type": "http.disconnect"}
    stage.play(start(), "pause", "receive at once", body(), asked=asked)
    stage.play(start(), body(), "receive", "pause", "receive", asked=asked)


def test_large_content(stage: Stage) -> None:
    content = b"x" * 70_000  # comes in as many pieces as the kernel likes
    _, seen = stage.play("all content", "receive", start(), body(), "receive", asked=request("/script", "POST", content))
    assert seen[0] == content
    assert seen[1] == "waits"


@pytest.mark.parametrize("lines", [("TE: trailers",), (LAST,), ("Expect: 100-continue",), ("X-A: 1", "X-A: 2")])
@pytest.mark.parametrize("method", ["GET", "HEAD", "BREW", "POST"])
@pytest.mark.parametrize("target", ["/script", "/script?a=%20b"])
def test_requests(stage: Stage, lines: tuple[str, ...], method: str, target: str) -> None:
    asked = request(target, method, b"hello" if method == "POST" else None, *lines)
    stage.play("receive at once", "task", start(200, TYPE, LENGTH), body(b"hello"), asked=asked)
    stage.play("pause", "receive at once", "task", start(200, TYPE), body(b"hello", True), "pause", body(b"!"), asked=asked)


def test_many_in_one_piece(stage: Stage) -> None:
    for port in stage.ports:
        stage.scripts["/script"] = Script([start(200, TYPE, (b"x-a", b"b")), body(b"hello")])
        said = exchanged(port, request("/script") * 500)
        assert said.count(b"\r\n\r\nhello") == 500


def test_a_limit_of_its_own() -> None:
    def make(application: AsgiApplication) -> HostedAsgi:
        return from_asgi(application, body_limit=5)

    with staged(make=make) as stage:
        for content in (b"four", b"fives", b"sixsix"):
            said, seen = stage.play("receive at once", start(), body(), asked=request("/script", "POST", content))
            assert bool(seen) == (len(content) <= 5) == said.startswith(b"HTTP/1.1 200 ")


# Whatever an application says.

STEPS = st.sampled_from(
    [
        start(200, TYPE),
        start(200, TYPE, LENGTH),
        start(404, (b"x-a", b"b"), TYPE),
        start(204),
        start(200, trailers=True),
        body(b"hello"),
        body(b"he", True),
        body(b"", True),
        body(),
        {"type": "http.response.trailers", "headers": [(b"x-a", b"b")]},
        {"type": "http.response.pathsend", "path": "/nowhere"},
        "receive",
        "receive at once",
        "pause",
        "task",
        "fail",
    ]
)

FIRST = st.sampled_from([[], [start(200, TYPE)], [start(), body()]])
CONTENT = st.none() | st.just(b"hello")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FIRST, steps=st.lists(STEPS, max_size=6), catches=st.booleans(), content=CONTENT)
def test_any_conversation(stage: Stage, first: list[Step], steps: list[Step], catches: bool, content: bytes | None) -> None:
    received = 0
    for number, step in enumerate(steps):  # only the first one is not to be waited for
        if step == "receive at once":
            received += 1
            if received > 1 or "receive" in steps[:number]:
                return
    stage.play(*first, *steps, catches=catches, asked=request("/script", "GET" if content is None else "POST", content))
