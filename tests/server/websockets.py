"""What the tests of websockets share: a receiver that notes what it hears, and a peer that speaks frames."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable
from typing import Any

from tests.server.support import WAIT, Peer
from tests.wire.websocket.masked import masked

from hospes.http.handler import Handler
from hospes.http.handshake import switch
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import Channel, WebSocketOptions
from hospes.wire.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)
__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "Ear", "WebPeer", "answering", "masked"]


class Ear:
    """A receiver that notes what it hears; other threads take it out of `heard`."""

    def __init__(self, *, echoes: bool = False, frames: Callable[[bytes], bool] | None = None) -> None:
        self.heard: queue.Queue[Any] = queue.Queue()
        self.channel: Channel
        self.loop: asyncio.AbstractEventLoop
        self.echoes = echoes
        self._frames = frames
        self.answers_pings = False
        self.work: Callable[[Channel], Awaitable[None]] | None = None
        self.on_open: Callable[[Channel], object] | None = None

    @property
    def wants_frames(self) -> bool:
        return self._frames is not None

    def opened(self, channel: Channel) -> Awaitable[None] | None:
        self.channel = channel
        self.loop = asyncio.get_running_loop()
        self.heard.put("opened")
        if self.on_open is not None:
            self.on_open(channel)
        return self.work(channel) if self.work is not None else None

    def message(self, message: str | bytes) -> None:
        self.heard.put(message)
        if self.echoes:
            self.channel.send(message)

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        assert self._frames is not None
        self.heard.put((opcode, payload, fin))
        return self._frames(payload)

    def ping(self, payload: bytes) -> bool:
        self.heard.put(("ping", payload))
        return self.answers_pings

    def pong(self, payload: bytes) -> None:
        self.heard.put(("pong", payload))

    def closed(self, code: int, reason: str) -> None:
        self.heard.put(("closed", code, reason))

    def next(self) -> Any:
        """What was heard next."""
        return self.heard.get(timeout=WAIT)


def answering(ear: Ear, options: WebSocketOptions | None = None) -> Handler:
    """A handler that opens a websocket for whoever asks; without compression by default."""
    options = options or WebSocketOptions(compress=False)

    def handler(request: Request) -> Response:
        return switch(request, ear, options)

    return handler


class WebPeer(Peer):
    """A client that has opened a websocket, and speaks frames."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, fields: bytes = b"", behind: bytes = b"") -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.send(HANDSHAKE % fields + behind)
        self.answer = self.get()

    def put(self, opcode: int, payload: bytes = b"", **flags: Any) -> None:
        self.send(masked(opcode, payload, **flags))

    def take(self) -> tuple[int, bytes]:
        """The next frame: its first octet, and its payload."""
        first, length = self.exactly(2)
        if length >= 126:
            length = int.from_bytes(self.exactly(2 if length == 126 else 8), "big")
        return first, self.exactly(length)

    def expect_close(self, code: int, reason: str = "") -> None:
        """The server closes: its frame, and nothing behind it."""
        payload = code.to_bytes(2, "big") + reason.encode() if code else b""
        assert self.take() == (0x88, payload)
