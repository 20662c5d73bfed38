"""What both ways of being hosted share: requests through the wire, answers' fields; and that there and back changes nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.support import PEERS, Asked, made, respond, whole

from hospes import App
from hospes.adapters import HostedAsgi, HostedWsgi, from_asgi, from_wsgi, to_asgi, to_wsgi
from hospes.adapters.guesting import (
    PIECE,
    Told,
    chosen,
    encoded,
    failed,
    fields_of,
    file_pieces,
    refused,
    request_of,
    sends_content,
)
from hospes.errors import HttpError, ProtocolError, SetupError
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent


def told(path: bytes = b"/", **more: Any) -> Told:
    values: dict[str, Any] = {"method": "GET", "prefix": "", "query": b"", "version": "1.1", "fields": [(b"host", b"x")], **more}
    return Told(path=path, **values)


@pytest.mark.parametrize("adapt", [to_asgi, to_wsgi, from_asgi, from_wsgi])
def test_what_cannot_be_called_is_refused_at_once(adapt: Callable[[Any], object]) -> None:
    with pytest.raises(SetupError) as error:
        adapt(App())
    kind = {from_asgi: "ASGI application", from_wsgi: "WSGI application"}.get(adapt, "handler")
    remedy = (
        "an App is one of either kind by itself: app.asgi(), app.wsgi()"
        if kind == "handler"
        else "give what takes its place in a server; an App is mounted, or runs, as it is"
    )
    assert str(error.value) == f"App is no {kind}: it cannot be called\n  → {remedy}"


def test_a_request_goes_through_the_wire() -> None:
    request = request_of(told(b"/a%20b/\xff", query=b"q=\xe9&r=1 2", fields=[(b"X-A", b"1"), (b"Host", b"h")]), PEERS)
    assert (request.head.path, request.query_string, request.host) == ("/a%20b/%FF", "q=%E9&r=1%202", "h")
    assert request.headers["x-a"] == "1"
    assert request_of(told(fields=[]), PEERS).host == "127.0.0.1:8080"
    assert request_of(told(version="1.0"), PEERS).head.minor == 0


@pytest.mark.parametrize(
    "fields",
    [[(b"host", b"a"), (b"host", b"b")], [(b"a b", b"c")], [(b"x", b"a\r\nb: c")], [(b"x", b"\x00")], [(b"x", b"y" * 40_000)]],
)
def test_what_breaks_the_protocol_is_refused(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ProtocolError):
        request_of(told(fields=fields), PEERS)


@pytest.mark.parametrize(
    ("method", "version", "fields", "has"),
    [
        ("POST", "2", [], True),
        ("POST", "1.1", [], False),
        ("GET", "2", [], False),
        ("POST", "3", [(b"content-length", b"3")], True),
    ],
)
def test_content_without_a_field_that_tells_of_it(method: str, version: str, fields: list[Any], has: bool) -> None:
    assert request_of(told(method=method, version=version, fields=[(b"host", b"x"), *fields]), PEERS).head.has_content is has


@pytest.mark.parametrize(
    ("path", "prefix", "below", "rest"),
    [
        (b"/api/items", "/api", "/api", "/items"),
        (b"/api", "/api", "/api", "/"),
        (b"/items", "/api", "/api", "/items"),  # hosts of before put the prefix into root_path alone
        (b"/apiary", "/api", "/api", "/apiary"),
        (b"/x", "", "", "/x"),
    ],
)
def test_where_the_application_is_mounted(path: bytes, prefix: str, below: str, rest: str) -> None:
    request = request_of(told(path, prefix=prefix), PEERS)
    assert (request.prefix, request.path) == (below, rest)


@pytest.mark.parametrize(
    ("response", "method", "expected"),
    [
        (Response(b"abc", content_type=""), "GET", [("X-Content-Type-Options", "nosniff"), ("Content-Length", "3")]),
        (Response(b"abc", content_type=""), "HEAD", [("X-Content-Type-Options", "nosniff"), ("Content-Length", "3")]),
        (Response(None, 204), "GET", [("X-Content-Type-Options", "nosniff")]),
        (Response(None, 304, {"Content-Length": "7"}), "GET", [("X-Content-Type-Options", "nosniff"), ("Content-Length", "7")]),
        (
            Response(None, 200, {"Content-Length": "7", "X-Content-Type-Options": "off"}),
            "HEAD",
            [("X-Content-Type-Options", "off"), ("Content-Length", "7")],
        ),
        (
            Response(None, 200, {"Date": "x", "Server": "x", "Connection": "close"}),
            "GET",
            [("X-Content-Type-Options", "nosniff"), ("Content-Length", "0")],
        ),
    ],
)
def test_fields(response: Response, method: str, expected: list[tuple[str, str]]) -> None:
    assert fields_of(response, method) == expected


@pytest.mark.parametrize(
    ("status", "method", "sends"), [(200, "GET", True), (200, "HEAD", False), (204, "GET", False), (304, "GET", False)]
)
def test_whether_there_is_content(status: int, method: str, sends: bool) -> None:
    assert sends_content(Response(None, status), method) is sends


def test_failures(caplog: pytest.LogCaptureFixture) -> None:
    assert failed(None, ProtocolError(414, "too long")).status == 414
    response = failed(None, HttpError(503, "busy", headers={"Retry-After": "1"}))
    assert (response.status, response.headers["Retry-After"], caplog.records) == (503, "1", [])
    response = failed(made(), LookupError("a secret"))
    assert (response.status, response.content) == (500, b"500 Internal Server Error\n")
    assert [each.getMessage() for each in caplog.records] == ["<Request GET />: the handler failed"]


def test_what_no_host_can_send() -> None:
    assert refused(Response()) is None
    wrong = refused("text")
    assert wrong is not None
    assert wrong.status == 500
    response = Response()
    receiver: Any = None
    response.content = WebSocketContent(receiver)
    websocket = refused(response)
    assert websocket is not None
    assert websocket.status == 501


# There and back.

TOKEN = st.text("abcxyz-", min_size=1, max_size=8)
VALUE = st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f", exclude_categories=["Cc"]), max_size=12
)
SEGMENT = st.text(max_size=6)
MAKE = st.sampled_from(["bytes", "stream", "measured", "file"])
HOSTS = frozenset(
    {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding", "upgrade", "expect", "te"}
)


def response_of(kind: str, pieces: list[bytes], status: int, fields: list[tuple[str, str]]) -> Response:
    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece

    content: Any = b"".join(pieces)
    if kind == "file":
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(content)
        content = FileContent(file, 0, len(content))
    elif kind != "bytes":
        content = Stream(source(), len(content) if kind == "measured" else None)
    response = Response(b"", status, [(f"X-{name}", value) for name, value in fields])
    response.content = content
    return response


def seen(request: Request, content: bytes) -> object:
    fields = sorted((name, value) for name, value in request.headers.lines() if name not in HOSTS)
    return request.method, request.head.path, request.query_string, fields, content, request.client, request.scheme


@pytest.mark.parametrize(
    "there_and_back",
    [lambda handler: from_asgi(to_asgi(handler)), lambda handler: from_wsgi(to_wsgi(handler))],
    ids=["asgi", "wsgi"],
)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_there_and_back(there_and_back: Callable[[Handler], HostedAsgi | HostedWsgi], data: st.DataObject) -> None:
    """from_asgi(to_asgi(handler)) and from_wsgi(to_wsgi(handler)) answer as the handler does, and it sees the same request."""
    from urllib.parse import quote

    method = data.draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
    target = "/" + "/".join(quote(each, safe="") for each in data.draw(st.lists(SEGMENT, max_size=3)))
    target += "?" + quote(data.draw(SEGMENT), safe="")
    names = data.draw(st.dictionaries(TOKEN, VALUE, max_size=3))
    body = data.draw(st.none() | st.binary(max_size=64)) if method != "HEAD" else None
    status = data.draw(st.sampled_from([200, 201, 204, 304, 404, 500]))
    fields = data.draw(st.lists(st.tuples(TOKEN, VALUE), max_size=3))
    pieces = data.draw(st.lists(st.binary(min_size=1, max_size=32), max_size=3))
    kind = data.draw(MAKE)
    saw: list[object] = []

    async def handler(request: Request) -> Response:
        saw.append(seen(request, await request.read()))
        return response_of(kind, pieces, status, fields)

    async def ask(chosen: Any) -> Asked:
        request = made(target, method, body, *(f"X-{name}: {value}" for name, value in names.items()))
        response = await respond(chosen, request)
        sends = sends_content(response, method)
        got = await whole(response)
        lines = [(name.lower(), value) for name, value in fields_of(response, method)]
        return Asked(got.status, sorted(lines), got.content if sends else b"", False)

    async def work() -> None:
        hosted = there_and_back(handler)
        direct = await ask(handler)
        async with hosted.running():
            around = await ask(hosted)
        close = getattr(hosted.application, "close", None)
        if close is not None:
            close()
        dropped = {("content-length", str(len(b"".join(pieces))))}
        assert (around.status, around.content) == (direct.status, direct.content)
        assert set(around.fields) ^ set(direct.fields) <= dropped | {("content-length", "0")}
        assert saw[0] == saw[1]

    asyncio.run(work())


def test_one_of_handler_and_opened() -> None:
    def handler(request: Request) -> Response:
        return Response("done")

    async def open_it() -> Handler:
        async with chosen(handler, None)() as opened:
            return opened

    with pytest.raises(TypeError, match="give a handler, or opened"):
        chosen(None, None)
    with pytest.raises(TypeError, match="give a handler, or opened"):
        chosen(handler, lambda: nullcontext(handler))
    assert asyncio.run(open_it()) is handler


def test_a_part_of_a_file_in_pieces() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" + b"a" * PIECE + b"bc")
        file.flush()
        assert list(file_pieces(FileContent(open(os.dup(file.fileno()), "rb"), 1, PIECE + 1))) == [b"a" * PIECE, b"b"]  # noqa: SIM115
        short = FileContent(open(os.dup(file.fileno()), "rb"), 0, PIECE + 9)  # noqa: SIM115
        with pytest.raises(RuntimeError, match="a file ended 6 octets before its promised length"):
            list(file_pieces(short))
        assert short.file.closed


def test_paths_that_a_host_has_decoded() -> None:
    assert encoded("/caf\xe9 %/a&b") == encoded("/caf\xe9 %/a&b".encode()) == "/caf%C3%A9%20%25/a&b"
