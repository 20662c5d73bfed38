"""The engine's own way of usual messages: as the wire reads them, however the octets are cut, and in one order with Python's."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from tests.server.support import CARRIERS, Serve
from tests.server.websockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Ear, WebPeer, answering, masked

from hospes.http.websocket import Channel, WebSocketOptions
from hospes.server.carriers import ENGINE
from hospes.wire.websocket import Close, Control, MessageReader, WebSocketError

LIMIT = 70_000
NAMES = {PING: "ping", PONG: "pong"}


@pytest.fixture
def serve() -> Serve:
    if find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    return CARRIERS[ENGINE]


def by_the_wire(octets: bytes) -> list[Any]:
    """What a receiver has to hear of octets that are all a peer sends."""
    reader = MessageReader(LIMIT)
    reader.receive(octets)
    heard: list[Any] = ["opened"]
    try:
        while (event := reader.next()) is not None:
            if isinstance(event, Close):
                return [*heard, ("closed", *event)]
            heard.append((NAMES[event.opcode], event.payload) if isinstance(event, Control) else event)
    except WebSocketError as error:
        return [*heard, ("closed", error.code, error.reason)]
    return [*heard, ("closed", 1006, "")]


def alike(chance: random.Random) -> bytes:
    """Large messages of one size, one after the other: from the second on they are expected. And what disappoints."""
    octets = bytearray()
    size = chance.choice([16 * 1024 - 1, 16 * 1024, 20_000, 65_535, 65_536, LIMIT])
    for _ in range(chance.randrange(3, 7)):
        kind = chance.random()
        if kind < 0.75:
            octets += masked(BINARY, chance.randbytes(size), mask=chance.randbytes(4))
        elif kind < 0.8:
            octets += masked(BINARY, chance.randbytes(size - 1), mask=chance.randbytes(4))
        elif kind < 0.85:
            octets += masked(TEXT, b"t" * size, mask=chance.randbytes(4))
        elif kind < 0.9:
            octets += masked(BINARY, b"", fin=False) + masked(CONTINUATION, b"c" * size)
        else:
            octets += masked(PING, b"p")
    return bytes(octets)


def frames(chance: random.Random) -> bytes:
    """What a peer might send: most of it usual, some of it broken."""
    octets = bytearray()
    for _ in range(chance.randrange(1, 9)):
        size = chance.choice([0, 1, 5, 125, 126, 127, 300, 5000, 65535, 65536, LIMIT, LIMIT + 1][: chance.choice([7, 12])])
        kind = chance.random()
        if kind < 0.35:
            octets += masked(BINARY, chance.randbytes(size), mask=chance.randbytes(4))
        elif kind < 0.6:
            octets += masked(TEXT, ("ä" * (size // 2) + "x" * (size % 2)).encode(), mask=chance.randbytes(4))
        elif kind < 0.75:
            octets += masked(chance.choice([TEXT, BINARY]), b"ab", fin=False) + masked(CONTINUATION, b"c" * size)
        elif kind < 0.9:
            octets += masked(chance.choice([PING, PONG]), chance.randbytes(size % 126))
        elif kind < 0.93:
            octets += masked(TEXT, b"x" * size + b"\xff", mask=chance.randbytes(4))
        elif kind < 0.96:
            octets += masked(CLOSE, b"\x0f\xa0bye")
        else:
            octets += chance.randbytes(8)
    if chance.random() < 0.1:
        del octets[chance.randrange(len(octets)) :]
    return bytes(octets)


def cut(octets: bytes, chance: random.Random) -> list[bytes]:
    places = sorted(chance.randrange(len(octets) + 1) for _ in range(chance.choice([0, 1, 3, 9])))
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]


@pytest.mark.parametrize("make", [frames, alike])
@pytest.mark.parametrize("seed", range(4))
def test_the_engine_reads_as_the_wire_does(serve: Serve, seed: int, make: Callable[[random.Random], bytes]) -> None:
    chance = random.Random(seed)
    ears: list[Ear] = []

    def handler(request: Any) -> Any:
        return answering(ears[-1], WebSocketOptions(message=LIMIT, compress=False))(request)

    with serve(handler) as port:
        for number in range(40):
            octets, ear = make(chance), Ear()
            ears.append(ear)
            with WebPeer(port) as peer:
                try:
                    for piece in cut(octets, chance):
                        peer.send(piece)
                        if chance.random() < 0.5:
                            threading.Event().wait(0.001)  # that it comes by itself, as a rule; nothing depends on it
                    peer.half_close()
                except OSError:
                    pass  # it has been closed for what it sent
                heard = [ear.next()]
                while not isinstance(heard[-1], tuple) or heard[-1][0] != "closed":
                    heard.append(ear.next())
                assert heard == by_the_wire(octets), (seed, number)


def test_one_order_for_all_that_is_sent(serve: Serve) -> None:
    """Usual messages, Python's frames, large ones and the close leave as they were sent, from callbacks and from tasks."""
    ear = Ear()
    large = os.urandom(100_000)

    def send_all(channel: Channel) -> None:
        channel.send("a")
        channel.send_frame(PING, b"b")
        channel.send(b"c")
        channel.send(large)
        channel.send("d")
        channel.send(bytearray(b"e"))
        channel.send_frame(TEXT, b"f", False)
        channel.send_frame(CONTINUATION, b"g")
        channel.send(b"h")

    async def work(channel: Channel) -> None:
        send_all(channel)
        await channel.drain()
        await asyncio.sleep(0)
        send_all(channel)

    ear.work = work
    ear.on_open = send_all
    expected = [
        (0x81, b"a"), (0x89, b"b"), (0x82, b"c"), (0x82, large), (0x81, b"d"),
        (0x82, b"e"), (0x01, b"f"), (0x80, b"g"), (0x82, b"h"),
    ]  # fmt: skip

    class Answering(Ear):
        def message(self, message: str | bytes) -> None:
            send_all(self.channel)
            self.channel.close(4000)

    with serve(answering(ear)) as port, WebPeer(port) as peer:
        assert [peer.take() for _ in range(27)] == expected * 3
    with serve(answering(Answering())) as port, WebPeer(port) as peer:
        peer.put(TEXT, b"go")
        assert [peer.take() for _ in range(9)] == expected
        peer.expect_close(4000)


