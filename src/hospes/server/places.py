"""Places to listen at: where a server's sockets come from.

| named as             | means                                                              |
|----------------------|--------------------------------------------------------------------|
| `127.0.0.1:8080`     | a TCP address; `[::1]:8080`, a name, or `:8080` for every interface |
| `unix:/run/app.sock` | a unix socket, made with mode 0o660; `UnixSocket` names another one |
| `fd:3`               | a descriptor that listens already, opened by whoever started us     |
| nothing              | what systemd hands over (`LISTEN_FDS`); else host and port          |

Laws:

* All places are opened, or none: what was opened before one that fails is closed again.
* A path that was made here is removed when the server stops; a socket that was handed over is closed, its path is let be.
* What systemd hands over is taken once, by the process it is meant for (`LISTEN_PID`): programs started from here do not see it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from hospes.errors import SetupError
from hospes.server.listening import UnixSocket, open_tcp, open_unix

Place = str | UnixSocket
"""As in the table."""

_FIRST: Final = 3
"""Descriptor of the first socket that systemd hands over (sd_listen_fds(3))."""


class Listening:
    """Sockets that listen.

    Args:
        sockets: The sockets; owned by whoever takes them from here.
        paths: Paths of unix sockets that were made for them.
    """

    def __init__(self, sockets: Sequence[socket.socket], paths: Iterable[str] = ()) -> None:
        self.sockets = list(sockets)
        self.paths = list(paths)

    def close(self) -> None:
        """Close the sockets, and remove the paths."""
        for sock in self.sockets:
            sock.close()
        self.remove()

    def remove(self) -> None:
        """Remove the paths."""
        while self.paths:
            with suppress(FileNotFoundError):
                os.unlink(self.paths.pop())


def listen_at(places: Sequence[Place], host: str, port: int, backlog: int) -> Listening:
    """Open all places.

    Args:
        places: Where; see the table.
        host: Where else, if no place is named and nothing is handed over.
        port: Its port.
        backlog: Connections that the kernel holds until they are taken.

    Raises:
        SetupError: for a place that cannot be read, or cannot be listened at.
    """
    opened = Listening([])
    try:
        if not places:
            handed = handed_over()
            opened.sockets += [inherited(fd) for fd in handed] if handed else open_tcp(host, port, backlog)
        for place in places:
            _open(place, backlog, opened)
    except BaseException:
        opened.close()
        raise
    return opened


def _open(place: Place, backlog: int, opened: Listening) -> None:
    if isinstance(place, str) and place.startswith("unix:"):
        place = UnixSocket(place.removeprefix("unix:"))
    if isinstance(place, UnixSocket):
        opened.sockets.append(open_unix(place, backlog))
        opened.paths.append(place.path)
    elif place.startswith("fd:") and place[3:].isascii() and place[3:].isdigit():
        opened.sockets.append(inherited(int(place[3:])))
    else:
        host, colon, port = place.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535 or (":" in host) != host.startswith("["):
            raise SetupError(
                f"{place!r} is no place to listen at",
                remedy='Write "127.0.0.1:8080", "[::1]:8080", "unix:/run/app.sock" or "fd:3".',
            )
        opened.sockets += open_tcp(host.removeprefix("[").removesuffix("]"), int(port), backlog)


def inherited(fd: int) -> socket.socket:
    """The socket behind a descriptor that listens already.

    Raises:
        SetupError: if there is none.
    """
    try:
        sock = socket.socket(fileno=fd)
        if not _listens(sock):
            sock.detach()
            raise SetupError(f"descriptor {fd} is a socket that does not listen", remedy="Hand over a socket after listen().")
    except OSError as error:
        raise SetupError(
            f"descriptor {fd} is no socket: {error.strerror or error}",
            remedy="Whoever starts this process has to open a socket, listen, and let the descriptor be inherited.",
        ) from error
    sock.setblocking(False)
    sock.set_inheritable(False)
    return sock


def _listens(sock: socket.socket) -> bool:
    if sock.type != socket.SOCK_STREAM:
        return False
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:  # a system that does not tell
        return True


def handed_over() -> tuple[int, ...]:
    """The descriptors that systemd hands over to this process, by socket activation; they are given once."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = os.environ.get("LISTEN_FDS", "")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return tuple(range(_FIRST, _FIRST + int(count))) if count.isascii() and count.isdigit() else ()


def url_of(sock: socket.socket, scheme: str) -> str:
    """The URL to reach a listening socket at, without a path; a unix socket's as `unix:PATH`."""
    host, port = address_of(sock)
    if sock.family == getattr(socket, "AF_UNIX", None):
        return f"unix:{host}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def address_of(sock: socket.socket) -> tuple[str, int]:
    """Host and port of a listening socket; a unix socket's path and 0."""
    name: Any = sock.getsockname()
    if sock.family == getattr(socket, "AF_UNIX", None):
        return os.fsdecode(name), 0
    return name[0], name[1]
