"""Websocket routes of an application: what can never serve one is said at start."""

from __future__ import annotations

from typing import Any

import pytest

from hospes import App, SetupError, WebSocket


def plain(ws: WebSocket) -> None: ...


async def without() -> None: ...


async def two(a: WebSocket, b: WebSocket) -> None: ...


@pytest.mark.parametrize("handler", [plain, without, two])
def test_handlers_that_cannot_serve_one(handler: Any) -> None:
    app = App(store="memory:")
    app.websocket("/")(handler)
    with pytest.raises(SetupError) as caught, app.test():
        pass
    assert caught.value.problem == f"{handler.__name__}() cannot serve a websocket"
    assert caught.value.remedy == (
        "write `async def` with one parameter of the type WebSocket; or a class with on_text_message() and so on"
    )
    assert __file__ in caught.value.where[0]


def test_a_method_serves_one() -> None:
    app = App(store="memory:")

    @app.controller("/rooms")
    class Rooms:
        @app.websocket("/{name}")
        async def chat(self, ws: WebSocket, name: str) -> None:
            await ws.send(f"{type(self).__name__} {name}")

    with app.test() as client, client.websocket("/rooms/a") as ws:
        assert ws.receive() == "Rooms a"


def test_a_mounted_application_serves_one() -> None:
    inner, outer = App(store="memory:"), App(store="memory:")

    @inner.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    outer.mount("/in", inner)
    with outer.test() as client, client.websocket("/in/echo") as ws:
        ws.send("x")
        assert ws.receive() == "x"
