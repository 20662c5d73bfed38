"""Websockets by events: a class whose methods hear what happens, or functions that do.

    @app.websocket_handler("/echo")
    class Echo:
        def on_text_message(self, session: WebSocketSession, text: str) -> None:
            session.send(text)

| event             | arguments                     | its value                                                         |
|-------------------|-------------------------------|-------------------------------------------------------------------|
| on_handshake      | request                       | None, 0, 101 go on; fields, or `(status, fields)`; another refuses |
| on_open           | session                       |                                                                   |
| on_text_message   | session, str                  |                                                                   |
| on_binary_message | session, bytes                |                                                                   |
| on_binary_frame   | session, fin, bytes           | True: it is a part of the message for on_binary_message           |
| on_ping_message   | session, bytes                | whoever hears pings answers them                                  |
| on_pong_message   | session, bytes                |                                                                   |
| on_close          | session, WebSocketCloseReason |                                                                   |

Laws:

* The events of one websocket are heard one after another, in their order, wherever each runs: `async def` on the loop, `def` in a
  thread, or where that was declared so, on the loop at once.
* When more waits here than is heard, the channel pauses, and with it the peer.
* What a handler raises closes the websocket (1011). What waits is dropped then, but for `on_close`, which is heard in any case.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.handshake import switch
from hospes.http.headers import Headers
from hospes.http.request import Request, Workers
from hospes.http.response import Response
from hospes.http.websocket import Channel, Listener, Message, WebSocketContent, WebSocketOptions
from hospes.websockets.inbox import MESSAGES, OCTETS, WebSocketClosed
from hospes.websockets.session import WebSocketSession

EVENTS: Final = (
    "on_handshake",
    "on_open",
    "on_text_message",
    "on_binary_message",
    "on_binary_frame",
    "on_ping_message",
    "on_pong_message",
    "on_close",
)
ON_LOOP: Final = "loop"
IN_POOL: Final = "pool"
INLINE: Final = "inline"

_LOG: Final = logging.getLogger("hospes.websockets")
_GO_ON: Final = frozenset({0, 101})
_TEXT: Final = 1
_FAILURE: Final = 1011
_TOO_BIG: Final = 1009
_LAST: Final = 1.0
"""Seconds for `on_close` where the server ends everything."""


class _Answers(Protocol):
    """What can answer a ping."""

    def send_pong(self, payload: bytes, /) -> None: ...


R = TypeVar("R")
S = TypeVar("S", bound=_Answers)


class WebSocketCloseReason(str):
    """Why a websocket was closed: the peer's reason, with its code.

    Args:
        code: The peer's; 1005 where it gave none, 1006 where it just went.
        reason: Its reason.
    """

    __slots__ = ("code", "reason")

    def __new__(cls, code: int, reason: str) -> WebSocketCloseReason:
        made = super().__new__(cls, reason)
        made.code, made.reason = code, reason
        return made

    code: int
    reason: str

    @property
    def message(self) -> str:
        """The reason."""
        return self.reason


class Settled:
    """What a hook of a base gives: this value, awaited or not.

    Args:
        value: The value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object = None) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from ()
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)


class Hooks(Generic[R, S]):
    """The events as methods that do what happens where nobody hears them, so that `super().on_open(session)` can be called.

    Law: an event of which a class has no method of its own counts as not heard.
    """

    def on_handshake(self, request: R, /) -> Any:
        """Go on."""
        return Settled()

    def on_open(self, session: S, /) -> Any:
        """Nothing is done."""
        return Settled()

    def on_close(self, session: S, reason: WebSocketCloseReason, /) -> Any:
        """Nothing is done."""
        return Settled()

    def on_text_message(self, session: S, message: str, /) -> Any:
        """The message is dropped."""
        return Settled()

    def on_binary_message(self, session: S, message: bytes, /) -> Any:
        """The message is dropped."""
        return Settled()

    def on_binary_frame(self, session: S, fin: bool, payload: bytes, /) -> Any:
        """The frame is a part of the message for `on_binary_message`."""
        return Settled(True)

    def on_ping_message(self, session: S, message: bytes, /) -> Any:
        """The ping is answered (RFC 6455 §5.5.2)."""
        session.send_pong(message)
        return Settled()

    def on_pong_message(self, session: S, message: bytes, /) -> Any:
        """Nothing is done."""
        return Settled()


