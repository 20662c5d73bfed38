"""The README's guests, in real servers: wsgiref and uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn
import websocket
from tests.compat.simple_http_server.test_seed import HTML
from tests.server.support import WAIT

from hospes import HttpClient
from hospes.compat.simple_http_server import (
    Environment,
    MultipartFile,
    Response,
    Session,
    SessionFactory,
    WebsocketCloseReason,
    WebsocketHandler,
    WebsocketRequest,
    WebsocketSession,
    error_message,
    request_map,
    server,
    websocket_handler,
    websocket_message,
)
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.server import ASGIProxy
from hospes.errors import SetupError


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def in_wsgiref() -> Iterator[str]:
    """The README's WSGI program."""
    wsgi_proxy = server.init_wsgi_proxy(resources={"/public/*": "static"})

    def handler(environ: Any, start_response: Any) -> Any:
        return wsgi_proxy.app_proxy(environ, start_response)

    with make_server("127.0.0.1", 0, handler, handler_class=Quiet) as host:
        thread = threading.Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{host.server_port}"
        finally:
            host.shutdown()
            thread.join(WAIT)
            wsgi_proxy.close()


@contextmanager
def in_uvicorn() -> Iterator[str]:
    """The README's ASGI program."""
    proxies: list[ASGIProxy] = []
    lock = asyncio.Lock()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not proxies:
            async with lock:
                if not proxies:
                    proxies.append(made)
        await proxies[0].app_proxy(scope, receive, send)

    made = server.init_asgi_proxy(resources={"/public/*": "static"})
    host = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="critical"))
    listening = threading.Event()
    startup = host.startup

    async def started(sockets: Any = None) -> None:
        await startup(sockets)
        listening.set()

    host.startup = started  # type: ignore[method-assign]
    thread = threading.Thread(target=host.run)
    thread.start()
    try:
        assert listening.wait(WAIT)
        yield f"http://127.0.0.1:{host.servers[0].sockets[0].getsockname()[1]}"
    finally:
        host.should_exit = True
        thread.join(WAIT)


@pytest.fixture(params=[in_wsgiref, in_uvicorn])
def hosted(request: pytest.FixtureRequest, conf: AppConf, folder: Path) -> Iterator[str]:
    """The same program in either host; its URL."""
    (folder / "static").mkdir()
    (folder / "static" / "a.css").write_text("a {}")

    @request_map("/hello_wsgi")
    def my_controller(name: str) -> Any:
        return 200, "Hello, WSGI!" if name == "wsgi" else name

    @request_map("/中文/{name}")
    async def unicode(name: str, session: Session) -> str:
        session.set_attribute("n", (session.get_attribute("n") or 0) + 1)
        return f"<html>{name} {session.get_attribute('n')}</html>"

    @request_map("/upload", method="POST")
    def upload(img: MultipartFile, note: str) -> Any:
        return {"name": img.filename, "size": len(img.content), "note": note}

    @request_map("/write")
    def write(res: Response) -> None:
        for piece in (b"one ", b"two"):
            res.write_bytes(piece)

    @request_map("/environment")
    def environment(env: Environment) -> Any:
        return {"port": env["SERVER_PORT"], "query": env["QUERY_STRING"], "wsgi": "wsgi.input" in env}

    @error_message("404")
    def missing(message: str) -> str:
        return f"missing: {message}"

    with request.param() as url:
        yield url


def test_a_guest(hosted: str, client: HttpClient) -> None:
    assert client.get(hosted + "/hello_wsgi?name=wsgi").text == "Hello, WSGI!"
    assert client.get(hosted + "/hello_wsgi").json()["code"] == 400
    for number in (1, 2):
        answer = client.get(hosted + quote("/中文/小明"))
        assert (answer.text, answer.headers["Content-Type"]) == (f"<html>小明 {number}</html>", HTML)
    answer = client.post(hosted + "/upload", form={"note": "x"}, files={"img": ("a.png", b"1" * 100_000)})
    assert answer.json() == {"name": "a.png", "size": 100_000, "note": "x"}
    assert client.get(hosted + "/write").content == b"one two"
    assert client.get(hosted + "/public/a.css").text == "a {}"
    answer = client.get(hosted + "/nowhere")
    assert (answer.status, answer.text) == (404, "missing: Not Found")
    environment = client.get(hosted + "/environment?a=1").json()
    assert environment["port"] == hosted.rpartition(":")[2]
    assert environment["query"] == "a=1"


