"""A server: listens, has its connections looked after, and stops in order.

Laws:

* `start` either listens or raises, and leaves nothing behind then.
* `stop` ends within the drain time and a second: accepting ends, idle connections close, requests under way finish with answers
  that say `Connection: close`, and what is left then is aborted, its handlers cancelled.
* Nothing is shared between servers: several run in one process, and on one loop.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hospes.errors import SetupError
from hospes.execution import Driver
from hospes.http.handler import Handler
from hospes.limits import Limits, Timeouts
from hospes.server.carriers import Carrier, make_carrier
from hospes.server.listening import UnixSocket, open_tcp, open_unix
from hospes.server.service import LOG, Service
from hospes.server.tls import Tls

if TYPE_CHECKING:
    import ssl
    from socket import socket

_CANCELLED: Final = 1.0
"""Seconds that cancelled handlers get to clean up, after the drain time."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how a server serves.

    Args:
        host: Name or address to listen on; this machine alone by default, "" for all interfaces.
        port: TCP port, 8080 by default; 0 takes one that is free.
        unix: A unix socket to listen on instead of host and port.
        tls: Certificate and key, or an `ssl.SSLContext` of your own; plain HTTP by default.
        limits: What a peer may send.
        timeouts: How long a peer is waited for.
        backlog: Connections that the kernel holds until they are taken, 2,048 by default.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    unix: UnixSocket | None = None
    tls: Tls | ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    backlog: int = 2048


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop came to."""

    finished: int
    """Connections with a request under way that ended in order."""
    aborted: int
    """Connections that were cut off when the time was over."""


class Server:
    """Serves a handler.

    Args:
        handler: What answers requests.
        options: Where and how; on 127.0.0.1:8080 by default.
    """

    def __init__(self, handler: Handler, options: ServerOptions | None = None) -> None:
        self.options = options if options is not None else ServerOptions()
        self.address: tuple[str, int] = ("", 0)
        """Host and port that are listened on, once started; a unix socket's path and 0."""
        self._handler = handler
        self._context: ssl.SSLContext | None = None
        self._service: Service | None = None
        self._carrier: Carrier | None = None
        self._stopping: asyncio.Task[Stopped] | None = None

    @property
    def url(self) -> str:
        """The URL to reach the server at, without a path; a unix socket's as `unix:PATH`."""
        if self.options.unix is not None:
            return f"unix:{self.address[0]}"
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        return f"{'http' if self.options.tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return self._carrier.connections if self._carrier is not None else 0

    async def start(self) -> None:
        """Listen, and serve from now on, on the running loop.

        Raises:
            SetupError: if the address cannot be listened on, or the certificate cannot be used.
        """
        if self._service is not None:
            raise SetupError("this server has been started already", remedy="Make another Server.")
        options = self.options
        if isinstance(options.tls, Tls):
            self._context = options.tls.context()
        else:
            self._context = options.tls
        sockets = self._open()
        service = self._service = Service(self._handler, options.limits, options.timeouts, Driver())
        self._carrier = make_carrier(service, sockets, self._context)
        await self._carrier.start()

    def _open(self) -> list[socket]:
        options = self.options
        if options.unix is not None:
            self.address = (options.unix.path, 0)
            return [open_unix(options.unix, options.backlog)]
        sockets = open_tcp(options.host, options.port, options.backlog)
        self.address = sockets[0].getsockname()[:2]
        return sockets

    def reload_tls(self) -> None:
        """Read certificate and key again; connections from now on see what the files hold now.

        Raises:
            SetupError: if they cannot be used; the ones before stay in place. Or if there is nothing to read again.
        """
        if self._context is None or not isinstance(self.options.tls, Tls):
            raise SetupError("this server has no certificate files to read again", remedy="Give it tls=Tls(cert, key).")
        self.options.tls.load(self._context)

    async def stop(self, drain: float | None = None) -> Stopped:
        """Stop in order. A second call waits for the first; with `drain=0` it ends what is left at once.

        Args:
            drain: Seconds for requests under way; `timeouts.drain` by default.
        """
        if self._carrier is None:
            return Stopped(0, 0)
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(self.options.timeouts.drain if drain is None else drain))
        elif drain == 0:
            self._carrier.abort()
        return await asyncio.shield(self._stopping)

    async def _stop(self, drain: float) -> Stopped:
        service, carrier = self._service, self._carrier
        assert service is not None
        assert carrier is not None
        service.draining = True
        await carrier.stop_accepting()
        self._remove_path()
        carrier.stop_idle()
        await asyncio.sleep(0)
        busy = carrier.connections
        gone = asyncio.Event()
        service.on_lost = lambda: None if carrier.connections else gone.set()
        if carrier.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), drain)
        aborted = carrier.abort()
        try:
            await asyncio.wait_for(service.settle(), _CANCELLED)
        except TimeoutError:
            LOG.warning("%d handlers did not end when they were cancelled", len(service.driver.running))
        carrier.end()
        service.driver.close()
        await asyncio.sleep(0)  # uvloop closes descriptors one turn after it has told of a connection's end
        return Stopped(busy - aborted, aborted)

    def _remove_path(self) -> None:
        if self.options.unix is not None:
            import os

            with suppress(FileNotFoundError):
                os.unlink(self.options.unix.path)
