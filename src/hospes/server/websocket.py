"""A websocket: what a connection becomes when a request is answered with one; messages to the receiver, and back.

    data_received ─▶ MessageReader ─▶ receiver.message, ping, pong ─▶ receiver.closed
    transport.write ◀── gathered ◀── send, close ◀── program

The states, and what moves a websocket on:

| state   | waits for                                     | at most             | then                        |
|---------|-----------------------------------------------|---------------------|-----------------------------|
| OPEN    | a sign of life                                | ping_interval       | sends a ping                |
|         | its pong, or any other octet                  | ping_timeout        | 1011, LINGER                |
| CLOSING | the peer's close, after ours                  | ping_timeout        | aborts                      |
| LINGER  | the peer's end, after a failure; reads blind  | timeouts.linger     | closes                      |
| CLOSED  | the transport's end                           | timeouts.linger     | aborts                      |
| GONE    | the program's end                             | timeouts.drain      | its task is cancelled       |
|         | octets to leave, in any state                 | timeouts.write_idle | aborts                      |

Laws:

* The timeouts of HTTP end with the handshake; every state has its own.
* What was sent in one turn of the loop leaves in one write. Beyond `queue` octets that the peer has not taken it ends with 1008.
* While the receiver pauses nothing is read, not even pongs: so nothing is asked either.
* A turn of the loop takes a bounded number of messages; what is left over waits, and with it the peer.
* `closed` is told in a turn of its own, so that nobody hears it inside of his own call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic
from typing import Final

from hospes.http.request import Connection as Ends
from hospes.http.websocket import Channel, WebSocketContent, binary
from hospes.limits import KiB, MiB
from hospes.server.service import LOG, Service
from hospes.server.supervision import NEVER, Patience, reset_at_close, unacknowledged
from hospes.wire.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Close,
    Control,
    Deflate,
    Deflater,
    Inflater,
    MessageReader,
    WebSocketError,
    close_payload,
    frame,
    frame_head,
)
from hospes.wire.websocket.closing import FAILURE, GOING_AWAY, NO_CLOSE, NO_CODE, POLICY
from hospes.wire.websocket.deflate import LEAST

OPEN: Final = 0
CLOSING: Final = 1
LINGER: Final = 2
CLOSED: Final = 3
GONE: Final = 4

MESSAGES_PER_TURN: Final = 256
"""Messages taken from one peer before other connections get their turn."""
SENT_PER_TURN: Final = 64
"""Messages sent before `drain` lets the loop have a turn, however quick the peer is."""
FLUSH: Final = 64 * KiB
"""Octets gathered before they are written within a turn."""
LOW: Final = 64 * KiB
"""Octets that may wait when `drain` returns."""
LINGERED: Final = 32 * MiB
"""Octets dropped while lingering, as in `hospes.server.connection`."""


class WebSocket(asyncio.Protocol):
    """One peer's websocket; a `hospes.http.websocket.Channel`.

    Args:
        service: What it shares with the server's other connections.
        transport: The connection's.
        ends: Who is connected with whom.
        content: What the handler answered.
    """

    __slots__ = (
        "_behind",
        "_blocked",
        "_content",
        "_deflater",
        "_discarded",
        "_ends",
        "_gathered",
        "_heard",
        "_held",
        "_is_over",
        "_over",
        "_patience",
        "_paused",
        "_pinged",
        "_reader",
        "_reading",
        "_receiver",
        "_room",
        "_scheduled",
        "_sent",
        "_service",
        "_state",
        "_task",
        "deadline",
        "transport",
        "unsent",
    )

    def __init__(self, service: Service, transport: asyncio.Transport, ends: Ends, content: WebSocketContent) -> None:
        self.transport = transport
        self._service = service
        self._ends = ends
        self._content = content
        receiver = self._receiver = content.receiver
        agreed = Deflate.parse(content.deflate) if content.deflate else None
        self._reader = MessageReader(
            content.options.message,
            Inflater(agreed) if agreed is not None else None,
            receiver.frame if receiver.wants_frames else None,
        )
        self._deflater = Deflater(agreed) if agreed is not None else None
        self._state = OPEN
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._is_over = False  # whether `closed` has been told, or is about to be
        # What comes in.
        self._reading = True  # whether the transport reads
        self._paused = False  # by the receiver
        self._behind = False  # messages are left for the next turn
        self._heard = monotonic()
        self._pinged = 0.0  # when a ping was sent that nothing has followed; else 0
        self._discarded = 0
        # What goes out.
        self._gathered: list[bytes] = []
        self._held = 0  # octets of it
        self._sent = 0  # messages of this turn
        self._scheduled = False
        self._blocked = False
        self._room: list[asyncio.Future[None]] = []
        self._patience = Patience(service.timeouts.write_idle)
        self.unsent = False
        self.deadline = NEVER

    def begin(self, octets: bytes, *, blocked: bool, ended: bool) -> None:
        """The connection is ours.

        Args:
            octets: What has come behind the handshake.
            blocked: Whether the peer is behind.
            ended: Whether it sends no more.
        """
        self._service.connections.add(self)
        if blocked:
            self.pause_writing()
        self._await_life()
        work = None
        try:
            work = self._receiver.opened(self._channel())
        except Exception:
            self.failed()
        if work is not None or self._content.clean_ups:
            self._task = self._service.spawn(self._run(work), self._content.context)
        if octets:
            self.data_received(octets)
        if ended:
            self.eof_received()
        elif self._service.draining:
            self.stop_if_idle(monotonic())

    async def _run(self, work: Awaitable[None] | None) -> None:
        """The program, until it and the websocket have ended."""
        error: BaseException | None = None
        try:
            if work is not None:
                await work
        except ConnectionError as raised:
            LOG.info("a websocket's program ended: %s", raised)
        except Exception as raised:
            error = raised
            self.failed()
        try:
            await self._over.wait()
        finally:
            try:
                await self._content.aclose(error)
            except Exception:
                LOG.exception("cleaning up after a websocket failed")
            finally:
                self._task = None
                if self._state == GONE:
                    self._service.connections.discard(self)
                    self._service.ending -= 1
                    self._service.on_lost()

    def failed(self) -> None:
        """The program has raised what is being handled."""
        LOG.exception("a websocket's program failed")
        self._fail(FAILURE, "")

    def _channel(self) -> Channel:
        """What the receiver gets."""
        return self

    def _become(self, state: int) -> None:
        self._state = state

    # What comes in.

    def data_received(self, data: bytes) -> None:
        if self._state < LINGER:
            self._heard = monotonic()
            self._reader.receive(data)
            if not (self._behind or self._paused):
                self._read_on()
        elif self._state == LINGER:
            self._discarded += len(data)
            if self._discarded > LINGERED:
                self._shut()

    def _read_on(self) -> None:
        """Take messages until there are no more, the receiver pauses, or others have waited for long enough."""
        self._behind = False
        reader, receiver = self._reader, self._receiver
        try:
            for _ in range(MESSAGES_PER_TURN):
                if self._paused or self._state >= LINGER:
                    return
                event = reader.next()
                if event is None:
                    return
                if self._state == CLOSING and type(event) is not Close:
                    continue  # we have said goodbye: nobody listens any more
                if type(event) is str or type(event) is bytes:
                    receiver.message(event)
                elif isinstance(event, Control):
                    self._take(event)
                elif isinstance(event, Close):
                    self._answer_close(event)
            self._behind = True
            self._service.driver.loop.call_soon(self._read_on)
        except WebSocketError as error:
            self._fail(error.code, error.reason)
        except Exception:
            self.failed()
        finally:
            self._set_reading()

    def _take(self, control: Control) -> None:
        if control.opcode == PONG:
            self._receiver.pong(control.payload)
        elif not self._receiver.ping(control.payload) and self._state == OPEN:
            self._put(frame_head(PONG, len(control.payload)), control.payload)

    def _answer_close(self, close: Close) -> None:
        if self._state == OPEN:  # with the peer's own code (§5.5.1)
            payload = b"" if close.code == NO_CODE else close_payload(close.code, "")
            self._put(frame_head(CLOSE, len(payload)), payload)
        self._end(*close)
        self._shut()

    def eof_received(self) -> bool:
        self._end(NO_CLOSE, "")
        if self._state < CLOSED:
            self._shut()
        return False

    @property
    def is_usual(self) -> bool:
        """Whether nothing is under way: what comes now begins with a frame, and may be given to the receiver."""
        return self._state == OPEN and self._reader.between and not (self._paused or self._behind)

    def pause(self) -> None:
        """Take no messages from the peer for now."""
        self._paused = True
        self._set_reading()

    def resume(self) -> None:
        """Take messages again."""
        if self._paused:
            self._paused = False
            self._heard = monotonic()
            if not self._behind:
                self._behind = True
                self._service.driver.loop.call_soon(self._read_on)

    def _set_reading(self) -> None:
        reading = self._state == LINGER or not (self._paused or self._behind)
        if reading != self._reading and self._state < CLOSED:
            self._reading = reading
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    # What goes out.

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._state != OPEN

    @property
    def waiting(self) -> int:
        """Octets that the peer has not taken yet."""
        return self._held + self.transport.get_write_buffer_size()

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message; see `Channel.send`.

        Raises:
            ConnectionError: where the websocket is closed.
        """
        if self._state != OPEN:
            raise _closed()
        opcode = BINARY
        if isinstance(message, str):
            opcode, payload = TEXT, message.encode()
        else:
            payload = binary(message)
        compressed = self._deflater is not None and len(payload) >= LEAST
        if compressed:
            assert self._deflater is not None
            payload = self._deflater.compress(payload)
        self._put(frame_head(opcode, len(payload), compressed=compressed), payload)

    def send_frame(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        """Send one frame; see `Channel.send_frame`. It is never compressed.

        Raises:
            ConnectionError: where the websocket is closed.
            ValueError: for a frame that the protocol does not allow, and for a close: `close` sends one.
        """
        if opcode == CLOSE:
            raise ValueError("a close frame is sent by close()")
        octets = frame(opcode, payload, fin=fin)
        if self._state != OPEN:
            raise _closed()
        self._put(octets, b"")

    async def drain(self) -> None:
        """Wait until the peer has taken most of what waits; let the loop have a turn now and then.

        Raises:
            ConnectionError: where the peer has gone meanwhile.
        """
        if self._sent >= SENT_PER_TURN:
            await asyncio.sleep(0)
        while self._blocked and self.waiting > LOW and self._state < CLOSED:
            room = self._service.driver.loop.create_future()
            self._room.append(room)
            await room
        if self._state >= LINGER:
            raise _closed()

    def _put(self, head: bytes, payload: bytes) -> None:
        """Gather a frame, to leave at the end of this turn of the loop at the latest."""
        if self.waiting > self._content.options.queue:
            self.too_much()
            return
        self._gather(head, payload)

    def too_much(self) -> None:
        """More waits than may."""
        self._fail(POLICY, "too much waits to be taken")

    def _gather(self, head: bytes, payload: bytes) -> None:
        self._gathered += (head, payload)
        self._held += len(head) + len(payload)
        self._sent += 1
        if self._held >= FLUSH:
            self._flush()
        if not self._scheduled:
            self._scheduled = True
            self._service.driver.loop.call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self._sent = 0
        self._flush()

    def _flush(self) -> None:
        gathered = self._gathered
        if gathered:
            octets = b"".join(gathered)
            gathered.clear()
            self._held = 0
            if self._state < CLOSED:
                self.transport.write(octets)

    def pause_writing(self) -> None:
        self._blocked = self.unsent = True
        self._patience.restart()

    def resume_writing(self) -> None:
        self._blocked = self.unsent = False
        self._wake()
        if self._state == OPEN:
            self._await_life()
        elif self._state != GONE:
            self.deadline = max(self.deadline, monotonic() + self._service.timeouts.linger)

    def _wake(self) -> None:
        room, self._room = self._room, []
        for each in room:
            if not each.done():
                each.set_result(None)

    # Supervision.

    def _await_life(self) -> None:
        interval = self._content.options.ping_interval
        self._pinged = 0.0
        self.deadline = monotonic() + interval if interval else NEVER

    def expire(self, now: float) -> None:
        """The deadline of the present state has passed."""
        if self._state == OPEN:
            self._look_for_life(now)
        elif self._state == LINGER:
            self._shut()
        elif self._state != GONE:
            self._drop()
        else:
            self.deadline = NEVER
            self._cancel()

    def _look_for_life(self, now: float) -> None:
        options = self._content.options
        if self._paused or self._behind:
            self.deadline = now + options.ping_interval
        elif self._pinged and self._heard <= self._pinged:
            self._fail(FAILURE, "no answer to a ping")
        elif self._heard + options.ping_interval > now:
            self._pinged = 0.0
            self.deadline = self._heard + options.ping_interval
        else:
            self._pinged = now
            self.deadline = now + options.ping_timeout
            self._put(frame_head(PING, 0), b"")

    def check_writing(self, now: float) -> None:
        """Abort where the peer has taken nothing for too long, or is still behind long after a goodbye."""
        seen = (self.transport.get_write_buffer_size(), unacknowledged(self.transport.get_extra_info("socket")))
        if self._patience.is_over(seen, now) or (self._state > OPEN and now >= self.deadline):
            self._drop()

    def stop_if_idle(self, since: float) -> None:
        """The server stops: say so. What the program does until the peer has answered is its affair."""
        self.close(GOING_AWAY, "the server stops")

    def abort(self) -> None:
        """End at once, the program too."""
        self._cancel()
        self._drop()

    def _drop(self) -> None:
        if self._state != GONE:
            self._become(CLOSED)
            reset_at_close(self.transport.get_extra_info("socket"))
            self.transport.abort()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # Ending.

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; see `Channel.close`.

        Raises:
            ValueError: for a code that may not be sent, and a reason of more than 123 octets.
        """
        payload = close_payload(code, reason)
        if self._state == OPEN:
            self._put(frame_head(CLOSE, len(payload)), payload)
            if self._state == OPEN:  # it may have been too much
                self._become(CLOSING)
            self.deadline = monotonic() + self._content.options.ping_timeout
            self.resume()

    def _fail(self, code: int, reason: str) -> None:
        """Close because something went wrong, and take nothing more (§7.1.7)."""
        if self._state >= LINGER:
            return
        if self._state == OPEN:
            payload = close_payload(code, reason)
            self._gather(frame_head(CLOSE, len(payload)), payload)
        self._become(LINGER)
        self._end(code, reason)
        self._flush()
        if self.transport.can_write_eof():  # TLS cannot
            with suppress(OSError):  # as of a connection that lingers
                self.transport.write_eof()
        self._set_reading()
        self.deadline = monotonic() + self._service.timeouts.linger

    def _shut(self) -> None:
        """Let what was written leave, and close."""
        self._flush()
        self._become(CLOSED)
        self.deadline = monotonic() + self._service.timeouts.linger
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._become(GONE)
        self.unsent = False
        self._end(NO_CLOSE, "")
        self._wake()
        service = self._service
        service.lost(self, self._ends.client.host)
        self.deadline = NEVER
        if self._task is not None:  # the supervision and a stop go on seeing to it
            service.ending += 1
            service.connections.add(self)
            self.deadline = monotonic() + service.timeouts.drain

    def _end(self, code: int, reason: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._service.driver.loop.call_soon(self._tell_end, code, reason)

    def _tell_end(self, code: int, reason: str) -> None:
        try:
            self._receiver.closed(code, reason)
        except Exception:
            LOG.exception("a websocket's program failed")
        finally:
            self._over.set()


def _closed() -> ConnectionError:
    return ConnectionError("the websocket is closed")
