"""Framing: where the content of a message begins and ends (RFC 9112 §6).

Most of the holes ever found in HTTP servers were here: two parties that disagree about where one request ends and the next
begins. So everything that could be read in two ways is refused, even where the RFC would let a server repair it.

Laws of a request (RFC 9112 §6.3), first match decides:

| Transfer-Encoding      | Content-Length      | content                                           |
|------------------------|---------------------|---------------------------------------------------|
| given                  | given               | 400: the two contradict each other                |
| given, HTTP/1.0        | –                   | 400: 1.0 knows no transfer codings                |
| `chunked`, once, last  | –                   | chunked                                           |
| another list           | –                   | 501 for an unknown coding before `chunked`, or 400 |
| –                      | one number          | so many octets                                    |
| –                      | anything else       | 400                                               |
| –                      | –                   | none                                              |

Laws of a response: the status and the method say whether there is content; a known length is stated; an unknown one is chunked
for 1.1 and ends with the connection for 1.0. They are the table `_FRAMINGS`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from hospes.errors import ProtocolError

from .grammar import TCHAR

# 18 digits hold an exabyte, and fit 64 bits in every language on the way. RFC 9110 §8.6 allows digits only: no sign, no
# underscore, no list such as "5, 5", no digits of other scripts.
_CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")
_CODING = re.compile(rf"[{TCHAR}]++".encode())


def request_framing(minor: int, transfer_encoding: bytes | None, content_length: bytes | None) -> tuple[int | None, bool]:
    """Say how a request's content is delimited.

    Args:
        minor: Minor version of the request, 0 or 1.
        transfer_encoding: The value of Transfer-Encoding, several lines joined with commas; None if there is none.
        content_length: The value of Content-Length; None if there is none.

    Returns:
        The declared length or None, and whether the content is chunked.

    Raises:
        ProtocolError: 400 if the framing is ambiguous, 501 if a transfer coding is unknown.
    """
    if transfer_encoding is not None:
        if content_length is not None:
            raise ProtocolError(400, "Content-Length and Transfer-Encoding are both given")
        if minor == 0:
            raise ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 request")
        _check_chunked(transfer_encoding)
        return None, True
    if content_length is None:
        return None, False
    if not _CONTENT_LENGTH.fullmatch(content_length):
        raise ProtocolError(400, "Content-Length is not a number of at most 18 digits")
    return int(content_length), False


def _check_chunked(value: bytes) -> None:
    """Accept the one transfer coding there is, `chunked`, in any case of letters.

    Raises:
        ProtocolError: 400 or 501.
    """
    codings = [coding.strip(b" \t") for coding in value.lower().split(b",")]
    if codings == [b"chunked"]:
        return
    if not all(map(_CODING.fullmatch, codings)):
        raise ProtocolError(400, "Transfer-Encoding is malformed")
    if codings[-1] != b"chunked":
        # RFC 9112 §6.3: without a final "chunked" a request has no end, which is 400 whatever the codings are.
        raise ProtocolError(400, "Transfer-Encoding does not end with chunked")
    if codings.count(b"chunked") > 1:
        raise ProtocolError(400, "Transfer-Encoding names chunked more than once")
    raise ProtocolError(501, "Transfer-Encoding names a coding other than chunked")  # RFC 9112 §6.1


class ResponseFraming(NamedTuple):
    """How a response's content is delimited, and what becomes of the connection."""

    content_length: int | None
    """The Content-Length to state, or None to state none."""
    chunked: bool
    """State `Transfer-Encoding: chunked` and send chunks."""
    close: bool
    """State `Connection: close` and close after this response."""
    send_content: bool
    """Whether octets of content follow the head."""


class _Content(Enum):
    """What a response may have for content, by its status and the request's method."""

    NONE = "no content, no length"
    """1xx and 204 (RFC 9112 §6.3, RFC 9110 §8.6), and 2xx to CONNECT, after which the tunnel begins (RFC 9110 §9.3.6)."""
    EMPTY = "content of length 0"
    """205: the page resets, there is nothing to show (RFC 9110 §15.3.6)."""
    UNSENT = "a length, but no octets"
    """HEAD and 304: they describe what a GET would have brought (RFC 9110 §9.3.2, §15.4.5)."""
    SENT = "content"


_BY_STATUS = {**dict.fromkeys(range(100, 200), _Content.NONE), 204: _Content.NONE, 205: _Content.EMPTY, 304: _Content.UNSENT}


class _Rule(NamedTuple):
    """A row of the table: which length to state (None: none, False: zero, True: the one that is known), and the rest."""

    length: bool | None
    chunked: bool
    close: bool
    send_content: bool


# What content there may be, and whether its length is known. HTTP/1.0 has its own row where it differs.
_FRAMINGS = {
    (_Content.NONE, True): _Rule(length=None, chunked=False, close=False, send_content=False),
    (_Content.NONE, False): _Rule(length=None, chunked=False, close=False, send_content=False),
    (_Content.EMPTY, True): _Rule(length=False, chunked=False, close=False, send_content=False),
    (_Content.EMPTY, False): _Rule(length=False, chunked=False, close=False, send_content=False),
    (_Content.UNSENT, True): _Rule(length=True, chunked=False, close=False, send_content=False),
    (_Content.UNSENT, False): _Rule(length=None, chunked=False, close=False, send_content=False),
    (_Content.SENT, True): _Rule(length=True, chunked=False, close=False, send_content=True),
    (_Content.SENT, False): _Rule(length=None, chunked=True, close=False, send_content=True),
}
_UNKNOWN_LENGTH_1_0 = _Rule(length=None, chunked=False, close=True, send_content=True)


def response_framing(method: str, minor: int, status: int, length: int | None, keep_alive: bool) -> ResponseFraming:
    """Say how a response's content is delimited.

    A length of 0 is not stated with 304: it would say that the resource itself is empty (RFC 9110 §8.6), while a handler that
    answers 304 merely has nothing to send.

    Args:
        method: The request's method.
        minor: The request's minor version, 0 or 1.
        status: The response's status.
        length: Octets of content, None if not known beforehand.
        keep_alive: Whether the connection may stay open.
    """
    content = _BY_STATUS.get(status, _Content.SENT)
    if method == "HEAD" and content is _Content.SENT:
        content = _Content.UNSENT
    elif method == "CONNECT" and 200 <= status <= 299:
        content = _Content.NONE
    known = length is not None and not (status == 304 and length == 0)
    rule = _FRAMINGS[content, known]
    if rule.chunked and minor == 0:
        rule = _UNKNOWN_LENGTH_1_0
    stated = None if rule.length is None else length if rule.length else 0
    return ResponseFraming(stated, rule.chunked, rule.close or not keep_alive, rule.send_content)
