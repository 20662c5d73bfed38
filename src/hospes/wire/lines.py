"""Lines: where one ends, and how long it may be.

Request lines, field lines, trailers and chunk sizes are all lines, and a line ends with CRLF and with nothing else. RFC 9112
§2.2 would let a server take a lone LF for an end as well. It may, so some do and some do not, and what one server in a
chain takes for two lines is one line to the next: that is how requests are smuggled. Here a lone CR or LF is an error.

Laws:

* What is said about a line depends on its octets alone, never on how they were cut on their way: the first octet that is
  wrong decides. A line that outgrows its limit before a bare LF comes is too long; one that holds the LF first is malformed.
* No octet is searched twice, however small the pieces are in which a line comes.
"""

from __future__ import annotations

import re

from hospes.errors import ProtocolError

BARE_LINE_END = "a line must end with CR LF; one of the two stood alone"

_RUN = re.compile(rb"[^\r\n]*+")


class Lines:
    """Cuts lines off a buffer that still grows. The buffer stays as it is; `start` moves behind the lines given out."""

    __slots__ = ("_searched", "start")

    def __init__(self) -> None:
        self.start = 0
        """Where the next line begins."""
        self._searched = 0
        """Up to here the next line holds neither CR nor LF."""

    def next(self, buffer: bytes | bytearray, limit: int, status: int, reason: str) -> bytes | None:
        """Give the next line without its CRLF, or None while its end has not come.

        Args:
            buffer: All octets since `start` was 0.
            limit: Octets the line may have without its CRLF.
            status: Status that answers a longer one.
            reason: What to say about a longer one.

        Raises:
            ProtocolError: with `status` as soon as the line is known to be too long; 400 at a bare CR or LF.
        """
        run = _RUN.match(buffer, self._searched)
        end = run.end() if run else 0  # the pattern also matches nothing, so there is always a match
        if end - self.start > limit:
            raise ProtocolError(status, reason)
        known = buffer[end : end + 2]
        if known and known != b"\r\n" and known != b"\r":
            raise ProtocolError(400, BARE_LINE_END)
        if len(known) < 2:
            self._searched = end
            return None
        line = bytes(buffer[self.start : end])
        self.start = self._searched = end + 2
        return line
