"""The engine as a server's carrier: what it does with the loop, the log and the clock.

Laws:

* The engine's epoll descriptor is the only one of its descriptors that the loop watches, and is taken off before it is closed.
* A connection is looked after by the engine in its small form, and by the portable carrier's supervision in its large one.
* Beyond the limit of connections, or out of descriptors, accepting waits, by the rules of `hospes.server.listening`.
"""

from __future__ import annotations

import asyncio
import os
from socket import AF_UNIX, socket
from time import monotonic
from typing import Final

from hospes.engine import _core
from hospes.engine.guest import Guest
from hospes.http.request import Address
from hospes.server.listening import SWEEPS, capacity
from hospes.server.service import LOG, Service
from hospes.server.supervision import Supervisor, interval

_RETRY: Final = 0.25
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104


class EngineCarrier:
    """The compiled carrier.

    Args:
        service: What the connections share.
        sockets: Where they come from.
    """

    def __init__(self, service: Service, sockets: list[socket]) -> None:
        self._service = service
        self._sockets = sockets
        self._loop = service.driver.loop
        self._most = capacity(service.limits.connections)
        self._engine = _core.Engine(service, Guest, self._most, self._full)
        self._supervisor = Supervisor(self._loop, service.connections, interval(service.timeouts))
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Connections that are open, and those whose program has not come to its end."""
        return self._engine.connections + self._service.ending

    async def start(self) -> None:
        """Take connections, and look after them."""
        self._service.on_lost = self._lost
        self._engine.listen([sock.fileno() for sock in self._sockets], self._address())
        self._loop.add_reader(self._engine.fileno(), self._engine.poll)
        self._supervisor.start()
        self._look()

    async def stop_accepting(self, quiet: float) -> None:
        """Take those that the kernel holds, then no more, and close what was listened on."""
        self._service.on_lost = _nothing
        self._engine.accept_rest(SWEEPS)
        self._engine.accept_off()
        if self._retry is not None:
            self._retry.cancel()
        for sock in self._sockets:
            sock.close()

    def stop_idle(self, since: float) -> None:
        """Close the connections that have had no request under way since then."""
        self._engine.stop_idle(since)
        for connection in tuple(self._service.connections):
            connection.stop_if_idle(since)

    def abort(self) -> int:
        """End all connections at once; gives how many there were."""
        left = self._engine.connections
        self._engine.abort()
        for connection in tuple(self._service.connections):
            connection.abort()
        return left

    def end(self) -> None:
        """Leave nothing on the loop."""
        self._supervisor.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._engine.fileno())
        self._engine.close()

    def _address(self) -> Address | None:
        """The server's end of every connection, where there is but one."""
        if len(self._sockets) != 1:
            return None
        sock = self._sockets[0]
        name = sock.getsockname()
        if sock.family == AF_UNIX:
            return Address(name if isinstance(name, str) else os.fsdecode(name), 0)
        return Address(name[0], name[1]) if name[0] not in _EVERYWHERE else None

    def _look(self) -> None:
        """See to those that have been idle for too long."""
        timeouts = self._service.timeouts
        self._timer = self._loop.call_later(interval(timeouts), self._look)
        self._engine.expire(monotonic(), timeouts.keep_alive)

    def _full(self, error: int, first: bool) -> None:
        """The engine takes no more connections: the limit, or the system says so."""
        if first and error:
            LOG.warning("accepting waits: the system gives no more connections (%s)", os.strerror(error))
        elif first:
            LOG.warning("accepting waits: %d connections are open, which is the limit", self._most)
        if error:
            self._retry = self._loop.call_later(_RETRY, self._engine.accept_on)

    def _lost(self) -> None:
        """A connection has gone."""
        self._engine.accept_on()


def _nothing() -> None:
    pass
