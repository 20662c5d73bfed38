"""The websocket as handlers of events have it: plain calls, in order, from the loop and from threads."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.http.test_handshake import handshake

from hospes import App, WebSocketClosed, WebSocketSession


def test_what_is_sent_and_how(tmp_path: Path) -> None:
    app = App(store="memory:")
    (tmp_path / "file").write_bytes(bytes(range(256)) * 600)

    @app.websocket_handler("/", inline=True)
    class Handler:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send("text")
            session.send(b"octets")
            session.send("as octets", 2)
            session.send(b"as text", 1)
            session.send_text("in pieces", 4)
            session.send_binary(bytearray(b"in pieces"), 4)
            session.send_file(tmp_path / "file")
            session.send_file(str(tmp_path / "file"), 1000)
            session.send("behind the files")
            session.send_ping("p")
            session.send_pong(b"p")
            with pytest.raises(ValueError, match=r"^opcode 8: a message is text \(1\) or binary \(2\), or a ping"):
                session.send("x", 8)
            with pytest.raises(OSError, match="missing"):
                session.send_file(tmp_path / "missing")
            session.close("done", 4000)
            session.close()

    with app.test() as client, client.websocket("/") as ws:
        ws.send("go")
        got = [ws.receive() for _ in range(9)]
        with pytest.raises(WebSocketClosed, match="4000 done"):
            ws.receive()
    octets = bytes(range(256)) * 600
    assert got == ["text", b"octets", b"as octets", "as text", "in pieces", b"in pieces", octets, octets, "behind the files"]


def test_from_threads() -> None:
    app = App(store="memory:")
    threads: list[threading.Thread] = []
    problems: list[str] = []

    @app.websocket_handler("/")
    class Handler:
        def on_open(self, session: WebSocketSession) -> None:  # in the pool
            session.send("first")

            def work() -> None:
                for n in range(100):
                    session.send(f"{n}")
                session.close()
                try:
                    session.send("late")
                except WebSocketClosed as error:
                    problems.append(str(error))

            threads.append(threading.Thread(target=work))
            threads[0].start()

    async def main() -> None:
        async with app.test() as client, client.websocket("/") as ws:
            assert [await ws.receive() for _ in range(101)] == ["first", *map(str, range(100))]
            while threads[0].is_alive():
                await asyncio.sleep(0)

    asyncio.run(main())
    assert problems == ["the websocket is closed: 1006"]


def test_before_it_is_open() -> None:
    async def main() -> None:
        session = WebSocketSession(handshake())
        assert session.id == session.id != WebSocketSession(handshake()).id
        assert not session.is_closed
        with pytest.raises(WebSocketClosed):
            session.send("x")
        assert repr(session) == "<WebSocketSession /chat, open>"

    asyncio.run(main())
