"""Listening: the sockets that connections come from, and taking the connections without ever taking too many.

Laws:

* Never more connections are open than `Limits.connections`, nor than the descriptor limit less a reserve for files, databases
  and so on. Beyond it the kernel's queue holds them: accepting waits until one closes, and nothing spins meanwhile.
* No more than `ACCEPTS` are taken in a turn of the loop: a flood of new peers does not hold up those that are here.
* Being out of descriptors, which others in the process may have used up, is waited out in the same way.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hospes.errors import ClientDisconnected, ProtocolError, SetupError, check_kind
from hospes.http.request import Connection as Ends
from hospes.server.connection import Connection
from hospes.server.service import LOG, Service

if TYPE_CHECKING:
    import ssl

ACCEPTS: Final = 64
"""Connections taken in one turn of the loop."""
SWEEPS: Final = 64
"""Times `ACCEPTS` connections that are taken out of the kernel's queue at stop: more than any usual queue holds."""
RESERVE: Final = 64
"""Descriptors left for everything that is not a connection."""
_RETRY: Final = 0.25


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A unix domain socket to listen on.

    Args:
        path: Where it lies; a stale socket there is replaced, anything else is not.
        mode: Its permissions; 0o660 by default, so that a reverse proxy in the same group may connect.

    Raises:
        SetupError: for an option of another kind.
    """

    path: str
    mode: int = 0o660

    def __post_init__(self) -> None:
        check_kind("UnixSocket({})", self.path, (str, os.PathLike), '"app.sock"')
        check_kind("UnixSocket(…, mode={})", self.mode, int, "0o660")


def open_tcp(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Bind and listen on every address that a host name stands for.

    Args:
        host: Name or address; "" for all interfaces.
        port: 0 for one that is free; the same on every address.
        backlog: Connections that the kernel holds until they are taken.

    Raises:
        SetupError: if that cannot be done; it names host and port.
    """
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in sorted(dict.fromkeys(found), key=lambda each: each[0] != socket.AF_INET):
            if port == 0 and opened:
                address = (address[0], opened[0].getsockname()[1], *address[2:])
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError:  # a family this machine has switched off
                continue
            opened.append(sock)
            _prepare(sock, family)
            sock.bind(address)
            sock.listen(backlog)
        if not opened:
            raise OSError(errno.EADDRNOTAVAIL, "none of its addresses can be used")
    except OSError as error:
        for sock in opened:
            sock.close()
        raise _cannot_listen(f"{host or '*'}:{port}", error) from error
    return opened


