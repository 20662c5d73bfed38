"""Websockets for programs: `async def` handlers with a `WebSocket`, and classes whose methods hear events.

| file | what |
|---|---|
| `websocket`, `inbox`, `mailbox`, `program` | the websocket of an `async def` handler, what it has received, its Task |
| `events`, `session` | classes and functions that hear events, and the websocket as they have it |
| `pair` | a websocket without a carrier, for tests |
| `route` | what is looked at before a handler, and how its first use answers the handshake |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.http.websocket import WebSocketOptions
from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.websockets.events import WebSocketCloseReason, WebSocketHandler
    from hospes.websockets.inbox import WebSocketClosed
    from hospes.websockets.route import WebSocketRoute
    from hospes.websockets.session import WebSocketSession
    from hospes.websockets.websocket import WebSocket
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "events": "WebSocketCloseReason WebSocketHandler",
            "inbox": "WebSocketClosed",
            "route": "WebSocketRoute",
            "session": "WebSocketSession",
            "websocket": "WebSocket",
        },
    )

__all__ = [
    "WebSocket",
    "WebSocketCloseReason",
    "WebSocketClosed",
    "WebSocketHandler",
    "WebSocketOptions",
    "WebSocketRoute",
    "WebSocketSession",
]
