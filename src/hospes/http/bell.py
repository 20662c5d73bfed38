"""What one task waits on until something has come: a future that, where that may be, wakes its task in the very call that rings.

An ordinary future wakes its task in the next turn of the loop. For a program that answers each message as it comes that is most
of its cost, and its answers miss the turn in which they could leave together.

Laws:

* One task waits. Who rings while nobody waits does nothing: what has come is found by looking, before and after.
* From its `await` on a task is woken, even where it asks for that later: a request's first step is not taken by its task
  (`hospes.execution.driver`).
* A task is woken at once only where no task runs; else in the next turn, as by any future.
* Cancelling the task works as with any future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

_Callback = Callable[[Any], object]


class Bell:
    """Wakes a task.

    Args:
        loop: The task's loop.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_is_cancelled", "_is_rung", "_loop", "_message", "_wake")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._wake: _Callback | None = None
        self._context: Context | None = None
        self._is_cancelled = False
        self._is_rung = False  # since the last `await`
        self._message: Any = None

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits."""
        return self._wake is not None

    def ring(self) -> None:
        """Wake the task that waits, if one does."""
        wake, context = self._wake, self._context
        if wake is None or context is None or asyncio.current_task(self._loop) is not None:
            self.ring_soon()
        else:
            self._wake = self._context = None
            context.run(wake, self)

    def ring_soon(self) -> None:
        """Wake the task that waits, in the next turn of the loop: for who has more to do than to ring."""
        wake, context = self._wake, self._context
        if wake is None or context is None:
            self._is_rung = True
        else:
            self._wake = self._context = None
            self._loop.call_soon(wake, self, context=context)

    def __await__(self) -> Generator[Any, None, None]:
        self._is_rung = False
        self._asyncio_future_blocking = True
        yield self

    # The future's face: the Task calls these.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, fn: _Callback, *, context: Context | None = None) -> None:
        if self._is_rung:
            self._loop.call_soon(fn, self, context=context)
        else:
            self._wake, self._context = fn, context

    def cancel(self, msg: Any | None = None) -> bool:
        wake, context = self._wake, self._context
        if wake is None:
            return False  # it has been woken: then the task remembers
        self._wake = self._context = None
        self._is_cancelled, self._message = True, msg
        self._loop.call_soon(wake, self, context=context)
        return True

    def result(self) -> None:
        if self._is_cancelled:
            self._is_cancelled = False
            raise asyncio.CancelledError(*(() if self._message is None else (self._message,)))
