"""Websockets by events: which are heard, in which order, where each runs."""

from __future__ import annotations

import asyncio
import threading
from importlib.util import find_spec
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from hospes import (
    App,
    Headers,
    Request,
    SetupError,
    WebSocketClosed,
    WebSocketCloseReason,
    WebSocketHandler,
    WebSocketOptions,
    WebSocketSession,
)
from hospes.testing import WebSocketRefused
from hospes.websockets.inbox import MESSAGES


def test_all_events_in_order() -> None:
    app = App(store="memory:")
    heard: list[object] = []

    @app.websocket_handler("/{room}", inline=True)
    class Handler(WebSocketHandler):
        def on_handshake(self, request: Request) -> None:
            heard.append(("handshake", request.path_values["room"]))

        def on_open(self, session: WebSocketSession) -> None:
            heard.append(("open", session.request.path_values["room"]))

        async def on_text_message(self, session: WebSocketSession, text: str) -> None:
            await asyncio.sleep(0)
            heard.append(text)
            session.send(text)

        def on_binary_frame(self, session: WebSocketSession, fin: bool, octets: bytes) -> bool:
            heard.append((fin, octets))
            return octets != b"drop"

        def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
            heard.append(octets)
            session.send(octets)

        def on_close(self, session: WebSocketSession, reason: WebSocketCloseReason) -> None:
            heard.append((reason, reason.code, reason.reason, reason.message, session.is_closed))

    with app.test() as client, client.websocket("/a") as ws:
        ws.send("text")
        ws.send(b"octets")
        ws.send(b"drop")
        ws.send("last")
        assert [ws.receive(), ws.receive(), ws.receive()] == ["text", b"octets", "last"]
        ws.close(4000, "bye")
    expected = [("handshake", "a"), ("open", "a"), "text", (True, b"octets"), b"octets", (True, b"drop"), "last"]
    assert heard == [*expected, ("bye", 4000, "bye", "bye", True)]


class Waiting(WebSocketHandler):
    """Awaits what the base does, and gives it."""

    async def on_handshake(self, request: Request) -> Any:
        return await super().on_handshake(request)

    async def on_open(self, session: WebSocketSession) -> None:
        await super().on_open(session)
        session.send("open")

    async def on_text_message(self, session: WebSocketSession, text: str) -> None:
        await super().on_text_message(session, text)
        session.send(text)

    async def on_binary_frame(self, session: WebSocketSession, fin: bool, octets: bytes) -> Any:
        return await super().on_binary_frame(session, fin, octets)

    async def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
        await super().on_binary_message(session, octets)
        session.send(octets)

    async def on_ping_message(self, session: WebSocketSession, octets: bytes) -> None:
        await super().on_ping_message(session, octets)
        session.send(b"pinged " + octets)

    async def on_pong_message(self, session: WebSocketSession, octets: bytes) -> None:
        await super().on_pong_message(session, octets)
        session.send(b"ponged " + octets)

    async def on_close(self, session: WebSocketSession, reason: WebSocketCloseReason) -> None:
        await super().on_close(session, reason)


