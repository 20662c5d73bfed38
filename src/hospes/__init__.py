"""hospes: serves HTTP, calls HTTP and remembers its visitors.

from hospes import App, User

app = App()

@app.get("/")
def home(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return f"<html><h1>Visit {user['visits']}</h1></html>"

app.run()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.adapters import from_asgi, from_wsgi, to_asgi, to_wsgi
    from hospes.app import Event, EventStream, Template
    from hospes.binding import (
        BytesBody,
        Cookie,
        Environment,
        Header,
        JSONBody,
        ModelBinding,
        ModelDict,
        Parameter,
        Parameters,
        PathValue,
        RegGroup,
        RegGroups,
        RequestBodyReader,
    )
    from hospes.client import AsyncHttpClient, ClientError, ClientLimits, ClientOptions, ClientTimeouts, HttpClient
    from hospes.errors import ClientDisconnected, HospesError, HttpError, ProtocolError, SetupError
    from hospes.files import File, StaticFile
    from hospes.filters import Compress, Cors, Csrf, RateLimit, SecurityHeaders, TimeLimit, TrustedHosts, csrf_matches, csrf_token
    from hospes.http import (
        Address,
        CallNext,
        Cookies,
        FieldError,
        Headers,
        InvalidRequest,
        MultipartFile,
        Redirect,
        Request,
        Response,
        SetCookie,
        Stream,
    )
    from hospes.limits import Limits, Timeouts
    from hospes.quick import (
        controller,
        default_app,
        default_model_binding,
        delete,
        error,
        files,
        filter,
        get,
        lifespan,
        model_binding,
        mount,
        patch,
        post,
        provide,
        put,
        request_map,
        route,
        run,
        scan,
        using,
        websocket,
        websocket_close,
        websocket_handler,
        websocket_handshake,
        websocket_message,
        websocket_open,
    )
    from hospes.running import App, host
    from hospes.server import AccessLog, Proxies, ServerOptions, Tls, Workers
    from hospes.sessions import Flash, Session, SessionFactory, SessionOptions
    from hospes.signing import ExpiredSignature, InvalidSignature, Keyring, Signer
    from hospes.units import GiB, KiB, MiB
    from hospes.users import User, VisitorOptions
    from hospes.websockets import (
        WebSocket,
        WebSocketClosed,
        WebSocketCloseReason,
        WebSocketHandler,
        WebSocketOptions,
        WebSocketSession,
    )
else:
    # The package first, whose name a decorator has too: whoever imported it later would put it in the decorator's place.
    from hospes import files

    del files
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "adapters": "from_asgi from_wsgi to_asgi to_wsgi",
            "app": "Event EventStream Template",
            "binding": "BytesBody Cookie Environment Header JSONBody ModelBinding ModelDict Parameter Parameters PathValue "
            "RegGroup RegGroups RequestBodyReader",
            "client": "AsyncHttpClient ClientError ClientLimits ClientOptions ClientTimeouts HttpClient",
            "errors": "ClientDisconnected HospesError HttpError ProtocolError SetupError",
            "files": "File StaticFile",
            "filters": "Compress Cors Csrf RateLimit SecurityHeaders TimeLimit TrustedHosts csrf_matches csrf_token",
            "http": "Address CallNext Cookies FieldError Headers InvalidRequest MultipartFile Redirect Request Response "
            "SetCookie Stream",
            "limits": "Limits Timeouts",
            "quick": "controller default_app default_model_binding delete error files filter get lifespan model_binding "
            "mount patch post provide put request_map route run scan using websocket websocket_close "
            "websocket_handler websocket_handshake websocket_message websocket_open",
            "running": "App host",
            "server": "AccessLog Proxies ServerOptions Tls Workers",
            "sessions": "Flash Session SessionFactory SessionOptions",
            "signing": "ExpiredSignature InvalidSignature Keyring Signer",
            "units": "GiB KiB MiB",
            "users": "User VisitorOptions",
            "websockets": "WebSocket WebSocketClosed WebSocketCloseReason WebSocketHandler WebSocketOptions WebSocketSession",
        },
    )

__all__ = [
    "AccessLog",
    "Address",
    "App",
    "AsyncHttpClient",
    "BytesBody",
    "CallNext",
    "ClientDisconnected",
    "ClientError",
    "ClientLimits",
    "ClientOptions",
    "ClientTimeouts",
    "Compress",
    "Cookie",
    "Cookies",
    "Cors",
    "Csrf",
    "Environment",
    "Event",
    "EventStream",
    "ExpiredSignature",
    "FieldError",
    "File",
    "Flash",
    "GiB",
    "Header",
    "Headers",
    "HospesError",
    "HttpClient",
    "HttpError",
    "InvalidRequest",
    "InvalidSignature",
    "JSONBody",
    "Keyring",
    "KiB",
    "Limits",
    "MiB",
    "ModelBinding",
    "ModelDict",
    "MultipartFile",
    "Parameter",
    "Parameters",
    "PathValue",
    "ProtocolError",
    "Proxies",
    "RateLimit",
    "Redirect",
    "RegGroup",
    "RegGroups",
    "Request",
    "RequestBodyReader",
    "Response",
    "SecurityHeaders",
    "ServerOptions",
    "Session",
    "SessionFactory",
    "SessionOptions",
    "SetCookie",
    "SetupError",
    "Signer",
    "StaticFile",
    "Stream",
    "Template",
    "TimeLimit",
    "Timeouts",
    "Tls",
    "TrustedHosts",
    "User",
    "VisitorOptions",
    "WebSocket",
    "WebSocketCloseReason",
    "WebSocketClosed",
    "WebSocketHandler",
    "WebSocketOptions",
    "WebSocketSession",
    "Workers",
    "controller",
    "csrf_matches",
    "csrf_token",
    "default_app",
    "default_model_binding",
    "delete",
    "error",
    "files",
    "filter",
    "from_asgi",
    "from_wsgi",
    "get",
    "host",
    "lifespan",
    "model_binding",
    "mount",
    "patch",
    "post",
    "provide",
    "put",
    "request_map",
    "route",
    "run",
    "scan",
    "to_asgi",
    "to_wsgi",
    "using",
    "websocket",
    "websocket_close",
    "websocket_handler",
    "websocket_handshake",
    "websocket_message",
    "websocket_open",
]
