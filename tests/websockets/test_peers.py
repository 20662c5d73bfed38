"""Clients that people use: websockets, websocket-client, a browser. Over the carrier that `HOSPES_CARRIER` names."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import websocket
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate
from websockets.typing import Origin, Subprotocol

from hospes import App, HttpError, Tls, WebSocket, WebSocketOptions


@pytest.fixture
def app() -> App:
    app = App(store="memory:")

    @app.websocket("/echo", subprotocols=["echo"], options=WebSocketOptions(message=1 << 21))
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/no")
    async def no(ws: WebSocket) -> None:
        raise HttpError(403, "not you")

    @app.get("/")
    def page() -> str:
        return "<html><h1>page</h1></html>"

    return app


MESSAGES: list[str | bytes] = [
    "",
    b"",
    "grüezi 😀",
    os.urandom(125),
    "x" * 65536,
    os.urandom(70_000),
    "ä" * 500_000,
    b"\0" * (1 << 21),
]
OFFERS = [
    None,
    Deflate(),
    Deflate(client_max_window_bits=True),
    Deflate(server_no_context_takeover=True, client_no_context_takeover=True),
    Deflate(server_max_window_bits=9, client_max_window_bits=9),
    Deflate(server_max_window_bits=15, client_max_window_bits=15, server_no_context_takeover=True),
]


@pytest.mark.parametrize("offer", OFFERS)
def test_websockets(app: App, offer: Deflate | None) -> None:
    """Autobahn's families 1, 5, 12 and 13, by a peer that is strict."""

    async def main(url: str) -> None:
        extensions = [offer] if offer is not None else None
        subprotocols = [Subprotocol("other"), Subprotocol("echo")]
        options: dict[str, Any] = {"compression": None, "extensions": extensions, "max_size": 1 << 21}
        async with websockets.connect(f"{url}/echo", subprotocols=subprotocols, **options) as peer:
            assert peer.subprotocol == "echo"
            assert len(peer.protocol.extensions) == (offer is not None)
            for _ in range(2):
                for message in MESSAGES:
                    await peer.send(message)
                    assert await peer.recv() == message
            await peer.send(["in ", "", "pieces"])
            assert await peer.recv() == "in pieces"
            await (await peer.ping(b"p"))
            await peer.close(4000, "bye")
        assert peer.close_code == 4000

    with app.serving() as server:
        asyncio.run(main(server.url.replace("http", "ws")))


def test_many_at_once(app: App) -> None:
    async def talk(url: str, number: int) -> None:
        async with websockets.connect(f"{url}/echo") as peer:
            for n in range(20):
                await peer.send(f"{number} {n} " * n)
            for n in range(20):
                assert await peer.recv() == f"{number} {n} " * n

    async def main(url: str) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(talk(url, number))

    with app.serving() as server:
        asyncio.run(main(server.url.replace("http", "ws")))


def test_refusals(app: App) -> None:
    async def main(url: str) -> None:
        for path, origin, status in (
            ("no", None, 403),
            ("echo", "https://evil.example", 403),
            ("", None, 200),
            ("missing", None, 404),
        ):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(f"{url}/{path}", origin=Origin(origin) if origin else None)
            assert caught.value.response.status_code == status

    with app.serving() as server:
        asyncio.run(main(server.url.replace("http", "ws")))


def test_websocket_client(app: App) -> None:
    with app.serving() as server:
        peer = websocket.create_connection(f"{server.url.replace('http', 'ws')}/echo", subprotocols=["echo"], timeout=20)
        assert peer.getsubprotocol() == "echo"
        for message in MESSAGES:
            peer.send(message, websocket.ABNF.OPCODE_TEXT if isinstance(message, str) else websocket.ABNF.OPCODE_BINARY)
            assert peer.recv() == message
        peer.ping("p")
        opcode, payload = peer.recv_data(control_frame=True)
        assert (opcode, payload) == (websocket.ABNF.OPCODE_PONG, b"p")
        peer.close(4000, b"bye")


def test_tls(app: App, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def main(url: str, home: str) -> None:
        origin = Origin(home)
        async with websockets.connect(f"{url}/echo", ssl=trusting, origin=origin, max_size=1 << 21) as peer:
            for message in MESSAGES:
                await peer.send(message)
                assert await peer.recv() == message
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(f"{url}/echo", ssl=trusting, origin=Origin(home.replace("https", "http")))

    with app.serving(tls=Tls(str(tmp_path / "server.pem"))) as server:
        asyncio.run(main(server.url.replace("http", "ws"), server.url))


BROWSER = """async ([url, messages]) => {
    const socket = new WebSocket(url, ["echo"]);
    const got = [];
    const done = new Promise(resolve => socket.onclose = event => resolve([event.code, event.reason, event.wasClean]));
    socket.onopen = () => messages.forEach(each => socket.send(each));
    socket.onmessage = event => { got.push(event.data); if (got.length == messages.length) socket.close(4000, "bye"); };
    const closed = await done;
    return {got, closed, protocol: socket.protocol, extensions: socket.extensions};
}"""


def test_a_browser(app: App, need: Any) -> None:
    from playwright.sync_api import sync_playwright

    chromium = need("chromium", "google-chrome")
    messages = [message for message in MESSAGES if isinstance(message, str)]
    other = App(store="memory:")
    other.get("/")(lambda: "<html>other</html>")
    with app.serving() as server, other.serving() as elsewhere, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        url = server.url.replace("http", "ws") + "/echo"
        page.goto(server.url)
        result = page.evaluate(BROWSER, [url, messages])
        page.goto(elsewhere.url)
        foreign = page.evaluate(BROWSER, [url, messages])
        browser.close()
    assert result["got"] == messages
    assert result["closed"] == [4000, "", True]
    assert result["protocol"] == "echo"
    assert result["extensions"].startswith("permessage-deflate")
    assert (foreign["got"], foreign["closed"][0]) == ([], 1006)