class Calling(WebSocketHandler):
    """Calls what the base does, and gives it as it is."""

    def on_handshake(self, request: Request) -> Any:
        return super().on_handshake(request)

    def on_open(self, session: WebSocketSession) -> Any:
        session.send("open")
        return super().on_open(session)

    def on_text_message(self, session: WebSocketSession, text: str) -> Any:
        session.send(text)
        return super().on_text_message(session, text)

    def on_binary_frame(self, session: WebSocketSession, fin: bool, octets: bytes) -> Any:
        return super().on_binary_frame(session, fin, octets)

    def on_binary_message(self, session: WebSocketSession, octets: bytes) -> Any:
        session.send(octets)
        return super().on_binary_message(session, octets)

    def on_ping_message(self, session: WebSocketSession, octets: bytes) -> Any:
        super().on_ping_message(session, octets)
        session.send(b"pinged " + octets)

    def on_pong_message(self, session: WebSocketSession, octets: bytes) -> Any:
        session.send(b"ponged " + octets)
        return super().on_pong_message(session, octets)

    def on_close(self, session: WebSocketSession, reason: WebSocketCloseReason) -> Any:
        return super().on_close(session, reason)


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("handler", [Waiting, Calling])
def test_a_base_of_handlers_does_what_happens_anyway(
    handler: type[WebSocketHandler], inline: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(store="memory:")
    app.websocket_handler("/", inline=inline)(handler)
    with app.serving(port=0) as server, connect(server.url.replace("http", "ws", 1)) as peer:
        assert peer.recv(timeout=10) == "open"
        peer.send("text")
        peer.send([b"in ", b"frames"])
        ponged = peer.ping(b"p")
        peer.pong(b"q")
        assert [peer.recv(timeout=10) for _ in range(4)] == ["text", b"in frames", b"pinged p", b"ponged q"]
        assert ponged.wait(10)
    assert caplog.records == []


def test_who_fails_after_the_goodbye_hears_of_the_end_all_the_same() -> None:
    app = App(store="memory:")
    told, over = threading.Event(), threading.Event()
    codes: list[int] = []

    @app.websocket_handler("/")
    class Late:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.close("bye")
            assert told.wait(10)
            session.send("too late")

        def on_close(self, session: WebSocketSession, reason: WebSocketCloseReason) -> None:
            codes.append(reason.code)
            over.set()

    with app.serving(port=0) as server, connect(server.url.replace("http", "ws", 1)) as peer:
        peer.send("go")
        with pytest.raises(ConnectionClosed):
            peer.recv(timeout=10)
        told.set()
        assert over.wait(10)
    assert codes == [1000]


def test_what_only_a_base_has_is_not_heard() -> None:
    app = App(store="memory:")

    @app.websocket_handler("/")
    class Text(WebSocketHandler):
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send(text)

    with app.serving(port=0) as server, connect(server.url.replace("http", "ws", 1)) as peer:
        assert peer.ping(b"answered by the carrier").wait(10)
        peer.send(b"dropped")
        peer.send("text")
        assert peer.recv(timeout=10) == "text"
    with pytest.raises(SetupError, match="the class WebSocketHandler hears nothing of a websocket"):
        app.websocket_handler("/none")(WebSocketHandler)


@pytest.mark.parametrize(
    ("value", "status", "fields"),
    [
        (None, 101, {}),
        (0, 101, {}),
        (101, 101, {}),
        ({"X-A": "b"}, 101, {"X-A": "b"}),
        (Headers({"X-A": "b"}), 101, {"X-A": "b"}),
        ((101, {"X-A": "b"}), 101, {"X-A": "b"}),
        (403, 403, {}),
        ((429, {"Retry-After": "5"}), 429, {"Retry-After": "5"}),
        (204, 204, {}),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
def test_handshakes(value: object, status: int, fields: dict[str, str], is_async: bool) -> None:
    app = App(store="memory:")
    if is_async:

        @app.websocket_handshake("/")
        async def look(request: Request) -> object:
            return value
    else:

        @app.websocket_handshake("/")
        def look_in_a_thread(request: Request) -> object:
            return value

    with app.test() as client:
        if status == 101:
            with client.websocket("/") as ws:
                assert fields.items() <= dict(ws.headers.lines()).items()
        else:
            with pytest.raises(WebSocketRefused) as caught:
                client.websocket("/").__enter__()
            assert caught.value.response.status == status
            assert fields.items() <= dict(caught.value.response.headers.lines()).items()


@pytest.mark.parametrize("singleton", [True, False])
def test_one_object_or_one_for_each(singleton: bool) -> None:
    app = App(store="memory:")

    @app.websocket_handler("/", singleton=singleton)
    class Handler:
        def __init__(self) -> None:
            self.count = 0

        async def on_text_message(self, session: WebSocketSession, text: str) -> None:
            self.count += 1
            session.send(str(self.count))

    with app.test() as client:
        counts: list[Any] = []
        for _ in range(2):
            with client.websocket("/") as ws:
                ws.send("x")
                counts.append(ws.receive())
    assert counts == (["1", "2"] if singleton else ["1", "1"])


def test_where_they_run() -> None:
    app = App(store="memory:")
    main = threading.get_ident()

    @app.websocket_message("/plain")
    def plain(session: WebSocketSession, text: str) -> None:
        session.send(str(threading.get_ident() == main))

    @app.websocket_message("/async")
    async def on_loop(session: WebSocketSession, text: str) -> None:
        session.send(str(threading.get_ident() == main))

    @app.websocket_handler("/inline", inline=True)
    class Inline:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send(str(threading.get_ident() == main))

    with app.test() as client:
        for path, is_main in (("/plain", "False"), ("/async", "True"), ("/inline", "True")):
            with client.websocket(path) as ws:
                ws.send("x")
                assert ws.receive() == is_main


@pytest.mark.parametrize("carrier", ["engine", "portable"])
def test_inline_events_over_a_carrier(carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if carrier == "engine" and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    monkeypatch.setenv("HOSPES_CARRIER", carrier)
    app = App(store="memory:")

    @app.websocket_handler("/both", inline=True)
    class Both:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            if text == "fail":
                raise LookupError("mine")
            session.send(text.upper())

        def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
            session.send(octets * 2)

    @app.websocket_handler("/text", inline=True)
    class Text:
        async def on_handshake(self, request: Request) -> None:
            pass

        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send(text.upper())

    with app.serving(port=0) as server:
        for path in ("both", "text"):
            with connect(f"ws://127.0.0.1:{server.server.address[1]}/{path}", compression=None) as ws:
                ws.send("abc")
                assert ws.recv() == "ABC"
                ws.send(b"x" * 20_000)
                ws.send(b"y" * 20_000)
                if path == "both":
                    assert [ws.recv(), ws.recv()] == [b"x" * 40_000, b"y" * 40_000]
                ws.send("fail")
                if path == "text":
                    assert ws.recv() == "FAIL"
                else:
                    with pytest.raises(ConnectionClosed, match="1011"):
                        ws.recv()


@pytest.mark.parametrize("is_async", [True, False])
def test_what_a_handler_raises_closes_it(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = App(store="memory:")
    heard: list[int] = []

    @app.websocket_handler("/")
    class Handler:
        if is_async:

            async def on_text_message(self, session: WebSocketSession, text: str) -> None:
                raise LookupError("mine")
        else:

            def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
                raise LookupError("mine")

        def on_close(self, session: WebSocketSession, reason: WebSocketCloseReason) -> None:
            heard.append(reason.code)

    with app.test() as client, client.websocket("/") as ws:
        ws.send("x" if is_async else b"x")
        with pytest.raises(WebSocketClosed, match="1011"):
            ws.receive()
    assert heard == [1011]
    assert "LookupError: mine" in caplog.text


def test_too_much_pauses() -> None:
    app = App(store="memory:")
    gate = asyncio.Event()

    @app.websocket_message("/")
    async def slow(session: WebSocketSession, text: str) -> None:
        await gate.wait()
        session.send(text)

    async def main() -> None:
        async with app.test() as client, client.websocket("/") as ws:
            for n in range(MESSAGES + 1):
                await ws.send(str(n))
            putting = asyncio.create_task(ws.send("one more"))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not putting.done()
            gate.set()
            await putting
            assert [await ws.receive() for _ in range(MESSAGES + 2)] == [*map(str, range(MESSAGES + 1)), "one more"]

    asyncio.run(main())


def test_the_limit_of_what_is_kept_of_frames() -> None:
    app = App(store="memory:")

    @app.websocket_handler("/", options=WebSocketOptions(message=10))
    class Handler:
        async def on_binary_frame(self, session: WebSocketSession, fin: bool, octets: bytes) -> bool:
            return True

        async def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
            session.send(octets)

    with app.test() as client, client.websocket("/") as ws:
        ws.send(b"x" * 10)
        assert ws.receive() == b"x" * 10


def test_messages_that_nobody_hears() -> None:
    app = App(store="memory:")

    @app.websocket_message("/", message_type="binary")
    async def echo(session: WebSocketSession, octets: bytes) -> None:
        session.send(octets)

    with app.test() as client, client.websocket("/") as ws:
        ws.send("nobody")
        ws.send(b"somebody")
        assert ws.receive() == b"somebody"
