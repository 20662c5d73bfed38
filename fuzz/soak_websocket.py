"""What websockets do in a soak: echoes, fragments with pings between, floods, slow readers, goodbyes, breaches, peers that go.

Law: every message has a token of its own, and must come back as it was, in its turn.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from hospes import App, WebSocket, WebSocketSession

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

Message = tuple[int, bytes]
"""An opcode, and the content."""


def route(app: App) -> None:
    """Add what is talked to: programs of each kind, all of which echo."""

    @app.websocket("/ws/for")
    async def loop(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/ws/waits")
    async def waits(ws: WebSocket) -> None:
        async for message in ws:
            await asyncio.sleep(0 if len(message) % 2 else 0.0005)
            await ws.send(message)

    @app.websocket_handler("/ws/inline", inline=True)
    class Inline:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send(text)

        def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
            session.send(octets)

    @app.websocket_handler("/ws/thread")
    class Threaded(Inline):
        pass


class WebSocketPeer:
    """The peer's end of a websocket.

    Args:
        reader, writer: A new connection.
        chance: What decides.
        token: Gives tokens.
        counts: Counts messages.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        chance: random.Random,
        token: Callable[[], str],
        counts: Counter[str],
    ) -> None:
        self.reader, self.writer = reader, writer
        self.random, self.token, self.counts = chance, token, counts

    async def open(self) -> None:
        """Shake hands with a program of any kind."""
        path = self.random.choice(["/ws/for", "/ws/for", "/ws/waits", "/ws/inline", "/ws/thread"])
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n".encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def message(self, large: bool = True) -> Message:
        """A message that no other is like."""
        size = self.random.choice([0, 10, 100, 1000, 20_000, 65_536, 65_536, 200_000][: 8 if large else 4])
        return self.random.choice([TEXT, BINARY]), f"{self.token()}{'.' * size}".encode()

    def frame(self, opcode: int, payload: bytes, fin: bool = True) -> bytes:
        """A frame, masked."""
        size = len(payload)
        head = bytes([opcode | (0x80 if fin else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        else:
            head += bytes([0x80 | 126]) + size.to_bytes(2) if size < 65_536 else bytes([0x80 | 127]) + size.to_bytes(8)
        mask = self.random.randbytes(4)
        key = int.from_bytes((mask * (size // 4 + 1))[:size])
        return head + mask + (int.from_bytes(payload) ^ key).to_bytes(size)

    async def next(self) -> Message:
        """What comes next; pings are answered, pongs left out."""
        parts = bytearray()
        opcode = 0
        while True:
            first, second = await self.reader.readexactly(2)
            assert second < 0x80, "a server does not mask"
            size = second
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            payload = await self.reader.readexactly(size)
            kind = first & 0x0F
            if kind == PING:
                self.writer.write(self.frame(PONG, payload))
            elif kind == CLOSE:
                return CLOSE, payload
            elif kind != PONG:
                opcode = opcode or kind
                parts += payload
                if first & 0x80:
                    return opcode, bytes(parts)

    async def expect(self, message: Message) -> None:
        """This one comes back.

        Raises:
            AssertionError: if another one does.
        """
        came = await self.next()
        assert came == message, (came[0], came[1][:60], message[0], message[1][:60])
        self.counts["echoes"] += 1

    # What they do.

    async def echo(self) -> None:
        """One message after the other, in pieces now and then."""
        for _ in range(self.random.randrange(1, 40)):
            message = self.message()
            octets = self.frame(*message)
            if self.random.random() < 0.2:
                middle = self.random.randrange(len(octets))
                self.writer.write(octets[:middle])
                await self.writer.drain()
                await asyncio.sleep(0.001)
                octets = octets[middle:]
            self.writer.write(octets)
            await self.expect(message)

    async def fragments(self) -> None:
        """Messages in frames, with pings between, and whole ones behind them."""
        for _ in range(self.random.randrange(1, 10)):
            opcode, content = self.message()
            size = max(1, len(content) // self.random.randrange(1, 5))
            for start in range(0, len(content), size):
                last = start + size >= len(content)
                self.writer.write(self.frame(0 if start else opcode, content[start : start + size], last))
                if self.random.random() < 0.5:
                    self.writer.write(self.frame(PING, b"between"))
            behind = self.message()
            self.writer.write(self.frame(*behind))
            await self.expect((opcode, content))
            await self.expect(behind)

    async def flood(self) -> None:
        """Many small messages at once."""
        messages = [self.message(large=False) for _ in range(self.random.randrange(100, 1500))]
        self.writer.write(b"".join(self.frame(*message) for message in messages))
        for message in messages:
            await self.expect(message)

    async def slow(self) -> None:
        """A peer that lets echoes wait; fewer octets than may wait for it."""
        messages = [self.message() for _ in range(20)]
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]
        self.writer.write(b"".join(self.frame(*message) for message in messages))
        await asyncio.sleep(0.05 + self.random.random() / 4)
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for message in messages:
            await self.expect(message)

    async def goodbye(self) -> None:
        """A close behind messages, which is answered behind their echoes."""
        messages = [self.message(large=False) for _ in range(self.random.randrange(3))]
        for message in messages:
            self.writer.write(self.frame(*message))
            await self.expect(message)
        self.writer.write(self.frame(CLOSE, b"\x0f\xa0bye"))
        assert await self.next() == (CLOSE, b"\x0f\xa0")
        assert await self.reader.read() == b"", "octets behind the goodbye"

    async def breach(self) -> None:
        """What the protocol does not allow, behind what it does."""
        message = self.message()
        octets, code = self.random.choice([
            (b"\x82\x01x", 1002),  # without a mask
            (self.frame(TEXT, b"\xff"), 1007),
            (self.frame(3, b""), 1002),
            (self.frame(0, b""), 1002),  # what does it go on with?
        ])  # fmt: skip
        self.writer.write(self.frame(*message) + octets)
        came = await self.next()
        if came == message:  # a program that was slower than the breach is not heard any more
            came = await self.next()
        assert (came[0], int.from_bytes(came[1][:2])) == (CLOSE, code), came

    async def leave(self) -> None:
        """A peer that goes in the middle, politely or not."""
        octets = b"".join(self.frame(*self.message()) for _ in range(self.random.randrange(1, 20)))
        self.writer.write(octets[: self.random.randrange(len(octets))])
        await self.writer.drain()
        if self.random.random() < 0.5:
            await asyncio.sleep(self.random.random() * 0.01)
        if self.random.random() < 0.5:
            self.writer.transport.abort()
