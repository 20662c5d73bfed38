"""A websocket without a carrier: the program's end is a channel, the other end is in a test's hand.

Laws:

* What a carrier would refuse is refused here: a channel that is closed, a message beyond the limit, a close that may not be sent.
* A peer that is paused waits; one that says goodbye is answered at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Final

from hospes.http.websocket import Message, WebSocketContent, binary
from hospes.websockets.inbox import WebSocketClosed

_TEXT: Final = 1
_BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_TOO_BIG: Final = 1009
_TOO_MUCH: Final = "a message is larger than is taken here"
_FAILURE: Final = 1011


class Pair:
    """Both ends of a websocket; a `hospes.http.websocket.Channel` for the program.

    Args:
        content: What the handshake was answered with.
    """

    def __init__(self, content: WebSocketContent) -> None:
        self._content = content
        self._receiver = content.receiver
        self._sent: deque[Message] = deque()  # by the program
        self._parts: list[bytes] = []  # of a message that comes in frames
        self._opcode = _BINARY
        self._changed = asyncio.Event()
        self._goodbye: WebSocketClosed | None = None  # of the program, or the peer's own
        self._paused = False
        self._failure: BaseException | None = None
        self._program: asyncio.Task[None] | None = None

    # The program's end.

    @property
    def closed(self) -> bool:
        return self._goodbye is not None

    @property
    def waiting(self) -> int:
        return 0

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        if self.closed:
            raise ConnectionError("the websocket is closed")
        self._sent.append(message if isinstance(message, str) else binary(message))
        self._changed.set()

    def send_frame(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        if self.closed:
            raise ConnectionError("the websocket is closed")
        if opcode == _PING:
            asyncio.get_running_loop().call_soon(self._receiver.pong, payload)
        elif opcode < _CLOSE:
            self._opcode = opcode or self._opcode
            self._parts.append(payload)
            if fin:
                octets = b"".join(self._parts)
                self._parts.clear()
                self.send(octets.decode() if self._opcode == _TEXT else octets)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._end(code, reason, code, "")

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._changed.set()

    def _end(self, code: int, reason: str, heard: int, why: str) -> None:
        if self._goodbye is None:
            self._goodbye = WebSocketClosed(code, reason)
            self._changed.set()
            asyncio.get_running_loop().call_soon(self._receiver.closed, heard, why)

    # The peer's end.

    async def begin(self) -> None:
        """Open it; the program runs in a task of its own, as on a carrier."""
        work = self._receiver.opened(self)
        self._program = asyncio.get_running_loop().create_task(self._run(work), context=self._content.context)
        await asyncio.sleep(0)

    async def _run(self, work: Awaitable[None] | None) -> None:
        try:
            if work is not None:
                await work
        except ConnectionError:
            pass
        except Exception as error:
            self._failure = error
            self._end(_FAILURE, "", _FAILURE, "")
        while self._goodbye is None:
            await self._next_change()
        await self._content.aclose(self._failure)

    async def put(self, message: Message) -> None:
        """Send a message to the program.

        Raises:
            WebSocketClosed: where it has closed.
        """
        while self._paused and not self.closed:
            await self._next_change()
        if self._goodbye is not None:
            raise self._goodbye.with_traceback(None)
        octets = message.encode() if isinstance(message, str) else message
        if len(octets) > self._content.options.message:
            self._end(_TOO_BIG, _TOO_MUCH, _TOO_BIG, _TOO_MUCH)
        elif not self._receiver.wants_frames or self._receiver.frame(
            _TEXT if isinstance(message, str) else _BINARY, octets, True
        ):
            self._receiver.message(message)
        await asyncio.sleep(0)

    async def ask(self, payload: bytes) -> None:
        """Send a ping."""
        if not self._receiver.ping(payload):
            await asyncio.sleep(0)

    async def get(self) -> Message:
        """The next message from the program.

        Raises:
            WebSocketClosed: behind the last one, where it has closed.
        """
        while not self._sent:
            if self._goodbye is not None:
                raise self._goodbye.with_traceback(None)
            await self._next_change()
        return self._sent.popleft()

    async def leave(self, code: int, reason: str) -> None:
        """Say goodbye, or with code 1006 go without a word, and wait until the program has ended.

        Raises:
            BaseException: what the program raised.
        """
        self._end(code, reason, code, reason)
        assert self._program is not None
        await self._program
        if self._failure is not None:
            raise self._failure

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
