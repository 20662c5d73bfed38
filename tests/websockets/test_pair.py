"""A websocket without a carrier: what a carrier would refuse is refused, both ends hear the end."""

from __future__ import annotations

import asyncio

import pytest
from tests.http.test_websocket import Deaf

from hospes.http.websocket import Channel, WebSocketContent, WebSocketOptions
from hospes.websockets import WebSocketClosed
from hospes.websockets.pair import Pair


class Ear(Deaf):
    def __init__(self) -> None:
        self.heard: list[object] = []
        self.channel: Channel

    def opened(self, channel: Channel) -> None:
        self.channel = channel

    def message(self, message: str | bytes) -> None:
        self.heard.append(message)

    def ping(self, payload: bytes) -> bool:
        self.heard.append(("ping", payload))
        return payload == b"mine"

    def pong(self, payload: bytes) -> None:
        self.heard.append(("pong", payload))

    def closed(self, code: int, reason: str) -> None:
        self.heard.append((code, reason))


def test_both_ways() -> None:
    async def main() -> None:
        ear = Ear()
        pair = Pair(WebSocketContent(ear))
        await pair.begin()
        await pair.put("a")
        await pair.put(b"b")
        await pair.ask(b"mine")
        await pair.ask(b"yours")
        channel = ear.channel
        channel.send("c")
        channel.send(bytearray(b"d"))
        channel.send_frame(1, b"e", False)
        channel.send_frame(0, b"f")
        channel.send_frame(2, b"g")
        channel.send_frame(9, b"h")
        await channel.drain()
        assert (channel.waiting, channel.closed) == (0, False)
        assert [await pair.get() for _ in range(4)] == ["c", b"d", "ef", b"g"]
        await pair.leave(4000, "bye")
        assert ear.heard == ["a", b"b", ("ping", b"mine"), ("ping", b"yours"), ("pong", b"h"), (4000, "bye")]
        with pytest.raises(ConnectionError):
            channel.send("late")
        with pytest.raises(ConnectionError):
            channel.send_frame(1, b"late")

    asyncio.run(main())


def test_the_programs_close_comes_behind_its_messages() -> None:
    async def main() -> None:
        ear = Ear()
        pair = Pair(WebSocketContent(ear))
        await pair.begin()
        ear.channel.send("last")
        ear.channel.close(4001, "enough")
        ear.channel.close(4002)
        assert await pair.get() == "last"
        for use in (pair.get, lambda: pair.put("x")):
            with pytest.raises(WebSocketClosed, match=r"^the websocket is closed: 4001 enough$"):
                await use()
        await pair.leave(1000, "")
        assert ear.heard == [(4001, "")]

    asyncio.run(main())


def test_a_message_beyond_the_limit() -> None:
    async def main() -> None:
        ear = Ear()
        pair = Pair(WebSocketContent(ear, WebSocketOptions(message=3)))
        await pair.begin()
        await pair.put("abc")
        await pair.put("äb")
        await pair.put("abcd")
        await pair.leave(1000, "")
        assert ear.heard == ["abc", "äb", (1009, "a message is larger than is taken here")]

    asyncio.run(main())


def test_a_peer_that_is_paused_waits() -> None:
    async def main() -> None:
        ear = Ear()
        pair = Pair(WebSocketContent(ear))
        await pair.begin()
        ear.channel.pause()
        putting = asyncio.create_task(pair.put("a"))
        await asyncio.sleep(0)
        assert ear.heard == []
        ear.channel.resume()
        await putting
        assert ear.heard == ["a"]
        await pair.leave(1006, "")

    asyncio.run(main())
