"""A websocket as an `async def` handler has it.

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:          # str or bytes
            await ws.send(message)

Laws:

* The handshake is answered when the handler uses the websocket for the first time. What it raises or returns before is the answer
  in its place: `raise HttpError(403)` refuses.
* `async for` ends when the peer has closed, for whatever reason; `receive` and `send` raise `WebSocketClosed` then.
* When the handler returns, the websocket closes. When the peer has gone, the handler gets some seconds to come to its end.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable
from time import perf_counter
from typing import Any

from hospes.errors import HttpError
from hospes.http import json
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.websocket import Message
from hospes.websockets.inbox import Inbox, WebSocketClosed

SUBPROTOCOL = "hospes.websocket.subprotocol"
_WEBSOCKET = "hospes.websocket"


class WebSocket:
    """A websocket.

    Args:
        request: The handshake.
        subprotocol: The one that was chosen; "" without.
    """

    __slots__ = ("_headers", "inbox", "request", "subprotocol")

    def __init__(self, request: Request, subprotocol: str = "") -> None:
        self.request = request
        """The handshake: its path, query, headers and cookies."""
        self.subprotocol = subprotocol
        """What both sides speak; "" where nothing was agreed on."""
        self.inbox = Inbox()
        """For the route."""
        self._headers: Headers | None = None

    @classmethod
    def __from_request__(cls, request: Request) -> WebSocket:
        found: WebSocket | None = request.state.get(_WEBSOCKET)
        if found is None:
            if SUBPROTOCOL not in request.state:
                raise RuntimeError("a WebSocket is for handlers that were declared with @app.websocket(…)")
            found = request.state[_WEBSOCKET] = cls(request, request.state[SUBPROTOCOL])
        return found

    @property
    def headers(self) -> Headers:
        """Further fields of the answer to the handshake; to be set before the first use."""
        if self._headers is None:
            self._headers = Headers()
        return self._headers

    async def accept(self) -> None:
        """Open the websocket now. Whatever uses it first does so anyway.

        Raises:
            WebSocketClosed: where the peer has gone.
        """
        await self.inbox.open()

    # What comes in.

    async def receive(self) -> Message:
        """The next message: str or bytes.

        Raises:
            WebSocketClosed: where the peer has closed.
            RuntimeError: where another task is receiving.
        """
        return await self.inbox.receive()

    async def receive_json(self) -> Any:
        """The next message, decoded from JSON.

        Raises:
            WebSocketClosed: where the peer has closed, or has sent no JSON: then it is closed here, with 1007.
        """
        message = await self.receive()
        limits = self.request.connection.limits
        octets = message.encode() if isinstance(message, str) else message
        try:
            return json.decode(octets, depth=limits.json_depth, containers=limits.json_containers, digits=limits.json_digits)
        except HttpError as error:
            (await self.inbox.open()).close(1007, "this is no JSON")
            raise WebSocketClosed(1007, "this is no JSON") from error

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    def __anext__(self) -> Awaitable[Message]:
        mailbox = self.inbox.mailbox
        return mailbox if mailbox is not None else self._first()

    async def _first(self) -> Message:
        try:
            return await self.inbox.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None

    # What goes out.

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message, text or binary; wait while the peer is behind.

        Raises:
            WebSocketClosed: where the websocket is closed.
        """
        inbox = self.inbox
        channel = inbox.channel
        if channel is None:
            channel = await inbox.open()
        try:
            if not channel.send(message):
                await channel.drain()
        except ConnectionError:
            raise inbox.closed_error() from None

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message.

        Raises:
            WebSocketClosed: where the websocket is closed.
            TypeError: for a value that has no JSON form.
        """
        await self.send(json.encode(value).decode())

    def send_nowait(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message without waiting; for plain functions on the loop. It may wait here, within `WebSocketOptions.queue`.

        Raises:
            WebSocketClosed: where the websocket is closed, or has not been opened.
        """
        channel = self.inbox.channel
        if channel is None:
            raise self.inbox.closed_error()
        try:
            channel.send(message)
        except ConnectionError:
            raise self.inbox.closed_error() from None

    async def ping(self) -> float:
        """Send a ping, and wait for its pong; gives the seconds between. What keeps a websocket alive is sent anyway.

        Raises:
            WebSocketClosed: where the websocket is closed, or closes before the pong comes.
            NotImplementedError: where another server carries it that knows no pings (ASGI).
        """
        begun = perf_counter()
        await self.inbox.ask(secrets.token_bytes(8))
        return perf_counter() - begun

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye. A second call does nothing, nor does one where the peer has gone.

        Args:
            code: 1000 for a normal end; 4000 to 4999 are the program's own.
            reason: For people; 123 octets at the most.

        Raises:
            ValueError: for a code that may not be sent, and a longer reason.
        """
        try:
            channel = await self.inbox.open()
        except WebSocketClosed:
            return
        channel.close(code, reason)

    # How it stands.

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        channel = self.inbox.channel
        return self.inbox.end is not None or (channel is not None and channel.closed)

    @property
    def close_code(self) -> int | None:
        """The peer's code; 1005 where it gave none, 1006 where it just went; None before."""
        return self.inbox.end.code if self.inbox.end is not None else None

    @property
    def close_reason(self) -> str:
        """The peer's reason; "" before."""
        return self.inbox.end.reason if self.inbox.end is not None else ""

    def __repr__(self) -> str:
        state = f"closed {self.close_code}" if self.closed else "open" if self.inbox.channel is not None else "not open yet"
        return f"<WebSocket {self.request.head.path}, {state}>"
