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
from math import inf
from time import monotonic
from types import NoneType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from hospes.errors import SetupError, check_kind
from hospes.execution import Driver
from hospes.http.handler import Handler
from hospes.limits import Limits, Timeouts
from hospes.server.access import AccessLog, AccessWriter
from hospes.server.carriers import Carrier, make_carrier
from hospes.server.listening import UnixSocket
from hospes.server.places import Listening, Place, address_of, listen_at, url_of
from hospes.server.proxies import Proxies, Trust
from hospes.server.service import LOG, Service
from hospes.server.tls import Tls
from hospes.warming import warm

if TYPE_CHECKING:
    import ssl

_LOOK: Final = 0.05
"""Seconds between two looks for connections that have been quiet for long enough."""
_CANCELLED: Final = 1.0
"""Seconds that cancelled handlers get to clean up, after the drain time."""


_KINDS: Final = (
    ("host", (str,), '"127.0.0.1", port=8080'),
    ("limits", (Limits,), "Limits(body=50 * MiB)"),
    ("timeouts", (Timeouts,), "Timeouts(keep_alive=60)"),
    ("access_log", (AccessLog, NoneType), 'AccessLog("access.log")'),
    ("proxies", (Proxies, NoneType), 'Proxies(trusted=("127.0.0.1",))'),
    ("unix", (UnixSocket, NoneType), 'UnixSocket("app.sock")'),
)
"""Options of a kind of their own, and how one is written."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how a server serves.

    Args:
        host: Name or address to listen on; this machine alone by default, "" for all interfaces.
        port: TCP port, 8080 by default; 0 takes one that is free.
        unix: A unix socket to listen on instead of host and port.
        access_log: How answers are logged; by default they are not.
        proxies: Peers that speak for others; nobody by default.
        bind: Places to listen at instead of all those, any number of them; see `hospes.server.places`.
        tls: Certificate and key, or an `ssl.SSLContext` of your own; plain HTTP by default.
        limits: What a peer may send.
        timeouts: How long a peer is waited for.
        backlog: Connections that the kernel holds until they are taken, 2,048 by default.
        unready: Seconds at stop in which connections are still taken, while `/readyz` says no already; 0 by default. Where a load
            balancer asks there, it is to have noticed by then.

    Raises:
        SetupError: for a port that is none, and for an option of another kind.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    unix: UnixSocket | None = None
    tls: Tls | ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    backlog: int = 2048
    bind: tuple[Place, ...] = ()
    unready: float = 0.0
    access_log: AccessLog | None = None
    proxies: Proxies | None = None

    def __post_init__(self) -> None:
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise SetupError(f"port={self.port!r} is no port", remedy="Give a number of 0 to 65535; 0 takes one that is free.")
        if not (self.tls is None or isinstance(self.tls, Tls) or hasattr(self.tls, "wrap_bio")):
            raise SetupError(f"tls={self.tls!r} is no TLS", remedy='Give Tls("cert.pem", "key.pem"), or an ssl.SSLContext.')
        for name, kind, example in _KINDS:
            check_kind(f"{name}={{}}", getattr(self, name), kind, example)
        check_kind("bind={}", self.bind, (tuple, list), '("127.0.0.1:8080",)')
        for place in self.bind:
            check_kind("bind=({},)", place, (str, UnixSocket), '"127.0.0.1:8080"')
        if type(self.backlog) is not int or self.backlog < 1:
            raise SetupError(f"backlog={self.backlog!r} is no number of connections", remedy="Give 1 or more.")
        if type(self.unready) not in (int, float) or not 0 <= self.unready < inf:
            raise SetupError(f"unready={self.unready!r} is no time", remedy="Give seconds, 0 for none.")

    @property
    def is_plain(self) -> bool:
        """Whether connections are not encrypted."""
        return self.tls is None

    @property
    def places(self) -> tuple[Place, ...]:
        """Where to listen; none where host and port say it, or whoever started this process."""
        return self.bind or ((self.unix,) if self.unix is not None else ())


class Stopped(Struct, frozen=True):
    """What a stop came to."""

    finished: int
    """Connections in use, with a request under way as a rule, that ended in order."""
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
        """Host and port that are listened on, once started (the first ones); a unix socket's path and 0."""
        self.urls: tuple[str, ...] = ()
        """A URL for each place that is listened at, once started."""
        self._handler = handler
        self._context: ssl.SSLContext | None = None
        self._service: Service | None = None
        self._carrier: Carrier | None = None
        self._listening = Listening([])
        self._hurry = asyncio.Event()
        self._access: AccessWriter | None = None
        self._stopping: asyncio.Task[Stopped] | None = None

    @property
    def url(self) -> str:
        """The URL to reach the server at, without a path; a unix socket's as `unix:PATH`."""
        return self.urls[0] if self.urls else ""

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
        warm()
        options = self.options
        if isinstance(options.tls, Tls):
            self._context = options.tls.context()
        else:
            self._context = options.tls
        listening = self._open()
        try:
            service = self._service = self._make_service()
            carrier = make_carrier(service, listening.sockets, self._context)
        except BaseException:
            listening.close()
            if self._access is not None:
                self._access.close()
            raise
        self._listening, self._carrier = listening, carrier
        await carrier.start()

    def _make_service(self) -> Service:
        """What the connections share: the handler, with what is wanted of a log and of proxies around it."""
        options, handler = self.options, self._handler
        trust = Trust(options.proxies) if options.proxies is not None else None
        access = self._access = AccessWriter(options.access_log) if options.access_log is not None else None
        if access is not None:
            handler = access.around(handler)
        if trust is not None:
            handler = trust.around(handler)
        service = Service(handler, options.limits, options.timeouts, Driver())
        if access is not None:
            service.on_refused = access.refused
        if options.proxies is not None and options.proxies.protocol:
            service.trust = trust
        return service

    def _open(self) -> Listening:
        options = self.options
        opened = listen_at(options.places, options.host, options.port, options.backlog)
        self.address = address_of(opened.sockets[0])
        scheme = "http" if options.tls is None else "https"
        self.urls = tuple(url_of(sock, scheme) for sock in opened.sockets)
        return opened

    def reload_tls(self) -> None:
        """Read certificate and key again; connections from now on see what the files hold now.

        Raises:
            SetupError: if they cannot be used; the ones before stay in place. Or if there is nothing to read again.
        """
        if self._context is None or not isinstance(self.options.tls, Tls):
            raise SetupError("this server has no certificate files to read again", remedy="Give it tls=Tls(cert, key).")
        self.options.tls.load(self._context)

    @property
    def reloads(self) -> bool:
        """Whether there is anything that `reload` would read or open again."""
        return isinstance(self.options.tls, Tls) or self._access is not None

    def reload(self, certificate: bool) -> None:
        """Open log files again; and as `reload_tls`, if there are certificate files. A mistake is logged, and changes nothing.

        Args:
            certificate: Whether to read them.
        """
        if self._access is not None:
            self._access.reopen()
        if certificate and isinstance(self.options.tls, Tls):
            try:
                self.reload_tls()
                LOG.info("certificate and key have been read again")
            except SetupError as error:
                LOG.error("the certificate stays as it was: %s", error)

    async def stop(self, drain: float | None = None, quiet: float = 0.0) -> Stopped:
        """Stop in order. A second call waits for the first; with `drain=0` it ends what is left at once.

        Args:
            drain: Seconds for requests under way; `timeouts.drain` by default.
            quiet: Seconds that a connection has to be idle before it is closed. Within them its next request may be on its way,
                and would be lost.
        """
        if self._carrier is None:
            return Stopped(0, 0)
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(self.options.timeouts.drain if drain is None else drain, quiet))
        elif drain == 0:
            self._hurry.set()
            self._carrier.abort()
        return await asyncio.shield(self._stopping)

    async def _stop(self, drain: float, quiet: float) -> Stopped:
        service, carrier = self._service, self._carrier
        assert service is not None
        assert carrier is not None
        service.draining = True
        if self.options.unready and drain:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self.options.unready)
        await carrier.stop_accepting(quiet)
        self._listening.remove()
        busy = await self._drain(carrier, service, drain, quiet)
        aborted = carrier.abort()
        try:
            await asyncio.wait_for(service.settle(), _CANCELLED)
        except TimeoutError:
            LOG.warning("%d handlers did not end when they were cancelled", len(service.driver.running))
        carrier.end()
        service.driver.close()
        if self._access is not None:
            self._access.close()
        await asyncio.sleep(0)  # uvloop closes descriptors one turn after it has told of a connection's end
        return Stopped(busy - aborted, aborted)

    async def _drain(self, carrier: Carrier, service: Service, drain: float, quiet: float) -> int:
        """Wait until all connections have ended, or the time is over; gives how many were in use at the beginning."""
        gone = asyncio.Event()
        service.on_lost = lambda: None if carrier.connections else gone.set()
        begun = monotonic()
        carrier.stop_idle(begun - quiet)
        await asyncio.sleep(0)
        busy = carrier.connections
        while carrier.connections and (left := begun + drain - monotonic()) > 0:
            still_quiet = begun + quiet - monotonic() > 0
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), min(left, _LOOK) if still_quiet else left)
            carrier.stop_idle(monotonic() - quiet)
        carrier.stop_idle(inf)
        await asyncio.sleep(0)
        return busy
