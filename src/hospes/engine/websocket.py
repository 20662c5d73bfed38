"""A websocket on the engine: the portable carrier's, whose usual messages go another way.

Law: it is `hospes.server.websocket.WebSocket`. What is not a usual message, it does; and it says when none is usual any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import cast

from hospes.engine import _core
from hospes.http.request import Connection as Ends
from hospes.http.websocket import Channel, WebSocketContent
from hospes.server.service import Service
from hospes.server.websocket import OPEN, WebSocket


class EngineWebSocket(WebSocket):
    """A websocket over the engine's transport.

    Args:
        service: What it shares with the server's other connections.
        transport: The engine's.
        ends: Who is connected with whom.
        content: What the handler answered.
    """

    __slots__ = ("_usual",)

    def __init__(self, service: Service, transport: asyncio.Transport, ends: Ends, content: WebSocketContent) -> None:
        super().__init__(service, transport, ends, content)
        receiver = content.receiver
        self._usual = _core.WebChannel(
            cast("_core.Transport", transport), self, content.options, receiver, not receiver.wants_frames, not content.deflate
        )

    def _channel(self) -> Channel:
        return self._usual

    def _become(self, state: int) -> None:
        super()._become(state)
        if state != OPEN:
            self._usual.end()

    @property
    def waiting(self) -> int:
        """Octets that the peer has not taken yet."""
        return self._usual.waiting

    def _gather(self, head: bytes, payload: bytes) -> None:
        self._usual.cork(head, payload)

    def _flush(self) -> None:
        self._usual.flush()

    def drain_after(self, sent: int) -> Awaitable[None]:
        """`drain`, when so many messages have been sent in this turn."""
        self._sent = sent
        return self.drain()

    def expire(self, now: float) -> None:
        """The deadline of the present state has passed."""
        self._heard = max(self._heard, self._usual.heard)
        super().expire(now)
