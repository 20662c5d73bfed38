"""A look at the loop from outside: one that does not go on is reported, with the line that holds it.

A thread looks whether the loop's clock still ticks. Where it has stood still for too long, the stack of the loop's thread says
why: a handler that waits without `await` keeps everybody else waiting.

Laws:

* A loop that waits for something to happen is not blocked, however long; nor is one whose machine slept.
* One standstill is one report, and one line when it is over.
* The loop is never touched from the thread.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Final

from hospes.server.service import LOG

BLOCKED: Final = 1.0
"""Seconds after which a standstill is reported: visitors notice it by then."""
_TICKS: Final = 4
"""Of the loop's clock within that time."""
_WAITING: Final = frozenset({"select", "poll", "kqueue"})
_HERE: Final = str(Path(__file__).parent.parent)
_LIBRARY: Final = sysconfig.get_path("stdlib")


@contextmanager
def watched(blocked: float = BLOCKED) -> Generator[None]:
    """Watch the running loop while the block runs.

    Args:
        blocked: Seconds after which a standstill is reported.
    """
    watch = Watch(asyncio.get_running_loop(), blocked)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class Watch:
    """Watches one loop; made and started on its thread.

    Args:
        loop: The loop.
        blocked: Seconds after which a standstill is reported.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, blocked: float) -> None:
        self._loop = loop
        self._blocked = blocked
        self._ticked = monotonic()
        self._since = 0.0  # of the standstill that has been reported
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._thread_id = threading.get_ident()
        self._thread = threading.Thread(target=self._look, name="hospes-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._tick()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()

    def _tick(self) -> None:
        now = monotonic()
        if self._since:
            LOG.warning("the loop goes on, after %.1f s", now - self._since)
            self._since = 0.0
        self._ticked = now
        self._timer = self._loop.call_later(self._blocked / _TICKS, self._tick)

    def _look(self) -> None:
        period, suspected = self._blocked / _TICKS, 0.0
        while not self._over.wait(period):
            ticked = self._ticked
            stood = monotonic() - ticked
            if stood < self._blocked - period or self._since:
                continue
            frame = sys._current_frames().get(self._thread_id)  # pyright: ignore[reportPrivateUsage]  # the one way to see a thread
            if frame is None or frame.f_code.co_name in _WAITING or ticked != self._ticked:
                continue
            if suspected != ticked or stood < self._blocked:  # one that has just woken is on its way to its clock
                suspected = ticked
                continue
            self._since = ticked
            LOG.warning("the loop has been blocked for %.1f s by %s", stood, place_of(frame))


def place_of(frame: FrameType) -> str:
    """Where a stack stands: the innermost line of the program's own, or the innermost of all."""
    found: FrameType | None = frame
    while found is not None and _is_foreign(found):
        found = found.f_back
    shown = found if found is not None else frame
    return f"{shown.f_code.co_filename}:{shown.f_lineno} in {shown.f_code.co_name}"


def _is_foreign(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith((_HERE, "<frozen", _LIBRARY)) or "site-packages" in name
