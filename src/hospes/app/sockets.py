"""Routes that open websockets, as an application has them.

Laws:

* A handshake is looked at before anything is done for it. Refusals have the same filters around them as the handler.
* What cannot be right is said when the application starts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from hospes import websockets
from hospes.app.places import is_async
from hospes.binding import Site
from hospes.binding.annotations import class_of
from hospes.binding.signature import arguments_of, name_of
from hospes.errors import HttpError, SetupError
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response

if TYPE_CHECKING:
    from hospes.websockets import WebSocketRoute

_REFUSAL = "hospes.websocket.refusal"


def admitting(endpoint: Handler, refused: Handler, route: WebSocketRoute) -> Handler:
    """An endpoint that only sees handshakes it may answer.

    Args:
        endpoint: Answers them.
        refused: Answers the others: `refuse` with filters around it.
        route: Looks at them.
    """

    def admit(request: Request) -> Response | Awaitable[Response]:
        try:
            route.check(request)
        except HttpError as error:
            request.state[_REFUSAL] = error
            return refused(request)
        return endpoint(request)

    return admit


async def refuse(request: Request) -> Response:
    """Raise what was wrong with a handshake."""
    raise request.state.pop(_REFUSAL)


def opening(call: Callable[..., Any], function: Callable[..., Any], site: Site, route: WebSocketRoute) -> Callable[..., Any]:
    """A websocket's handler as one that gives a response.

    Args:
        call: The handler, called with its arguments in order.
        function: The handler as it was written.
        site: What its route says about it.
        route: Its route.

    Raises:
        SetupError: if it is no `async def` with one `WebSocket`.
    """
    if route.events:
        return call
    wanted = [each for each in arguments_of(function, site) if _is_websocket(each.annotation)]
    if len(wanted) != 1 or not is_async(function):
        raise SetupError(
            f"{name_of(function)}() cannot serve a websocket",
            where=(site.source,),
            remedy="write `async def` with one parameter of the type WebSocket; or a class with on_text_message() and so on",
        )
    return route.around(call)


def _is_websocket(annotation: Any) -> bool:
    kind = class_of(annotation)
    return kind is not None and issubclass(kind, websockets.WebSocket)
