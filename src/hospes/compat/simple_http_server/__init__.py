"""simple_http_server: typed controllers, filters and sessions; programs written for it run over hospes.

    from hospes.compat.simple_http_server import request_map, server

    @request_map("/hello")
    def hello(name: str):
        return {"message": f"hello, {name}"}

    server.start(port=9090)

| file | what |
|---|---|
| `app_conf` | the decorators, and what they collect |
| `incoming`, `outgoing`, `streaming` | what handlers and filters get and give |
| `filters`, `models` | filters with `ctx.do_chain()`, bindings of the program |
| `modes`, `application` | threads or the loop; from declarations to the core's application |
| `websocket` | what handlers of websockets get |
| `http_server`, `server`, `guests` | starting and stopping; being hosted |
"""

from hospes.binding import (
    BytesBody,
    Cookie,
    Environment,
    Header,
    JSONBody,
    ModelDict,
    Parameter,
    Parameters,
    PathValue,
    RegGroup,
    RegGroups,
)
from hospes.compat.simple_http_server.app_conf import (
    AppConf,
    controller,
    default_model_binding,
    error_message,
    filter_map,
    get_app_conf,
    model_binding,
    request,
    request_filter,
    request_map,
    route,
    set_session_factory,
    websocket_close,
    websocket_handler,
    websocket_handshake,
    websocket_message,
    websocket_open,
)
from hospes.compat.simple_http_server.filters import FilterContext
from hospes.compat.simple_http_server.incoming import Request, RequestBodyReader
from hospes.compat.simple_http_server.outgoing import Redirect, Response, StaticFile
from hospes.compat.simple_http_server.websocket import (
    WEBSOCKET_MESSAGE_BINARY,
    WEBSOCKET_MESSAGE_BINARY_FRAME,
    WEBSOCKET_MESSAGE_PING,
    WEBSOCKET_MESSAGE_PONG,
    WEBSOCKET_MESSAGE_TEXT,
    WEBSOCKET_OPCODE_BINARY,
    WEBSOCKET_OPCODE_CLOSE,
    WEBSOCKET_OPCODE_CONTINUATION,
    WEBSOCKET_OPCODE_PING,
    WEBSOCKET_OPCODE_PONG,
    WEBSOCKET_OPCODE_TEXT,
    WebsocketCloseReason,
    WebsocketHandler,
    WebsocketRequest,
    WebsocketSession,
)
from hospes.errors import HttpError
from hospes.http import Cookies, Headers, MultipartFile
from hospes.sessions import Session, SessionFactory

__all__ = [
    "WEBSOCKET_MESSAGE_BINARY",
    "WEBSOCKET_MESSAGE_BINARY_FRAME",
    "WEBSOCKET_MESSAGE_PING",
    "WEBSOCKET_MESSAGE_PONG",
    "WEBSOCKET_MESSAGE_TEXT",
    "WEBSOCKET_OPCODE_BINARY",
    "WEBSOCKET_OPCODE_CLOSE",
    "WEBSOCKET_OPCODE_CONTINUATION",
    "WEBSOCKET_OPCODE_PING",
    "WEBSOCKET_OPCODE_PONG",
    "WEBSOCKET_OPCODE_TEXT",
    "AppConf",
    "BytesBody",
    "Cookie",
    "Cookies",
    "Environment",
    "FilterContext",
    "Header",
    "Headers",
    "HttpError",
    "JSONBody",
    "ModelDict",
    "MultipartFile",
    "Parameter",
    "Parameters",
    "PathValue",
    "Redirect",
    "RegGroup",
    "RegGroups",
    "Request",
    "RequestBodyReader",
    "Response",
    "Session",
    "SessionFactory",
    "StaticFile",
    "WebsocketCloseReason",
    "WebsocketHandler",
    "WebsocketRequest",
    "WebsocketSession",
    "controller",
    "default_model_binding",
    "error_message",
    "filter_map",
    "get_app_conf",
    "model_binding",
    "request",
    "request_filter",
    "request_map",
    "route",
    "set_session_factory",
    "websocket_close",
    "websocket_handler",
    "websocket_handshake",
    "websocket_message",
    "websocket_open",
]
