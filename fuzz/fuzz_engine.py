"""The engine's parser: what it takes for a usual request, wire takes too, with the same head and the same octets consumed.

What it takes for the beginning of one, wire wants more of. The first octet says where to cut; the rest is what a peer sends on
one connection. Where the engine was not built there is nothing to fuzz, and every input passes.
"""

from __future__ import annotations

import copy

from fuzz import fuzz_request
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader

try:
    from hospes.engine._core import Head, may_be_usual, parse_head
except ImportError:  # not built here
    Head = may_be_usual = parse_head = None  # type: ignore[assignment,misc]  # pyright: ignore

_HOST = b"Host: a\r\n"

SEEDS: list[bytes] = [
    *fuzz_request.SEEDS,
    b"\x10GET / HTTP/1.1\r\n" + _HOST + b"\r\nGET /b?c HTTP/1.1\r\n" + _HOST + b"Connection: keep-alive\r\n\r\n",
    b"\x20POST /%e2%82%ac?%&=?/ HTTP/1.1\r\nhOST:a.B-c_d~:65535\t \r\ncontent-length:3\r\n\r\nabcHEAD / HTTP/1.1\r\n"
    + _HOST
    + b"\r\n",
    b"\x01GET / HTTP/1.1\r\nHost: a:65536\r\nContent-Length: 000000000000000001\r\nConnection: Close\r\n\r\n.",
    b"\x02GET /" + b"!\"$&'()*+,-./:;<=>@[]^_`{|}~\\" + b" HTTP/1.1\r\nX:\t\xe4b\tc \r\nHost:a\r\nA:\r\n\r\n",
    b"\x03GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\nConnection: close\r\n\r\n",
    b"\x04GET / HTTP/1.1\r\nHost: a\r\nX: 1234567\x7f9012345\r\nY: 12345678\x00\r\n\r\n",
    b"\x05GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 71 + b"\r\nZ: " + b"z" * 70 + b"\r\n\r\n",
    b"\x06GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
]
_LIMITS = (
    Limits(),
    Limits(request_line=100, field=80, fields=200, field_count=8, chunk_extensions=50, trailers=60, body=64),
    Limits(request_line=40, field=30, fields=60, field_count=2),
)
_NAMES = tuple(name for name in RequestHead.__slots__ if name != "fields")


def target(data: bytes) -> None:
    if parse_head is None or not data:
        return
    cut, octets = data[0], data[1:]
    for limits in _LIMITS:
        for piece in (octets, octets[:cut], octets[cut:]):
            _compare(piece, limits)


def _compare(octets: bytes, limits: Limits) -> None:
    """Go through all requests that lie behind each other, as long as the engine knows them."""
    if may_be_usual(octets, limits):
        reader = RequestReader(limits)
        reader.receive(octets)
        assert reader.next() is None, "wire has made up its mind"
    while (found := parse_head(octets, limits)) is not None:
        head, size = found
        reader = RequestReader(limits)
        reader.receive(octets)
        theirs = reader.next()
        assert isinstance(theirs, RequestHead), "wire wants more octets"
        assert len(octets) - reader.buffered == size, "another end of the head"
        _equal(head, theirs)
        _equal(copy.copy(head), theirs)
        octets = octets[size + (theirs.content_length or 0) :]


def _equal(head: Head, theirs: RequestHead) -> None:
    for name in _NAMES:
        ours = getattr(head, name)
        assert ours == getattr(theirs, name), name
        assert type(ours) is type(getattr(theirs, name)), name
    for field, _ in theirs.fields:
        assert head.field(field) == theirs.field(field), field
    assert head.fields == theirs.fields, "other fields"
    assert head.has_content == theirs.has_content, "other content"
    assert repr(head) == repr(theirs), "another look"
