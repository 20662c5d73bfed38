"""A websocket as handlers of events have it: plain calls, from the loop and from threads.

Laws:

* What is sent leaves in the order of the calls, files too: what is sent while a file is on its way leaves behind it.
* A call from the loop does not wait; what the peer has not taken waits within `WebSocketOptions.queue`. A call from a thread
  waits until the peer has taken most of it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from typing import Final

from hospes.http.request import Request
from hospes.http.websocket import Channel, binary
from hospes.units import KiB
from hospes.websockets.inbox import NO_CLOSE, WebSocketClosed

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
PING: Final = 9
PONG: Final = 10
PIECE: Final = 64 * KiB
"""Octets of a file that are read, and sent, at once."""


class WebSocketSession:
    """A websocket.

    Args:
        request: The handshake.
    """

    __slots__ = ("_behind", "_channel", "_id", "_loop", "_sending", "_thread", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        """The handshake: its path, path values, query, headers and cookies."""
        self._channel: Channel | None = None
        self._id = ""
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._sending: asyncio.Task[None] | None = None  # of a file
        self._behind: list[Callable[[Channel], object]] = []

    def open(self, channel: Channel) -> None:
        """For the receiver: the websocket is open."""
        self._channel = channel

    @property
    def id(self) -> str:
        """Tells this websocket from all others."""
        if not self._id:
            self._id = uuid.uuid4().hex
        return self._id

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._channel is not None and self._channel.closed

    def send(self, message: str | bytes | bytearray, opcode: int | None = None, chunk_size: int = 0) -> None:
        """Send a message.

        Args:
            message: str as text, anything else as binary.
            opcode: TEXT (1) or BINARY (2) where that is to be another; PING (9) and PONG (10) send a control frame.
            chunk_size: Octets of a frame, to send it in several; 0 for one.

        Raises:
            WebSocketClosed: where the websocket is closed.
            ValueError: for a frame that the protocol does not allow.
        """
        channel = self._channel
        # The usual case, and the quick one.
        if opcode is None and not chunk_size and channel is not None and self._sending is None and get_ident() == self._thread:
            try:
                channel.send(message)
            except ConnectionError:
                raise _closed() from None
        else:
            self._send(message, opcode, chunk_size)

    def _send(self, message: str | bytes | bytearray, opcode: int | None, chunk_size: int) -> None:
        octets = message.encode() if isinstance(message, str) else binary(message)
        if opcode is None:
            opcode = TEXT if isinstance(message, str) else BINARY
        if opcode in (PING, PONG) or chunk_size > 0:
            size = chunk_size if chunk_size > 0 and opcode not in (PING, PONG) else max(len(octets), 1)
            self._do(lambda channel: _send_frames(channel, opcode, octets, size))
        elif opcode == TEXT:
            text = message if isinstance(message, str) else octets.decode()
            self._do(lambda channel: channel.send(text))
        elif opcode == BINARY:
            self._do(lambda channel: channel.send(octets))
        else:
            raise ValueError(f"opcode {opcode}: a message is text (1) or binary (2), or a ping (9) or pong (10)")

    def send_text(self, text: str, chunk_size: int = 0) -> None:
        """Send a text message; see `send`."""
        self.send(text, TEXT, chunk_size)

    def send_binary(self, octets: bytes | bytearray, chunk_size: int = 0) -> None:
        """Send a binary message; see `send`."""
        self.send(octets, BINARY, chunk_size)

    def send_ping(self, payload: str | bytes = b"") -> None:
        """Send a ping of at most 125 octets; `on_pong_message` hears its pong."""
        self.send(payload, PING)

    def send_pong(self, payload: str | bytes = b"") -> None:
        """Send a pong of at most 125 octets."""
        self.send(payload, PONG)

    def send_file(self, path: str | Path, chunk_size: int = 0) -> None:
        """Send a file's content as one binary message, in frames; it is read while it is sent.

        Args:
            path: Which file.
            chunk_size: Octets of a frame; 64 KiB by default.

        Raises:
            WebSocketClosed: where the websocket is closed.
            OSError: where the file cannot be opened.
        """
        file = Path(path).open("rb")  # noqa: SIM115 (closed by who sends it)
        size = chunk_size if chunk_size > 0 else PIECE

        async def send(channel: Channel) -> None:
            with file:
                piece, opcode = file.read(size), BINARY
                while True:
                    following = file.read(size)
                    channel.send_frame(opcode, piece, not following)
                    if not following:
                        return
                    await channel.drain()
                    piece, opcode = following, CONTINUATION

        def begin(channel: Channel) -> None:
            self._sending = self._loop.create_task(send(channel))
            self._sending.add_done_callback(self._sent)

        try:
            self._do(begin)
        except BaseException:
            file.close()
            raise

    def close(self, reason: str = "", code: int = 1000) -> None:
        """Say goodbye; a second call does nothing.

        Args:
            reason: For people; 123 octets at the most.
            code: 1000 for a normal end; 4000 to 4999 are the program's own.

        Raises:
            ValueError: for a code that may not be sent, and a longer reason.
        """
        if not self.is_closed:
            self._do(lambda channel: channel.close(code, reason))

    def _sent(self, task: asyncio.Task[None]) -> None:
        """A file has left; and with it what has waited behind it, up to the next file."""
        self._sending = None
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ConnectionError):
            self._loop.call_exception_handler({"message": "sending a file over a websocket failed", "exception": error})
            assert self._channel is not None
            self._channel.close(1011)
        try:
            while self._behind and self._sending is None and self._channel is not None:
                self._behind.pop(0)(self._channel)
        except ConnectionError:
            self._behind.clear()

    def _do(self, call: Callable[[Channel], object]) -> None:
        """Use the channel: at once on the loop, else from there, and wait until the peer keeps up."""
        if get_ident() == self._thread:
            self._use(call)
        else:
            asyncio.run_coroutine_threadsafe(self._use_and_wait(call), self._loop).result()

    def _use(self, call: Callable[[Channel], object]) -> None:
        if self._channel is None or self._channel.closed:
            raise _closed()
        if self._sending is not None:
            self._behind.append(call)
            return
        try:
            call(self._channel)
        except ConnectionError:
            raise _closed() from None

    async def _use_and_wait(self, call: Callable[[Channel], object]) -> None:
        self._use(call)
        assert self._channel is not None
        if self._sending is not None:
            await asyncio.wait((self._sending,))
        if not self._channel.closed:
            try:
                await self._channel.drain()
            except ConnectionError:
                raise _closed() from None

    def __repr__(self) -> str:
        return f"<WebSocketSession {self.request.head.path}, {'closed' if self.is_closed else 'open'}>"


def _send_frames(channel: Channel, opcode: int, octets: bytes, size: int) -> None:
    for start in range(0, len(octets) or 1, size):
        channel.send_frame(CONTINUATION if start else opcode, octets[start : start + size], start + size >= len(octets))


def _closed() -> WebSocketClosed:
    return WebSocketClosed(NO_CLOSE)
