"""What a websocket's program has received and not asked for yet; the receiver behind a `WebSocket`.

Laws:

* Messages are given in order, the end comes behind them all.
* When more waits here than the program takes, the channel pauses, and with it the peer.
* The websocket opens when the program uses it for the first time; until then it may still be refused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any, Final

from hospes.errors import HospesError, HttpError
from hospes.http.bell import Bell
from hospes.http.websocket import Channel, Message
from hospes.limits import KiB

MESSAGES: Final = 64
"""Messages that wait before the channel pauses; it goes on when half of them have been taken."""
OCTETS: Final = 256 * KiB
"""The same in octets (of text: characters)."""
NO_CLOSE: Final = 1006
_POLICY: Final = 1008
_FAILURE: Final = 1011
_REASON: Final = 123  # octets of a reason (RFC 6455 §5.5)


class WebSocketClosed(HospesError):
    """The websocket is closed.

    Args:
        code: The peer's code: 1000 for a normal end, 1001 where it goes away, 1005 where it gave none; 1006 where it just went.
        reason: Its reason, for people.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"the websocket is closed: {self.code} {self.reason}".rstrip()


class Inbox:
    """Hears a channel, and keeps what it heard until it is asked for; a `hospes.http.websocket.Receiver`."""

    __slots__ = ("_bell", "_held", "_opening", "_paused", "_pongs", "channel", "end", "messages", "task", "used")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.messages: deque[Message] = deque()
        self.channel: Channel | None = None
        self.end: WebSocketClosed | None = None
        """How it ended; None while it has not."""
        self.used: asyncio.Future[None] = loop.create_future()
        """Done when the program has used the websocket for the first time."""
        self.task: asyncio.Task[Any] | None = None
        """The program."""
        self._opening: asyncio.Future[None] = loop.create_future()
        self._bell = Bell(loop)
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._held = 0
        self._paused = False

    # The program's side.

    async def open(self) -> Channel:
        """The channel; at the first call the handshake is answered.

        Raises:
            WebSocketClosed: where it does not come to be.
        """
        if self.channel is None:
            if not self.used.done():
                self.used.set_result(None)
            await asyncio.shield(self._opening)
            if self.channel is None:
                raise self.closed_error()
        return self.channel

    async def receive(self) -> Message:
        """The next message.

        Raises:
            WebSocketClosed: behind the last one.
            RuntimeError: where another task is waiting for one.
        """
        while not self.messages:
            if self.end is not None:
                raise self.closed_error()
            if self.channel is None:
                await self.open()
                continue
            await self.arrival()
        return self.take()

    def arrival(self) -> Bell:
        """What is awaited until something has come, or has ended.

        Raises:
            RuntimeError: where another task is waiting for it.
        """
        if self._bell.is_awaited:
            raise RuntimeError("two tasks receive from one websocket at once; let one of them do it")
        return self._bell

    def take(self) -> Message:
        """The next message, which is there."""
        message = self.messages.popleft()
        self._held -= len(message)
        if self._paused and len(self.messages) <= MESSAGES // 2 and self._held <= OCTETS // 2:
            self._paused = False
            assert self.channel is not None
            self.channel.resume()
        return message

    async def ask(self, payload: bytes) -> None:
        """Send a ping, and wait for its pong.

        Raises:
            WebSocketClosed: where it does not come any more.
        """
        channel = await self.open()
        try:
            channel.send_frame(9, payload)
        except ConnectionError:
            raise self.closed_error() from None
        pong = self._pongs[payload] = asyncio.get_running_loop().create_future()
        try:
            await pong
        finally:
            self._pongs.pop(payload, None)
        if self.end is not None:
            raise self.closed_error()

    def closed_error(self) -> WebSocketClosed:
        """What is raised where nothing goes any more; a new one each time, for tracebacks grow."""
        return WebSocketClosed(self.end.code, self.end.reason) if self.end is not None else WebSocketClosed(NO_CLOSE)

    async def abandon(self, error: BaseException | None) -> None:
        """The websocket is over; or it did not come to be, and neither does its program."""
        if self.channel is None:
            self.closed(NO_CLOSE, "")
            if self.task is not None:
                self.task.cancel()
                await asyncio.wait((self.task,))

    # The channel's side.

    @property
    def wants_frames(self) -> bool:
        return False

    def opened(self, channel: Channel) -> Awaitable[None]:
        self.channel = channel
        if not self._opening.done():
            self._opening.set_result(None)
        return self._follow(channel)

    async def _follow(self, channel: Channel) -> None:
        """Until the program ends; what it raised that means something to the peer is said."""
        assert self.task is not None
        try:
            await self.task
        except WebSocketClosed:
            pass
        except HttpError as error:
            reason = str(error).encode()[:_REASON].decode(errors="ignore")
            channel.close(_FAILURE if error.code >= 500 else _POLICY, reason)
        else:
            channel.close()

    def message(self, message: Message) -> None:
        self.messages.append(message)
        self._held += len(message)
        self._bell.ring()
        if (len(self.messages) >= MESSAGES or self._held >= OCTETS) and not self._paused and self.channel is not None:
            self._paused = True
            self.channel.pause()

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        return True

    def ping(self, payload: bytes) -> bool:
        return False  # the carrier answers it

    def pong(self, payload: bytes) -> None:
        waiter = self._pongs.get(payload)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def closed(self, code: int, reason: str) -> None:
        if self.end is None:
            self.end = WebSocketClosed(code, reason)
        for each in (self._opening, *self._pongs.values()):
            if not each.done():
                each.set_result(None)
        self._bell.ring()
