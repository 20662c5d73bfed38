"""The engine as a server's carrier: what it does with the loop, the log and the clock.

Laws:

* A loop of `hospes.engine.loop` has the engine wait in its place. Any other one watches the engine's epoll descriptor, the only
  one of its descriptors, and lets go of it before it is closed.
* A connection is looked after by the engine in its small form, and by the portable carrier's supervision in its large one.
* Beyond the limit of connections, or out of descriptors, accepting waits, by the rules of `hospes.server.listening`.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from socket import AF_UNIX, socket
from time import monotonic
from typing import Final

from hospes.engine import _core
from hospes.engine.guest import Guest
from hospes.engine.loop import Loop
from hospes.errors import ClientDisconnected, ProtocolError
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
        self._greeted: set[asyncio.Task[None]] = set()
        if service.trust is not None:
            self._engine.greet_with(self._greet)

    @property
    def connections(self) -> int:
        """Connections that are open, and those whose program has not come to its end."""
        return self._engine.connections + self._service.ending

    async def start(self) -> None:
        """Take connections, and look after them."""
        self._service.on_lost = self._lost
        self._engine.listen([sock.fileno() for sock in self._sockets], self._address())
        if not (isinstance(self._loop, Loop) and self._loop.begin_turns(self._engine)):
            self._loop.add_reader(self._engine.fileno(), self._engine.poll)
        self._supervisor.start()
        self._look()

    async def stop_accepting(self, quiet: float) -> None:
        """Take those that the kernel holds, then no more, and close what was listened on."""
        self._service.on_lost = _nothing
        self._engine.accept_rest(SWEEPS)
        self._engine.accept_off()
        self._stop_retry()
        for sock in self._sockets:
            sock.close()
        if self._greeted:
            await asyncio.wait(self._greeted, timeout=quiet)
            for task in tuple(self._greeted):
                task.cancel()
        if self._greeted:
            await asyncio.wait(self._greeted)

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
        if not (isinstance(self._loop, Loop) and self._loop.end_turns(self._engine)):
            self._loop.remove_reader(self._engine.fileno())
        self._engine.close()

    def _greet(self, descriptor: int) -> None:
        """A connection has come whose peer may be a proxy, which says whose it is before anything else."""
        sock = socket(fileno=descriptor)
        sock.setblocking(False)
        task = self._loop.create_task(self._hear(sock))
        self._greeted.add(task)
        task.add_done_callback(partial(self._heard, sock))

    async def _hear(self, sock: socket) -> None:
        trust = self._service.trust
        assert trust is not None
        try:
            told = await trust.hear(sock, self._service.timeouts.header)
        except (OSError, ClientDisconnected, ProtocolError) as error:
            LOG.debug("a connection did not come to be: %s", error)
        else:
            self._engine.adopt(sock.detach(), told)

    def _heard(self, sock: socket, task: asyncio.Task[None]) -> None:
        """Clean up; as a callback, for a task that is cancelled early runs nothing of its own."""
        self._greeted.discard(task)
        if sock.fileno() >= 0:
            sock.close()
            self._engine.forsake()

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
            self._stop_retry()
            self._retry = self._loop.call_later(_RETRY, self._engine.accept_on)

    def _stop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _lost(self) -> None:
        """A connection has gone."""
        self._engine.accept_on()


def _nothing() -> None:
    pass
