"""The PROXY protocol: preambles of both versions, in any pieces, and what is none."""

from __future__ import annotations

import pytest

from hospes.errors import ProtocolError
from hospes.wire import Preamble, PreambleReader
from hospes.wire.proxy import LONGEST_LINE, MOST, SIGNATURE

V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\xc0\x00\x01\xbb"
V6 = bytes(15) + b"\x01" + bytes(15) + b"\x02" + b"\x00\x01\x00\x02"


def block(command: int, family: int, rest: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + (len(rest) if length is None else length).to_bytes(2) + rest


TOLD = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 443\r\n": Preamble(("192.0.2.7", 49152), ("198.51.100.1", 443)),
    b"PROXY TCP6 ::1 2001:db8::2 1 65535\r\n": Preamble(("::1", 1), ("2001:db8::2", 65535)),
    b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:c000:201 1 2\r\n": Preamble(("192.0.2.7", 1), ("192.0.2.1", 2)),
    b"PROXY UNKNOWN\r\n": Preamble(),
    b"PROXY UNKNOWN ffff::1 what ever\r\n": Preamble(),
    b"PROXY UNKNOWN " + b"x" * (LONGEST_LINE - 16) + b"\r\n": Preamble(),
    block(0x21, 0x11, V4): Preamble(("192.0.2.7", 49152), ("198.51.100.1", 443)),
    block(0x21, 0x11, V4 + b"\x02\x00\x04name"): Preamble(("192.0.2.7", 49152), ("198.51.100.1", 443)),
    block(0x21, 0x21, V6): Preamble(("::1", 1), ("::2", 2)),
    block(0x21, 0x21, bytes(10) + b"\xff\xff\xc0\0\2\7" + bytes(15) + b"\1\0\1\0\2"): Preamble(("192.0.2.7", 1), ("::1", 2)),
    block(0x21, 0x31, b"/run/a".ljust(108, b"\0") + b"\xff".ljust(108, b"\0")): Preamble(("/run/a", 0), ("\\xff", 0)),
    block(0x20, 0x11, V4): Preamble(),
    block(0x20, 0x00, b""): Preamble(),
    block(0x21, 0x00, b"anything"): Preamble(),
    block(0x21, 0x00, bytes(MOST)): Preamble(),
}


def read(octets: bytes, most: int) -> tuple[Preamble, bytes]:
    """The preamble, and what is left behind it; at most so many octets at a time."""
    reader = PreambleReader()
    while octets:
        count = min(reader.wants, most)
        assert count > 0
        found = reader.receive(octets[:count])
        octets = octets[count:]
        if found is not None:
            return found, octets
    raise EOFError


@pytest.mark.parametrize("octets", TOLD)
def test_preambles(octets: bytes) -> None:
    for most in (1, 2, 3, 7, 13, 1 << 20):
        assert read(octets + b"GET / HTTP/1.1\r\n", most) == (TOLD[octets], b"GET / HTTP/1.1\r\n")
        with pytest.raises(EOFError):
            read(octets[:-1], most)


@pytest.mark.parametrize("octets", [each for each in TOLD if len(each) < 300])
def test_preambles_split_anywhere(octets: bytes) -> None:
    for cut in range(1, len(octets)):
        reader, found = PreambleReader(), None
        for rest in (octets[:cut], octets[cut:]):
            while rest:
                assert found is None
                count = reader.wants
                found, rest = reader.receive(rest[:count]), rest[count:]
        assert found == TOLD[octets]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "does not begin with a PROXY preamble"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", "does not begin"),
        (b"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "does not begin"),
        (b"PROXY \r\nUNKNOWN\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "line is malformed"),
        (b"PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", "line is malformed"),
        (b"PROXY TCP4 ::1 ::1 1 1\r\n", "line is malformed"),
        (b"PROXY TCP6 1.2.3.4 ::1 1 1\r\n", "line is malformed"),
        (b"PROXY TCP6 fe80::1%x ::1 1 1\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", "line is malformed"),
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", "line is malformed"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.\xb4 1 1\r\n", "line is malformed"),
        (b"PROXY UNKNOWN " + b"x" * (LONGEST_LINE - 15) + b"\r\n", "line is too long"),
        (b"PROXY UNKNOWN " + b"x" * 1000, "line is too long"),
        (block(0x11, 0x11, V4), "unknown version or command"),
        (block(0x22, 0x11, V4), "unknown version or command"),
        (block(0x21, 0x12, V4), "addresses that cannot be"),
        (block(0x21, 0x11, V4[:-1]), "addresses that cannot be"),
        (block(0x21, 0x21, V4), "addresses that cannot be"),
        (block(0x21, 0x11, V4, MOST + 1), "preamble is too long"),
    ],
)
def test_what_is_none(octets: bytes, reason: str) -> None:
    for most in (1, 5, 1 << 20):
        with pytest.raises(ProtocolError, match=reason) as caught:
            read(octets, most)
        assert caught.value.status == 400
