"""ASGI applications over real sockets, over each carrier: in one step, in many, with peers that go and servers that stop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import queue
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.adapters.support import WAIT, ask, body, made, on_loop, respond, sending, start
from tests.server.support import Peer, Serve, request

from hospes.adapters import from_asgi
from hospes.adapters.asgi import AsgiApplication, Receive, Scope, Send
from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import Response


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives back what it gets, piece by piece."""
    await send(start(200, (b"x-path", scope["path"].encode())))
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send(body(message["body"], more=True))
    await send(body())


def test_content_streams_both_ways(serve: Serve) -> None:
    content = bytes(range(256)) * 4096
    with serve(from_asgi(echo, lifespan="off")) as port, Peer(port) as peer:
        peer.send(request("/caf%C3%A9", "POST", content))
        got = peer.get()
        assert (got.status, got.content, got.fields["x-path"].encode("latin-1")) == (200, content, "/café".encode())
        peer.send(request("/a", "POST", None, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n")
        assert peer.get().content == b"abc"
        peer.send(request("/b", "HEAD"))
        assert peer.get("HEAD").status == 200


def test_an_answer_begins_while_content_still_comes(serve: Serve) -> None:
    with serve(from_asgi(echo, lifespan="off")) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 4") + b"ab")
        assert peer.until(b"2\r\nab\r\n").endswith(b"\r\n\r\n2\r\nab\r\n")
        peer.send(b"cd")
        peer.until(b"2\r\ncd\r\n0\r\n\r\n")


def test_pipelined_requests(serve: Serve) -> None:
    with serve(from_asgi(sending(start(200, (b"content-type", b"text/plain")), body(b"hi")))) as port, Peer(port) as peer:
        peer.send(request("/a") * 3)
        assert [peer.get().content for _ in range(3)] == [b"hi"] * 3


def test_a_slow_peer_makes_the_application_wait(serve: Serve) -> None:
    sent = 0
    gone = threading.Event()
    stuck = threading.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        try:
            while True:
                await asyncio.wait_for(send(body(b"x" * 65_536, more=True)), 0.5 if sent > 64 else None)
                sent += 1
        except TimeoutError:
            stuck.set()
            while True:
                if (await receive())["type"] == "http.disconnect":
                    gone.set()
                    return

    with serve(from_asgi(flood, lifespan="off")) as port, Peer(port, receive_buffer=65_536) as peer:
        peer.send(request())
        assert stuck.wait(WAIT)
        assert sent < 1000
        peer.reset()
        assert gone.wait(WAIT)


def test_a_peer_that_goes_is_told(serve: Serve) -> None:
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        heard.put((await receive())["type"])
        heard.put((await receive())["type"])
        await asyncio.sleep(0)  # it is not cancelled
        heard.put("goes on")

    with serve(from_asgi(application, lifespan="off")) as port:
        with Peer(port) as peer:
            peer.send(request())
            assert heard.get(timeout=WAIT) == "http.request"
        assert [heard.get(timeout=WAIT) for _ in range(2)] == ["http.disconnect", "goes on"]


def test_what_streams_is_closed_when_the_peer_goes(serve: Serve) -> None:
    """At once, and not when Python happens to look for cycles: nothing here may hold on to the application's frames."""
    closed = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000
                await asyncio.sleep(0.001)
        finally:
            closed.set()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        source = pieces()
        await send(start())
        try:
            async for piece in source:
                await send(body(piece, more=True))
        except OSError:
            raise LookupError("gone") from None  # as Starlette's ClientDisconnect

    gc.disable()
    try:
        with serve(from_asgi(application, lifespan="off")) as port:
            with Peer(port) as peer:
                peer.send(request("/"))
                peer.until(b"x" * 100)
            assert closed.wait(WAIT)
    finally:
        gc.enable()


def test_what_fails_is_a_bare_500_or_an_aborted_connection(serve: Serve) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/late":
            await send(start())
            await send(body(b"begun", more=True))
            await asyncio.sleep(0.001)
        raise LookupError("a secret")

    with serve(from_asgi(application, lifespan="off")) as port:
        with Peer(port) as peer:
            peer.send(request("/"))
            got = peer.get()
            assert (got.status, b"secret" in got.content) == (500, False)
        with Peer(port) as peer:
            peer.send(request("/late"))
            peer.until(b"begun\r\n")
            with pytest.raises(ConnectionResetError):
                peer.rest()


def test_an_exit_ends_a_request_and_no_server(serve: Serve) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/later":
            await asyncio.sleep(0)
        if scope["path"] == "/stream":
            await send(start())
            await send(body(b"begun", more=True))
            await asyncio.sleep(0.001)
        if scope["path"] != "/":
            sys.exit(3)
        await send(start())
        await send(body(b"served"))

    with serve(from_asgi(application, lifespan="off")) as port:
        with Peer(port) as peer:
            for path in ("/exit", "/later"):
                peer.send(request(path))
                assert peer.get().status == 500
            peer.send(request("/"))
            assert peer.get().content == b"served"
        with Peer(port) as peer:
            peer.send(request("/stream"))
            with pytest.raises(ConnectionResetError):
                peer.rest()
        with Peer(port) as peer:
            peer.send(request("/"))
            assert peer.get().content == b"served"


def test_too_much_content_is_refused_without_asking(serve: Serve) -> None:
    asked: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)
        while (await receive()).get("more_body"):
            pass
        await send(start())
        await send(body())

    with serve(from_asgi(application, lifespan="off", body_limit=5)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", b"12345"))
        assert peer.get().status == 200
        peer.send(request("/", "POST", b"123456"))
        assert peer.get().status == 413
        assert len(asked) == 1
    with serve(from_asgi(application, lifespan="off", body_limit=5)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Transfer-Encoding: chunked") + b"6\r\n123456\r\n0\r\n\r\n")
        assert peer.get().status == 413


def test_trailers_and_early_files(serve: Serve, tmp_path: Any) -> None:
    (tmp_path / "large").write_bytes(b"0123456789" * 50_000)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/file":
            await send(start())
            await send({"type": "http.response.pathsend", "path": str(tmp_path / "large")})
            return
        await send(start(trailers=True))
        await send(body(b"x"))
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]})

    with serve(from_asgi(application, lifespan="off")) as port, Peer(port) as peer:
        peer.send(request("/file"))
        assert peer.get().content == b"0123456789" * 50_000
        peer.send(request("/", "GET", None, "TE: trailers"))
        peer.until(b"1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n")
        peer.send(request("/file", "HEAD"))
        assert peer.get("HEAD").content == b""


