"""One request as an ASGI application handles it: `receive` and `send`, and the response that comes of them.

    expects START ── http.response.start ──▶ expects BODY ── body, more ──┐
                                               │    ▲                     │
                                               │    └─────────────────────┘
                     last body, or a file ─────┤
                                               ▼
                    (expects TRAILERS ── last of them ──▶) COMPLETE

Laws:

* An application that answers in its first step makes a response as any handler does: no task, no queue, no future.
* Where it has to wait, it goes on in a task of its own, which may outlive its answer (background work): the response leaves as
  soon as its last octet is known, and as a stream as soon as there is a first one and more to come.
* Back-pressure both ways: content is pulled by `receive`; `send` waits while `AHEAD` octets wait for the peer.
* When the peer has gone, `receive` says so and `send` raises an OSError; the application is not cancelled, for it may be in the
  middle of something that has to come to its end.
* What breaks the protocol is raised where the application did it. Before the answer has begun it becomes a 500; afterwards the
  connection is aborted, so that nothing looks complete that is not.
* Content that the carrier refuses (413, 408, 400) ends as "the peer has gone" for the application, and the refusal is the answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Iterable
from sys import intern
from typing import Any, BinaryIO, Final, NoReturn, cast

from hospes.adapters.asgi import AsgiApplication, Message, Scope
from hospes.errors import ClientDisconnected, HttpError
from hospes.execution import as_failure
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Content, Response
from hospes.limits import KiB

LOG: Final = logging.getLogger("hospes.adapters")

AHEAD: Final = 64 * KiB
"""Octets of an answer that may wait before `send` does."""
PIECE: Final = 64 * KiB
"""Octets of content in one message, at the most, unless all of it is here."""

START: Final = 0
BODY: Final = 1
TRAILERS: Final = 2
COMPLETE: Final = 3
_EXPECTED: Final = {
    START: "http.response.start",
    BODY: "http.response.body",
    TRAILERS: "http.response.trailers",
}
_WITHOUT_CONTENT: Final = frozenset({204, 205, 304})


class AsgiExchange:
    """One request and its answer.

    Args:
        application: The application.
        scope: What it is told of the request.
        request: The request.
    """

    __slots__ = (
        "_all_received",
        "_application",
        "_begun",
        "_content",
        "_content_type",
        "_drops",
        "_failure",
        "_file",
        "_gone",
        "_headers",
        "_held",
        "_left",
        "_length",
        "_over",
        "_phase",
        "_pieces",
        "_refusal",
        "_request",
        "_room",
        "_scope",
        "_sent",
        "_status",
        "_takes_trailers",
        "_trailers",
        "_waiter",
    )

    def __init__(self, application: AsgiApplication, scope: Scope, request: Request) -> None:
        self._application = application
        self._scope = scope
        self._request = request
        self._content: ContentReader | None = request.content
        self._all_received = False
        self._phase = START
        self._pieces: list[bytes] = []
        self._held = 0  # octets in the pieces
        self._sent = 0  # octets of the answer in all
        self._file: FileContent | None = None
        self._failure: BaseException | None = None
        self._refusal: HttpError | None = None
        self._over = False  # whether the application has returned
        self._gone = False  # whether the peer has, or nobody wants the answer
        self._begun = False  # whether the answer is to leave before it is complete
        self._drops = False  # whether the answer has no content, whatever the application sends
        self._takes_trailers = False
        self._waiter: asyncio.Future[None] | None = None  # of whoever waits for octets or the end
        self._room: asyncio.Event | None = None
        self._left: asyncio.Event | None = None

    @classmethod
    def completed(cls) -> AsgiExchange:
        """One that is over; whoever has kept `receive` or `send` hears so."""
        exchange = cls.__new__(cls)
        exchange._phase = COMPLETE
        exchange._all_received, exchange._gone = True, False
        return exchange

    def take_up(self, all_received: bool, start: Message | None, content: bytes | None, is_complete: bool) -> None:
        """Go on where the engine stops: it has heard what is usual.

        Args:
            all_received: Whether the application has the content.
            start: The message of this kind, if it has come.
            content: What has come of the answer's; None: nothing, not even an empty piece.
            is_complete: Whether that is all.
        """
        self._all_received = all_received
        if start is not None:
            self._start(start)
        if content is not None:
            self._take_body(content, not is_complete)

    def run(self) -> Awaitable[None]:
        """Call the application."""
        return self._application(self._scope, self.receive, self.send)

    # The application's side.

    async def receive(self) -> Message:
        """The next piece of content; after the last, that the peer has gone, as soon as it has."""
        if not self._all_received and not self._gone and self._phase != COMPLETE:
            if self._content is not None:
                return await self._receive_piece(self._content)
            self._all_received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self._gone and self._phase != COMPLETE:
            if self._left is None:
                self._left = asyncio.Event()
            await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the answer.

        Raises:
            RuntimeError, TypeError, ValueError: for a message that breaks the protocol.
            OSError: where the peer has gone.
        """
        kind, phase = message["type"], self._phase
        if kind == "http.response.body" and phase == BODY:
            if self._take_body(message.get("body", b""), message.get("more_body", False)):
                await self._wait_for_room()
        elif kind == "http.response.start" and phase == START:
            self._start(message)
        elif kind == "http.response.trailers" and phase == TRAILERS:
            self._trailers += _fields(message.get("headers", ()))
            if not message.get("more_trailers", False):
                self._complete()
        elif kind in {"http.response.pathsend", "http.response.zerocopysend"} and phase == BODY:
            await self._send_file(message)
        elif kind == "http.response.early_hint" and phase == START:
            self._request.early_hints(*_links(message))
        else:
            self._misplaced(kind)

    def _start(self, message: Message) -> None:
        status = message["status"]
        if type(status) is not int:
            status = int(status)  # an http.HTTPStatus, for one
        if not 200 <= status <= 599:
            raise ValueError(f"status {status}: an answer's status is 200 to 599")
        content_type = ""
        length: int | None = None
        others = False
        fields: Iterable[tuple[Any, Any]] = message.get("headers", ())
        kind: type[object] = type(fields)
        if kind is not list and kind is not tuple:
            fields = list(fields)  # any iterable is right, and an iterator is there once
        for name, value in fields:
            if name == b"content-type" and not content_type:
                content_type = intern(value.decode("latin-1"))  # the carriers find a head that they have made by its identity
            elif name == b"content-length" and length is None and value.isdigit():
                length = int(value)
            else:
                others = True
        self._content_type = content_type
        # Where Content-Type is all there is, the carriers have a short way; what they would not send, they refuse themselves.
        self._headers = Headers(_fields(fields)) if others else None
        self._status = status
        self._drops = status in _WITHOUT_CONTENT or self._request.method == "HEAD"
        self._length = length
        if message.get("trailers", False):
            self._takes_trailers = True
            self._trailers: list[tuple[str, str]] = []
        self._phase = BODY

    def _take_body(self, body: Any, more: bool) -> bool:
        """Take a piece of content; whether there have to be taken others before the next one."""
        if self._gone:
            raise ConnectionResetError("the peer has gone, and does not get this")
        if type(body) is not bytes:
            body = _octets(body)
        if not self._drops:
            self._sent += len(body)
            if self._length is not None and (self._sent > self._length or not (more or self._sent == self._length)):
                raise RuntimeError(
                    f"the ASGI application sent {self._sent} octets of content{' so far' if more else ''}, and announced "
                    f"Content-Length: {self._length}"
                )
            if body:
                self._pieces.append(body)
                self._held += len(body)
        if not more and not self._takes_trailers:
            if self._waiter is None and self._left is None:  # nobody has to hear of it
                self._phase = COMPLETE
            else:
                self._complete()
            return False
        self._begun = True
        if not more:
            self._phase = TRAILERS
        self._wake()
        return more and self._held > AHEAD

    async def _wait_for_room(self) -> None:
        while self._held > AHEAD:
            if self._room is None:
                self._room = asyncio.Event()
            self._room.clear()
            await self._room.wait()
            if self._gone:
                raise ConnectionResetError("the peer has gone, and does not get the rest")

    async def _send_file(self, message: Message) -> None:
        """A file in place of content: by its path, or a part of one that is open, read where more is to come."""
        given, position = None, 0
        if message["type"] == "http.response.pathsend":
            content = _opened(message["path"])
        elif message.get("offset") is not None:
            content = _part(message["file"], message["offset"], message.get("count"))
        else:
            given = message["file"]
            content = _part(given, _position(given), message.get("count"))
            position = content.offset + content.length
        if message.get("more_body", False) or self._sent or self._takes_trailers:
            if self._drops:
                content.close()
            else:
                await self._send_pieces(content)
            if given is not None:
                _go_to(given, position)
            if self._take_body(b"", message.get("more_body", False)):
                await self._wait_for_room()
            return
        if self._gone or self._drops:
            content.close()
        elif self._length is not None and self._length != content.length:
            content.close()
            raise RuntimeError(f"the file has {content.length} octets, and the application announced {self._length}")
        else:
            self._file = content
        self._complete()

    async def _send_pieces(self, content: FileContent) -> None:
        with content.file as file:
            at, end = content.offset, content.offset + content.length
            while at < end:
                octets = _read_at(file, at, min(end - at, PIECE))
                if not octets:
                    raise RuntimeError("the file has become shorter while it was sent")
                at += len(octets)
                if self._take_body(octets, True):
                    await self._wait_for_room()

    def _complete(self) -> None:
        self._phase = COMPLETE
        self._wake()
        if self._left is not None:
            self._left.set()

    def _misplaced(self, kind: str) -> NoReturn:
        if self._phase == COMPLETE:
            raise RuntimeError(f"the ASGI application sent {kind!r} after its answer was complete")
        raise RuntimeError(f"the ASGI application sent {kind!r} where {_EXPECTED[self._phase]!r} was expected")

    async def _receive_piece(self, content: ContentReader) -> Message:
        try:
            body = await content.read(-1 if content.ended else PIECE)
        except HttpError as refusal:
            self._refusal = refusal
        except ClientDisconnected:
            pass
        except RuntimeError:  # answered meanwhile: what was not read is gone
            if self._phase != COMPLETE:
                raise
        else:
            self._all_received = not body or (content.ended and not content.buffered)
            return {"type": "http.request", "body": body, "more_body": not self._all_received}
        self.leave()
        return {"type": "http.disconnect"}

    def ended(self, answer: None, failure: BaseException | None) -> None:
        """The application has returned, or raised `failure`."""
        self._over = True
        if failure is not None:
            failure = as_failure(failure)
        self._failure = failure
        if failure is None:
            if self._phase == COMPLETE and self._waiter is None:
                return
            if self._phase != COMPLETE and not self._gone:
                what = "without an answer" if self._phase == START else "in the middle of its answer"
                self._failure = RuntimeError(f"the ASGI application returned {what}")
        elif self._gone and isinstance(failure, Exception):
            # What it meant to answer with nobody gets: that it could not is no defect, as a rule.
            LOG.info("%s: the peer has gone, and the application ended with %r", self._request, failure)
            self._failure = None  # nobody asks for it; its traceback names the application's frames, and they this exchange
        elif self._phase == COMPLETE and isinstance(failure, Exception):
            LOG.error("%s: the ASGI application failed after its answer", self._request, exc_info=failure)
        self._wake()

    # The carrier's side.

    @property
    def answers(self) -> bool:
        """Whether it is known what the answer is, or at least how it begins."""
        return self._phase == COMPLETE or self._over or self._begun

    async def answered(self) -> Response:
        """Wait for the answer, or for its beginning.

        Raises:
            CancelledError: where nobody wants it any more; the application hears that the peer has gone.
            BaseException: what the application raised before.
        """
        try:
            await self._news()
        except asyncio.CancelledError:
            self.leave()
            raise
        return self.response()

    def response(self) -> Response:
        """The answer.

        Raises:
            HttpError: where the carrier has refused the content.
            ClientDisconnected: where the peer has gone.
            BaseException: what the application raised.
        """
        if self._refusal is not None:
            raise self._refusal
        failure = self._failure
        if failure is not None and self._phase != COMPLETE:
            self.leave()
            self._failure = None
            try:
                raise failure
            finally:
                failure = None  # its traceback names this frame
        if self._gone:
            raise ClientDisconnected("the peer has gone")
        content: Content
        if self._file is not None:
            content, self._file = self._file, None
        elif self._drops:
            content = b""
        elif self._phase == COMPLETE and not self._takes_trailers:
            pieces = self._pieces
            content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        else:
            content = stream = Stream(_Pieces(self), self._length)
            if self._takes_trailers:
                stream.trailers = self._trailers
        if self._headers is not None and not self._drops:
            self._headers.pop("content-length", None)  # the carrier measures
        elif self._drops and self._length is not None:
            self._headers = self._headers or Headers({"Content-Type": self._content_type or []})
            self._headers["Content-Length"] = self._length
        return Response.made_of(content, self._status, self._content_type, self._headers)

    async def next(self) -> bytes:
        """What there is of the content; b"" at its end.

        Raises:
            BaseException: what the application raised.
        """
        while not self._held:
            if self._phase == COMPLETE:
                return b""
            if self._over:
                failure, self._failure = self._failure, None
                try:
                    raise failure or ClientDisconnected("the peer has gone")
                finally:
                    failure = None  # its traceback names this frame
            await self._news()
        pieces, self._pieces, self._held = self._pieces, [], 0
        if self._room is not None:
            self._room.set()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def leave(self) -> None:
        """Nobody wants the answer any more."""
        self._gone = True
        self._pieces, self._held = [], 0
        if self._file is not None:
            self._file.close()
            self._file = None
        for event in (self._room, self._left):
            if event is not None:
                event.set()

    async def _news(self) -> None:
        """Wait until there are octets, or it is over."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done() and self.answers:
            waiter.set_result(None)


class _Pieces(AsyncIterator[bytes]):
    """The content of an answer while it is made."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: AsgiExchange) -> None:
        self._exchange = exchange

    async def __anext__(self) -> bytes:
        octets = await self._exchange.next()
        if not octets:
            raise StopAsyncIteration
        return octets

    async def aclose(self) -> None:
        """No more is wanted; where the peer has all of it, this changes nothing."""
        self._exchange.leave()


