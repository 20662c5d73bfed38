"""Websockets."""

import logging

from simple_http_server import (
    WEBSOCKET_MESSAGE_BINARY,
    WEBSOCKET_MESSAGE_PING,
    WEBSOCKET_MESSAGE_TEXT,
    WebsocketCloseReason,
    WebsocketHandler,
    WebsocketRequest,
    WebsocketSession,
    request_map,
    websocket_close,
    websocket_handler,
    websocket_handshake,
    websocket_message,
    websocket_open,
)

_logger = logging.getLogger("websockets_of_the_seed")
CLOSED = []


@websocket_handler(endpoint="/ws/{path_val}")
class WSHandler(WebsocketHandler):

    """
    " 继承 WebsocketHandler 为非必须，以下的事件方法也不是所有都需要实现提供，但是实现提供了，方法的参数必须按照以下签名提供。
    """

    def on_handshake(self, request: WebsocketRequest):
        _logger.info(f">> handshake! {request.path_values}")
        if request.path_values["path_val"] == "closed":
            return 403, {}
        return 0, {"X-Handshake": request.get_parameter("a", "none")}

    def on_open(self, session: WebsocketSession):
        _logger.info(f">>{session.id}<< open! {session.request.path_values}")

    def on_close(self, session: WebsocketSession, reason: str):
        CLOSED.append(f"{session.request.path_values['path_val']}:{reason}")

    def on_text_message(self, session: WebsocketSession, message: str):
        _logger.info(f">>{session.id}<< on text message: {message}")
        session.send(message)

    def on_binary_message(self, session: WebsocketSession, message: bytes = b''):
        session.send_binary(message, chunk_size=2)

    def on_ping_message(self, session: WebsocketSession, message: bytes):
        session.send_pone(message)


@websocket_handler(regexp="^/ws-reg/([a-zA-Z0-9]+)$", singleton=False)
class WSRegHandler:

    def __init__(self):
        self._count = 0

    async def on_text_message(self, session, message):
        self._count += 1
        if message == "file":
            session.send_file(__file__)
        else:
            session.send_text(f"{session.request.reg_groups[0]}-{message}-{self._count}")


@websocket_handler(endpoint="/ws-frames")
class WSFrames:

    def on_binary_frame(self, session, fin, payload):
        session.send(f"{fin} {len(payload)}")
        return payload != b"drop"

    def on_binary_message(self, session, message):
        session.send(message)


@websocket_handshake(endpoint="/ws-fun/{path_val}")
def ws_handshake(request: WebsocketRequest):
    return 0, {}


@websocket_open(endpoint="/ws-fun/{path_val}")
def ws_open(session: WebsocketSession):
    _logger.info(f">>{session.id}<< open! {session.request.path_values}")


@websocket_close(endpoint="/ws-fun/{path_val}")
def ws_close(session: WebsocketSession, reason: WebsocketCloseReason):
    CLOSED.append(f"{session.request.path_values['path_val']}:{reason.message}-{reason.code}-{reason.reason}")


@websocket_message(endpoint="/ws-fun/{path_val}", message_type=WEBSOCKET_MESSAGE_TEXT)
# 你可以将这些事件函数定义为普通或者 `async` 模式均可。
async def ws_text(session: WebsocketSession, message: str):
    _logger.info(f">>{session.id}<< on text message: {message}")
    session.send(f"{session.request.path_values['path_val']}-{message}")
    if message == "close":
        session.close()


@websocket_message(endpoint="/ws-fun/{path_val}", message_type=WEBSOCKET_MESSAGE_BINARY)
def ws_binary(session: WebsocketSession, message: bytes):
    session.send(bytearray(message))


@websocket_message(endpoint="/ws-fun/{path_val}", message_type=WEBSOCKET_MESSAGE_PING)
def ws_ping(session: WebsocketSession, message: bytes):
    session.send_pong(b"own " + message)


@request_map("/ws-closed")
def closed():
    return {"closed": CLOSED}