# Without sockets.


def test_the_task_of_the_first_step_is_the_task_of_the_last() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        async with asyncio.timeout(WAIT):
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            await send(start())
            await send(body(b"a", more=True))
            await asyncio.sleep(0)
            await send(body(b"b", more=True))
        assert asyncio.current_task() is task
        await send(body())

    assert ask(from_asgi(application)).content == b"ab"


def test_context_variables() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(name.get())
        name.set("application")
        await asyncio.sleep(0)
        seen.append(name.get())
        await send(start())
        await send(body())

    async def around(request: Request) -> Response:
        name.set("filter")
        response = await respond(from_asgi(application), request)
        seen.append(name.get())
        return response

    ask(around)
    assert seen == ["filter", "application", "filter"]


def test_a_loop_of_its_own_each_time() -> None:
    hosted = from_asgi(sending(start(), body(b"x")))
    assert [ask(hosted).content for _ in range(2)] == [b"x", b"x"]


def test_an_application_that_is_no_coroutine_function() -> None:
    class Application:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            await send(body(b"object"))

    inner: AsgiApplication = Application()

    def wrapped(scope: Any, receive: Any, send: Any) -> Any:
        return inner(scope, receive, send)

    assert [ask(from_asgi(each)).content for each in (inner, wrapped)] == [b"object", b"object"]


def test_the_state_of_its_lifespan() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["name"] = "pool"
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        await send(start())
        await send(body(repr(scope.get("state")).encode()))

    async def work() -> None:
        hosted = from_asgi(application, lifespan="on")
        async with hosted.running():
            assert (await respond(hosted, made())).content == b"{'name': 'pool'}"
        assert (await respond(hosted, made())).content == b"None"

    on_loop(work)


def test_what_does_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("hospes.adapters.asgi_host.BACKGROUND", 0.0)
    ended: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def work() -> None:
        hosted = from_asgi(application, lifespan="off")
        async with hosted.running():
            await respond(hosted, made())

    with caplog.at_level(logging.WARNING, "hospes.adapters"):
        on_loop(work)
    assert ended == ["cancelled"]
    assert len(caplog.records) == 1
    assert "1 calls of the ASGI application did not end in time and are cancelled" in caplog.text


def test_a_lifespan_that_there_is_not() -> None:
    with pytest.raises(SetupError) as error:
        from_asgi(echo, lifespan="maybe")  # type: ignore[arg-type]
    assert str(error.value) == 'lifespan=\'maybe\'\n  → it is "auto", "on" or "off"'