def open_unix(where: UnixSocket, backlog: int) -> socket.socket:
    """Bind and listen on a unix socket.

    Raises:
        SetupError: if that cannot be done; it names the path.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise SetupError(f"{where.path}: this system has no unix sockets", remedy="Listen on a host and a port.")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(where.path)
        sock.setblocking(False)
        # Nobody may connect before the permissions stand: it is made with none.
        before = os.umask(0o777)
        try:
            sock.bind(where.path)
        finally:
            os.umask(before)
        os.chmod(where.path, where.mode)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise SetupError(f"cannot listen on {where.path}: {error.strerror or error}", remedy=_unix_remedy(error)) from error
    return sock


def _prepare(sock: socket.socket, family: int) -> None:
    sock.setblocking(False)
    if sys.platform != "win32":  # there it would let two servers share the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens on."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(path) == errno.ECONNREFUSED:
                os.unlink(path)


def _cannot_listen(where: str, error: OSError) -> SetupError:
    if error.errno == errno.EADDRINUSE:
        remedy = "Another program listens there: stop it, or choose another port (0 takes one that is free)."
    elif error.errno in {errno.EACCES, errno.EPERM}:
        remedy = "This user may not listen there: choose a port of 1024 or above."
    elif isinstance(error, socket.gaierror):
        remedy = 'Give a name or an address of this machine, such as "127.0.0.1", or "" for all of them.'
    else:
        remedy = "Give an address of this machine that is free."
    return SetupError(f"cannot listen on {where}: {error.strerror or error}", remedy=remedy)


def _unix_remedy(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Another program listens there, or a file of that name is no socket: stop it, or choose another path."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "This user may not make a socket there: choose another folder."
    return "Give a path of at most 107 octets in a folder that is there."


def capacity(connections: int) -> int:
    """Connections that may be open at once: the limit, or what the descriptor limit leaves."""
    if sys.platform == "win32":
        return connections
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - RESERVE, 1))


class Acceptor:
    """Takes connections from listening sockets.

    Args:
        service: What the connections share.
        sockets: Where they come from; closed by `close`.
        context: For TLS; None without.
        most: How many may be open.
    """

    def __init__(self, service: Service, sockets: list[socket.socket], context: ssl.SSLContext | None, most: int) -> None:
        self._service = service
        self._sockets = sockets
        self._context = context
        self._most = most
        self._loop = service.driver.loop
        self._listening = False
        self._full = False
        self._retry: asyncio.TimerHandle | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        self._fallback: list[asyncio.Server] = []

    async def start(self) -> None:
        """Begin to take connections."""
        self._service.on_lost = self._lost
        try:
            self._listen()
        except NotImplementedError:  # the proactor loop of Windows has no readers; what is too much is refused there
            for sock in self._sockets:
                self._fallback.append(await self._loop.create_server(self._made, sock=sock, ssl=self._context))

    def close(self) -> None:
        """Take those that the kernel holds: their peers think that they are connected. Then take no more."""
        self._silence()
        self._service.on_lost = _nothing
        if not self._fallback:
            for sock in self._sockets:
                self._take_rest(sock)
        self._stop_retry()
        for server in self._fallback:
            server.close()
        for sock in self._sockets:
            sock.close()

    def _take_rest(self, sock: socket.socket) -> None:
        for _ in range(SWEEPS):
            before = len(self._arriving)
            self._accept(sock)
            if len(self._arriving) < before + ACCEPTS:
                break

    async def settle(self, quiet: float) -> None:
        """Wait until those that were arriving have come or gone.

        Args:
            quiet: Seconds for TLS handshakes and proxies' preambles; those that are not over then are given up.
        """
        if self._arriving and (self._context is not None or self._service.trust is not None):
            await asyncio.wait(self._arriving, timeout=quiet)
            for task in tuple(self._arriving):
                task.cancel()
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _listen(self) -> None:
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)
        self._listening = True

    def _silence(self) -> None:
        if self._listening:
            self._listening = False
            for sock in self._sockets:
                self._loop.remove_reader(sock)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS):
            if len(self._service.connections) >= self._most:
                self._wait(f"{self._most} connections are open, which is the limit")
                return
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                self._full = False
                return
            except OSError as error:
                # No descriptors, no memory, a firewall's word: whatever it is, it may pass.
                self._wait(f"the system gives no more connections ({error.strerror})")
                self._stop_retry()
                self._retry = self._loop.call_later(_RETRY, self._go_on)
                return
            sock.setblocking(False)
            connection = self._made()
            self._service.connections.add(connection)
            task = self._loop.create_task(self._establish(sock, connection))
            self._arriving.add(task)
            task.add_done_callback(partial(self._arrived, sock, connection))

    def _made(self) -> Connection:
        return Connection(self._service)

    async def _establish(self, sock: socket.socket, connection: Connection) -> None:
        handshake = self._service.timeouts.tls_handshake if self._context is not None else None
        try:
            if self._service.trust is not None:
                await self._hear_proxy(sock, connection)
            await self._loop.connect_accepted_socket(lambda: connection, sock, ssl=self._context, ssl_handshake_timeout=handshake)
        except (OSError, EOFError, ClientDisconnected, ProtocolError) as error:  # no TLS spoken, gone during the handshake
            LOG.debug("a connection did not come to be: %s", error)

    async def _hear_proxy(self, sock: socket.socket, connection: Connection) -> None:
        service = self._service
        assert service.trust is not None
        told = await service.trust.hear(sock, service.timeouts.header)
        if told is not None:
            scheme = "http" if self._context is None else "https"
            service.told[connection] = Ends(*told, scheme, service.limits, hint=connection.hint)

    def _arrived(self, sock: socket.socket, connection: Connection, task: asyncio.Task[None]) -> None:
        """Clean up after an arrival; as a callback, for a task that is cancelled early runs nothing of its own."""
        self._arriving.discard(task)
        if not connection.made:
            self._service.told.pop(connection, None)
            connection.abandon()
            sock.close()
            self._service.lost(connection, None)

    def _wait(self, reason: str) -> None:
        self._silence()
        if not self._full:
            self._full = True
            LOG.warning("accepting waits: %s", reason)

    def _lost(self) -> None:
        if not self._listening and self._sockets and len(self._service.connections) < self._most:
            self._go_on()

    def _stop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _go_on(self) -> None:
        self._stop_retry()
        if not self._listening and not self._fallback:
            self._listen()


def _nothing() -> None:
    pass
