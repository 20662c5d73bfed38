"""Content with a declared length."""

from __future__ import annotations

import pytest

from hospes.errors import ProtocolError
from hospes.wire.content import PIECE, CountedContent, EndOfContent, take


def test_take() -> None:
    buffer = bytearray(b"hello")
    assert take(buffer, 2) == b"he"
    assert buffer == b"llo"
    assert take(buffer, 3) == b"llo"
    assert buffer == b""


def test_end_of_content() -> None:
    assert EndOfContent().trailers == []
    assert EndOfContent() == EndOfContent([])
    assert EndOfContent().trailers is not EndOfContent().trailers
    assert repr(EndOfContent([(b"a", b"b")])) == "EndOfContent(trailers=[(b'a', b'b')])"


def test_only_the_declared_octets_are_taken() -> None:
    content, buffer = CountedContent(5), bytearray(b"he")
    assert content.next(buffer, None) == b"he"
    assert content.next(buffer, None) is None
    buffer += b"llo, next"
    assert content.next(buffer, None) == b"llo"
    assert content.next(buffer, None) == EndOfContent()
    assert buffer == b", next"


def test_no_octets() -> None:
    assert CountedContent(0).next(bytearray(b"x"), 0) == EndOfContent()


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1])
def test_limit_of_a_piece(size: int) -> None:
    piece = CountedContent(size).next(bytearray(size), None)
    assert isinstance(piece, bytes)
    assert len(piece) == min(size, PIECE)


@pytest.mark.parametrize("length", [4, 5, 6])
def test_limit(length: int) -> None:
    content, buffer = CountedContent(length), bytearray(b"abcdef")
    if length <= 5:
        assert content.next(buffer, 5) == b"abcdef"[:length]
    else:
        with pytest.raises(ProtocolError, match="413 the content is too large"):
            content.next(buffer, 5)
        assert buffer == b"abcdef"
