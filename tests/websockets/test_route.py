"""A route that opens websockets: the first use answers the handshake, in the same task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest
from tests.http.test_handshake import handshake

from hospes.errors import HttpError
from hospes.http.handshake import Origins
from hospes.http.websocket import WebSocketContent, WebSocketOptions
from hospes.websockets import WebSocket, WebSocketRoute
from hospes.websockets.pair import Pair

color: ContextVar[str] = ContextVar("color", default="none")


def test_what_is_looked_at() -> None:
    route = WebSocketRoute(Origins(["https://shop.example"]), ("chat",))
    route.check(handshake(Origin="https://shop.example", Sec_WebSocket_Protocol="x, chat"))
    with pytest.raises(HttpError, match="426"):
        route.check(handshake(Upgrade=""))
    with pytest.raises(HttpError, match="403"):
        route.check(handshake(Origin="https://evil.example"))


def test_the_handler_goes_on_in_its_task() -> None:
    seen: list[object] = []

    async def handler(ws: WebSocket, word: str) -> None:
        seen.extend((asyncio.current_task(), color.get()))
        color.set("blue")
        await ws.send(word)
        seen.extend((asyncio.current_task(), color.get()))

    async def main() -> None:
        color.set("red")
        options = WebSocketOptions(compress=False)
        response = await WebSocketRoute(options=options).around(handler)(WebSocket(handshake()), "hello")
        assert response.status == 101
        assert isinstance(response.content, WebSocketContent)
        assert response.content.options is options
        pair = Pair(response.content)
        await pair.begin()
        assert await pair.get() == "hello"
        await pair.leave(1000, "")
        assert color.get() == "red"

    asyncio.run(main())
    assert seen[0] is seen[2]
    assert (seen[1], seen[3]) == ("red", "blue")


def test_a_handshake_that_is_given_up_ends_its_handler() -> None:
    ended: list[str] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        answering = asyncio.ensure_future(WebSocketRoute().around(handler)(WebSocket(handshake())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering

    asyncio.run(main())
    assert ended == ["cancelled"]


def test_an_answer_that_nobody_opens_ends_its_handler() -> None:
    ended: list[str] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.send("x")
        finally:
            ended.append("ended")

    async def main() -> None:
        response = await WebSocketRoute().around(handler)(WebSocket(handshake()))
        assert isinstance(response.content, WebSocketContent)
        await response.content.aclose()

    asyncio.run(main())
    assert ended == ["ended"]
