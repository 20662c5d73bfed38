"""Chunked content: content whose length nobody knew beforehand (RFC 9112 §7.1).

    5;note="extension" CRLF         size in hex digits, extensions if any
    hello CRLF                      so many octets, and CRLF
    0 CRLF                          the last chunk has size 0
    Digest: abc CRLF                trailer fields if any
    CRLF                            the end

Laws:

* A size is 1 to 16 hex digits. No sign, no `0x`, no white space, no underscore: all of them have been read in two ways.
* Extensions are held against their grammar, quoted strings included, and forgotten. All of one content together are bounded:
  an extension of 16 KiB at each chunk of one octet would make a server do a lot for nothing.
* White space may stand around `;` and `=` of an extension, because RFC 9112 §7.1.1 makes a recipient read it there; nowhere
  else in the line, because there it may not.
* After the octets of a chunk comes CRLF. Whoever skips two octets without looking has been told another length.
* Plain chunks that are there as a whole are given together: content in chunks of two octets would else be eight million pieces,
  which take thirty times the room of their octets. What is odd about a chunk, the way step by step finds.
* Trailers are bounded, held against the grammar of fields, and those which would change what the head said are dropped.
"""

from __future__ import annotations

import re
from enum import Enum

from hospes.errors import ProtocolError
from hospes.limits import Limits

from .content import PIECE, TOO_LARGE, EndOfContent, take
from .fields import Fields, parse_field_line
from .grammar import QUOTED_STRING, TCHAR
from .lines import Lines

SIZE_DIGITS = 16
"""Hex digits of the longest chunk size: 64 bits."""

_BWS = r"[ \t]*+"
_EXTENSION = rf"{_BWS};{_BWS}[{TCHAR}]++(?:{_BWS}={_BWS}(?:[{TCHAR}]++|{QUOTED_STRING}))?+"
_PLAIN_LINE = re.compile(rb"([0-9A-Fa-f]{1,5}+)\r\n")
_CHUNK_LINE = re.compile(rf"([0-9A-Fa-f]{{1,{SIZE_DIGITS}}}+)((?:{_EXTENSION})*+)".encode("latin-1"))

FORBIDDEN_TRAILERS = frozenset(
    b"""authorization connection content-encoding content-length content-range content-type cookie expect forwarded host
    keep-alive max-forwards proxy-authorization proxy-connection set-cookie te trailer transfer-encoding upgrade
    cache-control pragma range if-match if-none-match if-modified-since if-unmodified-since if-range
    x-forwarded-for x-forwarded-host x-forwarded-proto""".split()
)
"""Fields that must not come after the content: framing, routing, credentials, conditions, what the content is
(RFC 9110 §6.5.1). By the time they came, all of that was decided."""


class _State(Enum):
    SIZE = "before a chunk's size"
    DATA = "in a chunk's octets"
    DATA_END = "before the CRLF after them"
    TRAILERS = "after the last chunk"


class ChunkedContent:
    """Undoes the chunks of one content."""

    __slots__ = ("_extensions", "_left", "_limits", "_lines", "_state", "_total", "_trailers")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._state = _State.SIZE
        self._lines = Lines()
        self._left = 0  # octets of the chunk under way
        self._total = 0  # octets of all chunks so far, the one under way included
        self._extensions = 0
        self._trailers: Fields = []

    def next(self, buffer: bytearray, limit: int | None) -> bytes | EndOfContent | None:
        """Take the next piece from the buffer's front; None if there is none yet.

        Args:
            buffer: What came and is not taken yet.
            limit: Octets the content may have; None for any number.

        Raises:
            ProtocolError: 400 if the chunks are malformed, 413 if the content is over the limit.
        """
        if self._state is _State.SIZE and (piece := self._take_plain(buffer, limit)):
            return piece
        while True:
            if self._state is _State.DATA:
                return self._take_data(buffer)
            if self._state is _State.TRAILERS:
                return self._take_trailers(buffer)
            if not (self._skip_data_end(buffer) if self._state is _State.DATA_END else self._take_size(buffer, limit)):
                return None

    def _take_plain(self, buffer: bytearray, limit: int | None) -> bytes:
        """Take chunks that are there as a whole, and have nothing odd about them; nothing where the next one is another."""
        pieces: list[bytearray] = []
        at = 0
        room = PIECE if limit is None else min(PIECE, limit - self._total)
        while found := _PLAIN_LINE.match(buffer, at):
            start, size = found.end(), int(found[1], 16)
            end = start + size
            if not 0 < size <= room or not buffer.startswith(b"\r\n", end):
                break
            pieces.append(buffer[start:end])
            room -= size
            at = end + 2
        if not pieces:
            return b""
        del buffer[:at]
        self._lines = Lines()  # which may have begun to search what is taken now
        piece = b"".join(pieces)
        self._total += len(piece)
        return piece

    def _take_size(self, buffer: bytearray, limit: int | None) -> bool:
        """Read the line before a chunk; False while its end has not come."""
        too_long = "the chunk extensions are too long"
        room = self._limits.chunk_extensions - self._extensions
        line = self._lines.next(buffer, SIZE_DIGITS + room, 400, too_long)
        if line is None:
            return False
        found = _CHUNK_LINE.fullmatch(line)
        if not found:
            raise ProtocolError(400, "a chunk does not begin with its size in hex digits, or its extensions are malformed")
        if len(found[2]) > room:
            raise ProtocolError(400, too_long)
        self._extensions += len(found[2])
        self._cut_lines(buffer)
        self._left = int(found[1], 16)
        self._total += self._left
        if limit is not None and self._total > limit:
            raise ProtocolError(413, TOO_LARGE)
        self._state = _State.DATA if self._left else _State.TRAILERS
        return True

    def _take_data(self, buffer: bytearray) -> bytes | None:
        if not buffer:
            return None
        piece = take(buffer, min(self._left, len(buffer), PIECE))
        self._left -= len(piece)
        if not self._left:
            self._state = _State.DATA_END
        return piece

    def _skip_data_end(self, buffer: bytearray) -> bool:
        """Read the CRLF after a chunk's octets; False while it has not come."""
        if not b"\r\n".startswith(buffer[:2]):
            raise ProtocolError(400, "a chunk is longer than its size says")
        if len(buffer) < 2:
            return False
        del buffer[:2]
        self._state = _State.SIZE
        return True

    def _take_trailers(self, buffer: bytearray) -> EndOfContent | None:
        while True:
            # The empty line at the end counts nothing.
            room = max(0, self._limits.trailers - self._lines.start - len(b"\r\n"))
            line = self._lines.next(buffer, room, 400, "the trailers are too long")
            if line is None:
                return None
            if not line:
                self._cut_lines(buffer)
                return EndOfContent(self._trailers)
            name, value = parse_field_line(line)
            if name not in FORBIDDEN_TRAILERS:
                self._trailers.append((name, value))

    def _cut_lines(self, buffer: bytearray) -> None:
        """Cut off the lines that are read."""
        del buffer[: self._lines.start]
        self._lines = Lines()
