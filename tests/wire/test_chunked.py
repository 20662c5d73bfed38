"""Chunked content."""

from __future__ import annotations

import pytest

from hospes.errors import ProtocolError
from hospes.limits import Limits
from hospes.wire.chunked import FORBIDDEN_TRAILERS, SIZE_DIGITS, ChunkedContent
from hospes.wire.content import PIECE, EndOfContent


def decode(
    octets: bytes, *, limits: Limits | None = None, limit: int | None = None, step: int = 0
) -> tuple[bytes, EndOfContent | None, bytes]:
    """Give the content, its end if it came, and what remained; `step` octets come at a time, 0 for all."""
    chunks, buffer, content = ChunkedContent(limits or Limits()), bytearray(), b""
    for start in range(0, len(octets), step or len(octets)):
        buffer += octets[start : start + (step or len(octets))]
        while (event := chunks.next(buffer, limit)) is not None:
            if isinstance(event, EndOfContent):
                return content, event, bytes(buffer) + octets[start + (step or len(octets)) :]
            content += event
    return content, None, bytes(buffer)


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_decode(step: int) -> None:
    octets = b"5\r\nhello\r\n06;a\r\n world\r\n00;b=c\r\nD: e\r\nF: \r\n\r\nnext"
    assert decode(octets, step=step) == (b"hello world", EndOfContent([(b"d", b"e"), (b"f", b"")]), b"next")


@pytest.mark.parametrize(
    "line", ["5", "05", "5;a", "5;a=b", '5;a="b"', "5;a;b;c", "5 ; a = b", "5\t;a", '5;a="\\"";b', '5;a=""', '5;a=";"']
)
def test_size_lines(line: str) -> None:
    assert decode(f"{line}\r\nhello\r\n".encode()) == (b"hello", None, b"")


@pytest.mark.parametrize(
    "line",
    ["", " ", ";a", "5 ", " 5", "5;", "5;;a", "5;a=", "5;=b", "5;a b", '5;a="', '5;a="\\"', '5;a="b"c', "5a;=", "+5", "0x5"],
)
@pytest.mark.parametrize("step", [0, 1])
def test_size_lines_refused(line: str, step: int) -> None:
    with pytest.raises(ProtocolError, match="400"):
        decode(f"{line}\r\nhello\r\n".encode(), step=step)


@pytest.mark.parametrize("digits", [SIZE_DIGITS - 1, SIZE_DIGITS, SIZE_DIGITS + 1])
def test_limit_of_size_digits(digits: int) -> None:
    octets = b"%0*x\r\nhello\r\n" % (digits, 5)
    if digits <= SIZE_DIGITS:
        assert decode(octets)[0] == b"hello"
    else:
        with pytest.raises(ProtocolError, match="400"):
            decode(octets)


@pytest.mark.parametrize("end", [b"\n", b"\rx", b"x\r\n", b"0\r\n", b"\n\r"])
def test_a_chunk_ends_with_crlf(end: bytes) -> None:
    for step in (0, 1):
        with pytest.raises(ProtocolError, match="longer than its size"):
            decode(b"5\r\nhello" + end, step=step)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_limit_of_content(size: int) -> None:
    octets = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
    if size <= 5:
        assert decode(octets, limit=5)[0] == b"x" * size
    else:
        with pytest.raises(ProtocolError, match="413"):
            decode(b"%x\r\n" % size, limit=5)  # before an octet of it


def test_limit_counts_all_chunks() -> None:
    with pytest.raises(ProtocolError, match="413"):
        decode(b"1\r\nx\r\n" * 6, limit=5)
    assert decode(b"1\r\nx\r\n" * 6, limit=None)[0] == b"xxxxxx"


def test_pieces_are_bounded() -> None:
    piece = ChunkedContent(Limits()).next(bytearray(b"%x\r\n" % (PIECE + 1) + bytes(PIECE + 1)), None)
    assert isinstance(piece, bytes)
    assert len(piece) == PIECE


def pieces(octets: bytes, limit: int | None = None) -> list[bytes]:
    chunks, buffer, found = ChunkedContent(Limits()), bytearray(octets), []
    while isinstance(event := chunks.next(buffer, limit), bytes):
        found.append(event)
    return found


def test_small_chunks_are_given_together() -> None:
    assert pieces(b"1\r\na\r\n2\r\nbc\r\n003\r\ndef\r\n0\r\n\r\n") == [b"abcdef"]
    assert pieces(b"1\r\na\r\n1;x\r\nb\r\n1\r\nc\r\n") == [b"a", b"b", b"c"]  # an extension is looked at
    assert pieces(b"1\r\na\r\n5\r\nbc") == [b"a", b"bc"]  # what is not there as a whole


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1])
def test_chunks_given_together_are_bounded(size: int) -> None:
    found = pieces(b"1\r\nx\r\n" * size)
    assert sum(map(len, found)) == size
    assert len(found) == (1 if size <= PIECE else 2)
    assert len(found[0]) <= PIECE


@pytest.mark.parametrize("end", [b"1\r\nxx\r\n", b"1\r\nx\n", b"g\r\n", b"1 \r\nx\r\n", b"-1\r\n", b"1\nx\r\n"])
def test_what_is_wrong_behind_plain_chunks_is_found(end: bytes) -> None:
    chunks, buffer = ChunkedContent(Limits()), bytearray(b"1\r\na\r\n1\r\nb\r\n" + end)
    assert chunks.next(buffer, None) == b"ab"
    with pytest.raises(ProtocolError, match="400"):
        list(iter(lambda: chunks.next(buffer, None), None))


@pytest.mark.parametrize("limit", [2, 3, 4])
def test_the_limit_holds_for_chunks_given_together(limit: int) -> None:
    octets = b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
    if limit >= 3:
        assert pieces(octets, limit) == [b"abc"]
    else:
        with pytest.raises(ProtocolError, match="413"):
            pieces(octets, limit)


def test_a_chunk_whose_line_came_before_the_rest() -> None:
    chunks, buffer = ChunkedContent(Limits()), bytearray(b"3")
    assert chunks.next(buffer, None) is None
    buffer += b"\r\nabc\r\n2;long=extension\r\nde\r\n"
    assert chunks.next(buffer, None) == b"abc"
    assert chunks.next(buffer, None) == b"de"


@pytest.mark.parametrize("name", sorted(FORBIDDEN_TRAILERS))
def test_forbidden_trailers(name: bytes) -> None:
    assert decode(b"0\r\n" + name.upper() + b": x\r\nOther: y\r\n\r\n")[1] == EndOfContent([(b"other", b"y")])


@pytest.mark.parametrize("trailer", [b" A: b", b"A : b", b"A", b": b", b"A: \0", b"A: b\n", b"Host : c"])
@pytest.mark.parametrize("step", [0, 1])
def test_trailers_refused(trailer: bytes, step: int) -> None:
    with pytest.raises(ProtocolError, match="400"):
        decode(b"0\r\n" + trailer + b"\r\n\r\n", step=step)