def test_the_hosts_own_environment(conf: AppConf, folder: Path, client: HttpClient) -> None:
    (folder / "static").mkdir()
    request_map("/environment")(lambda env=Environment(): {"wsgi": "wsgi.input" in env})  # noqa: B008 (the form of the README)
    with in_wsgiref() as url:
        assert client.get(url + "/environment").json() == {"wsgi": True}


def test_a_factory_of_ones_own(conf: AppConf, folder: Path, client: HttpClient) -> None:
    class Nothing(SessionFactory):
        def get_session(self, session_id: str, create: bool = False) -> Any:
            return None

    assert server.init_wsgi_proxy(session_factory=Nothing(), app_conf=conf) is not None
    with pytest.raises(SetupError, match="write a dict"):
        server.init_asgi_proxy(resources={"/a"})  # type: ignore[arg-type]


def test_a_websocket_in_uvicorn(conf: AppConf, folder: Path) -> None:
    closed: list[tuple[int, str]] = []
    over = threading.Event()

    @websocket_handler(endpoint="/ws/{name}")
    class Handler(WebsocketHandler):
        def on_handshake(self, request: WebsocketRequest) -> Any:
            return (403 if request.path_values["name"] == "no" else 0), {"X-Handshake": request.query_parameters["a"][0]}

        async def on_text_message(self, session: WebsocketSession, message: str) -> None:
            if message == "ping":
                with pytest.raises(NotImplementedError, match="an ASGI server carries whole messages"):
                    session.send_ping(b"p")
            session.send(f"{session.request.path_values['name']} {message}")

        def on_binary_message(self, session: WebsocketSession, message: bytes) -> None:
            session.send(message)

        def on_close(self, session: WebsocketSession, reason: WebsocketCloseReason) -> None:
            closed.append((reason.code, reason.message))
            over.set()

    (folder / "static").mkdir()
    with in_uvicorn() as hosted:
        url = hosted.replace("http", "ws", 1)
        peer: Any = websocket.create_connection(url + "/ws/b?a=1", timeout=WAIT)
        assert peer.headers["x-handshake"] == "1"
        for text in ("one", "ping", "二"):
            peer.send(text)
            assert peer.recv() == f"b {text}"
        peer.send_binary(b"octets")
        assert peer.recv() == b"octets"
        peer.send_close(4001, b"leaving")
        peer.recv_data()
        peer.shutdown()
        assert over.wait(WAIT)
        host, _, port = url.rpartition("/")[2].rpartition(":")
        with (
            socket.create_connection((host, int(port)), WAIT) as sock,  # the library leaves the one it makes itself open
            pytest.raises(websocket.WebSocketBadStatusException) as error,
        ):
            websocket.create_connection(url + "/ws/no?a=1", socket=sock)
        assert error.value.status_code == 403
    assert closed == [(4001, "leaving")]


def test_a_file_over_a_websocket_in_uvicorn(conf: AppConf, folder: Path) -> None:
    (folder / "static").mkdir()
    content, few = bytes(range(256)) * 17_000, b"0123456789"  # more than may wait for the peer
    (folder / "large").write_bytes(content)
    (folder / "small").write_bytes(few)

    @websocket_message("/files")
    def send(session: WebsocketSession, message: str) -> None:
        session.send_file(folder / "large")
        session.send_file(folder / "small", chunk_size=3)
        session.send_text("in frames", chunk_size=4)

    with in_uvicorn() as hosted:
        peer: Any = websocket.create_connection(hosted.replace("http", "ws", 1) + "/files", timeout=WAIT)
        peer.send("go")
        assert [peer.recv() for _ in range(3)] == [content, few, "in frames"]
        peer.close()
        peer.shutdown()
