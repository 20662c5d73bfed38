"""A connection in its large form: the portable carrier's state machine, for as long as a connection is not a usual one.

Laws:

* It is `hospes.server.Connection`, no other: whatever it answers, it answers as on the portable carrier.
* It begins in the middle of a connection, with the octets that the engine has received and not used, or with a request that
  the engine has read, and ends when the connection is idle again: then the engine goes on with it, and this object is dropped.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, ClassVar, cast

from hospes.engine import _core
from hospes.engine.websocket import EngineWebSocket
from hospes.execution import Handle
from hospes.http.bell import Bell
from hospes.http.content import ContentReader, Pieces
from hospes.http.request import Connection as Ends
from hospes.http.response import Response
from hospes.http.saving import Conduit
from hospes.server.connection import BUSY, CLOSED, HEAD, IDLE, Connection
from hospes.server.intake import Intake
from hospes.server.service import Service
from hospes.server.supervision import NEVER
from hospes.wire import RequestHead


class Guest(Connection):
    """The large form of a connection.

    Args:
        service: What it shares with the server's other connections.
        transport: The engine's transport for it.
        ends: What its requests share.
        served: Requests that it has had before.
    """

    __slots__ = ()

    websocket = EngineWebSocket
    bell: ClassVar[type[Bell]] = cast("type[Bell]", _core.Bell)
    pieces_of: ClassVar[type[Pieces]] = cast("type[Pieces]", _core.Pieces)
    conduit_of: ClassVar[type[Conduit]] = cast("type[Conduit]", _core.Conduit)

    def __init__(self, service: Service, transport: _core.Transport, ends: Ends, served: int) -> None:
        super().__init__(service)
        self.made = True
        self.transport = cast("asyncio.Transport", transport)
        self._ends = ends
        self._served = served
        self.deadline = monotonic() + service.timeouts.keep_alive
        service.connections.add(self)

    def refuse_address(self) -> None:
        """The peer's address has too many connections."""
        self._refuse(503, "too many connections from this address")

    def began(self, since: float) -> None:
        """The head of which a part is here began to come in then."""
        if self._state == HEAD:
            self.deadline = since + self._service.timeouts.header

    def end(self) -> None:
        """The last answer has been written, and the peer has asked for the connection's end."""
        self._close()

    def wait_for(self, head: RequestHead, handle: Handle, octets: bytes) -> None:
        """A request is under way: wait for `answered`.

        Args:
            head: The request.
            handle: To cancel it.
            octets: What has come behind it.
        """
        self._state = BUSY
        self._head = head
        self._handle = handle
        self.deadline = NEVER
        self._reader.receive(octets)

    def take_in(self, head: RequestHead, length: int, octets: bytes) -> ContentReader:
        """A request is here, and a part of its content: who calls this has it answered.

        Args:
            head: The request.
            length: Of its content.
            octets: The beginning of that.
        """
        service = self._service
        self._state = BUSY
        self._head = head
        self.deadline = NEVER
        intake = self._intake = Intake(self, self._reader, head, service.limits.body, service.timeouts)
        intake.begin(length, octets)
        return intake.content

    def wait(self, handle: Handle) -> None:
        """Its handler has begun, and waits."""
        self._handle = handle

    def answer(self, head: RequestHead, octets: bytes, response: Any, failure: BaseException | None) -> None:
        """A request has come to its end: answer it, and go on.

        Args:
            head: The request.
            octets: What has come behind it.
            response: What the handler gave.
            failure: What it raised.
        """
        self._state = BUSY
        self._head = head
        self.deadline = NEVER
        self._reader.receive(octets)
        self._answered(response, failure)

    def answered(self, response: Response | None, failure: BaseException | None) -> None:
        """The request that was waited for has come to its end."""
        self._answered(response, failure)

    def step_back(self) -> RequestHead | None:
        """Give the connection back before the answer, where that is all that is left of the request. Gives its head, or None."""
        head, intake = self._head, self._intake
        if type(head) is not _core.Head or self._state != BUSY or not (intake is None or intake.complete) or not self._rests:
            return None
        self._give_back()
        return head

    def _read_on(self) -> None:
        super()._read_on()
        if self._state == IDLE and self._rests:
            self._give_back()

    @property
    def _rests(self) -> bool:
        """Whether nothing of the connection is left here, besides a request."""
        return self._reader.untouched and not (  # the small form would forget the empty lines that have come
            self.unsent or self.blocked or self._eof or self._paused or self._sender
        )

    def _give_back(self) -> None:
        self._state = CLOSED
        self.deadline = NEVER
        self._service.connections.discard(self)
        cast("_core.Transport", self.transport).give_back(self._served)
