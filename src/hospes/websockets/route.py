"""A route that opens websockets: what is looked at before its handler, and how the handler's first use answers the handshake.

    handshake ─▶ check ─▶ handler begins ─▶ … first use ─▶ 101; the handler goes on, in the same task
                                         └▶ raises, returns an answer ─▶ that is the answer

Law: until the 101 the handler is part of a request like any other. It has its visitor's turn, and what it changes is durable
before the answer leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, field

from hospes.http.answer import to_response
from hospes.http.handshake import Origins, check_handshake, choose_subprotocol, switch
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent, WebSocketOptions
from hospes.websockets.program import Program
from hospes.websockets.websocket import SUBPROTOCOL, WebSocket


class WebSocketRoute(Struct, frozen=True):
    """One `@app.websocket(...)` as written.

    Args:
        origins: Whose pages may open it.
        subprotocols: What the handler speaks.
        options: Bounds.
        events: Whether the handler answers the handshake itself (see `events`).
    """

    origins: Origins = field(default_factory=Origins)
    subprotocols: tuple[str, ...] = ()
    options: WebSocketOptions = WebSocketOptions()
    events: bool = False

    def check(self, request: Request) -> None:
        """Look at a handshake, before anything is done for it.

        Raises:
            HttpError: 400, 403 or 426.
        """
        check_handshake(request)
        self.origins.check(request)
        request.state[SUBPROTOCOL] = choose_subprotocol(request, self.subprotocols)

    def around(self, handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Response]]:
        """A handler as one that gives a response; of its arguments one is a `WebSocket`."""
        options = self.options

        async def call(*arguments: Any) -> Response:
            websocket = next(each for each in arguments if isinstance(each, WebSocket))
            return await _begin(handler(*arguments), websocket, options)

        return call


async def _begin(program: Awaitable[Any], websocket: WebSocket, options: WebSocketOptions) -> Response:
    """Let the handler run until it uses the websocket, or ends."""
    inbox = websocket.inbox
    inbox.program = Program(program)
    task = inbox.program.task
    try:
        await asyncio.wait((task, inbox.used), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    if not inbox.used.done():
        answer = task.result()
        if answer is not None:
            return to_response(answer, websocket.request)
    response = switch(websocket.request, inbox, options, subprotocol=websocket.subprotocol, headers=websocket.headers)
    assert isinstance(response.content, WebSocketContent)
    response.content.clean_ups.append(inbox.abandon)
    return response