class WebSocketHandler(Hooks[Request, WebSocketSession]):
    """A base of handlers, which nobody has to derive from. Its methods do nothing, awaited or not."""


def warn_of_unheard(cls: type, where: str) -> None:
    """Say which methods of a class are named as if they heard something, and hear nothing: a misprint, or another framework's."""
    for name in dir(cls):
        if name.startswith("on_") and name not in EVENTS and callable(getattr(cls, name)):
            _LOG.warning("%s: %s.%s() is never called; there are %s", where, cls.__name__, name, ", ".join(EVENTS))


def hears(owner: object, event: str) -> bool:
    """Whether a class, or an object, has a method of its own for an event."""
    method = getattr(owner, event, None)
    return callable(method) and getattr(method, "__func__", method) is not getattr(Hooks, event)


class Event(Struct, frozen=True):
    """What hears an event, and where it runs."""

    call: Callable[..., Any]
    where: str


class Events:
    """What hears the events of a route.

    Args:
        make: Gives the functions, by their events' names: once for all websockets, or for each anew.
        options: The websockets' bounds.
    """

    def __init__(self, make: Callable[[], Mapping[str, Event]], options: WebSocketOptions) -> None:
        self._make = make
        self._options = options

    async def open(self, request: Request) -> Response:
        """Answer a handshake.

        Raises:
            HttpError: what `on_handshake` refuses with.
        """
        heard = self._make()
        headers: Headers | None = None
        handshake = heard.get("on_handshake")
        if handshake is not None:
            status, headers = _handshake(await _call(handshake, request, request))
            if status >= 400:
                raise HttpError(status, headers=dict(headers.lines()))
            if status not in _GO_ON:
                return Response(None, status, headers)
        receiver = _Receiver(heard, WebSocketSession(request), self._options)
        response = switch(request, receiver, self._options, headers=headers)
        cast("WebSocketContent", response.content).clean_ups.append(receiver.settle)
        return response


def _handshake(value: Any) -> tuple[int, Headers]:
    """The status and the fields that `on_handshake` wants."""
    given: list[Any] = [*value] if isinstance(value, tuple) else [value]
    status = next((int(each) for each in given if isinstance(each, int)), 0)
    fields = Headers()
    for each in given:
        if isinstance(each, Mapping):
            fields.update(cast("Mapping[str, str]", each))
    return status, fields


async def _call(event: Event, request: Request, *arguments: Any) -> Any:
    if event.where == IN_POOL:
        workers: Workers = request.services[Workers]
        return await workers.run(partial(event.call, *arguments))
    value = event.call(*arguments)
    return await value if event.where == ON_LOOP else value


