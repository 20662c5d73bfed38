"""A websocket as an ASGI application handles it: `receive` and `send`, and the response that opens it.

    websocket.connect        ──▶ application
                             ◀── websocket.accept      101, the channel opens
                             ◀── websocket.close       403
                             ◀── websocket.http.response.start, .body    any other answer
    websocket.receive        ──▶ application
                             ◀── websocket.send, websocket.close
    websocket.disconnect     ──▶ application

Laws:

* Frames, pings, limits and the closing handshake are the carrier's; here are messages.
* Back-pressure both ways: while `AHEAD` messages wait for the application, none is taken from the peer; `send` waits while the
  peer is slow.
* After the channel has closed, `receive` says so, again and again, and `send` raises an OSError.
* An application that returns has said all: the channel closes with 1000. One that fails closes it with 1011.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Final, cast

from hospes.adapters.asgi import Message
from hospes.execution import as_failure
from hospes.http.handshake import switch
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import Channel, WebSocketContent
from hospes.http.websocket import Message as ChannelMessage

LOG: Final = logging.getLogger("hospes.adapters")
AHEAD: Final = 32
"""Messages that may wait for the application before the peer does."""


class AsgiWebSocket:
    """One websocket; the receiver of its channel.

    Args:
        request: The handshake.
    """

    wants_frames = False

    def __init__(self, request: Request) -> None:
        self._request = request
        self._connected = False
        self._response: Response | None = None
        self._refusal: Message | None = None  # the beginning of an answer in place of a websocket
        self._body = b""
        self._failure: BaseException | None = None
        self._end: int | None = None  # what to close with where the application has returned
        self._accepted = False
        self._channel: Channel | None = None
        self._messages: deque[ChannelMessage] = deque()
        self._closed: tuple[int, str] | None = None
        self._news = asyncio.Event()  # for `receive`
        self._open = asyncio.Event()  # for `send`: the channel is here, or will never be
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # The application's side.

    async def receive(self) -> Message:
        """The next message: the request to connect, what the peer sends, and at last that it has gone."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while not self._messages and self._closed is None:
            self._news.clear()
            await self._news.wait()
        if self._messages:
            message = self._messages.popleft()
            if self._channel is not None and len(self._messages) == AHEAD // 2:
                self._channel.resume()
            if isinstance(message, str):
                return {"type": "websocket.receive", "text": message}
            return {"type": "websocket.receive", "bytes": message}
        assert self._closed is not None
        code, reason = self._closed
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def send(self, message: Message) -> None:
        """Take a message.

        Raises:
            RuntimeError, TypeError, ValueError: for a message that breaks the protocol.
            OSError: where the channel has closed.
        """
        kind = message["type"]
        if self._accepted:
            await self._send_open(kind, message)
        elif self._refusal is not None and kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                start = self._refusal
                fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start.get("headers", ())]
                self._answer(Response(self._body, start["status"], fields, content_type=""))
                self.leave()
        elif self._refusal is not None or self._response is not None:
            raise RuntimeError(f"the ASGI application sent {kind!r} after it had refused the websocket")
        elif kind == "websocket.accept":
            fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            response = switch(self._request, self, subprotocol=message.get("subprotocol") or "", headers=fields)
            if isinstance(response.content, WebSocketContent):
                response.content.clean_ups.append(self.dropped)
            self._accepted = True
            self._answer(response)
        elif kind == "websocket.close":
            self._answer(Response("403 Forbidden\n", 403))
            self.leave()
        elif kind == "websocket.http.response.start":
            self._refusal = message
        else:
            raise RuntimeError(f"the ASGI application sent {kind!r} before 'websocket.accept'")

    async def _send_open(self, kind: str, message: Message) -> None:
        if kind not in {"websocket.send", "websocket.close"}:
            raise RuntimeError(f"the ASGI application sent {kind!r} after 'websocket.accept'")
        await self._open.wait()
        channel = self._channel
        if channel is None or channel.closed:
            raise ConnectionResetError("the websocket has closed, and does not get this")
        if kind == "websocket.close":
            code = message.get("code")
            channel.close(1000 if code is None else code, message.get("reason") or "")
            return
        content: Any = message.get("text")
        if content is None:
            content = message.get("bytes")
        if not isinstance(content, str):
            content = bytes(cast("bytes", content)) if isinstance(content, (bytes, bytearray, memoryview)) else None
        if content is None:
            raise TypeError("the ASGI application sent a 'websocket.send' with neither text nor bytes")
        channel.send(content)
        await channel.drain()

    def ended(self, answer: Any, failure: BaseException | None) -> None:
        """The application has returned, or raised `failure`."""
        self._end = 1000
        if failure is not None:
            failure, self._end = as_failure(failure), 1011
        if self._response is None:
            self._failure = failure or RuntimeError("the ASGI application returned without an answer to the handshake")
            self._answer(None)
            return
        if failure is not None and isinstance(failure, Exception):
            if self._closed is not None and isinstance(failure, OSError):
                LOG.info("%s: the websocket has closed, and the application ended with %r", self._request, failure)
            else:
                LOG.error("%s: the ASGI application failed", self._request, exc_info=failure)
        if self._channel is not None and not self._channel.closed:
            self._channel.close(self._end)

    # The carrier's side.

    async def answered(self) -> Response:
        """Wait for the answer to the handshake.

        Raises:
            BaseException: what the application raised before.
        """
        try:
            await self._answered
        except asyncio.CancelledError:
            self.leave()
            raise
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # its traceback names this frame
        assert self._response is not None
        return self._response

    def leave(self) -> None:
        """There is, or will be, no channel."""
        if self._closed is None:
            self.closed(1006, "")

    async def dropped(self, error: BaseException | None) -> None:
        """The response is over, whether the channel came to be or not."""
        self.leave()

    def _answer(self, response: Response | None) -> None:
        self._response = response
        if not self._answered.done():
            self._answered.set_result(None)

    # What the channel tells.

    def opened(self, channel: Channel) -> None:
        """The channel is open; an application that has returned meanwhile has nothing to say."""
        self._channel = channel
        self._open.set()
        if self._end is not None:
            channel.close(self._end)

    def message(self, message: ChannelMessage) -> None:
        """A message has come."""
        self._messages.append(message)
        if len(self._messages) == AHEAD and self._channel is not None:
            self._channel.pause()
        self._news.set()

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        """Never asked for."""
        return True

    def ping(self, payload: bytes) -> bool:
        """The carrier answers it."""
        return False

    def pong(self, payload: bytes) -> None:
        """Nobody waits for it."""

    def closed(self, code: int, reason: str) -> None:
        """It is over."""
        self._closed = (code, reason)
        self._news.set()
        self._open.set()
