"""A handler as a WSGI application: in the host's thread and on our loop, content both ways, its life."""

from __future__ import annotations

import asyncio
import io
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from hospes import App, WebSocket, WebSocketSession
from hospes.adapters import WsgiGuest, to_wsgi
from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits


@contextmanager
def guest(handler: Handler | None = None, **options: Any) -> Generator[WsgiGuest]:
    application = to_wsgi(handler, **options)
    try:
        yield application
    finally:
        application.close()


def ask(application: Any, content: bytes | None = None, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """What the application answers, looked at by the standard library's checker."""
    setup_testing_defaults(environ)
    environ.setdefault("QUERY_STRING", "")
    environ.setdefault("SCRIPT_NAME", "")
    environ["wsgi.input"] = io.BytesIO(content or b"")
    if content is not None and "HTTP_TRANSFER_ENCODING" not in environ:
        environ.setdefault("CONTENT_LENGTH", str(len(content)))
    heads: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        heads.append((status, dict(headers)))
        return lambda octets: None

    returned = validator(application)(environ, start_response)
    try:
        octets = b"".join(returned)
    finally:
        returned.close()  # type: ignore[attr-defined]
    return (*heads[0], octets)


async def echo(request: Request) -> Response:
    return Response(await request.read(), 201, content_type="a/b")


def test_an_answer() -> None:
    with guest(lambda request: Response(f"{request.path} {request.headers['X-A']}")) as application:
        status, fields, content = ask(application, PATH_INFO="/caf\xc3\xa9", HTTP_X_A="1")
    assert (status, content) == ("200 OK", "/café 1".encode())
    assert fields == {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Length": "8"}


@pytest.mark.parametrize("size", [0, 5, 200_000])
def test_content(size: int) -> None:
    with guest(echo) as application:
        status, fields, content = ask(application, b"x" * size, REQUEST_METHOD="POST")
    assert (status, fields["Content-Type"], content) == ("201 Created", "a/b", b"x" * size)


def test_content_in_chunks() -> None:
    with guest(echo) as application:
        chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "SERVER_PROTOCOL": "HTTP/1.1"}
        assert ask(application, b"x" * 100_000, REQUEST_METHOD="POST", **chunked)[2] == b"x" * 100_000


def test_content_that_breaks_off() -> None:
    seen: list[type[Exception]] = []

    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except ClientDisconnected as error:
            seen.append(type(error))
            raise
        return Response()

    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise OSError("gone")

    with guest(handler) as application:
        assert ask(application, b"ab", REQUEST_METHOD="POST", CONTENT_LENGTH="5")[0] == "500 Internal Server Error"
        environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}
        setup_testing_defaults(environ)
        environ["wsgi.input"] = Broken()
        list(application(environ, lambda status, headers: lambda octets: None))
    assert seen == [ClientDisconnected] * 2


def test_a_stream_may_read_while_it_answers() -> None:
    async def doubled(request: Request) -> AsyncIterator[bytes]:
        async for piece in request.reader:
            yield piece
            await asyncio.sleep(0)
            yield piece

    with guest(lambda request: Response(Stream(doubled(request)))) as application:
        assert ask(application, b"x" * 150_000, REQUEST_METHOD="POST")[2] == b"x" * 300_000
        assert ask(application, REQUEST_METHOD="HEAD")[2] == b""


def test_a_stream_that_is_not_wanted_any_more() -> None:
    ended: list[str] = []

    async def forever() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ended.append("stream")

    with guest(lambda request: Response(Stream(forever()))) as application:
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        returned: Any = application(environ, lambda status, headers: lambda octets: None)
        assert next(iter(returned)) == b"x"
        returned.close()
    assert ended == ["stream"]


def test_a_stream_that_fails() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        yield b"1"
        raise LookupError("defect")

    with guest(lambda request: Response(Stream(numbers()))) as application, pytest.raises(LookupError):
        ask(application)