class _Receiver:
    """Hears a channel, and has the events heard; a `hospes.http.websocket.Receiver`."""

    __slots__ = (
        "_binary",
        "_channel",
        "_frames",
        "_given",
        "_heard",
        "_held",
        "_limit",
        "_opened",
        "_over",
        "_paused",
        "_pump",
        "_session",
        "_text",
        "_waiting",
    )

    def __init__(self, heard: Mapping[str, Event], session: WebSocketSession, options: WebSocketOptions) -> None:
        self._heard = heard
        self._session = session
        self._limit = options.message
        self._text = heard.get("on_text_message")
        self._binary = heard.get("on_binary_message")
        self._frames = heard.get("on_binary_frame")
        self._waiting: deque[tuple[Event, tuple[Any, ...]]] = deque()
        self._held = 0
        self._paused = False
        self._pump: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._opened = False
        self._given: bytearray | None = None  # what is wanted of the binary message whose frames come in
        self._channel: Channel

    @property
    def wants_frames(self) -> bool:
        return self._frames is not None

    @property
    def listener(self) -> Listener | None:
        if self._frames is not None or any(
            event.where != INLINE for name, event in self._heard.items() if name != "on_handshake"
        ):
            return None  # messages may have to wait for what waits before them
        text, binary = self._text, self._binary
        return Listener(self._session, text.call if text is not None else None, binary.call if binary is not None else None)

    def opened(self, channel: Channel) -> None:
        self._channel, self._opened = channel, True
        self._session.open(channel)
        self._tell("on_open", self._session)

    def message(self, message: Message) -> None:
        event = self._text if isinstance(message, str) else self._binary
        if event is None:
            return
        if event.where == INLINE and self._pump is None:
            event.call(self._session, message)
        else:
            self._put(event, (self._session, message), len(message))

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        if opcode == _TEXT or (opcode == 0 and self._given is None):
            return True  # text is put together by the carrier
        kept = self._given = bytearray() if opcode or self._given is None else self._given
        if fin:
            self._given = None
        self._put(Event(self._take_frame, ON_LOOP), (kept, fin, payload), len(payload))
        return False

    async def _take_frame(self, kept: bytearray, fin: bool, payload: bytes) -> None:
        assert self._frames is not None
        if await _call(self._frames, self._session.request, self._session, fin, payload):
            kept += payload
            if len(kept) > self._limit:
                kept.clear()
                self._channel.close(_TOO_BIG, "a message is larger than is taken here")
        if fin and kept and self._binary is not None:
            await _call(self._binary, self._session.request, self._session, bytes(kept))

    def ping(self, payload: bytes) -> bool:
        return self._tell("on_ping_message", self._session, payload)

    def pong(self, payload: bytes) -> None:
        self._tell("on_pong_message", self._session, payload)

    def closed(self, code: int, reason: str) -> None:
        self._over.set()
        self._tell("on_close", self._session, WebSocketCloseReason(code, reason))

    def _tell(self, name: str, *arguments: Any) -> bool:
        """Have an event heard; False where nobody hears it."""
        event = self._heard.get(name)
        if event is None:
            return False
        if event.where == INLINE and self._pump is None:
            event.call(*arguments)
        else:
            self._put(event, arguments, 0)
        return True

    def _put(self, event: Event, arguments: tuple[Any, ...], size: int) -> None:
        self._waiting.append((event, arguments))
        self._held += size
        if not self._paused and (len(self._waiting) >= MESSAGES or self._held >= OCTETS):
            self._paused = True
            self._channel.pause()
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Have all heard that waits."""
        request, waiting = self._session.request, self._waiting
        try:
            while waiting:
                event, arguments = waiting.popleft()
                await _call(event, request, *arguments)
                if not waiting:
                    self._held = 0
                if self._paused and len(waiting) <= MESSAGES // 2:
                    self._paused = False
                    self._held = 0
                    self._channel.resume()
        except Exception as error:
            last = [each for each in waiting if each[0] is self._heard.get("on_close")]
            waiting.clear()
            waiting += last
            if not isinstance(error, (ConnectionError, WebSocketClosed)):
                _LOG.exception("a websocket's program failed")
                self._channel.close(_FAILURE)
        finally:
            self._pump = asyncio.get_running_loop().create_task(self._run()) if waiting else None

    async def settle(self, error: BaseException | None) -> None:
        """Wait until all has been heard; where the server ends everything, only for what is heard at the end.

        Where it has not come to be opened there is nothing to wait for.
        """
        if not self._opened:
            return
        aborted = not self._over.is_set()
        if aborted and self._pump is not None:
            self._pump.cancel()
        await self._over.wait()
        while (pump := self._pump) is not None:
            try:
                await asyncio.wait((pump,), timeout=_LAST if aborted else None)
            finally:
                pump.cancel()
            if aborted:
                break
