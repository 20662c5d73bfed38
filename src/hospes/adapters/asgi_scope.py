"""What an ASGI application is told of a request: the scope, made of the head as it came.

Laws:

* `path` is decoded once, `raw_path` is not decoded at all; neither has the query. What is no UTF-8 is replaced, not refused: how
  strict to be is the application's to say.
* An application that is mounted finds its prefix in `root_path`, and `path` begins with it: as the specification has it.
* Fields that a filter has changed are told as changed.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from hospes.adapters.asgi import HTTP_SPEC, VERSION
from hospes.adapters.asgi_tls import tls_extension
from hospes.http.request import Address, Request


def http_scope(request: Request, state: dict[str, Any] | None) -> dict[str, Any]:
    """The scope of an HTTP request.

    Args:
        request: The request.
        state: What the application's lifespan has put there; None where it has none.
    """
    head = request.head
    told = getattr(head, "asgi_scope", None)  # the engine's heads tell it themselves, where a request is a usual one
    scope: dict[str, Any] = (told(request) if told is not None else None) or _scope(request)
    if state is not None:
        scope["state"] = state.copy()
    return scope


def _scope(request: Request) -> dict[str, Any]:
    head, connection = request.head, request.connection
    client, server = connection.client, connection.server
    raw, root = head.path, ""
    if request.prefix:
        raw = request.prefix + raw
        root = unquote(request.prefix)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": VERSION, "spec_version": HTTP_SPEC},
        "http_version": "1.1" if head.minor else "1.0",
        "method": request.method,
        "scheme": connection.scheme,
        "path": raw if "%" not in raw else unquote(raw, errors="replace"),
        "raw_path": raw.encode("ascii"),
        "query_string": request.query_string.encode("ascii"),
        "root_path": root,
        "headers": request.lines,
        "client": (client.host, client.port) if client.port else _end(client),
        "server": (server.host, server.port) if server.port else (server.host, None),
        "extensions": {"http.response.pathsend": {}, "http.response.zerocopysend": {}},
    }
    if head.minor and head.field(b"te") is not None and "trailers" in request.headers["te"].lower():
        scope["extensions"]["http.response.trailers"] = {}
    if head.minor and connection.hint is not None:
        scope["extensions"]["http.response.early_hint"] = {}
    if connection.tls is not None:
        scope["extensions"]["tls"] = tls_extension(connection.tls)
    return scope


def websocket_scope(request: Request, state: dict[str, Any] | None) -> dict[str, Any]:
    """The scope of a websocket's handshake; see `http_scope`."""
    scope = http_scope(request, state)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"sec-websocket-protocol"]
    scope["subprotocols"] = [each for value in named for each in map(str.strip, value.split(",")) if each]
    extensions: dict[str, dict[str, Any]] = {"websocket.http.response": {}}
    if "tls" in scope["extensions"]:
        extensions["tls"] = scope["extensions"]["tls"]
    scope["extensions"] = extensions
    return scope


def _end(address: Address) -> tuple[str, int] | None:
    """A peer on a unix socket has no address to tell of."""
    return None if not address.host or "/" in address.host else (address.host, 0)