def test_a_file() -> None:
    def handler(request: Request) -> Response:
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(b"0123456789")
        response = Response(content_type="a/b")
        response.content = FileContent(file, 2, 5 if request.path == "/" else 50)
        return response

    with guest(handler) as application:
        assert ask(application)[2] == b"23456"
        assert ask(application, REQUEST_METHOD="HEAD")[2] == b""
        with pytest.raises(RuntimeError, match="a file ended 42 octets before its promised length"):
            ask(application, PATH_INFO="/short")


def test_failures() -> None:
    def handler(request: Request) -> Response:
        if request.path == "/busy":
            raise HttpError(503, "busy")
        raise LookupError("a secret")

    with guest(handler) as application:
        assert ask(application, PATH_INFO="/busy")[0] == "503 Service Unavailable"
        status, _, content = ask(application)
        assert (status, b"secret" in content) == ("500 Internal Server Error", False)


@pytest.mark.parametrize(("limit", "status"), [(3, 413), (4, 201), (5, 201)])
def test_the_limit_of_content(limit: int, status: int) -> None:
    with guest(echo, limits=Limits(body=limit)) as application:
        assert int(ask(application, b"abcd", REQUEST_METHOD="POST")[0][:3]) == status


def test_odd_statuses_and_values() -> None:
    with guest(lambda request: Response("x", 599, {"X-Euro": "€", "X-Latin": "é"})) as application:
        status, fields, _ = ask(application)
    assert (status, fields["X-Euro"], fields["X-Latin"]) == ("599 -", "\xe2\x82\xac", "é")


def test_its_life() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Handler]:
        log.append("begins")
        yield lambda request: Response(f"{request.prefix} {request.path}")
        log.append("ends")

    with guest(opened=opened) as application:
        assert log == []
        assert [ask(application, SCRIPT_NAME="/in", PATH_INFO="/a")[2] for _ in range(2)] == [b"/in /a"] * 2
        assert log == ["begins"]
    assert log == ["begins", "ends"]


def test_a_life_that_fails() -> None:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Handler]:
        raise LookupError("no database")
        yield  # type: ignore[unreachable]

    with guest(opened=opened) as application, pytest.raises(LookupError, match="no database"):
        ask(application)


def test_an_app() -> None:
    app = App(store="memory:")
    app.get("/hello/{name}")(lambda name: f"Hello, {name}")
    application = app.wsgi()
    assert ask(application, PATH_INFO="/hello/you")[2] == b"Hello, you"
    application.close()


def test_a_websocket_cannot_be_carried() -> None:
    app = App(store="memory:")

    @app.websocket("/asks")
    async def asks(ws: WebSocket) -> None:
        await ws.receive()

    @app.websocket_message("/hears")
    def hears(session: WebSocketSession, text: str) -> None: ...

    handshake: dict[str, Any] = {
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    application = app.wsgi()
    try:
        for path in ("/asks", "/hears"):
            assert ask(application, **handshake, PATH_INFO=path)[0] == "501 Not Implemented"
    finally:
        application.close()


def test_early_hints_where_the_host_offers_them() -> None:
    sent: list[tuple[list[tuple[str, str]], int]] = []

    async def handler(request: Request) -> Response:
        request.early_hints("</a>; rel=preload", "</\u20ac>")
        await asyncio.sleep(0)
        return Response("done")

    def take(fields: list[tuple[str, str]]) -> None:
        sent.append((fields, threading.get_ident()))

    with guest(handler) as application:
        offering: dict[str, Any] = {"wsgi.early_hints": take, "SERVER_PROTOCOL": "HTTP/1.1"}
        assert ask(application, **offering)[2] == b"done"
        assert ask(application, SERVER_PROTOCOL="HTTP/1.1")[2] == b"done"
    links = [("Link", "</a>; rel=preload"), ("Link", "</\u20ac>".encode().decode("latin-1"))]
    assert sent == [(links, threading.get_ident())]
