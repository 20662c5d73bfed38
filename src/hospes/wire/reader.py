"""Reading requests: octets in, requests out, however the octets were cut.

    receive(octets) ─▶ buffer ─▶ next() ─▶ RequestHead, then for content: bytes ..., EndOfContent
                                          None: give me more octets

The states of a reader, and what moves it from one to the next:

| state       | next() gives                 | then                                                           |
|-------------|------------------------------|----------------------------------------------------------------|
| between     | RequestHead                  | content if the head announces it, else between                 |
| content     | bytes, at last EndOfContent  | between                                                        |
| failed      | raises, always the same      | – (RFC 9112 §9.5, §11.2: after a framing error nothing is sure) |
| handed over | None                         | – (the octets now belong to another protocol)                  |

Laws:

* The same octets give the same events and the same error, in whatever pieces they come (pieces of content may differ; their
  concatenation may not).
* A head is given only when the request before it is complete, so that pipelined requests stay in order.
* No clock, no sockets: who reads decides when to stop waiting.
"""

from __future__ import annotations

from hospes.errors import ProtocolError
from hospes.limits import Limits

from .chunked import ChunkedContent
from .content import CountedContent, EndOfContent, take
from .head import HeadLines, RequestHead, parse_head

EMPTY_LINES = 4
"""Empty lines skipped before a request. RFC 9112 §2.2 asks for one at least, for clients that end a form's content with a
CRLF it does not count."""


class RequestReader:
    """Reads the requests of one connection.

    Args:
        limits: How much a peer may send.
    """

    __slots__ = (
        "_buffer",
        "_content",
        "_empty_lines",
        "_error",
        "_handed_over",
        "_head_lines",
        "_limits",
        "_small",
        "body_limit",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._head_lines: HeadLines | None = None  # a head under way that is read line by line
        self._content: CountedContent | ChunkedContent | None = None
        self._empty_lines = 0
        self._error: ProtocolError | None = None
        self._handed_over = False
        # A head of no more octets than this keeps all limits of size, without anybody looking at its lines.
        self._small = min(limits.request_line, limits.field, limits.fields)
        self.body_limit: int | None = limits.body
        """Octets that the content of the current request may have. Whoever has its head may change it, until the first
        `next()` after the head; None lifts it. Each head sets it back to `limits.body`."""

    @property
    def idle(self) -> bool:
        """Whether the reader stands between two requests with nothing in hand."""
        return self._content is None and not self._buffer and not self._handed_over and self._error is None

    @property
    def untouched(self) -> bool:
        """Whether it is idle, and nothing has come since the last request, not even an empty line."""
        return self.idle and not self._empty_lines

    @property
    def buffered(self) -> int:
        """Octets received and not given out yet. Whoever receives much ahead of `next()` should stop receiving."""
        return len(self._buffer)

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take octets from the peer. They are copied; what they lay in may be used again.

        Raises:
            ProtocolError: what `next()` raised before, if it did.
            RuntimeError: after `take_rest`.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._handed_over:
            raise RuntimeError("receive() after take_rest(): the octets of this connection belong to another protocol now")
        self._buffer += data

    def pass_by(self, size: int) -> bool:
        """Let octets that have come pass by, where they are content and nothing else: they are counted as if they had been
        received and given, which saves copying them.

        Args:
            size: How many.

        Returns:
            False where they are not: then they are to be received. Where the content ends with them, `next()` says so.
        """
        content = self._content
        return type(content) is CountedContent and not self._buffer and content.pass_by(size, self.body_limit)

    def take_content(self, size: int) -> bytes:
        """Give the content that the last head has declared, where all of it has been received: what `next()` would give, with its
        end, in one step and one piece. It has to be within the limit.

        Args:
            size: Its declared octets.
        """
        self._content = None
        return take(self._buffer, size) if size else b""

    def await_content(self, length: int, passed: int) -> None:
        """Stand in a content of known length, between two requests: its head was read another way, and it has no limit here.

        Args:
            length: Its length.
            passed: How many octets of it have been taken already.
        """
        self._content = CountedContent(length)
        self.body_limit = None
        self._content.pass_by(passed, None)

    def next(self) -> RequestHead | bytes | EndOfContent | None:
        """Give the next event, or None if it takes more octets.

        Raises:
            ProtocolError: with the status to answer. From then on every call raises the same.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            if self._content is not None:
                return self._next_content(self._content)
            buffer = self._buffer
            if not buffer:
                return None
            # The common case: the whole head is there, and it is short.
            if self._head_lines is None and 0 < (end := buffer.find(b"\r\n\r\n")) <= self._small and buffer[0] != 13:
                octets = bytes(buffer[:end])
                del buffer[: end + 4]
            else:
                octets = self._take_head()
                if not octets:
                    return None
            head = parse_head(octets, self._limits)
        except ProtocolError as error:
            self._error = error
            raise
        self._empty_lines = 0
        if head.chunked:
            self._content = ChunkedContent(self._limits)
        elif head.content_length is not None:
            self._content = CountedContent(head.content_length)
        self.body_limit = self._limits.body
        return head

    def _take_head(self) -> bytes:
        """Read a head that comes in pieces, is long, or has empty lines before it; nothing while it is not complete."""
        buffer = self._buffer
        if self._head_lines is None:
            while buffer.startswith(b"\r\n"):
                del buffer[:2]
                self._empty_lines += 1
                if self._empty_lines > EMPTY_LINES:
                    raise ProtocolError(400, "there are too many empty lines before a request")
            if b"\r".startswith(buffer):  # nothing, or perhaps half of one more
                return b""
            self._head_lines = HeadLines(self._limits)
        end = self._head_lines.find_end(buffer)
        if end is None:
            return b""
        self._head_lines = None
        octets = bytes(buffer[: end - 4])
        del buffer[:end]
        return octets

    def _next_content(self, content: CountedContent | ChunkedContent) -> bytes | EndOfContent | None:
        event = content.next(self._buffer, self.body_limit)
        if isinstance(event, EndOfContent):
            self._content = None
        return event

    def finish(self) -> None:
        """Note that the peer sends no more. Call `next()` until it gives None before.

        Raises:
            ProtocolError: 400 if that is inside a request; what `next()` raised before, if it did.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._content is not None or self._buffer:
            self._error = ProtocolError(400, "the peer closed the connection inside a request")
            raise self._error

    def take_rest(self) -> bytes:
        """Hand over: give all octets not given out yet, for the protocol that takes the connection over. Ends the reader."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._head_lines = self._content = None
        self._handed_over = True
        return rest
