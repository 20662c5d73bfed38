"""Websockets of ASGI applications, with a real peer, over each carrier; and what applications get wrong."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest
from tests.adapters.support import WAIT, ask, made
from tests.server.support import Peer, Serve, request
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from hospes.adapters import from_asgi
from hospes.adapters.asgi import Message, Receive, Scope, Send
from hospes.adapters.asgi_websocket import AHEAD
from hospes.errors import HttpError
from hospes.http.request import Request

ACCEPT: Message = {"type": "websocket.accept"}
SHAKES = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


def handshake(*more: str) -> Request:
    return made("/chat", "GET", None, *SHAKES, *more)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives back what it gets; closes when it is told to."""
    assert (await receive())["type"] == "websocket.connect"
    protocol = scope["subprotocols"][0] if scope["subprotocols"] else None
    await send({**ACCEPT, "subprotocol": protocol, "headers": [(b"x-path", scope["path"].encode())]})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 3001, "reason": "as asked"})
        else:
            await send({"type": "websocket.send", **{key: message[key] for key in message if key != "type"}})


def test_messages_both_ways(serve: Serve) -> None:
    with serve(from_asgi(echo, lifespan="off")) as port, connect(f"ws://127.0.0.1:{port}/a", subprotocols=["b", "c"]) as peer:  # type: ignore[list-item]
        assert peer.subprotocol == "b"
        assert peer.response is not None
        assert peer.response.headers["x-path"] == "/a"
        for message in ("text", b"bytes", "é" * 1000, b"x" * 200_000, ""):
            peer.send(message)
            assert peer.recv(timeout=WAIT) == message
        peer.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            peer.recv(timeout=WAIT)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3001, "as asked")


def test_the_peers_goodbye_is_told(serve: Serve) -> None:
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        heard.put(await receive())
        heard.put(await receive())
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            heard.put(str(error))
            raise

    with serve(from_asgi(application, lifespan="off")) as port:
        with connect(f"ws://127.0.0.1:{port}/") as peer:
            peer.close(3002, "bye")
        gone = {"type": "websocket.disconnect", "code": 3002, "reason": "bye"}
        assert [heard.get(timeout=WAIT) for _ in range(3)] == [gone, gone, "the websocket has closed, and does not get this"]


@pytest.mark.parametrize(("fails", "code"), [(False, 1000), (True, 1011)])
def test_an_application_that_ends(serve: Serve, fails: bool, code: int) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": "first"})
        if fails:
            raise LookupError("defect")

    with serve(from_asgi(application, lifespan="off")) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        assert peer.recv(timeout=WAIT) == "first"
        with pytest.raises(ConnectionClosed) as closed:
            peer.recv(timeout=WAIT)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


@pytest.mark.parametrize(("message", "code"), [(None, 1011), ({"type": "websocket.close", "code": None, "reason": None}, 1000)])
def test_an_application_that_ends_before_the_channel_opens(serve: Serve, message: Message | None, code: int) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        if message is None:
            raise LookupError("defect")
        await send(message)

    with serve(from_asgi(application, lifespan="off")) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        with pytest.raises(ConnectionClosed) as closed:
            peer.recv(timeout=WAIT)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


def test_extensions_are_not_the_applications_to_speak(serve: Serve) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**ACCEPT, "headers": [(b"sec-websocket-extensions", b"permessage-deflate"), (b"x-a", b"1")]})
        await send({"type": "websocket.send", "text": "plain"})

    with (
        serve(from_asgi(application, lifespan="off")) as port,
        connect(f"ws://127.0.0.1:{port}/", compression=None) as peer,
    ):
        assert peer.response is not None
        assert (peer.response.headers["x-a"], "sec-websocket-extensions" in peer.response.headers) == ("1", False)
        assert peer.recv(timeout=WAIT) == "plain"


def test_an_application_that_is_behind_makes_the_peer_wait(serve: Serve) -> None:
    go = threading.Event()
    got: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        import asyncio

        await send(ACCEPT)
        await receive()
        await asyncio.get_running_loop().run_in_executor(None, go.wait)
        while (message := await receive())["type"] == "websocket.receive":
            got.append(int(message["text"]))
            if len(got) == 5 * AHEAD:
                await send({"type": "websocket.send", "text": "all"})

    with serve(from_asgi(application, lifespan="off")) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        for number in range(5 * AHEAD):
            peer.send(str(number))
        go.set()
        assert peer.recv(timeout=WAIT) == "all"
    assert got == list(range(5 * AHEAD))


@pytest.mark.parametrize(
    ("messages", "status", "content"),
    [
        ([{"type": "websocket.close"}], 403, b"403 Forbidden\n"),
        (
            [
                {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-a", b"b")]},
                {"type": "websocket.http.response.body", "body": b"not ", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"you"},
            ],
            401,
            b"not you",
        ),
    ],
)
def test_an_application_that_refuses(serve: Serve, messages: list[Message], status: int, content: bytes) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(message)
        assert (await receive())["type"] == "websocket.disconnect"

    with serve(from_asgi(application, lifespan="off")) as port:
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/"):
            pass
        assert (refused.value.response.status_code, refused.value.response.body) == (status, content)
        with Peer(port) as peer:  # the connection goes on
            peer.send(request("/", "GET", None, *SHAKES) * 2)
            assert [peer.get().status for _ in range(2)] == [status, status]


def test_the_scope() -> None:
    seen: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "websocket.close"})

    assert ask(from_asgi(application), handshake("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c")).status == 403
    [scope] = seen
    assert (scope["type"], scope["scheme"], scope["path"], scope["subprotocols"]) == ("websocket", "ws", "/chat", ["a", "b", "c"])
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert "method" not in scope


def test_a_handshake_that_is_none() -> None:
    with pytest.raises(HttpError) as error:
        ask(from_asgi(echo), made("/", "GET", None, *SHAKES[:2]))
    assert error.value.code == 426


def sending(*messages: Message) -> Any:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return application


REFUSED = {"type": "websocket.close"}
BROKEN: list[tuple[list[Message], str]] = [
    ([], "the ASGI application returned without an answer to the handshake"),
    ([{"type": "websocket.send", "text": "x"}], "the ASGI application sent 'websocket.send' before 'websocket.accept'"),
    ([{"type": "http.response.start"}], "the ASGI application sent 'http.response.start' before 'websocket.accept'"),
    (
        [{"type": "websocket.http.response.start", "status": 400}, ACCEPT],
        "the ASGI application sent 'websocket.accept' after it had refused the websocket",
    ),
]


@pytest.mark.parametrize(("messages", "text"), BROKEN)
def test_what_breaks_the_protocol(messages: list[Message], text: str) -> None:
    with pytest.raises(RuntimeError) as error:
        ask(from_asgi(sending(*messages)), handshake())
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ACCEPT, "the ASGI application sent 'websocket.accept' after 'websocket.accept'"),
        ({"type": "websocket.send"}, "the ASGI application sent a 'websocket.send' with neither text nor bytes"),
    ],
)
def test_what_breaks_the_protocol_later(serve: Serve, message: Message, text: str) -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            await send(message)
        except (RuntimeError, TypeError) as error:
            said.put(str(error))

    with serve(from_asgi(application, lifespan="off")) as port, connect(f"ws://127.0.0.1:{port}/"):
        assert said.get(timeout=WAIT) == text
