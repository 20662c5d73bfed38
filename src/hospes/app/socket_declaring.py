"""The decorators for websockets.

Laws: those of `registrar`, of which they are a part; and a program without websockets loads nothing of them: what is for
websockets alone is imported where a decorator needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from hospes.app.declarations import F, RouteOptions
from hospes.app.places import is_async
from hospes.app.sites import program_line
from hospes.binding.signature import name_of
from hospes.errors import SetupError, check_kind
from hospes.http.request import Request
from hospes.http.websocket import WebSocketOptions

if TYPE_CHECKING:
    from hospes.websockets import WebSocketRoute
    from hospes.websockets.events import Event, Events

C = TypeVar("C", bound=type)

MESSAGE_TYPES: Final[Mapping[str, str]] = {
    "text": "on_text_message",
    "binary": "on_binary_message",
    "frame": "on_binary_frame",
    "ping": "on_ping_message",
    "pong": "on_pong_message",
}
_GET: Final = frozenset({"GET"})


class SocketRegistrar(ABC):
    """Collects what serves websockets."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], dict[str, Callable[..., Any]]] = {}

    @abstractmethod
    def _declare(self, options: RouteOptions, function: Any) -> Any: ...

    def websocket(
        self,
        url: str = "",
        *,
        regexp: str = "",
        origins: Sequence[str] = (),
        subprotocols: Sequence[str] = (),
        options: WebSocketOptions = WebSocketOptions(),  # noqa: B008 (frozen)
    ) -> Callable[[F], F]:
        """Let an `async def` function or method serve websockets; one of its parameters is a `WebSocket`.

        Args:
            url: Path, as a route's.
            regexp: A regular expression for the path, in place of `url`.
            origins: Other sites whose pages may open it, `["https://shop.example.org"]`; "*" for everybody's. Its own always.
            subprotocols: What the handler speaks; the first one that the peer names is taken.
            options: Bounds, times, compression.

        Raises:
            SetupError: for a class, and for origins or subprotocols that are none.
        """
        websocket = _route(url or regexp, origins, subprotocols, options)
        route = RouteOptions(url=url, regexp=regexp, methods=_GET, websocket=websocket)

        def decorate(function: F) -> F:
            if isinstance(function, type):
                raise SetupError(
                    f"the class {function.__name__} is given to websocket, which takes a function",
                    where=(program_line(),),
                    remedy=f"write @app.websocket_handler({url!r}) above a class that hears events",
                )
            declared: F = self._declare(route, function)
            return declared

        return decorate

    @overload
    def websocket_handler(self, endpoint: C, /) -> C: ...

    @overload
    def websocket_handler(
        self,
        endpoint: str = "",
        regexp: str = "",
        singleton: bool = True,
        *,
        inline: bool = False,
        origins: Sequence[str] = (),
        options: WebSocketOptions = ...,
    ) -> Callable[[C], C]: ...

    def websocket_handler(
        self,
        endpoint: str | type = "",
        regexp: str = "",
        singleton: bool = True,
        *,
        inline: bool = False,
        origins: Sequence[str] = (),
        options: WebSocketOptions = WebSocketOptions(),  # noqa: B008 (frozen)
    ) -> Any:
        """Let a class's methods hear what happens on websockets: `on_open`, `on_text_message` …; see `hospes.websockets.events`.

        Args:
            endpoint: Path, as a route's.
            regexp: A regular expression for the path, in place of `endpoint`.
            singleton: One object for all websockets (True), or a new one for each.
            inline: Run plain methods on the loop: for what is quick and never waits. Else they run in threads.
            origins: Other sites whose pages may open it; "*" for everybody's. Its own always.
            options: Bounds, times, compression.

        Raises:
            SetupError: for a class that hears nothing, and for origins that are none.
        """
        from hospes.websockets import events

        path = endpoint if isinstance(endpoint, str) else ""

        def decorate(cls: type) -> type:
            if not any(events.hears(cls, name) for name in events.EVENTS):
                raise SetupError(
                    f"the class {cls.__name__} hears nothing of a websocket",
                    where=(program_line(),),
                    remedy=f"define one of {', '.join(events.EVENTS)}",
                )
            events.warn_of_unheard(cls, program_line())
            makes: Callable[[], object] = _Once(cls) if singleton else cls

            def make() -> Mapping[str, Event]:
                owner = makes()
                return {name: _event(getattr(owner, name), inline) for name in events.EVENTS if events.hears(owner, name)}

            self._open(path, regexp, events.Events(make, options), origins, options)
            return cls

        return decorate if isinstance(endpoint, str) else decorate(endpoint)

    def websocket_handshake(self, endpoint: str = "", regexp: str = "") -> Callable[[F], F]:
        """Let a function look at handshakes, `(request)`: None goes on; see `hospes.websockets.events`."""
        return self._hear("on_handshake", endpoint, regexp)

    def websocket_open(self, endpoint: str = "", regexp: str = "") -> Callable[[F], F]:
        """Let a function hear that a websocket is open, `(session)`."""
        return self._hear("on_open", endpoint, regexp)

    def websocket_close(self, endpoint: str = "", regexp: str = "") -> Callable[[F], F]:
        """Let a function hear that a websocket is over, `(session, reason)`."""
        return self._hear("on_close", endpoint, regexp)

    def websocket_message(self, endpoint: str = "", regexp: str = "", message_type: str = "text") -> Callable[[F], F]:
        """Let a function hear messages, `(session, message)`.

        Args:
            endpoint: Path, as a route's.
            regexp: A regular expression for the path, in place of `endpoint`.
            message_type: "text", "binary", "ping", "pong", or "frame": those of binary messages, `(session, fin, octets)`.

        Raises:
            SetupError: for another message type.
        """
        event = MESSAGE_TYPES.get(message_type)
        if event is None:
            raise SetupError(
                f"message_type={message_type!r}: there is no such message",
                where=(program_line(),),
                remedy=f"take one of {', '.join(MESSAGE_TYPES)}",
            )
        return self._hear(event, endpoint, regexp)

    def _hear(self, event: str, endpoint: str, regexp: str) -> Callable[[F], F]:
        from hospes.websockets import events

        def decorate(function: F) -> F:
            place = (endpoint, regexp)
            heard = self._heard.get(place)
            if heard is None:
                heard = self._heard[place] = {}
                options = WebSocketOptions()
                self._open(*place, events.Events(partial(_events, heard), options), (), options)
            if event in heard:
                raise SetupError(
                    f"{name_of(function)}() is the second {event} for {endpoint or regexp!r}",
                    where=(program_line(),),
                    remedy=f"{name_of(heard[event])}() hears it already; let one of them do it",
                )
            heard[event] = function
            return function

        return decorate

    def _open(self, url: str, regexp: str, events: Events, origins: Sequence[str], options: WebSocketOptions) -> None:
        async def open_websocket(request: Request) -> Any:
            return await events.open(request)

        websocket = _route(url or regexp, origins, (), options, events=True)
        self._declare(RouteOptions(url=url, regexp=regexp, methods=_GET, websocket=websocket), open_websocket)


class _Once:
    """Makes one object of a class, when it is first asked for it."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._made: object = None

    def __call__(self) -> object:
        if self._made is None:
            self._made = self._cls()
        return self._made


def _events(heard: Mapping[str, Callable[..., Any]]) -> Mapping[str, Event]:
    return {name: _event(each, False) for name, each in heard.items()}


def _event(function: Callable[..., Any], inline: bool) -> Event:
    from hospes.websockets import events

    return events.Event(function, events.ON_LOOP if is_async(function) else events.INLINE if inline else events.IN_POOL)


def _route(
    place: str, origins: Sequence[str], subprotocols: Sequence[str], options: WebSocketOptions, *, events: bool = False
) -> WebSocketRoute:
    from hospes.http.handshake import Origins, check_subprotocols
    from hospes.websockets import WebSocketRoute

    check_kind("options={}", options, WebSocketOptions, "WebSocketOptions(message=16 * MiB)")
    try:
        return WebSocketRoute(Origins(origins), check_subprotocols(subprotocols), options, events)
    except ValueError as error:
        raise SetupError(f"the websocket at {place!r}: {error}", where=(program_line(),)) from error
