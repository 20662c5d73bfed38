"""Websockets as simple_http_server's programs write them: classes and functions that hear events, over the core's.

Law: an event is heard where the server's handlers run: in a thread, or on the loop. Those of one websocket are heard one after
another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

from hospes.compat.simple_http_server.incoming import Request
from hospes.compat.simple_http_server.modes import Mode
from hospes.http.request import Request as CoreRequest
from hospes.websockets import WebSocketCloseReason as WebsocketCloseReason
from hospes.websockets import WebSocketSession
from hospes.websockets.events import EVENTS, Hooks, hears

__all__ = [
    "WEBSOCKET_MESSAGE_BINARY",
    "WEBSOCKET_MESSAGE_BINARY_FRAME",
    "WEBSOCKET_MESSAGE_PING",
    "WEBSOCKET_MESSAGE_PONG",
    "WEBSOCKET_MESSAGE_TEXT",
    "WEBSOCKET_OPCODE_BINARY",
    "WEBSOCKET_OPCODE_CLOSE",
    "WEBSOCKET_OPCODE_CONTINUATION",
    "WEBSOCKET_OPCODE_PING",
    "WEBSOCKET_OPCODE_PONG",
    "WEBSOCKET_OPCODE_TEXT",
    "WebsocketCloseReason",
    "WebsocketHandler",
    "WebsocketRequest",
    "WebsocketSession",
]

WEBSOCKET_OPCODE_CONTINUATION: Final = 0
WEBSOCKET_OPCODE_TEXT: Final = 1
WEBSOCKET_OPCODE_BINARY: Final = 2
WEBSOCKET_OPCODE_CLOSE: Final = 8
WEBSOCKET_OPCODE_PING: Final = 9
WEBSOCKET_OPCODE_PONG: Final = 10

WEBSOCKET_MESSAGE_TEXT: Final = "WEBSOCKET_MESSAGE_TEXT"
WEBSOCKET_MESSAGE_BINARY: Final = "WEBSOCKET_MESSAGE_BINARY"
WEBSOCKET_MESSAGE_BINARY_FRAME: Final = "WEBSOCKET_MESSAGE_BINARY_FRAME"
WEBSOCKET_MESSAGE_PING: Final = "WEBSOCKET_MESSAGE_PING"
WEBSOCKET_MESSAGE_PONG: Final = "WEBSOCKET_MESSAGE_PONG"

MESSAGE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        WEBSOCKET_MESSAGE_TEXT: "text",
        WEBSOCKET_MESSAGE_BINARY: "binary",
        WEBSOCKET_MESSAGE_BINARY_FRAME: "frame",
        WEBSOCKET_MESSAGE_PING: "ping",
        WEBSOCKET_MESSAGE_PONG: "pong",
    }
)
"""What the core calls a type of message."""

_REQUEST: Final = "simple_http_server.websocket.request"
_SESSION: Final = "simple_http_server.websocket.session"


class WebsocketRequest(Request):
    """The handshake of a websocket: its path, path values, query, fields and cookies."""

    @classmethod
    def of(cls, core: CoreRequest) -> WebsocketRequest:
        """The view of a handshake, the same for everybody who asks."""
        view: WebsocketRequest | None = core.state.get(_REQUEST)
        if view is None:
            view = core.state[_REQUEST] = cls(core)
        return view

    @property
    def query_parameters(self) -> dict[str, list[str]]:
        """Every parameter of the query with all its values."""
        return self.core.query


class WebsocketSession:
    """A websocket.

    Args:
        core: The core's.
    """

    def __init__(self, core: WebSocketSession) -> None:
        self._core = core

    @classmethod
    def of(cls, core: WebSocketSession) -> WebsocketSession:
        """The view of a websocket, the same for each of its events."""
        view: WebsocketSession | None = core.request.state.get(_SESSION)
        if view is None:
            view = core.request.state[_SESSION] = cls(core)
        return view

    @property
    def id(self) -> str:
        """Tells this websocket from all others."""
        return self._core.id

    @property
    def request(self) -> WebsocketRequest:
        """The handshake."""
        return WebsocketRequest.of(self._core.request)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._core.is_closed

    def send(self, message: str | bytes | bytearray, opcode: int | None = None, chunk_size: int = 0) -> None:
        """Send a message: str as text, anything else as binary; in frames of `chunk_size` octets.

        Raises:
            ConnectionError: where the websocket is closed.
            ValueError: for a frame that the protocol does not allow.
        """
        self._core.send(message, opcode, chunk_size)

    def send_text(self, message: str, chunk_size: int = 0) -> None:
        """Send a text message; see `send`."""
        self._core.send_text(message, chunk_size)

    def send_binary(self, binary: bytes | bytearray, chunk_size: int = 0) -> None:
        """Send a binary message; see `send`."""
        self._core.send_binary(binary, chunk_size)

    def send_file(self, path: str | Path, chunk_size: int = 0) -> None:
        """Send a file's content as one binary message, in frames.

        Raises:
            OSError: where the file cannot be opened.
        """
        self._core.send_file(path, chunk_size)

    def send_ping(self, message: bytes = b"") -> None:
        """Send a ping of at most 125 octets."""
        self._core.send_ping(message)

    def send_pong(self, message: bytes = b"") -> None:
        """Send a pong of at most 125 octets."""
        self._core.send_pong(message)

    send_pone = send_pong

    def close(self, reason: str = "") -> None:
        """Say goodbye; a second call does nothing."""
        self._core.close(reason)


class WebsocketHandler(Hooks[WebsocketRequest, WebsocketSession]):
    """A base of handlers, which nobody has to derive from; its methods do what happens where nobody hears their event."""


def heard(function: Callable[..., Any]) -> Callable[..., Any]:
    """A program's function as the core's: it gets the face's request or session, and runs where handlers do."""

    async def hear(first: CoreRequest | WebSocketSession, *more: Any) -> Any:
        if isinstance(first, CoreRequest):
            view: Any = WebsocketRequest.of(first)
            await view.prepare()
            return await first.services[Mode].call(function, view, *more)
        return await first.request.services[Mode].call(function, WebsocketSession.of(first), *more)

    return hear


def hearing(cls: type) -> type:
    """A program's class as the core's: an object of it hears what its methods are there for."""

    def make(self: Any) -> None:
        owner = _Owner(cls)
        for name in events:
            setattr(self, name, heard(owner.hearing(name)))

    events = [name for name in EVENTS if hears(cls, name)]
    if events and "on_handshake" not in events:
        events.append("on_handshake")  # the object is made then, where its methods run
    # The methods are there for the core to see; each object has its own.
    return type(cls.__name__, (), {"__init__": make, **dict.fromkeys(events, heard(cls))})


class _Owner:
    """A program's object, made when its first event is heard; a constructor may wait.

    Args:
        cls: The program's class.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._lock = Lock()  # one object may hear several websockets, in several threads
        self._made: object = None

    def hearing(self, event: str) -> Callable[..., Any]:
        """What hears an event."""
        is_heard = hears(self._cls, event)

        def hear(*arguments: Any) -> Any:
            with self._lock:
                if self._made is None:
                    self._made = self._cls()
            return getattr(self._made, event)(*arguments) if is_heard else None

        return hear
