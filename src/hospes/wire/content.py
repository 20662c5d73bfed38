"""Content: the octets after a head (RFC 9110 §6.4).

Laws:

* Content is given in pieces of at most `PIECE` octets, as it comes, and ends with one `EndOfContent`. Whoever receives
  content may also pass it by: then it is counted here, and neither copied nor given.
* A limit holds for the content itself, not for its framing. A declared length over the limit is refused before a single
  octet is given; a chunk over it as soon as its size is known.
"""

from __future__ import annotations

from msgspec import Struct, field

from hospes.errors import ProtocolError

from .fields import Fields

PIECE = 64 * 1024
"""Octets of the largest piece: enough that the cost of handing it on does not count, little enough to hold a thousand."""

TOO_LARGE = "the content is too large"


class EndOfContent(Struct, frozen=True):
    """The content of a request is complete.

    Args:
        trailers: Trailer fields of a chunked content that may stand there; none by default.
    """

    trailers: Fields = field(default_factory=Fields)


def take(buffer: bytearray, size: int) -> bytes:
    """Cut `size` octets, at least one and no more than there are, off the front of a buffer."""
    if size == len(buffer):
        piece = bytes(buffer)
    else:
        with memoryview(buffer) as view:
            piece = bytes(view[:size])
    # A bytearray gives up its front by moving its start, without moving the octets that remain.
    del buffer[:size]
    return piece


class CountedContent:
    """Content with a declared length (RFC 9112 §6.2)."""

    __slots__ = ("_left", "_length")

    def __init__(self, length: int) -> None:
        self._length = self._left = length

    def next(self, buffer: bytearray, limit: int | None) -> bytes | EndOfContent | None:
        """Take the next piece from the buffer's front; None if there is none yet.

        Args:
            buffer: What came and is not taken yet.
            limit: Octets the content may have; None for any number.

        Raises:
            ProtocolError: 413 if the declared length is over the limit.
        """
        if limit is not None and self._length > limit:
            raise ProtocolError(413, TOO_LARGE)
        if not self._left:
            return EndOfContent()
        if not buffer:
            return None
        piece = take(buffer, min(self._left, len(buffer), PIECE))
        self._left -= len(piece)
        return piece

    def pass_by(self, size: int, limit: int | None) -> bool:
        """Count octets of content that whoever received them keeps; False where they are more, or the content is too large.

        Args:
            size: How many.
            limit: As for `next`.
        """
        if size > self._left or (limit is not None and self._length > limit):
            return False
        self._left -= size
        return True
