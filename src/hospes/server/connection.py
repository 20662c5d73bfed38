"""A connection: octets in, requests to the handler, answers out, in order, and nothing without a bound.

    data_received ─▶ RequestReader ─▶ Driver ─▶ handler
                                                   │
    transport.write ◀── gathered ◀── answered ◀────┘

The states, and what moves a connection on:

| state  | waits for                          | at most             | then                                             |
|--------|------------------------------------|---------------------|--------------------------------------------------|
| IDLE   | a request's first octet            | timeouts.keep_alive | closes                                           |
| HEAD   | the rest of a head                 | timeouts.header     | 408, LINGER                                      |
| DRAIN  | content that nobody read           | timeouts.linger     | closes                                           |
| BUSY   | the handler, or the answer's end   | –                   | IDLE, DRAIN, LINGER or CLOSED                    |
|        | content that the handler reads     | body_idle and _rate | the handler gets 408                             |
| LINGER | the peer's close; reads on, blind  | timeouts.linger     | closes                                           |
|        | or was answered with a websocket   | –                   | `hospes.server.websocket` goes on                |
| CLOSED | the transport's end                | timeouts.linger     | aborts                                           |
|        | octets to leave, in any state      | timeouts.write_idle | aborts                                           |

Laws:

* One request at a time. Those behind it wait in the wire reader, and beyond `PIPELINE` octets in the peer's own machine.
* Content is taken from the wire only while somebody reads it; beyond `HIGH_WATER` octets the peer has to wait.
* What was answered in one turn of the loop leaves in one write.
* Nothing is processed after a framing error (RFC 9112 §11.2). Before the connection is closed by our own decision the peer gets
  the time to read why (§9.6): closing with octets unread would send a reset, which may overtake the answer.
* A peer that half-closes gets the answers to all complete requests it has sent, unless a handler has to wait for something:
  then the peer counts as gone and the handler is cancelled, because a half-close cannot be told from a close. nginx does so, too.
* An answer is sent once, completely, or the connection is aborted.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import ClassVar, Final, cast

from hospes.errors import ClientDisconnected, HttpError, ProtocolError
from hospes.execution import Handle, call_on_loop
from hospes.http.bell import Bell
from hospes.http.content import FileContent, Pieces, Stream
from hospes.http.request import Connection as Ends
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent
from hospes.limits import KiB, MiB
from hospes.server.answers import answer_head, failed, hints_head, switching_head
from hospes.server.intake import DROPPED, Intake
from hospes.server.sending import FILE_AT_ONCE, IncompleteAnswerError, read_file, send_file, send_stream
from hospes.server.service import LOG, Service
from hospes.server.supervision import NEVER, Patience, reset_at_close, unacknowledged
from hospes.server.websocket import WebSocket
from hospes.wire import EndOfContent, RequestHead, RequestReader, ResponseFraming

IDLE: Final = 0
HEAD: Final = 1
DRAIN: Final = 2
BUSY: Final = 3  # below: another request may begin
LINGER: Final = 4
CLOSED: Final = 5

REQUESTS_PER_TURN: Final = 64
"""Pipelined requests answered before other connections get their turn."""
PIPELINE: Final = 64 * KiB
"""Octets that may wait behind a request before the connection stops reading."""
AT_ONCE: Final = 16 * KiB
"""Content of an answer that is not gathered any more: with `REQUESTS_PER_TURN` it bounds what a turn gathers."""
LINGERED: Final = 32 * MiB
"""Octets dropped while lingering: the default limit of content twice over, so that such a peer sees its 413."""
_NO_CONTENT: Final = frozenset({204, 205, 304})


class Connection(asyncio.Protocol):
    """One peer's connection.

    Args:
        service: What it shares with the server's other connections.
    """

    __slots__ = (
        "_discarded", "_ends", "_eof", "_file_under_way", "_gathered", "_gathering", "_handle", "_head", "_intake", "_patience",
        "_paused", "_reader", "_room", "_scheduled", "_sender", "_served", "_service", "_state", "_unsent_content", "answering",
        "blocked", "deadline", "held", "made", "sent", "transport", "unsent",
    )  # fmt: skip

    websocket: ClassVar[type[WebSocket]] = WebSocket
    bell: ClassVar[type[Bell]] = Bell
    pieces_of: ClassVar[type[Pieces]] = Pieces
    transport: asyncio.Transport
    _ends: Ends
    _head: RequestHead

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reader = RequestReader(service.limits)
        self._state = IDLE
        self._served = 0
        self._eof = False
        self._paused = False  # whether we stopped reading
        # The request under way.
        self._intake: Intake | None = None  # of its content, where it has any
        self._handle: Handle | None = None
        self._sender: asyncio.Task[None] | None = None
        self._unsent_content: Stream | FileContent | None = None  # whose sender has not begun
        self._file_under_way = False
        self._discarded = 0
        # What goes out.
        self._gathered: list[bytes] = []
        self._gathering = False  # whether this turn will flush
        self._scheduled = False
        self._room: asyncio.Future[None] | None = None
        self._patience = Patience(service.timeouts.write_idle)
        self.held = 0
        self.made = False
        """Whether there is a transport; not yet, while a TLS handshake is under way."""
        self.sent = 0
        self.answering = False
        self.blocked = False
        self.unsent = False
        self.deadline = NEVER

    # Life and death.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._state == CLOSED:  # abandoned
            self.transport.abort()
            return
        self.made = True
        # From the first octet that stays behind the peer is supervised, and nothing more is begun for it.
        self.transport.set_write_buffer_limits(high=1, low=0)
        self._ends = self._service.ends_of(self, transport, self.hint)
        self._service.connections.add(self)
        self.deadline = monotonic() + self._service.timeouts.keep_alive
        if not self._service.admit(self._ends.client.host):
            self._refuse(503, "too many connections from this address")

    def abandon(self) -> None:
        """It did not come to be; should it come all the same, it is not wanted any more."""
        self._state = CLOSED

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.made:
            return
        self._give_up()
        self.deadline = NEVER
        self.unsent = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        client = self._ends.client.host
        del self._ends  # it refers to this
        self._service.lost(self, client)

    def eof_received(self) -> bool:
        self._eof = True
        if self._state < BUSY:
            self._read_on()
        else:
            self._end_without_peer()
        # A TLS transport closes in any case; it only warns about True.
        return self._state < CLOSED and self._ends.scheme == "http"

    def hint(self, head: RequestHead, links: tuple[str, ...]) -> None:
        """Send Early Hints for the request with this head; see `hospes.http.connection.Hint`."""
        call_on_loop(self._service.driver.loop, self._hint, head, links)

    def _hint(self, head: RequestHead, links: tuple[str, ...]) -> None:
        if self._state == BUSY and head is self._head and not self.answering and not self.blocked:
            self.send(hints_head(links))

    def _end_without_peer(self) -> None:
        """The peer sends no more and is answered no more, by the laws above; but a file goes out without anybody's help."""
        if self._state == BUSY and self.answering:
            if not self._file_under_way:
                self.abort()
        elif self._state != CLOSED:
            self._close()

    def stop_if_idle(self, since: float) -> None:
        """The server stops: close if no request has been under way or coming in since then."""
        if self._state == IDLE and self.made and not self.unsent and self.deadline <= since + self._service.timeouts.keep_alive:
            self._close()

    def abort(self) -> None:
        """End at once, whatever is under way, with a reset: an answer without a length must not look complete."""
        if self.made:
            reset_at_close(self.transport.get_extra_info("socket"))
            self._give_up()
            self.transport.abort()

    # Supervision.

    def expire(self, now: float) -> None:
        """The deadline of the present state has passed."""
        if self._state == HEAD:
            self._refuse(408, "the request's head took too long")
        elif self._state == BUSY:
            if self._intake is not None:
                self._intake.expire()
        elif self._state != CLOSED:
            self._close()
        elif self.transport.get_write_buffer_size() or self._unacknowledged():
            self._supervise_writing()
        else:
            self.transport.abort()  # all has arrived, but TLS waits for the peer's goodbye

    def check_writing(self, now: float) -> None:
        """Abort where the peer has not taken an octet for too long."""
        if self._patience.is_over((self.sent, self.transport.get_write_buffer_size(), self._unacknowledged()), now):
            self.abort()

    def _unacknowledged(self) -> int:
        return unacknowledged(self.transport.get_extra_info("socket"))

    def _supervise_writing(self) -> None:
        self.unsent = True
        self._patience.restart()

    # Reading.

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state < BUSY:
            self._reader.receive(data)
            self._read_on()
        elif state == BUSY:
            self._receive_beside(data)
        elif state == LINGER:
            self._discarded += len(data)
            if self._discarded > LINGERED:
                self._close()

    def _read_on(self) -> None:
        """Take requests from the wire and have them answered, until one has to wait, or octets are wanting.

        The hot path of the whole carrier: what could be a method of its own and is not is here to save its call.
        """
        reader, service = self._reader, self._service
        before = self._served
        last: object = None
        idle = False
        self._gathering = True
        try:
            while self._state < BUSY and not self.blocked and not idle:
                if self._served - before == REQUESTS_PER_TURN:
                    service.driver.loop.call_soon(self._read_on)
                    break
                event = last = reader.next()
                if type(event) is RequestHead:
                    self._served += 1
                    self._state = BUSY
                    self._head = event
                    self.deadline = NEVER
                    content = None
                    if event.content_length is not None or event.chunked:
                        self._intake = Intake(self, reader, event, service.limits.body, service.timeouts)
                        content = self._intake.content
                    self._handle = service.driver.start(service.handler, Request(event, content, self._ends), self._answered)
                    idle = reader.idle
                elif event is None:
                    break
                else:
                    self._drop(cast("bytes | EndOfContent", event))
        except ProtocolError as error:
            if self._state == DRAIN:  # its answer is out already
                self._linger()
            else:
                self._refuse(error.status, error.reason)
        finally:
            self._gathering = False
        if self._gathered:
            self.flush()
        if idle and self._state == IDLE and not (self._eof or self._paused or service.draining):
            self.deadline = monotonic() + service.timeouts.keep_alive
        elif self._state < BUSY:
            self._wait_for_octets(before != self._served, idle or last is None)
        elif self._eof:
            self._end_without_peer()

    def _receive_beside(self, data: bytes) -> None:
        """Octets have come while a request is under way: its content, or requests behind it."""
        intake, reader = self._intake, self._reader
        if intake is not None and (intake.broken or intake.pour(data)):
            return
        reader.receive(data)
        if intake is not None and not intake.complete:
            intake.take()
            if intake.full:
                self.pause()
        if reader.buffered > PIPELINE:
            self.pause()

    def _wait_for_octets(self, begun: bool, empty: bool) -> None:
        """Set the timer of IDLE or HEAD; DRAIN has its own.

        Args:
            begun: Whether a request has begun since the timer was set.
            empty: Whether the wire has nothing more to give.
        """
        reader = self._reader
        if self._paused:
            if reader.buffered <= PIPELINE:
                self.resume()
        elif reader.buffered > PIPELINE:
            self.pause()
        if self._eof and empty and not self.blocked:
            self._end_of_input()
        elif self._state == DRAIN:
            pass
        elif reader.idle:
            if self._service.draining and not self.unsent:
                self._close()
                return
            self._state = IDLE
            self.deadline = monotonic() + self._service.timeouts.keep_alive
        elif begun or self._state == IDLE:
            self._state = HEAD
            self.deadline = monotonic() + self._service.timeouts.header

    def _end_of_input(self) -> None:
        try:
            self._reader.finish()
        except ProtocolError as error:
            if self._state != DRAIN:
                self._refuse(error.status, error.reason)
                return
        self._close()

    def pause(self) -> None:
        """Take no octets from the peer."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Take octets again."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def _drop(self, event: bytes | EndOfContent) -> None:
        """Content that nobody read, after its answer."""
        if isinstance(event, EndOfContent):
            self._intake, self._state = None, IDLE
            return
        self._discarded += len(event)
        if self._discarded > DROPPED:
            self._linger()

    # Answering.

    def _answered(self, response: Response | None, failure: BaseException | None) -> None:
        """The handler has come to an end."""
        self._handle = None
        if self._state != BUSY:
            self._service.discard(getattr(response, "content", None))
            return
        if not isinstance(response, Response):
            response = failed(self._head, response, failure)
        head, content, service = self._head, response.content, self._service
        is_file = type(content) is FileContent and content.length <= FILE_AT_ONCE
        if (
            not (is_file or type(content) is bytes)
            or (self._intake is not None and not self._intake.complete)
            or not head.keep_alive
            or head.minor != 1
            or head.method in {"HEAD", "CONNECT"}
            or response.status in _NO_CONTENT
            or self._served == service.limits.requests_per_connection
            or service.draining
        ):
            self._answer(response)
            return
        try:
            if response.plain:
                prefix = service.prefixes.head(response.status, response.content_type)
            else:
                prefix = service.prefixes.head_with(response.status, response.lines())
        except Exception:  # a field that is not for the program to decide, or may not be sent: then that is said
            self._answer(response)
            return
        if is_file:
            try:
                content = read_file(cast(FileContent, content))
            except Exception as error:
                self._answer(failed(head, None, error))
                return
        octets = cast(bytes, content)
        self._intake = None
        self._gathered.append(b"%b%d\r\n\r\n%b" % (prefix, len(octets), octets))
        self._state = IDLE
        if not self._gathering:
            self._read_on()
        elif len(octets) > AT_ONCE:
            self.flush()

    def _answer(self, response: Response) -> None:
        """Any answer."""
        content = response.content
        try:
            if isinstance(content, WebSocketContent):
                self._switch(response, content)
                return
            octets, framing = self._frame(response)
            if framing.send_content and type(content) is FileContent and content.length <= FILE_AT_ONCE:
                content = read_file(content)
        except Exception as error:  # a field that may not be sent, a file that cannot be read, a handshake that is none
            self._service.discard(content)
            response = failed(self._head, None, error)
            octets, framing = self._frame(response)
            content = response.body
        self.answering = True
        if isinstance(content, bytes):
            self.send(octets + content if framing.send_content else octets)
            self._finished(framing.close)
        elif not framing.send_content:
            self._service.discard(content)
            self.send(octets)
            self._finished(framing.close)
        else:
            if isinstance(content, FileContent):
                self._file_under_way = True
                self._supervise_writing()
            self._unsent_content = content
            self._sender = self._service.spawn(self._send(octets, content, framing))

    def _switch(self, response: Response, content: WebSocketContent) -> None:
        """Hand the connection over to a websocket, with the octets that have come behind the request."""
        websocket = self.websocket(self._service, self.transport, self._ends, content)
        self._gathered.append(switching_head(response, self._head, self._service.prefixes.date()))
        self.flush()
        self._state = CLOSED
        self.deadline = NEVER
        self._service.connections.discard(self)
        self.transport.set_protocol(websocket)
        self.resume()
        websocket.begin(self._reader.take_rest(), blocked=self.blocked, ended=self._eof)

    def _frame(self, response: Response) -> tuple[bytes, ResponseFraming]:
        service = self._service
        keep_alive = (
            self._head.keep_alive
            and self._served < service.limits.requests_per_connection
            and not service.draining
            and (self._intake is None or self._intake.droppable(isinstance(response.content, Stream)))
        )
        return answer_head(response, self._head, keep_alive, service.prefixes.date())

    async def _send(self, octets: bytes, content: Stream | FileContent, framing: ResponseFraming) -> None:
        complete = False
        self._unsent_content = None
        try:
            if isinstance(content, Stream):
                await send_stream(self, octets, content, framing)
            else:
                await send_file(self, octets, content)
            complete = True
        except (ConnectionError, ClientDisconnected, HttpError) as error:
            LOG.info("%s %s: the answer broke off: %s", self._head.method, self._head.path, error)
        except IncompleteAnswerError as error:
            LOG.error("%s %s: the answer broke off: %s", self._head.method, self._head.path, error)
        except Exception:
            LOG.exception("%s %s: the answer broke off", self._head.method, self._head.path)
        finally:
            self._sender = None
            self._file_under_way = False
            if complete and self._state == BUSY:
                self.unsent = self.blocked
                # The next request is not begun from here: its handler would be driven in a task inside of this one.
                self._gathering = True
                self._finished(framing.close)
                self._gathering = False
                self._service.driver.loop.call_soon(self._read_on)
            elif self._state != CLOSED:
                self.abort()

    def _finished(self, close: bool) -> None:
        """The answer has been written: what becomes of the connection."""
        intake, self.answering = self._intake, False
        if intake is not None and intake.complete:
            intake = self._intake = None
        if close or (intake is not None and intake.broken):
            # Who asked for the close sends no more, as a rule; who did not may have sent more already.
            if intake is None and not self._head.keep_alive and not self._reader.buffered:
                self._close()
            else:
                self._linger()
            return
        if intake is None:
            self._state = IDLE
        else:
            self._state = DRAIN
            self._discarded = 0
            self._reader.body_limit = None
            self.deadline = monotonic() + self._service.timeouts.linger
            intake.content.fail(RuntimeError("this request has been answered; what was not read of its content is gone"))
        if not self._gathering:
            self._read_on()

    # Writing.

    def put(self, octets: bytes) -> None:
        """Gather octets of a stream; they leave at the end of this turn of the loop at the latest."""
        self._gathered.append(octets)
        self.held += len(octets)
        if not self._scheduled:
            self._scheduled = True
            self._service.driver.loop.call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def send(self, octets: bytes) -> None:
        """Send octets, together with what else is sent in this turn."""
        self._gathered.append(octets)
        if not self._gathering:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered, at once."""
        gathered = self._gathered
        if not gathered:
            return
        octets = gathered[0] if len(gathered) == 1 else b"".join(gathered)
        gathered.clear()
        self.held = 0
        if self._state != CLOSED:
            self.transport.write(octets)

    async def room(self) -> None:
        """Wait until the peer has taken what was written; give the loop a turn in any case."""
        if not self.blocked:
            await asyncio.sleep(0)
        while self.blocked and self._state != CLOSED:
            self._room = self._service.driver.loop.create_future()
            await self._room

    def pause_writing(self) -> None:
        self.blocked = True
        self._supervise_writing()

    def resume_writing(self) -> None:
        self.blocked = False
        self.unsent = self._file_under_way
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if self._state < BUSY:
            if self._state == HEAD:
                self._state = IDLE  # its time starts anew
            self._service.driver.loop.call_soon(self._read_on)
        elif self._state != BUSY:
            self.deadline = monotonic() + self._service.timeouts.linger
        elif self._intake is not None:
            self._intake.restart_clock()

    # Ending.

    def _refuse(self, status: int, reason: str) -> None:
        """Answer by ourselves, and take nothing more."""
        self.send(self._service.refuse(self._ends.client, status, reason))
        self._linger()

    def _linger(self) -> None:
        """No more answers: tell the peer so, and read on blindly until it has understood (RFC 9112 §9.6)."""
        self.flush()
        if self._eof:
            self._close()
            return
        self._state = LINGER
        self._discarded = 0
        self.deadline = monotonic() + self._service.timeouts.linger
        if self.transport.can_write_eof():  # TLS cannot
            with suppress(OSError):  # the peer has gone, with octets of it unread: who reads on learns it
                self.transport.write_eof()
        self.resume()

    def _close(self) -> None:
        """Let what was written leave, and close."""
        self.flush()
        self._give_up()
        self.deadline = monotonic() + self._service.timeouts.linger
        self.transport.close()

    def _give_up(self) -> None:
        """End what is under way, because its peer has gone or is to go."""
        self._state = CLOSED
        handle, sender, self._handle, self._sender = self._handle, self._sender, None, None
        if self._intake is not None:
            self._intake.content.fail(ClientDisconnected("the peer has gone"))
        if self._unsent_content is not None:
            self._service.discard(self._unsent_content)
            self._unsent_content = None
        # Once only: a second cancellation would break into their cleaning up.
        if handle is not None:
            handle.cancel()
        if sender is not None:
            sender.cancel()
