"""A websocket's program: the coroutine of its Task, which whoever brings messages may also drive by itself.

A Task that waits for a message, is woken, and waits for the next costs more than most programs do with a message. So a carrier
may take the program's steps in the Task's place, while that waits for the mailbox: as the current task, in its context. The Task
takes over again, in its own next step, when the program waits for anything else, or has come to its end.

Laws:

* The Task is the one that the program knows, before, in and after such a step.
* While the Task has not taken over, what the program waits for looks untouched to others who wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, NoReturn

from hospes.execution.showing import Showing

_NOTHING: Final = object()


class Program(Showing):
    """The coroutine of a Task.

    Args:
        handler: What the Task runs.
    """

    __slots__ = ("_awaited", "_failure", "_value", "coroutine", "task")
    NAME = "a websocket's program"

    def __init__(self, handler: Awaitable[Any]) -> None:
        self.coroutine: Coroutine[Any, Any, Any] = handler if asyncio.iscoroutine(handler) else _wait(handler)
        self._awaited: Any = _NOTHING
        self._value: Any = _NOTHING
        self._failure: BaseException | None = None
        self.task: asyncio.Task[Any] = asyncio.ensure_future(self)

    # The driver's side.

    def waits_for(self, awaited: Any) -> None:
        """A step has led to an await: the Task waits for it from its next step on."""
        self._awaited = awaited
        _mark(awaited, False)

    def ended(self, value: Any, failure: BaseException | None) -> None:
        """A step was the last: the Task ends with its next one."""
        self._value, self._failure = value, failure

    # The coroutine's face: the Task calls these.

    def send(self, value: None, /) -> Any:
        if self._awaited is not _NOTHING:
            return self._hand_on()
        if self._failure is not None:
            self._raise()
        if self._value is not _NOTHING:
            raise StopIteration(self._value)
        return self.coroutine.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any:
        if self._awaited is not _NOTHING:
            # A Task cancels what is awaited, and throws only if that is over already.
            awaited = self._hand_on()
            if hasattr(awaited, "cancel") and awaited.cancel(msg=typ.args[0] if typ.args else None):
                return awaited
        if self._failure is not None:
            self._raise()
        if self._value is not _NOTHING:
            raise typ
        return self.coroutine.throw(typ)

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> NoReturn:
        raise TypeError("a websocket's Task is awaited, never its coroutine")

    def _hand_on(self) -> Any:
        awaited, self._awaited = self._awaited, _NOTHING
        _mark(awaited, True)
        return awaited

    def _raise(self) -> NoReturn:
        failure = self._failure
        assert failure is not None
        try:
            raise failure
        finally:
            failure = None  # its traceback names this frame


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _mark(awaited: Any, blocking: bool) -> None:
    """Set the flag by which a Task tells `await future` from a future that was merely yielded."""
    if hasattr(awaited, "_asyncio_future_blocking"):
        awaited._asyncio_future_blocking = blocking
