"""Lines: where one ends, and how long it may be."""

from __future__ import annotations

import pytest

from hospes.errors import ProtocolError
from hospes.wire.lines import BARE_LINE_END, Lines


def take(lines: Lines, buffer: bytes) -> bytes | None:
    return lines.next(buffer, 5, 431, "too long")


def test_lines_come_one_by_one() -> None:
    lines, buffer = Lines(), b"a\r\n\r\nbc\r\nd"
    assert [take(lines, buffer) for _ in range(4)] == [b"a", b"", b"bc", None]
    assert lines.start == len(b"a\r\n\r\nbc\r\n")
    assert take(lines, buffer + b"\r") is None
    assert take(lines, buffer + b"\r\n") == b"d"


@pytest.mark.parametrize("buffer", [b"\n", b"a\n", b"\ra", b"a\rb", b"abcde\n", b"\r\r\n"])
def test_a_bare_line_end_is_refused(buffer: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        take(Lines(), buffer)
    assert (caught.value.status, caught.value.reason) == (400, BARE_LINE_END)


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n", b"\n", b"\rx"])
def test_a_line_too_long_is_refused_whatever_its_end(end: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        take(Lines(), b"abcdef" + end)
    assert (caught.value.status, caught.value.reason) == (431, "too long")


def test_a_line_may_be_as_long_as_its_limit() -> None:
    assert take(Lines(), b"abcd\r\n") == b"abcd"
    assert take(Lines(), b"abcde\r\n") == b"abcde"
    assert take(Lines(), b"abcde\r") is None


def test_no_octet_is_searched_twice() -> None:
    lines, buffer = Lines(), bytearray(b"abc")
    assert take(lines, bytes(buffer)) is None
    buffer[:3] = b"\n\n\n"  # would be seen if it were
    assert lines.next(buffer, 5, 431, "too long") is None
