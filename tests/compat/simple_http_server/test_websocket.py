"""Websockets: the README's snippets asked by websocket-client in both modes, and what a program gets of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import websocket
from tests.compat.simple_http_server.asking import BOTH, asked
from tests.compat.simple_http_server.programs import SEED, Program
from tests.server.support import WAIT

from hospes import HttpClient
from hospes.compat.simple_http_server import (
    WEBSOCKET_MESSAGE_BINARY_FRAME,
    WEBSOCKET_OPCODE_BINARY,
    WebsocketCloseReason,
    WebsocketHandler,
    WebsocketRequest,
    WebsocketSession,
    websocket_handler,
    websocket_handshake,
    websocket_message,
    websocket_open,
)
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.compat.simple_http_server.websocket import hearing
from hospes.errors import SetupError
from hospes.http.asking import running_loop
from hospes.testing import WebSocketRefused
from hospes.websockets.events import EVENTS


@contextmanager
def opened(seed: Program, path: str) -> Iterator[Any]:
    made: Any = websocket.create_connection(seed.url.replace("http", "ws", 1) + path, timeout=WAIT)
    try:
        yield made
    finally:
        made.close()
        made.shutdown()  # which close() leaves out where the test has said goodbye itself


@contextmanager
def served(conf: AppConf, on_loop: bool) -> Iterator[str]:
    """What was declared, on a socket."""
    with FaceApp(conf, Ways(on_loop=on_loop)).serving(port=0) as server:
        yield server.url.replace("http", "ws", 1).rstrip("/")


def closed_with(seed: Program, entry: str) -> None:
    """Wait until the program has heard how a websocket ended."""
    end = time.monotonic() + WAIT
    with HttpClient(timeout=WAIT) as client:
        while entry not in (heard := client.get(seed.url + "/ws-closed").json()["closed"]):
            assert time.monotonic() < end, heard
            time.sleep(0.01)


def test_a_class(seed: Program) -> None:
    with opened(seed, "/ws/hello?a=1") as peer:
        assert peer.headers["x-handshake"] == "1"
        for text in ("one", "二"):
            peer.send(text)
            assert peer.recv() == text
        peer.send_binary(b"abcde")
        assert peer.recv() == b"abcde"
        peer.ping("payload")
        assert peer.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"payload")
        peer.send_close(1001, b"leaving")
    closed_with(seed, "hello:leaving")


def test_a_handshake_that_is_refused(seed: Program) -> None:
    url = seed.url.replace("http", "ws", 1) + "/ws/closed"
    with (
        socket.create_connection(seed.address, WAIT) as sock,  # the library leaves the one it makes itself open
        pytest.raises(websocket.WebSocketBadStatusException) as error,
    ):
        websocket.create_connection(url, socket=sock)
    assert error.value.status_code == 403


def test_an_object_for_each(seed: Program) -> None:
    with opened(seed, "/ws-reg/abc") as one, opened(seed, "/ws-reg/x") as other:
        for number in (1, 2):
            one.send("m")
            assert one.recv() == f"abc-m-{number}"
        other.send("m")
        assert other.recv() == "x-m-1"
        other.send("file")
        assert other.recv() == (SEED.parent / "ctrls" / "websockets.py").read_bytes()


def test_frames(seed: Program) -> None:
    with opened(seed, "/ws-frames") as peer:
        for payload, opcode, fin in ((b"abc", 2, 0), (b"drop", 0, 0), (b"de", 0, 1)):
            peer.send_frame(websocket.ABNF(fin, 0, 0, 0, opcode, 1, payload))
        assert [peer.recv() for _ in range(4)] == ["False 3", "False 4", "True 2", b"abcde"]


def test_functions(seed: Program) -> None:
    with opened(seed, "/ws-fun/val") as peer:
        peer.send("hi")
        assert peer.recv() == "val-hi"
        peer.send_binary(b"\0")
        assert peer.recv() == b"\0"
        peer.ping("p")
        assert peer.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"own p")
        peer.send("close")
        assert peer.recv() == "val-close"
        opcode, _ = peer.recv_data()
        assert opcode == websocket.ABNF.OPCODE_CLOSE
    closed_with(seed, "val:-1000-")


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_an_event_gets(conf: AppConf, on_loop: bool) -> None:
    seen: list[Any] = []

    @websocket_handshake("/w/{name}")
    def handshake(request: WebsocketRequest) -> int:
        seen.append((request.path, request.query_parameters, request.parameter))
        seen.append((request.headers["x-a"], request.cookies["c"].value))
        seen.append(threading.current_thread() is threading.main_thread())
        return 101

    @websocket_open("/w/{name}")
    async def opened(session: WebsocketSession) -> None:
        seen.append(session.request.path_values)

    @websocket_message("/w/{name}")
    async def text(session: WebsocketSession, message: str) -> None:
        assert session.id == session.id != ""
        session.send_text(f"{message} {session.is_closed}")
        session.send_ping(b"p")
        session.send(b"octets", WEBSOCKET_OPCODE_BINARY)
        session.close("done")

    with (
        asked(conf, on_loop) as client,
        client.websocket("/w/a%20b?q=1", headers={"X-A": "1", "Cookie": "c=2"}) as peer,
    ):
        peer.send("text")
        assert [peer.receive() for _ in range(2)] == ["text False", b"octets"]
    assert seen == [("/w/a b", {"q": ["1"]}, {"q": "1"}), ("1", "2"), on_loop, {"name": "a b"}]


def test_of_two_functions_the_later_counts(conf: AppConf, caplog: pytest.LogCaptureFixture) -> None:
    websocket_message(regexp="^/w$")(lambda session, message: session.send("first"))
    websocket_message(regexp="^/w$")(lambda session, message: session.send("second"))
    assert "two functions hear on_text_message of ^/w$; the later one counts" in caplog.text
    with asked(conf) as client, client.websocket("/w") as peer:
        peer.send("x")
        assert peer.receive() == "second"


def test_decorators_hand_back_what_they_decorate(conf: AppConf) -> None:
    class Echo:
        def on_text_message(self, session: WebsocketSession, message: str) -> None:
            session.send(message)

    def function(*arguments: Any) -> None: ...

    assert websocket_handler("/a")(Echo) is Echo
    assert websocket_message("/b", message_type=WEBSOCKET_MESSAGE_BINARY_FRAME)(function) is function
    with asked(conf) as client, client.websocket("/a") as peer:
        peer.send("echo")
        assert peer.receive() == "echo"


def test_what_cannot_be(conf: AppConf) -> None:
    with pytest.raises(SetupError, match="hears nothing"):
        websocket_handler("/a")(dict)
    with pytest.raises(SetupError, match="there is no such message"):
        websocket_message("/a", message_type="picture")
    websocket_handshake("/no")(lambda request: 404)
    with asked(conf) as client, pytest.raises(WebSocketRefused), client.websocket("/no"):
        pass


@pytest.mark.parametrize("on_loop", BOTH)
def test_the_bases_methods_do_what_happens_anyway(conf: AppConf, on_loop: bool) -> None:
    pinged: list[bytes] = []
    closed = threading.Event()

    class Everything(WebsocketHandler):
        def on_handshake(self, request: WebsocketRequest) -> Any:
            return super().on_handshake(request)

        def on_open(self, session: WebsocketSession) -> None:
            super().on_open(session)
            session.send("open")

        def on_text_message(self, session: WebsocketSession, message: str) -> None:
            super().on_text_message(session, message)
            session.send(message)

        def on_binary_frame(self, session: WebsocketSession, fin: bool, payload: bytes) -> Any:
            return super().on_binary_frame(session, fin, payload)

        def on_binary_message(self, session: WebsocketSession, message: bytes) -> None:
            super().on_binary_message(session, message)
            session.send(message)

        def on_ping_message(self, session: WebsocketSession, message: bytes) -> None:
            pinged.append(message)
            super().on_ping_message(session, message)

        def on_pong_message(self, session: WebsocketSession, message: bytes) -> None:
            super().on_pong_message(session, message)
            session.send(b"pong " + message)

        def on_close(self, session: WebsocketSession, reason: WebsocketCloseReason) -> None:
            super().on_close(session, reason)
            closed.set()

    websocket_handler("/all")(Everything)
    with served(conf, on_loop) as url:
        peer: Any = websocket.create_connection(url + "/all", timeout=WAIT)
        peer.send("text")
        peer.send_frame(websocket.ABNF(0, 0, 0, 0, websocket.ABNF.OPCODE_BINARY, 1, b"a"))
        peer.send_frame(websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_CONT, 1, b"b"))
        assert [peer.recv() for _ in range(3)] == ["open", "text", b"ab"]
        peer.ping("p")
        assert peer.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"p")
        peer.pong("q")
        assert peer.recv() == b"pong q"
        peer.close()
        peer.shutdown()
        assert closed.wait(WAIT)
    assert pinged == [b"p"]


@pytest.mark.parametrize("on_loop", BOTH)
def test_the_bases_methods_may_be_awaited(conf: AppConf, on_loop: bool) -> None:
    class Waiting(WebsocketHandler):
        async def on_handshake(self, request: WebsocketRequest) -> Any:
            return await super().on_handshake(request)

        async def on_open(self, session: WebsocketSession) -> None:
            await super().on_open(session)
            session.send("open")

        async def on_binary_frame(self, session: WebsocketSession, fin: bool, payload: bytes) -> Any:
            return await super().on_binary_frame(session, fin, payload)

        async def on_binary_message(self, session: WebsocketSession, message: bytes) -> None:
            await super().on_binary_message(session, message)
            session.send(message)

        async def on_ping_message(self, session: WebsocketSession, message: bytes) -> None:
            await super().on_ping_message(session, message)

    websocket_handler("/waiting")(Waiting)
    with served(conf, on_loop) as url:
        peer: Any = websocket.create_connection(url + "/waiting", timeout=WAIT)
        peer.send_binary(b"octets")
        assert [peer.recv() for _ in range(2)] == ["open", b"octets"]
        peer.ping("p")
        assert peer.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"p")
        peer.close()
        peer.shutdown()


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_only_the_base_has_is_not_heard(conf: AppConf, on_loop: bool) -> None:
    class Text(WebsocketHandler):
        def on_text_message(self, session: WebsocketSession, message: str) -> None:
            session.send(message)

    assert [name for name in EVENTS if hasattr(hearing(Text), name)] == ["on_handshake", "on_text_message"]
    websocket_handler("/text")(Text)
    with served(conf, on_loop) as url:
        peer: Any = websocket.create_connection(url + "/text", timeout=WAIT)
        peer.ping("p")
        assert peer.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"p")
        peer.send_binary(b"dropped")
        peer.send("echo")
        assert peer.recv() == "echo"
        peer.close()
        peer.shutdown()
    with pytest.raises(SetupError, match="hears nothing"):
        websocket_handler("/a")(WebsocketHandler)


@pytest.mark.parametrize("singleton", [True, False])
@pytest.mark.parametrize("on_loop", BOTH)
def test_objects_are_made_at_the_handshake_where_their_methods_run(conf: AppConf, on_loop: bool, singleton: bool) -> None:
    made: list[bool] = []

    class Telling:
        def __init__(self) -> None:
            made.append(running_loop() is not None)

        def on_text_message(self, session: WebsocketSession, message: str) -> None:
            session.send(f"{len(made)} {running_loop() is not None}")

    websocket_handler("/telling", singleton=singleton)(Telling)
    with served(conf, on_loop) as url:
        assert made == []
        peers: list[Any] = [websocket.create_connection(url + "/telling", timeout=WAIT) for _ in range(2)]
        assert made == ([on_loop] if singleton else [on_loop, on_loop])
        for peer in peers:
            peer.send("")
            assert peer.recv() == f"{len(made)} {on_loop}"
            peer.close()
            peer.shutdown()
