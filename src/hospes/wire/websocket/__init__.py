"""Websockets on the wire: octets to messages, messages to octets; no sockets, no clock, no tasks (RFC 6455, RFC 7692).

Read it in this order: `handshake` (which request opens one), `closing` (how one ends), `frames` (what messages are cut into),
`deflate` (compression), `messages` (what a peer sent, put together and checked).
"""

from .closing import Close, WebSocketError, close_payload, may_send, parse_close
from .deflate import Deflate, Deflater, Inflater, negotiate
from .frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, frame_head, unmask
from .handshake import VERSION, accept_value, handshake_key
from .messages import Control, MessageReader

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "VERSION",
    "Close",
    "Control",
    "Deflate",
    "Deflater",
    "Inflater",
    "MessageReader",
    "WebSocketError",
    "accept_value",
    "close_payload",
    "frame",
    "frame_head",
    "handshake_key",
    "may_send",
    "negotiate",
    "parse_close",
    "unmask",
]