def test_a_large_message_whose_end_comes_after_our_close(serve: Serve) -> None:
    """What the engine has received of it is read on by Python, up to the peer's close."""
    ear = Ear(echoes=True)
    octets = masked(BINARY, os.urandom(60_000))
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.put(TEXT, b"x")
        assert peer.take() == (0x81, b"x")
        peer.send(octets[:30_000])
        assert [ear.next(), ear.next()] == ["opened", "x"]
        ear.loop.call_soon_threadsafe(ear.channel.close, 4001)
        peer.expect_close(4001)
        peer.send(octets[30_000:] + masked(CLOSE, b"\x0f\xa1"))
        assert peer.closed()
        assert ear.next() == ("closed", 4001, "")


def test_a_receiver_that_pauses_in_the_middle(serve: Serve) -> None:
    class Pausing(Ear):
        def message(self, message: str | bytes) -> None:
            super().message(message)
            if message == "pause":
                self.channel.pause()
                asyncio.get_running_loop().call_later(0.01, self.channel.resume)

    ear = Pausing()
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.send(b"".join(masked(TEXT, word) for word in (b"a", b"pause", b"b", b"pause", b"c")) + masked(CLOSE))
        assert [ear.next() for _ in range(7)] == ["opened", "a", "pause", "b", "pause", "c", ("closed", 1005, "")]


def test_more_messages_than_a_turn_takes(serve: Serve) -> None:
    with serve(answering(Ear(echoes=True))) as port, WebPeer(port) as peer:
        peer.send(b"".join(masked(BINARY, b"%d" % n) for n in range(5000)))
        assert [peer.take()[1] for _ in range(5000)] == [b"%d" % n for n in range(5000)]
