"""How a response's head is put together: the fields that belong to the carrier, and those of the program.

Laws:

* Framing (Content-Length, Transfer-Encoding, Connection), Date and Server are the carrier's. A program's own Content-Length
  counts only where there is no content to measure: an answer to HEAD, a 304 (RFC 9110 §8.6).
* Every answer carries Date (RFC 9110 §6.6.1), Server without a version, and `X-Content-Type-Options: nosniff` unless the
  program says otherwise.
* The heads of usual answers differ in their length alone, so what stands before the length is made once for a status, a
  media type and a second, and kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from hospes.errors import ClientDisconnected, HttpError
from hospes.http.response import TEXT, Response
from hospes.http.websocket import WebSocketContent
from hospes.wire import REASONS, RequestHead, ResponseFraming, format_date, response_framing, response_head
from hospes.wire.fields import write_fields
from hospes.wire.websocket import accept_value, handshake_key

_LOG: Final = logging.getLogger("hospes.server")
CARRIERS: Final = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"})
"""Names of fields that a program does not decide."""
_LENGTH: Final = b"Content-Length: "
_DECIDED: Final = CARRIERS | {"x-content-type-options"}
_KEPT: Final = 256
"""Prefixes kept at the most: a program that invents a media type for each answer must not fill the memory."""


class Prefixes:
    """The heads of usual answers, up to the value of Content-Length.

    Args:
        clock: Gives seconds since 1970.
    """

    __slots__ = ("_clock", "_date", "_kept", "_second")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._date = ""
        self._kept: dict[tuple[int, str], bytes] = {}

    def head(self, status: int, content_type: str) -> bytes:
        """The head of an answer in HTTP/1.1 on a connection that stays open, up to `Content-Length: `.

        Raises:
            ValueError: if the media type may not stand in a field.
        """
        if int(self._clock()) != self._second:
            self._turn_over()
        found = self._kept.get((status, content_type))
        return found if found is not None else self._make(status, content_type)

    def head_with(self, status: int, lines: Iterable[tuple[str, str]]) -> bytes:
        """The same with a program's own fields.

        Raises:
            ValueError: if one may not be sent, or is not for the program alone to decide.
        """
        fields = list(lines)
        for name, _ in fields:
            if name.lower() in _DECIDED:
                raise ValueError(name)
        return b"%b%b%b" % (self.head(status, "").removesuffix(_LENGTH), write_fields(fields), _LENGTH)

    def date(self) -> str:
        """The value of Date, now."""
        if int(self._clock()) != self._second:
            self._turn_over()
        return self._date

    def _turn_over(self) -> None:
        self._second = int(self._clock())
        self._date = format_date(self._second)
        self._kept.clear()

    def _make(self, status: int, content_type: str) -> bytes:
        fields = list(_common(self._date))
        if content_type:
            fields.append(("Content-Type", content_type))
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        made = self._kept[status, content_type] = response_head(status, fields)[:-2] + _LENGTH
        return made


def answer_head(response: Response, head: RequestHead, keep_alive: bool, date: str) -> tuple[bytes, ResponseFraming]:
    """Put any response's head together.

    Args:
        response: What the handler answered.
        head: The request that it answers.
        keep_alive: Whether the carrier would keep the connection.
        date: The value of Date.

    Raises:
        ValueError: if the response holds a field that cannot be sent.
    """
    fields = list(_common(date))
    own_length: int | None = None
    options: list[str] = []  # of Connection
    for name, value in response.lines():
        lower = name.lower()
        if lower == "x-content-type-options":
            fields = [field for field in fields if field[0] != name and field[0] != "X-Content-Type-Options"]
        if lower not in CARRIERS:
            fields.append((name, value))
        elif lower == "content-length" and value.isascii() and value.isdigit():
            own_length = int(value)
        elif lower == "connection" and "close" in value.lower():
            keep_alive = False  # a handler's wish, e.g. of one that ran into a broken content
        elif lower == "upgrade" and response.status == 426:  # a wish to the peer, for its next request (RFC 9110 §15.5.22)
            fields.append((name, value))
            options.append("Upgrade")
    framing = response_framing(head.method, head.minor, response.status, _length(response, head, own_length), keep_alive)
    if framing.content_length is not None:
        fields.append(("Content-Length", str(framing.content_length)))
    if framing.chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    if framing.close:
        options.append("close")
    elif head.minor == 0:
        options.append("keep-alive")  # RFC 9112 §9.3: 1.0 assumes the opposite
    if options:
        fields.append(("Connection", ", ".join(options)))
    return response_head(response.status, fields), framing


def hints_head(links: Iterable[str]) -> bytes:
    """Put the head of Early Hints together (RFC 8297).

    Args:
        links: Values of Link fields.

    Raises:
        ValueError: for a value that cannot be sent.
    """
    return response_head(103, [("Link", link) for link in links])


def switching_head(response: Response, head: RequestHead, date: str) -> bytes:
    """Put the head together that makes a connection a websocket (RFC 6455 §4.2.2).

    Args:
        response: What the handler answered.
        head: The request that it answers.
        date: The value of Date.

    Raises:
        ValueError: if the response holds a field that cannot be sent, or the request cannot be answered so.
    """
    key = handshake_key(head)
    if key is None or response.status != 101:
        raise ValueError(f"a websocket is the answer of status 101 to an opening handshake, not of {response.status} to {head!r}")
    fields = [("Server", "hospes"), ("Date", date), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    fields.append(("Sec-WebSocket-Accept", accept_value(key)))
    own = CARRIERS | {"content-type", "sec-websocket-accept"}
    fields += [(name, value) for name, value in response.lines() if name.lower() not in own]
    return response_head(101, fields)


def failed(head: RequestHead, response: object, failure: BaseException | None) -> Response:
    """A handler at the waist does not fail; one that does all the same gets a bare answer and its traceback logged.

    Args:
        head: The request.
        response: What the handler gave, where it is no response.
        failure: What it raised.
    """
    if isinstance(failure, HttpError):
        return Response(f"{failure}\n", failure.code, failure.headers)
    if failure is None:
        failure = TypeError(f"the handler gave {type(response).__qualname__}, not a Response")
    if isinstance(failure, Exception) and not isinstance(failure, ClientDisconnected):
        _LOG.error("%s %s: the handler failed", head.method, head.path, exc_info=failure)
    return Response("500 Internal Server Error\n", 500)


def refusal(status: int, reason: str, date: str, *, send_content: bool = True) -> bytes:
    """A whole answer that the carrier gives by itself, the connection's last.

    Args:
        status: Its status.
        reason: One line of text.
        date: The value of Date.
        send_content: False in answer to HEAD.
    """
    content = f"{status} {REASONS.get(status, '')}: {reason}\n".encode()
    fields = [*_common(date), ("Content-Type", TEXT), ("Content-Length", str(len(content))), ("Connection", "close")]
    return response_head(status, fields) + (content if send_content else b"")


def _common(date: str) -> Iterator[tuple[str, str]]:
    yield "Server", "hospes"
    yield "Date", date
    yield "X-Content-Type-Options", "nosniff"


def _length(response: Response, head: RequestHead, own: int | None) -> int | None:
    """Octets of content; None where that is not known beforehand."""
    content = response.content
    length = len(content) if isinstance(content, bytes) else content.length if not isinstance(content, WebSocketContent) else 0
    if not length and (head.method == "HEAD" or response.status == 304):
        # Nothing was made that could be measured. A made-up 0 would be a lie about the resource (RFC 9110 §8.6).
        return own
    return length
