"""PROXY preambles: only the protocol's error escapes, octet by octet it is the same one, and no octet behind it is taken."""

from __future__ import annotations

from ipaddress import ip_address

from hospes.errors import ProtocolError
from hospes.wire import Preamble, PreambleReader
from hospes.wire.proxy import MOST, SIGNATURE

SEEDS: list[bytes] = [
    b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 443\r\nGET / HTTP/1.1\r\n",
    b"PROXY TCP6 ::1 2001:db8::2 1 65535\r\n",
    b"PROXY UNKNOWN\r\n",
    SIGNATURE + b"\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xc0\x00\x01\xbb",
    SIGNATURE + b"\x21\x21\x00\x24" + bytes(36),
    SIGNATURE + b"\x20\x00\x00\x00rest",
]


def read(data: bytes, most: int) -> tuple[Preamble | None, int] | str:
    reader, at = PreambleReader(), 0
    try:
        while at < len(data):
            assert 0 < reader.wants <= MOST + 16
            octets = data[at : at + min(reader.wants, most)]
            at += len(octets)
            if (found := reader.receive(octets)) is not None:
                return found, at
    except ProtocolError as error:
        return f"{error.status} {error.reason}"
    return None, at


def target(data: bytes) -> None:
    whole = read(data, len(data))
    assert whole == read(data, 1)
    if isinstance(whole, str):
        assert whole.startswith("400 ")
        return
    preamble, taken = whole
    if preamble is None:
        return
    assert data[:taken].endswith(b"\r\n") or data.startswith(SIGNATURE)
    if preamble.client is not None and preamble.server is not None:
        for host, port in (preamble.client, preamble.server):
            assert 0 <= port <= 65_535
            assert data.startswith(SIGNATURE) or str(ip_address(host)) == host
