"""Requests: only ProtocolError escapes, and every split of the octets gives the same events and the same error.

The first octet says where to split; the rest is what a peer sends on one connection.
"""

from __future__ import annotations

from hospes.errors import ProtocolError
from hospes.limits import Limits
from hospes.wire import EndOfContent, RequestHead, RequestReader

_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

SEEDS: list[bytes] = [
    b"\x05GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x01\r\n\r\nGET /a%20b?c=d HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"\x09GET http://a.example:81/b?c HTTP/1.1\r\nHost: b\r\nConnection: upgrade, close\r\nUpgrade: x/1\r\n\r\n",
    b"\x11CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: b\r\nX: \xe4\t\r\n\r\n\x16\x03",
    b"\x30POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x3f"
    + _CHUNKED
    + b'5;a="b\\"" ; c\r\nhello\r\n0A\r\n0123456789\r\n0\r\nDigest: x\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    b"\x40" + _CHUNKED + b"1;" + b"a" * 60 + b"\r\nx\r\n0\r\nX: " + b"y" * 60 + b"\r\n\r\n",
    b"\x02GET /" + b"a" * 90 + b" HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 9 + b"\r\n",
    b"\x07POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    b"\x07GET / HTTP/1.1\nHost: a\r\n folded: b\r\nX : y\r\n\r\n",
    b"\x03PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x01\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]
# Small, so that a short input meets every limit.
_LIMITS = Limits(request_line=100, field=80, fields=200, field_count=8, chunk_extensions=50, trailers=60, body=64)

_Head = tuple[object, ...]
_Event = _Head | bytes | EndOfContent | tuple[int, str]


def target(data: bytes) -> None:
    if not data:
        return
    cut, octets = data[0], data[1:]
    whole = _read([octets])
    assert _read([octets[:cut], octets[cut:]]) == whole, "two pieces read otherwise"
    size = cut % 7 + 1
    assert _read([octets[i : i + size] for i in range(0, len(octets), size)]) == whole, "small pieces read otherwise"
    assert _read([octets[i : i + 1] for i in range(len(octets))]) == whole, "single octets read otherwise"


def _read(pieces: list[bytes]) -> list[_Event]:
    """What came out; pieces of one content are joined, and an error is the last event."""
    reader = RequestReader(_LIMITS)
    events: list[_Event] = []
    try:
        for piece in pieces:
            reader.receive(piece)
            while (event := reader.next()) is not None:
                if isinstance(event, RequestHead):
                    _check(event)
                    values = (getattr(event, name) for name in RequestHead.__slots__ if name != "fields")
                    events.append((*values, *event.fields))
                elif isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                    assert event, "an empty piece"
                    events[-1] += event
                else:
                    events.append(event)
        reader.finish()
    except ProtocolError as error:
        events.append((error.status, error.reason))
    return events


def _check(head: RequestHead) -> None:
    """What whoever gets a head relies on."""
    assert head.authority or head.minor == 0, "nobody knows whom this is for"
    assert not (head.chunked and head.content_length is not None), "two lengths"
    assert len(head.fields) <= _LIMITS.field_count, "too many fields"
    for name, value in head.fields:
        assert name, "a field without a name"
        assert name == name.lower(), "a name in upper case"
        assert not set(value) & set(b"\r\n\0"), "a value that ends its line"
