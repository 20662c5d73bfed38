"""A request's content on its way from the wire to whoever reads it.

Laws:

* Content stays in the wire reader until somebody reads it, because only the reader of a route knows its limit; what is complete
  and within the usual limit is handed over at once.
* `100 Continue` is sent once, when somebody reads and nothing has come, and never after the answer has begun (RFC 9110 §10.1.1).
* Time counts against the peer only while somebody waits for it, never while we keep it waiting.
* When content breaks off, by the peer's mistake or by a timeout, its reader gets the error, and the connection takes no more.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, cast

from hospes.errors import HttpError, ProtocolError
from hospes.http.bell import Bell
from hospes.http.content import HIGH_WATER, ContentReader, Pieces
from hospes.limits import KiB, Timeouts
from hospes.server.supervision import NEVER
from hospes.wire import CONTINUE, EndOfContent, RequestHead, RequestReader

if TYPE_CHECKING:
    from hospes.http.saving import Conduit

DROPPED: Final = 256 * KiB
"""Octets of unread content that are taken and dropped to keep a connection; more would cost more than a new connection."""
WHOLE: Final = 2 * HIGH_WATER
"""Octets that are given on as they came; of more the wire reader gives pieces, so that what waits stays bounded."""


class Peer(Protocol):
    """The side of a connection that an intake sees."""

    deadline: float
    answering: bool
    """Whether the answer has begun."""
    bell: ClassVar[type[Bell]]
    """What whoever reads content waits on."""
    pieces_of: ClassVar[type[Pieces]]
    """How it is given to whoever asks for piece after piece."""

    def send(self, octets: bytes) -> None:
        """Send octets between two answers."""

    def pause(self) -> None:
        """Keep the peer waiting."""

    def resume(self) -> None:
        """Take octets again, if they were not taken."""


class Intake:
    """Takes in the content of one request.

    Args:
        peer: The connection.
        reader: Its wire reader, which has given `head` and nothing since.
        head: The request.
        limit: Octets of content that are taken, unless the content's reader lifts it.
        timeouts: `body_idle` and `body_rate`.
    """

    __slots__ = (
        "_dry",
        "_expects",
        "_peer",
        "_reader",
        "_timeouts",
        "_waited",
        "_wanted",
        "_wanted_since",
        "bell",
        "broken",
        "complete",
        "conduit_of",
        "content",
        "pieces_of",
    )

    def __init__(self, peer: Peer, reader: RequestReader, head: RequestHead, limit: int, timeouts: Timeouts) -> None:
        self._peer = peer
        self._reader = reader
        self._timeouts = timeouts
        self._expects = head.expect_continue
        self.bell = peer.bell
        self.pieces_of = peer.pieces_of
        self.conduit_of: type[Conduit] | None = getattr(peer, "conduit_of", None)  # the engine's have one
        self._dry = False  # whether the wire reader has nothing to give
        self._wanted = False  # whether somebody has begun to read
        self._wanted_since = 0.0  # since when somebody waits; 0: nobody does
        self._waited = 0.0
        self.complete = False
        """Whether the wire is beyond the content."""
        self.broken = False
        """Whether it broke off."""
        length = head.content_length
        self.content = ContentReader(self, length, limit)
        if length is not None and length <= limit and reader.buffered >= length:  # it is all here: nobody needs to wait for it
            self.complete = True
            self.content.feed(reader.take_content(length))
            self.content.end([])

    def begin(self, length: int, octets: bytes) -> None:
        """The head came another way, and with it these octets of a content that has more of them."""
        self._reader.await_content(length, len(octets))
        self._dry = True
        self.content.feed(octets)

    @property
    def full(self) -> bool:
        """Whether its reader is behind."""
        return self.content.buffered >= HIGH_WATER

    def want_content(self) -> None:
        """Somebody reads: take content from the wire, and from the peer."""
        if self.complete or self.broken:
            return
        content, peer, reader = self.content, self._peer, self._reader
        self._wanted = True
        if not self._dry and not self._move():
            if not self.broken:
                peer.resume()
            return
        if self._expects:
            self._expects = False
            if not content.received and not reader.buffered and not peer.answering:
                peer.send(CONTINUE)
        if not content.buffered:
            self._wanted_since = monotonic()
            peer.deadline = self._wanted_since + self._timeouts.body_idle
        if content.buffered < HIGH_WATER:
            peer.resume()

    def pour(self, octets: bytes) -> bool:
        """Octets have come: give them to the content's reader as they are. False where the wire reader has to look at them."""
        if not self._wanted or self.broken or len(octets) > WHOLE or not self._reader.pass_by(len(octets)):
            return False
        content = self.content
        if not self.account(len(octets)):
            return True
        if content.received + len(octets) == content.declared:
            content.feed(octets)
            self.passed()
            return True
        content.feed(octets, at_once=True)
        if content.buffered >= HIGH_WATER:  # then it is still read by somebody, and he is behind
            self._peer.pause()
        return True

    def passed(self) -> None:
        """The last octets have come, and have passed by the wire reader: it is to find the end."""
        self._dry = False
        self._move()

    def take(self) -> None:
        """The wire reader has received octets."""
        self._dry = False
        if not self._wanted or self.broken:
            return
        content = self.content
        had = content.received
        self._move()
        if content.received > had:
            self.account(0)

    def expire(self) -> None:
        """The peer has kept its reader waiting too long."""
        self._break_off(HttpError(408, "The request's content took too long"))

    def restart_clock(self) -> None:
        """We have kept the peer from sending: its time starts anew."""
        if self._wanted_since:
            self._wanted_since = monotonic()
            self._peer.deadline = self._wanted_since + self._timeouts.body_idle

    def droppable(self, streams: bool) -> bool:
        """Whether what is left is little enough to be dropped after the answer.

        Args:
            streams: Whether the answer is made while it is sent, and may still read the content.
        """
        if self.complete:
            return True
        if self.broken:
            return False
        if self._expects:
            return False  # RFC 9110 §10.1.1: without 100 the peer may send the content or not, and nobody could tell
        content = self.content
        if content.declared is None or (streams and self._wanted):
            return True  # it shows when it comes
        return content.declared - content.received + content.buffered <= DROPPED

    def _move(self) -> bool:
        """Move content from the wire to its reader, as much as may wait there; False when that was the last of it."""
        content, reader = self.content, self._reader
        reader.body_limit = content.limit
        try:
            while content.buffered < HIGH_WATER:
                event = reader.next()
                if event is None:
                    self._dry = True
                    return True
                if type(event) is EndOfContent:
                    self.complete = True
                    self._wanted_since = 0.0
                    self._peer.deadline = NEVER
                    content.end(event.trailers)
                    return False
                content.feed(cast(bytes, event))
        except ProtocolError as error:
            self._break_off(HttpError(error.status, error.reason))
            return False
        return True

    def account(self, coming: int) -> bool:
        """Count how long the reader had to wait; False for too little in too long, which is a slow-body attack.

        Args:
            coming: Octets that are here and have not been given to the content yet.
        """
        if not self._wanted_since:
            return True
        self._waited += monotonic() - self._wanted_since
        self._wanted_since = 0.0
        self._peer.deadline = NEVER
        timeouts = self._timeouts
        if self._waited > timeouts.body_idle and self.content.received + coming < self._waited * timeouts.body_rate:
            self._break_off(HttpError(408, "The request's content comes too slowly"))
            return False
        return True

    def _break_off(self, error: HttpError) -> None:
        self.broken = True
        self._peer.deadline = NEVER
        self._peer.pause()
        self.content.fail(error)
