"""Hosted applications: whatever they send comes out as one head, or as one of the errors that they may get.

And the other way: what the engine tells them of a request is what Python tells them of the same octets, and a handler that is
itself hosted gets a request made of whatever its host tells, or a ProtocolError. The first octet says which of the three it is.
"""

from __future__ import annotations

import io
from collections.abc import Coroutine
from typing import Any, cast

from fuzz import fuzz_request
from hospes.adapters.asgi import Message, Receive, Scope, Send
from hospes.adapters.asgi_exchange import AsgiExchange
from hospes.adapters.asgi_scope import http_scope
from hospes.adapters.guesting import Told
from hospes.adapters.guesting import request_of as told_request
from hospes.adapters.wsgi import Environ, StartResponse
from hospes.adapters.wsgi_environ import environ_of
from hospes.adapters.wsgi_exchange import WsgiExchange
from hospes.errors import ProtocolError
from hospes.execution import ThreadPool
from hospes.http.connection import Address, Connection
from hospes.http.octets import head_of, request_of
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.server.answers import answer_head

try:
    from hospes.engine._core import parse_head
except ImportError:  # not built here: two of the three are left
    parse_head = None  # type: ignore[assignment]  # pyright: ignore

SEEDS: list[bytes] = [
    *(b"\0" + each for each in fuzz_request.SEEDS),
    b"\0GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx_b: 2\r\nCookie: a\r\nCookie: b\r\nTE: trailers\r\n\r\n",
    b"\x01200 OK\xffcontent-type\xfftext/plain\xffcontent-length\xff5\xffhello",
    b"\x01404\xffX-A\xffb\r\nX-B: c\xffset-cookie\xffa=b\xffhello",
    b"\x01103 Early\xffconnection\xffclose\xfftransfer-encoding\xffchunked\xff",
    b"\x02/caf\xc3\xa9/%2e%2e\xff/prefix\xffa=b&c\xffX-A\xffb\xffHost\xffx",
]
_ENDS = Connection(Address("192.0.2.7", 50_000), Address("127.0.0.1", 8080), "http", Limits())
_ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def target(data: bytes) -> None:
    kind, octets = data[:1], data[1:]
    if kind == b"\0":
        _tell(octets)
    elif kind == b"\x01":
        status, *fields = octets.split(b"\xff")
        pairs = list(zip(fields[:-1:2], fields[1:-1:2], strict=False))
        content = fields[-1] if fields else b""
        _check(_asgi(status, pairs, content))
        _check(_wsgi(status, pairs, content))
    else:
        _be_told(octets.split(b"\xff"))


def _tell(octets: bytes) -> None:
    found = parse_head(octets, Limits()) if parse_head is not None else None
    if found is None:
        return
    ours, theirs = Request(found[0], None, _ENDS), Request(head_of(octets[: found[1]], Limits()), None, _ENDS)
    assert http_scope(ours, None) == http_scope(theirs, None)
    content = io.BytesIO()
    assert environ_of(ours, content) == environ_of(theirs, content)


def _asgi(status: bytes, fields: list[tuple[bytes, bytes]], content: bytes) -> Response | None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": status.decode("latin-1"), "headers": fields}
        await send(start)
        await send({"type": "http.response.body", "body": content})

    exchange = AsgiExchange(application, {}, request_of(_ASKED, b"", _ENDS))
    running = cast("Coroutine[Any, Any, None]", exchange.run())
    try:
        running.send(None)
    except StopIteration:
        return exchange.response()
    except (RuntimeError, TypeError, ValueError):
        return None
    raise AssertionError("it waits for something")


def _wsgi(status: bytes, fields: list[tuple[bytes, bytes]], content: bytes) -> Response | None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
        start_response(status.decode("latin-1"), text)
        return [content]

    exchange = WsgiExchange(application, request_of(_ASKED, b"", _ENDS), cast("ThreadPool", None))
    try:
        return exchange.run()
    except (AssertionError, TypeError, ValueError):
        return None


def _check(response: Response | None) -> None:
    """An answer is one head, whose every line is a line."""
    if response is None:
        return
    try:
        head, _ = answer_head(response, request_of(_ASKED, b"", _ENDS).head, True, _DATE)
    except ValueError:
        return
    assert head.index(b"\r\n\r\n") == len(head) - 4
    lines = head[:-4].split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 ")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    names = [line.partition(b":")[0].lower() for line in lines[1:]]
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1


def _be_told(parts: list[bytes]) -> None:
    path, prefix, query, *fields = [*parts, b"", b"", b""][: max(len(parts), 3)]
    told = Told("GET", path, prefix.decode("latin-1"), query, "1.1", list(zip(fields[::2], fields[1::2], strict=False)))
    try:
        request = told_request(told, _ENDS)
    except ProtocolError:
        return
    assert request.head.path.startswith("/")
    assert request.original.path.endswith(request.head.path) or request.head.path == "/"
