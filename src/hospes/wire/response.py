"""Writing responses: status line, field lines, chunks (RFC 9112 §4, §7.1).

    HTTP/1.1 200 OK                     version SP status SP reason
    Content-Type: text/plain            name ":" SP value
    Content-Length: 5
                                        the empty line
    hello

Laws:

* What goes out is one head and nothing else: a name, a value or a reason that could end its own line is a `ValueError`.
* A status is a number from 100 to 599 (RFC 9110 §15).
* These functions decide nothing. Which fields belong into a head, `response_framing` and those above say.
"""

from __future__ import annotations

from collections.abc import Iterable

from .fields import is_field_value, write_fields

REASONS: dict[int, str] = {
    100: "Continue",
    101: "Switching Protocols",
    102: "Processing",
    103: "Early Hints",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    208: "Already Reported",
    226: "IM Used",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a teapot",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}
"""The reason phrase of each registered status: IANA's registry, RFC 9110 §15. 418 is there, unassigned as it is, because
people send it."""

_STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n".encode() for status, reason in REASONS.items()}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The interim response that asks for the content (RFC 9110 §15.2.1)."""

NOT_BEHIND = frozenset(
    {"connection", "content-encoding", "content-length", "content-range", "content-type", "host", "trailer", "transfer-encoding"}
)
"""What has to stand in front of the content that it frames or describes, and may be no trailer field (RFC 9110 §6.5.1)."""

LAST_CHUNK = b"0\r\n\r\n"
"""The end of chunked content without trailers."""


def response_head(status: int, fields: Iterable[tuple[str, str]], reason: str | None = None) -> bytes:
    """Write the head of a response.

    Args:
        status: 100 to 599.
        fields: Names and values, sent in this order and spelling.
        reason: Reason phrase; by default the registered one, empty if there is none.

    Raises:
        ValueError: if the status is no status, or if a name, a value or the reason would not stay in its line.
    """
    line = _STATUS_LINES.get(status) if reason is None else None
    return (line or _status_line(status, reason or "")) + write_fields(fields) + b"\r\n"


def _status_line(status: int, reason: str) -> bytes:
    if not 100 <= status <= 599:
        raise ValueError(f"status {status}: a status is a number from 100 to 599")
    if not is_field_value(reason):
        raise ValueError(f"reason {reason!r}: a reason phrase holds no control characters")
    return f"HTTP/1.1 {status} {reason}\r\n".encode()


def chunk(data: bytes) -> bytes:
    """Write one chunk. No data give no octets, because a chunk of size 0 would end the content."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Iterable[tuple[str, str]]) -> bytes:
    """Write the end of chunked content, with trailer fields.

    Raises:
        ValueError: as `response_head` does, and for a field that may not stand there.
    """
    trailers = tuple(trailers)
    for name, _ in trailers:
        if name.lower() in NOT_BEHIND:
            raise ValueError(f"field {name}: it stands in front of the content, and may be no trailer")
    return b"0\r\n" + write_fields(trailers) + b"\r\n"
