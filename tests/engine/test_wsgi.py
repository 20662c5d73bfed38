"""What the engine hears of a WSGI application by itself, and where a WsgiExchange takes over: the same, octet by octet.

Two servers have the same application. One goes the engine's own way as far as it leads; the other's handler is a function around
the application, so that it is a WsgiExchange from the beginning on.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.support import WAIT, Peer, request, serving

from hospes.adapters import HostedWsgi, from_wsgi
from hospes.adapters.wsgi import Environ, StartResponse
from hospes.errors import HttpError
from hospes.http.request import Request
from hospes.server.carriers import ENGINE

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from tests.engine.test_asgi import LAST, exchanged, interrupted

Play = Callable[[Environ, StartResponse], Any]
TYPE = ("Content-Type", "text/plain")
LENGTH = ("Content-Length", "5")
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="untouched")


class Stage:
    """An application that plays what it is told to, and the two servers that have it."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.play: Play = lambda environ, start_response: []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/last":
            start_response("200 OK", [TYPE])
            return [b"last"]
        return self.play(environ, start_response)  # type: ignore[no-any-return]

    def ask(self, play: Play, asked: bytes = b"") -> bytes:
        """What both servers say; it is the same."""
        self.play = play
        said = [whole(exchanged(port, asked or request("/script"))) for port in self.ports]
        assert said[0] == said[1]
        return said[0]

    def tell(self, status: object, fields: object, *content: object, asked: bytes = b"") -> bytes:
        """Answer so; in a list, and in other ways."""
        said = b""
        shapes: tuple[Callable[[Any], object], ...] = (list, tuple, iter, Closing)
        for shape in shapes:

            def play(environ: Environ, start_response: StartResponse) -> Any:
                start_response(status, fields)
                return shape(content)  # noqa: B023  # it is called before the next one is

            said = self.ask(play, asked)
        return said


def whole(said: bytes) -> bytes:
    """Answers, without chunks: whether an answer has ended before the loop looks at it is the threads' to decide."""
    answers = b""
    while said.startswith(b"HTTP/1.1 "):
        head, _, said = said.partition(b"\r\n\r\n")
        if b"\r\nTransfer-Encoding: chunked" in head:
            content = b""
            while (size := int(said.partition(b"\r\n")[0], 16)) > 0:
                start = said.index(b"\r\n") + 2
                content, said = content + said[start : start + size], said[start + size + 2 :]
            said = said.removeprefix(b"0\r\n\r\n")
            head = head.replace(b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(content))
            answers += head + b"\r\n\r\n" + content
        else:
            length = re.search(rb"\r\nContent-Length: (\d+)", head)
            size = int(length[1]) if length else 0
            answers += head + b"\r\n\r\n" + said[:size]
            said = said[size:]
    return answers + said