def _fields(fields: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    """Fields as text. Names may be in any case; what may not stand in a field is refused by whoever takes them."""
    try:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    except AttributeError:
        raise TypeError("the ASGI application gave header fields that are not pairs of bytes") from None


def _links(message: Message) -> list[str]:
    """What an early hint links to."""
    try:
        return [link.decode("latin-1").strip() for link in message.get("links", ())]
    except AttributeError:
        raise TypeError("the ASGI application gave links that are not bytes") from None


def _octets(body: object) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body))
    raise TypeError(f"the ASGI application sent a body that is {type(body).__name__}, not bytes")


def _opened(path: Any) -> FileContent:
    # `fspath`: a number would be a descriptor, one of the server's own perhaps, and be closed afterwards.
    file = open(cast("str", os.fspath(path)), "rb", opener=_without_waiting)  # noqa: SIM115  # the carrier closes it
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise RuntimeError(f"the ASGI application wants {path!r} sent, which is no regular file")
    return FileContent(file, 0, status.st_size)


def _without_waiting(path: str, flags: int) -> int:
    """A descriptor; a pipe does not wait for somebody to write, and with it the loop."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _part(given: Any, offset: int, count: int | None) -> FileContent:
    if offset < 0 or (count is not None and count < 0):
        raise ValueError(f"the ASGI application wants {count} octets from {offset} on sent: neither is less than 0")
    file = open(os.dup(_descriptor(given)), "rb", buffering=0)  # noqa: SIM115  # the carrier closes it, and not the application's
    size = os.fstat(file.fileno()).st_size
    return FileContent(cast("BinaryIO", file), offset, max(size - offset, 0) if count is None else count)


def _descriptor(given: Any) -> int:
    return given if isinstance(given, int) else cast("int", given.fileno())


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """A part of a file, which leaves where it is what shares its position: the application's file."""
    here = file.tell()
    try:
        file.seek(offset)
        return file.read(size)
    finally:
        file.seek(here)


def _position(given: Any) -> int:
    """Where the application's file is; a buffered one knows it better than the system."""
    return cast("int", given.tell()) if hasattr(given, "tell") else os.lseek(_descriptor(given), 0, os.SEEK_CUR)


def _go_to(given: Any, position: int) -> None:
    """Have the application's file be there: what was sent from where it was is behind it."""
    if hasattr(given, "seek"):
        given.seek(position)
    else:
        os.lseek(_descriptor(given), position, os.SEEK_SET)
