"""A worker's side of the line to its foreman (`hospes.server.foreman` has the other one).

The line is one unix socket, inherited under the descriptor that `HOSPES_WORKER` names. What is said on it, one line each:

| worker says     | when                                     | foreman answers                                   |
|-----------------|------------------------------------------|---------------------------------------------------|
| `listen`        | the application is loaded                | one octet, with the listening sockets' descriptors |
| `ready {facts}` | it serves                                |                                                   |
| `beat`          | every second, from the loop              |                                                   |
| `tired`         | it has had its requests (`max_requests`) | a successor is started, then SIGTERM              |

Laws:

* A worker gets its listening sockets when its application stands, not before: one that never gets there holds no port.
* The line's end means that the foreman has gone, however it went. Then a worker drains as at SIGTERM; one that does not even do
  that (its loop is blocked) is ended by the thread that noticed. So no orphan keeps the port.
* Ctrl+C in a terminal is the foreman's to hear: a worker is in a process group of its own.
* SIGABRT, which the foreman sends when the beats stay away or `ready` does not come, shows all stacks on standard error: Python
  itself sees to that from its first moment on (`PYTHONFAULTHANDLER`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.server.service import LOG

VARIABLE: Final = "HOSPES_WORKER"
"""Environment variable: the foreman's process and the line's descriptor, as `1234:5`."""
BEAT: Final = 1.0
"""Seconds between two beats."""
MANY: Final = 64
"""Listening sockets that are handed over at the most."""
_GRACE: Final = 5.0
"""Seconds beyond the drain time for a worker whose foreman has gone."""


def _is_cut(descriptor: int) -> bool:
    """Whether this is a line, and nobody is at its other end any more."""
    try:
        line = socket.socket(fileno=descriptor)
    except OSError:
        return False
    try:
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:  # nothing has been said: somebody is there; or it is another socket
        return False
    finally:
        line.detach()


class Worker:
    """This process, as a foreman's worker.

    Args:
        line: The line to the foreman.
        max_requests: Requests after which it asks to be relieved; 0 for never. Up to a tenth more, at random, so that
            workers that began together do not end together.
    """

    def __init__(self, line: socket.socket, max_requests: int = 0) -> None:
        self.facts: Mapping[str, str] = {}
        """What the foreman may tell about this worker."""
        self._line = line
        self._left = max_requests + random.randrange(max_requests // 10 + 1) if max_requests else 0  # noqa: S311
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], object] | None = None
        self._drain = 0.0
        self._over = threading.Event()

    @classmethod
    def of_this_process(cls, max_requests: int = 0) -> Worker | None:
        """This process as a worker; None where no foreman started it. Asked once: the variable is gone then.

        Args:
            max_requests: Requests after which it asks to be relieved; 0 for never.
        """
        if not cls.is_this_process():
            return None
        line = socket.socket(fileno=int(os.environ.pop(VARIABLE).partition(":")[2]))
        line.set_inheritable(False)
        return cls(line, max_requests)

    @staticmethod
    def is_this_process() -> bool:
        """Whether a foreman started this process. A program that a worker starts inherits the variable, and is no worker.

        One whose foreman has died meanwhile has another parent, and is a worker still; it would become a foreman else.
        """
        foreman, _, descriptor = os.environ.get(VARIABLE, "").partition(":")
        return descriptor.isdigit() and (foreman == str(os.getppid()) or _is_cut(int(descriptor)))

    def sockets(self) -> tuple[int, ...]:
        """Ask for the listening sockets' descriptors. From here on the foreman's end is noticed.

        Raises:
            SystemExit: if the foreman has gone.
        """
        try:
            self._line.sendall(b"listen\n")
            said, descriptors, _, _ = socket.recv_fds(self._line, 1, MANY)
        except OSError:
            said, descriptors = b"", []
        if not said:
            raise SystemExit("the process that started this worker has gone")
        threading.Thread(target=self._listen_for_the_end, name="hospes-worker", daemon=True).start()
        return tuple(descriptors)

    def counted(self, handler: Handler) -> Handler:
        """The handler, with its requests counted where that is wanted."""
        if not self._left:
            return handler

        def count(request: Request) -> Response | Awaitable[Response]:
            self._left -= 1
            if not self._left:
                self.say("tired")
            return handler(request)

        return count

    def begin(self, drain: float, stop: Callable[[], object]) -> None:
        """Say that it serves, and beat from now on; on the running loop.

        Args:
            drain: Seconds that a stop may take.
            stop: Called on the loop if the foreman has gone.
        """
        self._loop, self._drain, self._stop = asyncio.get_running_loop(), drain, stop
        self.say(f"ready {json.dumps(dict(self.facts))}")
        self._beat()

    def end(self) -> None:
        """It has stopped."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def say(self, line: str) -> None:
        """Say something to the foreman, if it is there."""
        with suppress(OSError):
            self._line.sendall(line.encode() + b"\n")

    def _beat(self) -> None:
        assert self._loop is not None
        self.say("beat")
        self._timer = self._loop.call_later(BEAT, self._beat)

    def _listen_for_the_end(self) -> None:
        with suppress(OSError):
            while self._line.recv(64):
                pass
        if self._over.is_set():
            return
        loop, stop = self._loop, self._stop
        if loop is None or stop is None:  # the application is starting: nobody has been promised anything
            os._exit(1)
        LOG.warning("the process that started this worker has gone: it finishes what is under way, and ends")
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop)
        if not self._over.wait(self._drain + _GRACE):
            os._exit(1)