class Closing:
    """An iterable that wants to be closed."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self.content = content
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.content)

    def close(self) -> None:
        self.closed += 1


@contextmanager
def staged(make: Callable[[Any], HostedWsgi] = from_wsgi) -> Generator[Stage]:
    """Two servers."""
    stage = Stage()
    own, others = make(stage), make(stage)
    with ExitStack() as stack:
        for handler in (own, lambda request: others(request)):  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType]
            stage.ports.append(stack.enter_context(serving(ENGINE, handler)))  # pyright: ignore[reportUnknownArgumentType]
        for port in stage.ports:  # the first request has the threads made
            assert exchanged(port, b"").endswith(b"last")
        yield stage


@pytest.fixture(scope="module")
def stage() -> Generator[Stage]:
    with staged() as stage:
        yield stage


def test_the_usual_answer(stage: Stage) -> None:
    said = stage.tell("201 Created", [TYPE, LENGTH], b"hello")
    assert said.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n" in said


def test_the_usual_answer_needs_no_exchange(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    def refuse(self: HostedWsgi, request: Request, pool: object) -> None:
        raise AssertionError("an exchange is made")

    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [TYPE, LENGTH, ("X-A", "b")])
        return [environ["wsgi.input"].read(2), b"llo"]

    monkeypatch.setattr(HostedWsgi, "exchange", refuse)
    stage.play = play
    assert b"X-A: b\r\nContent-Length: 5\r\n\r\nhello" in exchanged(stage.ports[0], request("/script", "POST", b"hexxx"))


FIELDS: list[list[Any]] = [
    [],
    [TYPE, ("X-A", "1")],
    [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
    [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-Latin", "\xe9")],
    [("X-A", "1"), ("X-B", "2"), ("x-a", "3")],
    [TYPE, TYPE],
    [("content-type", ""), ("content-type", "text/html")],
    [LENGTH],
    [LENGTH, LENGTH],
    [("content-LENGTH", "5"), ("X-A", "1")],
    [("Content-Length", "x")],
    [("Content-Length", "4")],
    [("Content-Length", "05")],
    [("Content-Length", "5" * 30)],
    [("X-Content-Type-Options", "other")],
    [("Connection", "close")],
    [("Server", "mine"), ("Date", "now"), ("Upgrade", "x"), ("Keep-Alive", "x"), ("Transfer-Encoding", "chunked")],
    [("X A", "1")],
    [("", "1")],
    [("X-A", "1\r\nX-B: 2")],
    [("Content-Type", "a\nb")],
    [("X-A", " padded ")],
    [("X-Snowman", "\u2603")],
    [("X-Long", "a" * 9000)],
    [("X-Long", "a" * 8000), ("X-Longer", "b" * 150)],
    [(f"X-{number}", "a" * 100) for number in range(70)],
    [["X-A", "1"]],
    [("X-A",)],
    [("X-A", 1)],
    [(b"X-A", b"1")],
]


@pytest.mark.parametrize("fields", [*FIELDS, (TYPE, LENGTH), {"X-A": "1"}.items(), None])
@pytest.mark.parametrize("content", [b"hello", b"x" * 20_000])
def test_fields(stage: Stage, fields: object, content: bytes) -> None:
    stage.tell("200 OK", fields, content)


@pytest.mark.parametrize(
    "status",
    [f"{number} x" for number in ("099", 100, 199, 204, 205, 304, 599, 600)]
    + ["200", "200 ", "200OK", "20 OK", "2", "", "x00 OK", "\u0662\u0660\u0660 OK", "200 \u2603", b"200 OK", 200, None],
)
def test_statuses(stage: Stage, status: object) -> None:
    stage.tell(status, [TYPE], b"a")


@pytest.mark.parametrize(
    "content",
    [(), (b"",), (b"", b""), (b"he", b"llo"), (b"hello", b""), ("hello",), (b"hello", "x"), (bytearray(b"hello"),), (None,)],
)
@pytest.mark.parametrize("fields", [[TYPE], [TYPE, LENGTH]])
def test_content(stage: Stage, content: tuple[Any, ...], fields: list[tuple[str, str]]) -> None:
    stage.tell("200 OK", fields, *content)


@pytest.mark.parametrize("returned", [None, b"hello", "hello", 3, io.BytesIO(b"hello"), {b"hello": 1}])
def test_what_else_is_returned(stage: Stage, returned: object) -> None:
    def play(environ: Environ, start_response: StartResponse) -> object:
        start_response("200 OK", [TYPE])
        if isinstance(returned, io.BytesIO):
            return environ["wsgi.file_wrapper"](io.BytesIO(b"hello"))
        return returned

    stage.ask(play)


@pytest.mark.parametrize("lines", [(), (LAST,), ("Expect: 100-continue",), ("X-A: 1", "X-A: 2")])
@pytest.mark.parametrize("method", ["GET", "HEAD", "BREW", "POST"])
@pytest.mark.parametrize("target", ["/script", "/script?a=%20b", "/a%20b"])
def test_requests(stage: Stage, lines: tuple[str, ...], method: str, target: str) -> None:
    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        shown = {name: value for name, value in environ.items() if not name.startswith("wsgi.") and name not in OWN}
        told = [environ["wsgi.input"].read(), environ["wsgi.input"].read(), environ["wsgi.errors"] is sys.stderr]
        content = repr((sorted(shown.items()), told, VARIABLE.get(), sorted(environ))).encode()
        VARIABLE.set("set")
        start_response("200 OK", [TYPE, ("Content-Length", str(len(content)))])
        return [content]

    assert (
        b"untouched" in stage.ask(play, request(target, method, b"hello" if method == "POST" else None, *lines))
        or method == "HEAD"
    )


OWN = frozenset({"SERVER_PORT", "REMOTE_PORT", "HTTP_HOST"})


def test_many_in_one_piece(stage: Stage) -> None:
    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [TYPE, ("X-A", "b")])
        return [b"hello"]

    assert stage.ask(play, request("/script") * 200).count(b"\r\n\r\nhello") == 200


def test_a_limit_of_its_own() -> None:
    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [TYPE])
        return [environ["wsgi.input"].read()]

    with staged(lambda application: from_wsgi(application, body_limit=5)) as stage:
        for content in (b"four", b"fives", b"sixsix"):
            assert stage.ask(play, request("/script", "POST", content)).startswith(b"HTTP/1.1 200 ") == (len(content) <= 5)


# Whatever an application does.


def exc_info() -> Any:
    try:
        raise ArithmeticError("handled")
    except ArithmeticError:
        return sys.exc_info()


STEPS = st.sampled_from(
    ["start", "start with length", "start over", "others", "no content", "write", "write nothing", "read", "fail", "hint"]
)
FIRST = st.sampled_from(list[list[str]]([[], ["start"], ["others"]]))
RETURNS = st.sampled_from(["list", "pieces", "generator", "nothing", "none", "failing generator"])


class Script:
    """An application that does what is written; what it sees is in its answer, or noted."""

    def __init__(self, steps: list[str], returns: str, catches: bool) -> None:
        self.steps = steps
        self.returns = returns
        self.catches = catches
        self.seen: list[object] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        writes: list[Callable[[bytes], object]] = []
        for step in self.steps:
            try:
                self._take(step, environ, start_response, writes)
            except Exception as error:
                self.seen.append((type(error).__name__, str(error)))
                if not self.catches:
                    raise
        returned: dict[str, Callable[[], object]] = {
            "list": lambda: [b"hello"],
            "pieces": lambda: [b"he", b"llo"],
            "generator": lambda: (each for each in (b"he", b"llo")),
            "nothing": lambda: [],  # noqa: PIE807
            "none": lambda: None,
            "failing generator": lambda: (b"%d" % (1 // (1 - each)) for each in range(2)),
        }
        return returned[self.returns]()

    def _take(self, step: str, environ: Environ, start_response: StartResponse, writes: list[Any]) -> None:
        if step == "start":
            writes.append(start_response("200 OK", [TYPE]))
        elif step == "start with length":
            writes.append(start_response("200 OK", [TYPE, LENGTH]))
        elif step == "start over":
            writes.append(start_response("500 Sorry", [TYPE, ("X-A", "b")], exc_info()))
        elif step == "others":
            writes.append(start_response("404 Not Here", [("X-A", "b"), ("X-B", "c")]))
        elif step == "no content":
            writes.append(start_response("204 Nothing", []))
        elif step == "read":
            self.seen.append(environ["wsgi.input"].read(3))
        elif step == "hint":
            environ["wsgi.early_hints"]([("Link", "</a>; rel=preload"), ("X-A", "b")])
        elif step == "fail":
            raise ArithmeticError(step)
        elif writes:
            self.seen.append(writes[-1](b"" if step == "write nothing" else b"hello"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FIRST, steps=st.lists(STEPS, max_size=4), returns=RETURNS, catches=st.booleans())
def test_any_call(stage: Stage, first: list[str], steps: list[str], returns: str, catches: bool) -> None:
    seen: list[object] = []

    def play(environ: Environ, start_response: StartResponse) -> object:
        script = Script([*first, *steps], returns, catches)
        try:
            return script(environ, start_response)
        finally:
            seen.append(script.seen)

    stage.ask(play, request("/script", "POST", b"octets"))
    assert seen[0] == seen[1]


def test_failures(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "hospes.server")
    for failure, said in ((ArithmeticError(), b"500 "), (HttpError(418, "short"), b"418 "), (StopIteration(), b"500 ")):

        def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
            raise failure  # noqa: B023  # it is called before the next one is

        assert stage.ask(play).startswith(b"HTTP/1.1 " + said)


def test_a_call_after_its_end(stage: Stage) -> None:
    kept: list[tuple[StartResponse, Any]] = []

    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        late = "nothing"
        if kept:
            with pytest.raises(AssertionError) as error:
                kept[-1][0]("200 OK", [])
            late = str(error.value)
        kept.append((start_response, start_response("200 OK", [TYPE])))
        return [late.encode()]

    stage.play = play
    for port in stage.ports:
        kept.clear()
        assert b"the WSGI application called start_response a second time" in exchanged(port, request("/script") * 2)


# A job of its pool.


def test_threads_that_are_all_busy(stage: Stage) -> None:
    free, arrived = threading.Event(), threading.Semaphore(0)

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] != "/last":
            arrived.release()
            assert free.wait(WAIT)
        start_response("200 OK", [TYPE])
        return [b"last"]

    hosted = from_wsgi(application, threads=1, queue=0.05)
    with serving(ENGINE, hosted) as port, Peer(port) as busy:
        exchanged(port, b"")
        busy.send(request("/script"))
        assert arrived.acquire(timeout=WAIT)
        assert exchanged(port, b"").startswith(b"HTTP/1.1 503 ")
        pool = hosted.pool
        assert pool is not None
        pool._most_waiting = 0
        assert exchanged(port, b"").startswith(b"HTTP/1.1 503 ")
        free.set()
        assert busy.get().content == b"last"


def test_a_peer_that_goes_while_it_waits_or_runs() -> None:
    free, ran = threading.Event(), threading.Semaphore(0)
    paths: list[str] = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        start_response("200 OK", [TYPE])
        if environ["PATH_INFO"] == "/script":
            ran.release()
            assert free.wait(WAIT)
        return [b"last"]

    with serving(ENGINE, from_wsgi(application, threads=1)) as port:
        exchanged(port, b"")
        with Peer(port) as running, Peer(port) as waiting:
            running.send(request("/script"))
            assert ran.acquire(timeout=WAIT)
            waiting.send(request("/never"))
            with Peer(port) as behind:
                behind.send(request("/last"))
                waiting.reset()
                running.reset()
                with Peer(port) as after:  # whose connection is made after they were seen to have gone
                    after.send(request("/last"))
                    free.set()
                    assert after.get().content == b"last"
                assert behind.get().content == b"last"
    assert "/never" not in paths or paths.count("/never") == 1


def test_what_does_not_fit_is_sent_by_the_large_form(stage: Stage) -> None:
    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [TYPE])
        return [b"x" * 3_000_000]

    assert stage.ask(play, request("/script") * 3).count(b"x") > 9_000_000


def test_a_connection_that_is_handed_over_meanwhile(stage: Stage) -> None:
    gone = threading.Event()

    def play(environ: Environ, start_response: StartResponse) -> list[bytes]:
        assert gone.wait(WAIT)
        start_response("200 OK", [TYPE])
        return [b"hello"]

    said: list[bytes] = []
    stage.play = play
    for port in stage.ports:
        gone.clear()
        with Peer(port) as peer:
            peer.send(request("/script"))
            peer.send(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
            gone.set()
            peer.send(b"\r\n")
            said.append(peer.rest())
    assert said[0].count(b"hello") == said[1].count(b"hello") == 1
    assert said[0].endswith(b"last")


def test_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == "/script":
            raise KeyboardInterrupt
        start_response("200 OK", [TYPE])
        return [b"last"]

    monkeypatch.setenv("HOSPES_CARRIER", ENGINE)
    interrupted(from_wsgi(application))
