"""Websockets of ours behind ASGI: over a real uvicorn-like host (our own), there and back, and what ASGI cannot carry."""

from __future__ import annotations

import asyncio
import queue
from typing import Any

import pytest
from tests.adapters.support import WAIT, on_loop
from tests.server.support import Serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from hospes.adapters import from_asgi, to_asgi
from hospes.adapters.asgi_guest_websocket import AsgiChannel
from hospes.errors import HttpError
from hospes.http.handshake import switch
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import Channel, Message


class Echo:
    """Gives back what it hears; notes what becomes of it."""

    def __init__(self, wants_frames: bool = False) -> None:
        self.wants_frames = wants_frames
        self.log: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def opened(self, channel: Channel) -> None:
        self.channel = channel
        self.log.put("opened")

    def message(self, message: Message) -> None:
        if message == "close":
            self.channel.close(3001, "as asked")
        elif message == "frame":
            try:
                self.channel.send_frame(9, b"ping")
            except NotImplementedError as error:
                self.channel.send(str(error))
        else:
            self.channel.send(message)

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        self.log.put((opcode, payload, fin))
        return payload != b"dropped"

    def ping(self, payload: bytes) -> bool:
        return False

    def pong(self, payload: bytes) -> None: ...

    def closed(self, code: int, reason: str) -> None:
        self.log.put((code, reason))


def there_and_back(handler: Any) -> Any:
    return from_asgi(to_asgi(handler), lifespan="off")


def test_messages_both_ways(serve: Serve) -> None:
    receiver = Echo()

    def handler(request: Request) -> Response:
        return switch(request, receiver, subprotocol="b", headers={"X-Path": request.path})

    with serve(there_and_back(handler)) as port, connect(f"ws://127.0.0.1:{port}/a", subprotocols=["b"]) as peer:  # type: ignore[list-item]
        assert peer.subprotocol == "b"
        assert peer.response is not None
        assert peer.response.headers["x-path"] == "/a"
        for message in ("text", b"bytes", b"x" * 200_000, ""):
            peer.send(message)
            assert peer.recv(timeout=WAIT) == message
        peer.send("frame")
        assert peer.recv(timeout=WAIT) == (
            "an ASGI server carries whole messages, and sends pings and pongs by itself. "
            "Send a message, or serve the app with hospes"
        )
        peer.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            peer.recv(timeout=WAIT)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3001, "as asked")
        assert [receiver.log.get(timeout=WAIT) for _ in range(2)] == ["opened", (3001, "as asked")]


def test_a_message_in_frames_leaves_as_a_whole(serve: Serve) -> None:
    class Framing(Echo):
        def message(self, message: Message) -> None:
            self.channel.send_frame(1, b"te", False)
            self.channel.send_frame(0, "xt é".encode()[:-1], False)
            self.channel.send_frame(0, "é".encode()[1:], True)
            self.channel.send_frame(2, b"", False)
            self.channel.send_frame(0, b"", True)
            self.channel.send_frame(2, b"one", True)
            self.channel.close()
            with pytest.raises(ConnectionError):
                self.channel.send_frame(2, b"late", True)
            self.log.put("late")

    receiver = Framing()
    with serve(there_and_back(lambda request: switch(request, receiver))) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        peer.send("go")
        assert [peer.recv(timeout=WAIT) for _ in range(3)] == ["text é", b"", b"one"]
        assert [receiver.log.get(timeout=WAIT) for _ in range(2)] == ["opened", "late"]


def test_the_peers_goodbye(serve: Serve) -> None:
    receiver = Echo(wants_frames=True)
    with serve(there_and_back(lambda request: switch(request, receiver))) as port:
        with connect(f"ws://127.0.0.1:{port}/") as peer:
            peer.send("dropped")
            peer.send(b"kept")
            assert peer.recv(timeout=WAIT) == b"kept"
            peer.close(3002, "bye")
        expected = ["opened", (1, b"dropped", True), (2, b"kept", True), (3002, "bye")]
        assert [receiver.log.get(timeout=WAIT) for _ in range(4)] == expected


@pytest.mark.parametrize(("fails", "code"), [(False, 1000), (True, 1011)])
def test_a_program(serve: Serve, fails: bool, code: int) -> None:
    class Program(Echo):
        def opened(self, channel: Channel) -> Any:
            async def run() -> None:
                channel.send("first")
                await channel.drain()
                if fails:
                    raise LookupError("defect")
                channel.close()

            return run()

    receiver = Program()
    with serve(there_and_back(lambda request: switch(request, receiver))) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        assert peer.recv(timeout=WAIT) == "first"
        with pytest.raises(ConnectionClosed) as closed:
            peer.recv(timeout=WAIT)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


def test_a_refusal_has_its_own_status(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/plain":
            return Response("not you", 401)
        raise HttpError(404, "no such room")

    with serve(there_and_back(handler)) as port:
        for path, status in (("/plain", 401), ("/raised", 404)):
            with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}{path}"):
                pass
            assert refused.value.response.status_code == status


def test_a_host_that_can_only_say_no() -> None:
    async def work() -> None:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "http_version": "2", "scheme": "wss"}
        await to_asgi(lambda request: Response("not you", 401))(scope, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]

    on_loop(work)


def test_the_bound_of_what_waits() -> None:
    async def work() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        channel = AsgiChannel(send, 4)
        channel.send("1234")
        channel.send(b"5")  # as much as may wait did already, not more
        assert channel.ours is None
        channel.send(b"6")
        assert channel.closed
        with pytest.raises(ConnectionError):
            channel.send("more")
        await channel.write()
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": "the peer is too slow"}]
        channel.pause()
        reading = asyncio.ensure_future(channel.readable())
        await asyncio.sleep(0)
        assert not reading.done()
        channel.resume()
        await reading

    on_loop(work)
