"""Messages: what a peer sent, put together and checked, however the octets were cut (RFC 6455 §5.4, §8.1).

    receive(octets) ─▶ buffer ─▶ next() ─▶ str, bytes     a message
                                          Control         a ping or a pong, also between the frames of a message
                                          Close           the last event
                                          None: give me more octets

Laws:

* The same octets give the same events and the same error, in whatever pieces they come; of several mistakes in one compressed
  message any may be the one that is reported.
* Text is checked as it comes: the first octet that cannot be UTF-8 is an error, whether or not its frame is complete (§8.1).
* A message is counted as it comes, after decompression: a frame that announces too much is refused by its head.
* After an error or a close nothing more is read (§5.5.1, §7.1.7).
* What waits here is one message at the most, one frame's head, and what was received at once.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from .closing import BAD_DATA, PROTOCOL_ERROR, TOO_BIG, Close, WebSocketError, parse_close
from .deflate import Inflater
from .frames import CLOSE, CONTROL, TEXT, FrameHead, parse_frame_head, unmask

Keep: TypeAlias = Callable[[int, bytes, bool], bool]
"""Hears each data frame, `(opcode, payload, fin)`, and says whether it becomes a part of its message."""
_Checker: Final = getincrementaldecoder("utf-8")


class Control(NamedTuple):
    """A ping or a pong."""

    opcode: int
    payload: bytes


class MessageReader:
    """Reads what the client of one websocket sends.

    Args:
        limit: Octets that a message may have. Where there is a `keep`: that a frame may have, and what is kept of a message.
        inflater: Decompresses; None where that was not agreed on.
        keep: Is asked about every data frame when that is complete; None to keep all.
    """

    __slots__ = (
        "_buffer",
        "_checker",
        "_compressed",
        "_done",
        "_frame",
        "_inflater",
        "_keep",
        "_kept",
        "_left",
        "_limit",
        "_message",
        "_opcode",
        "_part",
    )

    def __init__(self, limit: int, inflater: Inflater | None = None, keep: Keep | None = None) -> None:
        self._limit = limit
        self._inflater = inflater
        self._keep = keep
        self._buffer = bytearray()
        self._done = False
        # The data frame under way.
        self._frame: FrameHead | None = None
        self._left = 0  # octets of its payload that have not come
        # The message under way.
        self._opcode = 0  # TEXT or BINARY; 0 between messages
        self._compressed = False
        self._checker = _Checker()
        self._message = bytearray()
        self._kept = False  # whether any of its frames is wanted
        self._part = bytearray() if keep is not None else self._message  # what has come of its frame

    @property
    def buffered(self) -> int:
        """Octets received and not looked at."""
        return len(self._buffer)

    @property
    def _waits(self) -> bool:
        """Whether a frame is not complete."""
        return self._frame is not None

    @property
    def between(self) -> bool:
        """Whether nothing has been begun: no message, no frame."""
        return not (self._opcode or self._buffer or self._done)

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take octets from the peer; after the last event they are dropped."""
        if not self._done:
            self._buffer += data

    def next(self) -> str | bytes | Control | Close | None:
        """Give the next event, or None if it takes more octets.

        Raises:
            WebSocketError: with the code to close with; nothing more is read then.
        """
        if not self._buffer:
            return None
        try:
            while not self._done:
                if self._frame is None and not self._begin():
                    return None
                assert self._frame is not None
                event = self._control(self._frame) if self._frame.opcode & CONTROL else self._data(self._frame)
                if event is not None or self._waits:
                    return event
        except WebSocketError:
            self._end()
            raise
        return None

    def _end(self) -> None:
        self._done = True
        self._buffer.clear()
        self._message.clear()
        self._part.clear()

    def _begin(self) -> bool:
        """Read a frame's head, where there is one, and see whether it fits in with what came before it."""
        head = parse_frame_head(self._buffer)
        if head is None:
            return False
        if not head.opcode & CONTROL:
            self._fit(head)
        del self._buffer[: head.size]
        self._frame, self._left = head, head.length
        return True

    def _fit(self, head: FrameHead) -> None:
        if head.opcode:
            if self._opcode:
                raise WebSocketError(PROTOCOL_ERROR, "a message begins inside of another one")
            if head.compressed and self._inflater is None:
                raise WebSocketError(PROTOCOL_ERROR, "a message is compressed, which was not agreed on")
            self._opcode, self._compressed = head.opcode, head.compressed
        elif not self._opcode:
            raise WebSocketError(PROTOCOL_ERROR, "a continuation continues nothing")
        elif head.compressed:
            raise WebSocketError(
                PROTOCOL_ERROR, "a continuation says that it is compressed"
            )  # the first frame does (RFC 7692 §6)
        if not self._compressed and len(self._part) + head.length > self._limit:
            raise self._too_big()

    def _control(self, head: FrameHead) -> Control | Close | None:
        if len(self._buffer) < head.length:
            return None
        payload = self._take(head, head.length)
        self._frame = None
        if head.opcode != CLOSE:
            return Control(head.opcode, payload)
        close = parse_close(payload)
        self._end()
        return close

    def _data(self, head: FrameHead) -> str | bytes | None:
        """Take what there is of a data frame; the message where it is complete."""
        piece = self._take(head, min(self._left, len(self._buffer)))
        self._left -= len(piece)
        ends = not self._left
        if ends:
            self._frame = None
        if self._compressed:
            piece = self._inflate(piece, ends and head.fin)
        if ends and head.fin and not self._message and self._keep is None:
            return self._at_once(piece)
        if self._opcode == TEXT:
            self._check(piece, ends and head.fin)
        self._part += piece
        if not ends:
            return None
        if self._keep is not None:
            self._ask(self._keep, head)
        if not head.fin:
            return None
        message, wanted = bytes(self._message), self._kept or self._keep is None
        self._message.clear()
        self._kept = False
        if wanted:
            return self._whole(message)
        self._opcode = 0
        return None

    def _at_once(self, octets: bytes) -> str | bytes:
        """The usual case, a message that is here in one piece: it is neither copied nor looked through twice."""
        opcode, self._opcode = self._opcode, 0
        try:
            return octets.decode() if opcode == TEXT else octets
        except UnicodeDecodeError:
            raise _not_utf8() from None

    def _whole(self, octets: bytes) -> str | bytes:
        """The message of these octets; between messages again."""
        opcode, self._opcode = self._opcode, 0
        if opcode != TEXT:
            return octets
        # What is kept of a text that is not kept in all may begin or end inside of a character.
        return octets.decode() if self._keep is None else octets.decode(errors="replace")

    def _take(self, head: FrameHead, count: int) -> bytes:
        """Take octets of the payload out of the buffer, unmasked."""
        buffer = self._buffer
        octets = unmask(buffer if count == len(buffer) else buffer[:count], head.mask, head.length - self._left)
        del buffer[:count]
        return octets

    def _inflate(self, piece: bytes, ends: bool) -> bytes:
        assert self._inflater is not None
        room = self._limit - len(self._message) - (len(self._part) if self._keep is not None else 0)
        inflated = self._inflater.inflate(piece, room)
        if ends:
            inflated += self._inflater.finish(room - len(inflated))
        return inflated

    def _check(self, piece: bytes, ends: bool) -> None:
        try:
            self._checker.decode(piece, ends)
        except UnicodeDecodeError:
            raise _not_utf8() from None

    def _ask(self, keep: Keep, head: FrameHead) -> None:
        payload = bytes(self._part)
        self._part.clear()
        if keep(head.opcode, payload, head.fin):
            if len(self._message) + len(payload) > self._limit:
                raise self._too_big()
            self._kept = True
            self._message += payload

    def _too_big(self) -> WebSocketError:
        return WebSocketError(TOO_BIG, "a message is larger than is taken here")


def _not_utf8() -> WebSocketError:
    return WebSocketError(BAD_DATA, "a text is not UTF-8")
