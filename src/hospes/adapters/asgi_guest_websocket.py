"""A websocket of ours behind an ASGI host: the channel, made of the host's messages.

    handler ──▶ Response 101, WebSocketContent       websocket.accept ──▶ host
                receiver.opened(channel)
                receiver.message                ◀──  websocket.receive
                channel.send                    ──▶  websocket.send
                receiver.closed                 ◀──  websocket.disconnect

Laws:

* ASGI knows messages only: pings and pongs raise an error that says so. A message that is sent in frames leaves when its last one
  has come, and a message comes as one frame to whoever wants frames.
* What is sent leaves in order, one after the other; where more than `queue` octets wait for the host already the channel closes
  with 1008.
* A handler that refuses the handshake answers with its own status where the host can carry it, else the host says 403.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections import deque
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from hospes.adapters.asgi import Message, Receive, Scope, Send
from hospes.adapters.guesting import Told, discard, failed, fields_of, request_of
from hospes.http.handler import Handler
from hospes.http.request import Connection, Request
from hospes.http.response import Response
from hospes.http.websocket import Message as ChannelMessage
from hospes.http.websocket import WebSocketContent, binary
from hospes.limits import KiB

LOG: Final = logging.getLogger("hospes.adapters")
LOW: Final = 64 * KiB
"""Octets that may wait when `drain` returns."""
_ENDS: Final = 10.0
"""Seconds for the program to end when the websocket has."""
_TEXT, _BINARY, _CLOSE = 1, 2, 8
_OURS: Final = frozenset({
    b"connection", b"upgrade", b"content-length", b"transfer-encoding", b"sec-websocket-key", b"sec-websocket-version",
    b"sec-websocket-extensions",
})  # fmt: skip


class AsgiChannel:
    """The channel.

    Args:
        send: The host's.
        queue: Octets that may wait.
    """

    def __init__(self, send: Send, queue: int) -> None:
        self._send = send
        self._queue = queue
        self._waiting: deque[tuple[Message, int]] = deque()
        self._opcode = _BINARY
        self._frames: list[bytes] = []
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        self.waiting = 0
        self.closed = False
        self.ours: tuple[int, str] | None = None
        """Code and reason, where this side has closed it."""

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message.

        Raises:
            ConnectionError: where the channel is closed.
        """
        self._check_open()
        if self.waiting > self._queue:
            self._waiting.clear()
            self.close(1008, "the peer is too slow")
        elif isinstance(message, str):
            self._put({"type": "websocket.send", "text": message}, len(message))
        else:
            octets = binary(message)
            self._put({"type": "websocket.send", "bytes": octets}, len(octets))

    def send_frame(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        """Send a part of a message, which leaves as a whole.

        Raises:
            ConnectionError: where the channel is closed.
            NotImplementedError: for a ping or a pong.
        """
        if opcode >= _CLOSE:
            raise NotImplementedError(
                "an ASGI server carries whole messages, and sends pings and pongs by itself. "
                "Send a message, or serve the app with hospes"
            )
        self._check_open()
        self._opcode = opcode or self._opcode
        self._frames.append(payload)
        if fin:
            octets = b"".join(self._frames)
            self._frames.clear()
            self.send(octets.decode() if self._opcode == _TEXT else octets)

    async def drain(self) -> None:
        """Wait until the host has taken most of what waits; give the loop a turn in any case."""
        await asyncio.sleep(0)
        while self.waiting > LOW and not self.closed:
            self._room.clear()
            await self._room.wait()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        if not self.closed:
            self.closed = True
            self.ours = (code, reason)
            self._put({"type": "websocket.close", "code": code, "reason": reason}, 0)
            self._reads.set()

    def pause(self) -> None:
        """Take no messages for now."""
        self._reads.clear()

    def resume(self) -> None:
        """Take messages again."""
        self._reads.set()

    def _check_open(self) -> None:
        if self.closed:
            raise ConnectionResetError("the websocket is closed")

    def _put(self, message: Message, size: int) -> None:
        self._waiting.append((message, size))
        self.waiting += size
        self._news.set()

    async def write(self) -> None:
        """Hand over to the host what is sent, until the channel has closed."""
        while True:
            while self._waiting:
                message, size = self._waiting.popleft()
                await self._send(message)
                self.waiting -= size
                if self.waiting <= LOW:
                    self._room.set()
                if message["type"] == "websocket.close":
                    return
            self._news.clear()
            await self._news.wait()

    async def readable(self) -> None:
        """Wait until messages are wanted."""
        await self._reads.wait()

    def gone(self) -> None:
        """The host says that it is over."""
        self.closed = True
        self._room.set()


async def answer_websocket(scope: Scope, receive: Receive, send: Send, connection: Connection, handler: Handler) -> None:
    """Have a handler answer a handshake, and carry the websocket that it opens."""
    await receive()  # websocket.connect
    request: Request | None = None
    answer: Any = None
    try:
        request = request_of(_told(scope), connection)
        answer = handler(request)
        if not isinstance(answer, Response):
            answer = await answer
    except Exception as failure:
        answer = failed(request, failure)
    content = answer.content
    if not isinstance(content, WebSocketContent):
        await _refuse(scope, send, answer)
        return
    accept: Message = {"type": "websocket.accept", "headers": []}
    for name, value in answer.lines():
        lower = name.lower()
        if lower == "sec-websocket-protocol":
            accept["subprotocol"] = value
        elif lower != "sec-websocket-extensions":
            accept["headers"].append((lower.encode("latin-1"), value.encode("latin-1", "replace")))
    await send(accept)
    await _carry(receive, AsgiChannel(send, content.options.queue), content)


async def _carry(receive: Receive, channel: AsgiChannel, content: WebSocketContent) -> None:
    receiver = content.receiver
    loop = asyncio.get_running_loop()
    work: asyncio.Task[None] | None = None
    opened = content.context.run(receiver.opened, channel)
    error: BaseException | None = None
    if opened is not None:
        program = opened

        async def run() -> None:
            await program

        work = loop.create_task(run(), context=content.context)
        work.add_done_callback(lambda task: _program_ended(task, channel))
    writing = loop.create_task(channel.write())
    writing.add_done_callback(lambda task: task.cancelled() or task.exception())
    code, reason = 1006, ""
    try:
        while True:
            await channel.readable()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code, reason = message.get("code", 1005), message.get("reason") or ""
                break
            if not channel.closed:
                text = message.get("text")
                _deliver(content, text if text is not None else message.get("bytes", b""))
    finally:
        channel.gone()
        receiver.closed(*(channel.ours or (code, reason)))
        if work is not None:
            await asyncio.wait((work,), timeout=_ENDS)
            work.cancel()
            with suppress(BaseException):
                await work
            error = None if work.cancelled() else work.exception()
        writing.cancel()
        await content.aclose(error)


def _deliver(content: WebSocketContent, message: ChannelMessage) -> None:
    receiver = content.receiver
    if receiver.wants_frames:
        opcode, payload = (_TEXT, message.encode()) if isinstance(message, str) else (_BINARY, message)
        if not receiver.frame(opcode, payload, True):
            return
    receiver.message(message)


def _program_ended(task: asyncio.Task[None], channel: AsgiChannel) -> None:
    if task.cancelled():
        return
    failure = task.exception()
    if failure is not None and not isinstance(failure, ConnectionError):
        LOG.error("a websocket's program failed", exc_info=failure)
        channel.close(1011)


async def _refuse(scope: Scope, send: Send, response: Response) -> None:
    if "websocket.http.response" in scope.get("extensions", {}) and isinstance(response.content, bytes):
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in fields_of(response, "GET")
        ]
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": fields})
        await send({"type": "websocket.http.response.body", "body": response.content})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
    await discard(response)


def _told(scope: Scope) -> Told:
    """The handshake as HTTP/1.1 has it, whatever version the host has had it in."""
    prefix = quote(scope.get("root_path", ""), safe="/:@!$&'()*+,;=-._~").rstrip("/")
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
    fields = [(name, value) for name, value in scope["headers"] if name.lower() not in _OURS]
    fields += [
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", base64.b64encode(os.urandom(16))),
    ]
    return Told("GET", path, prefix, scope.get("query_string", b""), "1.1", fields)
