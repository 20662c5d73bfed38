"""What both ways of being hosted share: a request made of what a host tells, and an answer in the host's fields.

Laws:

* The head goes through our own wire, whatever the host has let pass: the same limits and the same refusals as in our own server.
* Framing, Date and Server are the host's; `X-Content-Type-Options: nosniff` is ours unless the program says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote

from hospes.errors import ClientDisconnected, HttpError, ProtocolError, check_callable
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.octets import head_of
from hospes.http.request import Connection, Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent
from hospes.limits import KiB
from hospes.warming import warm

LOG: Final = logging.getLogger("hospes.adapters")
PIECE: Final = 64 * KiB
"""Octets handed to a host at once."""
Opened: TypeAlias = "Callable[[], AbstractAsyncContextManager[Handler]]"
"""Gives what answers for as long as it is entered."""
_PREFIX: Final = "/:@!$&'()*+,;=-._~"
_PATH: Final = "/%:@!$&'()*+,;=-._~"
_QUERY: Final = _PATH + "?"
_HOSTS: Final = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"})
_WITHOUT_CONTENT: Final = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class Told:
    """What a host tells of a request."""

    method: str
    path: bytes
    """Percent-encoded, with the prefix at which the application is mounted."""
    prefix: str
    """Percent-encoded."""
    query: bytes
    version: str
    fields: Iterable[tuple[bytes, bytes]]


def chosen(handler: Handler | None, opened: Opened | None) -> Opened:
    """One of the two that `to_asgi` and `to_wsgi` take; whoever asks for that is about to serve.

    Raises:
        TypeError: without either, or with both.
        SetupError: for a handler that cannot be called.
    """
    warm()
    if opened is not None and handler is None:
        return opened
    if handler is None or opened is not None:
        raise TypeError("give a handler, or opened=…, which opens one")
    check_callable("handler", handler, "an App is one of either kind by itself: app.asgi(), app.wsgi()")
    given = handler
    return lambda: nullcontext(given)


def encoded(path: str | bytes) -> str:
    """A path that a host has decoded, or a prefix, percent-encoded."""
    return quote(path, safe=_PREFIX)


def file_pieces(content: FileContent) -> Iterator[bytes]:
    """A part of a file, piece by piece; it is closed at the end.

    Raises:
        RuntimeError: if the file has become shorter.
    """
    with content.file as file:
        file.seek(content.offset)
        left = content.length
        while left:
            octets = file.read(min(left, PIECE))
            if not octets:
                raise RuntimeError(f"a file ended {left} octets before its promised length")
            left -= len(octets)
            yield octets


def request_of(told: Told, connection: Connection) -> Request:
    """Make the request, without its content.

    Raises:
        ProtocolError: where it breaks the protocol, or a limit.
    """
    target = quote(told.path, safe=_PATH) or "/"
    if told.query:
        target += "?" + quote(told.query, safe=_QUERY)
    lines = [f"{told.method} {target} HTTP/{'1.0' if told.version == '1.0' else '1.1'}".encode("latin-1")]
    names: set[bytes] = set()
    for name, value in told.fields:
        if b"\r" in value or b"\n" in value:
            raise ProtocolError(400, "a field holds a line end")
        names.add(name.lower())
        lines.append(name + b": " + value)
    if b"host" not in names:
        lines.append(f"Host: {connection.server.host}:{connection.server.port}".encode("latin-1"))
    if (
        told.version[:1] in {"2", "3"}
        and told.method not in {"GET", "HEAD"}
        and not names & {b"content-length", b"transfer-encoding"}
    ):
        lines.append(b"Transfer-Encoding: chunked")  # there its end is told without a field
    request = Request(head_of(b"\r\n".join([*lines, b"", b""]), connection.limits), None, connection)
    prefix, path = told.prefix, request.head.path
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        return request.below(prefix)
    return request.below("", prefix) if prefix else request


def failed(request: Request | None, failure: BaseException) -> Response:
    """The answer where a handler failed, as our own server gives it."""
    if isinstance(failure, ProtocolError):
        return Response(f"{failure}\n", failure.status)
    if isinstance(failure, HttpError):
        return Response(f"{failure}\n", failure.code, failure.headers)
    if isinstance(failure, Exception) and not isinstance(failure, ClientDisconnected):
        LOG.error("%s: the handler failed", request, exc_info=failure)
    return Response("500 Internal Server Error\n", 500)


def refused(response: object) -> Response | None:
    """The answer in place of what no host can send as a response to an HTTP request; None where it can be sent."""
    if not isinstance(response, Response):
        return failed(None, TypeError(f"the handler gave {type(response).__qualname__}, not a Response"))
    if isinstance(response.content, WebSocketContent):
        return Response("501 Not Implemented: this server carries no websockets\n", 501)
    return None


def fields_of(response: Response, method: str) -> list[tuple[str, str]]:
    """The fields of an answer, Content-Length among them where it is known.

    Raises:
        ValueError: for a cookie that may not be sent.
    """
    fields: list[tuple[str, str]] = []
    own: str | None = None
    sniffs = True
    for name, value in response.lines():
        lower = name.lower()
        if lower == "content-length" and value.isascii() and value.isdigit():
            own = value
        if lower not in _HOSTS:
            fields.append((name, value))
            sniffs = sniffs and lower != "x-content-type-options"
    if sniffs:
        fields.append(("X-Content-Type-Options", "nosniff"))
    content = response.content
    length = len(content) if isinstance(content, bytes) else content.length if not isinstance(content, WebSocketContent) else None
    if not length and (method == "HEAD" or response.status == 304):
        if own is not None:
            fields.append(("Content-Length", own))
    elif length is not None and response.status != 204:
        fields.append(("Content-Length", str(length)))
    return fields


def sends_content(response: Response, method: str) -> bool:
    """Whether the answer has content at all."""
    return method != "HEAD" and response.status not in _WITHOUT_CONTENT


async def discard(response: object) -> None:
    """Close what will not be sent."""
    content = response.content if isinstance(response, Response) else None
    with suppress(Exception):
        if isinstance(content, (Stream, WebSocketContent)):
            await content.aclose()
        elif isinstance(content, FileContent):
            content.close()
