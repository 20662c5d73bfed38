"""All the filters around a websocket: its handshake passes them, and its messages are none of their business."""

from __future__ import annotations

import asyncio

from hospes import App, Compress, Cors, RateLimit, SecurityHeaders, TimeLimit, TrustedHosts
from hospes.websockets import WebSocket


def test_a_websocket_behind_all_of_them() -> None:
    app = App(store="memory:")
    app.filter(
        SecurityHeaders(policy="default-src 'self'"),
        Cors(["https://shop.example"]),
        TrustedHosts("testserver"),
        RateLimit("1/hour"),
        TimeLimit(0.5),
        Compress(),
    )

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await asyncio.sleep(0.6)  # it may go on for longer than its handshake may take
            await ws.send(message)

    with app.test() as client:
        with client.websocket("/echo") as socket:
            socket.send("tea " * 100)
            assert socket.receive() == "tea " * 100
        assert client.get("/echo").status == 429
