"""What a websocket's program has received and not asked for yet; the receiver behind a `WebSocket`.

Laws:

* Messages wait in a mailbox: the channel's, where it keeps mail, or one of our own (see `mailbox`).
* The websocket opens when the program uses it for the first time; until then it may still be refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from hospes.errors import HospesError, HttpError
from hospes.http.websocket import Channel, KeepsMail, Mailbox, Message
from hospes.units import KiB
from hospes.websockets.mailbox import Mailbox as OwnMailbox
from hospes.websockets.program import Program

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

    __slots__ = ("_opening", "_pongs", "channel", "end", "mailbox", "program", "used")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.mailbox: Mailbox | None = None
        """What has come; None before the websocket is open."""
        self.channel: Channel | None = None
        self.end: WebSocketClosed | None = None
        """How it ended; None while it has not."""
        self.used: asyncio.Future[None] = loop.create_future()
        """Done when the program has used the websocket for the first time."""
        self.program: Program | None = None
        """Who receives."""
        self._opening: asyncio.Future[None] = loop.create_future()
        self._pongs: dict[bytes, asyncio.Future[None]] = {}

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
        await self.open()
        assert self.mailbox is not None
        try:
            return await self.mailbox
        except StopAsyncIteration:
            raise self.closed_error() from None

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
            if self.program is not None:
                self.program.task.cancel()
                await asyncio.wait((self.program.task,))

    # The channel's side.

    @property
    def wants_frames(self) -> bool:
        return False

    def opened(self, channel: Channel) -> Awaitable[None]:
        self.channel = channel
        if isinstance(channel, KeepsMail) and self.program is not None:
            self.mailbox = channel.mailbox(MESSAGES, OCTETS, self.program)
        else:
            self.mailbox = OwnMailbox(channel, MESSAGES, OCTETS)
        if not self._opening.done():
            self._opening.set_result(None)
        return self._follow(channel)

    async def _follow(self, channel: Channel) -> None:
        """Until the program ends; what it raised that means something to the peer is said."""
        assert self.program is not None
        try:
            await self.program.task
        except WebSocketClosed:
            pass
        except HttpError as error:
            reason = str(error).encode()[:_REASON].decode(errors="ignore")
            channel.close(_FAILURE if error.code >= 500 else _POLICY, reason)
        else:
            channel.close()

    def message(self, message: Message) -> None:
        assert self.mailbox is not None
        self.mailbox.put(message)

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
        if self.mailbox is not None:
            self.mailbox.end()
