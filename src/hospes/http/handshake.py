"""The opening handshake as a program sees it: a request that asks for a websocket, and the answer that opens one (RFC 6455 §4.2).

    switch(request, receiver)  ─▶ Response 101      or HttpError:

| the request                                                    | answer                                   |
|----------------------------------------------------------------|------------------------------------------|
| does not ask for a websocket                                   | 426, `Upgrade: websocket`                |
| asks for another version than 13                               | 426, `Sec-WebSocket-Version: 13`         |
| has no key, several, or one that is not 16 octets; has content | 400                                      |
| comes from another site's page (`Origins`)                     | 403                                      |

Laws:

* A browser sends a visitor's cookies with a handshake, whosever page asks for it, and no rule of browsers keeps that page from
  reading what comes back. So a request with an Origin has to be from this site, or one that the program names (§10.2).
* Of the subprotocols that the peer names, the first that the program speaks is taken; none is no mistake (§4.2.2).
* Sec-WebSocket-Accept is the carrier's, as all framing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hospes.errors import HttpError
from hospes.http.headers import HeaderSource
from hospes.http.origin import checked_origin, is_ours, parse_origin
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import Receiver, WebSocketContent, WebSocketOptions
from hospes.wire import is_field_name
from hospes.wire.websocket import VERSION, handshake_key, negotiate

ANY: Final = "*"


class Origins:
    """Whose pages may open a websocket.

    Args:
        others: Other sites whose pages may: `["https://shop.example.org"]`; this site's own always. "*" for everybody's.

    Raises:
        ValueError: for an origin that is none.
    """

    __slots__ = ("_any", "_others")

    def __init__(self, others: Sequence[str] = ()) -> None:
        self._any = others == ANY
        if isinstance(others, str) and not self._any:
            raise ValueError(f'origins={others!r}: give a list of origins, or "*" for all')
        self._others = frozenset(() if self._any else (checked_origin(each, "origins=[…]") for each in others))

    def check(self, request: Request) -> None:
        """Look at where a handshake comes from.

        Raises:
            HttpError: 403, if it comes from another site's page.
        """
        given = [] if self._any else [value for name, value in request.head.fields if name == b"origin"]
        for value in given:
            origin = parse_origin(value.decode("latin-1"))
            if origin is None or not (origin in self._others or is_ours(origin, request)):
                raise HttpError(403, "This came from another site", "A page of another origin asked for the websocket.")


def asks_for_websocket(request: Request) -> bool:
    """Whether a request is an opening handshake, sound or not."""
    return "websocket" in request.head.upgrade


def check_handshake(request: Request) -> None:
    """Look whether a request can be answered with a websocket.

    Raises:
        HttpError: 400 or 426, if not.
    """
    head = request.head
    if not asks_for_websocket(request) or head.method != "GET":
        explain = "There is a websocket at this address; ask for one."
        raise HttpError(426, "", explain, {"Upgrade": "websocket"})
    versions = [value for name, value in head.fields if name == b"sec-websocket-version"]
    if versions != [VERSION]:
        explain = "The version of the websocket protocol is 13 (RFC 6455)."
        raise HttpError(426, "", explain, {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION.decode()})
    if handshake_key(head) is None:
        raise HttpError(400, "The handshake is broken", "It has one Sec-WebSocket-Key of 16 octets in base64, and no content.")


def choose_subprotocol(request: Request, spoken: Sequence[str]) -> str:
    """The first of the subprotocols that the peer names which is spoken here; "" for none."""
    if not spoken:
        return ""
    values = (value.decode("latin-1") for name, value in request.head.fields if name == b"sec-websocket-protocol")
    named = [each.strip() for value in values for each in value.split(",")]
    return next((each for each in named if each in spoken), "")


def switch(
    request: Request,
    receiver: Receiver,
    options: WebSocketOptions = WebSocketOptions(),  # noqa: B008 (frozen)
    *,
    subprotocol: str = "",
    headers: HeaderSource | None = None,
) -> Response:
    """The answer that opens a websocket.

    Args:
        request: The handshake.
        receiver: Who hears what comes in.
        options: The websocket's bounds.
        subprotocol: The one that was chosen.
        headers: Further fields of the answer.

    Raises:
        HttpError: as `check_handshake`.
        ValueError: for a field that may not be sent.
    """
    check_handshake(request)
    offers = [value.decode("latin-1") for name, value in request.head.fields if name == b"sec-websocket-extensions"]
    deflate = negotiate(offers) if options.compress and offers else ""
    response = Response(None, 200, headers)
    if subprotocol:
        response.headers["Sec-WebSocket-Protocol"] = subprotocol
    if headers is not None:
        response.headers.pop("Sec-WebSocket-Extensions", None)  # which of them are spoken is not a program's to say
    if deflate:
        response.headers["Sec-WebSocket-Extensions"] = deflate
    response.status = 101
    response.content = WebSocketContent(receiver, options, deflate)
    return response


def check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    """The names of subprotocols, looked at.

    Raises:
        ValueError: for one that is no token.
    """
    if isinstance(names, str):
        raise ValueError(f"subprotocols={names!r}: give a list of names")
    for name in names:
        if not is_field_name(name):
            raise ValueError(f"subprotocols=[{name!r}]: a name is a token, without spaces, commas and their like")
    return tuple(names)
