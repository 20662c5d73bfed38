"""Supervision: no connection stays in any state for ever (every row of `Timeouts`).

One timer serves all connections of a server. A connection says until when its present state may last, in `deadline`, which
costs one assignment; the timer looks through all of them a few times in the shortest timeout, at least once in a second.

Laws:

* A deadline is noticed after it, never before, and at most one interval late.
* While a peer has octets to take, only its taking them is watched: whoever does not read cannot be asked to write.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
from collections.abc import Collection
from time import monotonic
from typing import Final, Protocol

from hospes.limits import Timeouts
from hospes.server.service import LOG

NEVER: Final = math.inf
_SHORTEST: Final = 0.02
_LONGEST: Final = 1.0
_NO_TIME: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # struct linger: on, no seconds


class Supervised(Protocol):
    """What the supervision sees of a connection."""

    deadline: float
    """When, by the monotonic clock, the present state has lasted too long."""
    unsent: bool
    """Whether the peer has octets to take."""

    def expire(self, now: float) -> None:
        """The deadline has passed."""

    def check_writing(self, now: float) -> None:
        """See whether the peer has taken octets."""


def interval(timeouts: Timeouts) -> float:
    """Seconds between two looks: a quarter of the shortest timeout that is kept here, within bounds."""
    kept = (timeouts.header, timeouts.body_idle, timeouts.write_idle, timeouts.keep_alive, timeouts.linger)
    return min(max(min(kept) / 4, _SHORTEST), _LONGEST)


class Supervisor:
    """Looks after the connections of a server.

    Args:
        loop: Their loop.
        connections: Those that are open; read at every look.
        interval: Seconds between two looks.
    """

    __slots__ = ("_connections", "_interval", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: Collection[Supervised], interval: float) -> None:
        self._loop = loop
        self._connections = connections
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._timer = self._loop.call_later(self._interval, self._look)

    def stop(self) -> None:
        """End; no timer is left behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = monotonic()
        try:
            for each in tuple(self._connections):
                if each.unsent:
                    each.check_writing(now)
                elif each.deadline <= now:
                    each.expire(now)
        except Exception:
            LOG.exception("supervision of a connection failed")
        finally:
            self.start()


class Patience:
    """How long a peer may take nothing.

    Args:
        seconds: So long.
    """

    __slots__ = ("_seconds", "_seen", "_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: object = None
        self._until = NEVER

    def restart(self) -> None:
        """Begin anew at the next look."""
        self._seen = None

    def is_over(self, seen: object, now: float) -> bool:
        """Look: whether the time has passed without a change of what is seen."""
        if seen != self._seen:
            self._seen = seen
            self._until = now + self._seconds
        return now >= self._until


class Socket(Protocol):
    """As much of a socket as transports lend."""

    def fileno(self) -> int:
        """The descriptor; negative once it is closed."""
        ...

    def setsockopt(self, level: int, name: int, value: bytes, /) -> None:
        """Set an option."""
        ...


def unacknowledged(sock: Socket | None) -> int:
    """Octets in the kernel that the peer has not acknowledged; 0 where the system does not tell.

    A slow peer that takes a little now and then is seen to live by this, long before the kernel has room for more.
    """
    if sys.platform != "linux" or sock is None or sock.fileno() < 0:
        return 0
    import fcntl
    import termios

    try:
        return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
    except OSError:  # no socket that knows
        return 0


def reset_at_close(sock: Socket | None) -> None:
    """Have closing throw away what is unsent and reset the connection: the peer must not take it for an orderly end."""
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_TIME)
