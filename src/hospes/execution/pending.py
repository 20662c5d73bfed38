"""An answer that may leave when something has happened: a change was made durable.

A coroutine would wait for that in a task, which costs more than the rest of such a request. So a carrier gets the answer as
this, and follows it as it follows a job of the thread pool.

    waiting ──heard(None)───→ told: the answer
       │ └────heard(failure)─→ answering it, in a task ─→ told: what that came to
       └─cancel──────────────→ told: CancelledError; what is heard later is nobody's

Laws:

* `then` is called before anything is heard. Who it names is told once, on the loop and in no task.
* Who cancels it stops nothing: what it has waited for runs to its end.
* Who has been told is let go of, and what is held here with him: as a rule he holds this, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Pending(Generic[Answer]):
    """An answer that waits for `heard`.

    Args:
        answer: It.
        follow: Asked on the loop when it is heard: with None, or with what went wrong. The coroutine that it gives, run in the
            context of here and now, makes the answer then; None leaves it as it is.
    """

    __slots__ = ("_answer", "_context", "_done", "_follow", "_is_over", "_rest")

    _done: Callable[[Answer | None, BaseException | None], object]

    def __init__(self, answer: Answer, follow: Callable[[BaseException | None], Coroutine[Any, Any, Answer] | None]) -> None:
        self._answer = answer
        self._follow = follow
        self._context = copy_context()
        self._is_over = False
        self._rest: asyncio.Task[Answer] | None = None

    def then(self, done: Callable[[Answer | None, BaseException | None], object]) -> None:
        """Have `done(answer, None)` or `done(None, exception)` called, later and once."""
        self._done = done

    def heard(self, failure: BaseException | None) -> None:
        """What it has waited for has happened, or went wrong."""
        if self._is_over:
            return
        rest = self._follow(failure)
        if rest is None:
            self._tell(self._answer, None)
        else:
            self._rest = asyncio.get_running_loop().create_task(rest, context=self._context)
            self._rest.add_done_callback(self._rested)

    def cancel(self) -> bool:
        """End it early, with CancelledError; False if it is over already."""
        if self._is_over:
            return False
        if self._rest is not None:
            asyncio.get_running_loop().call_soon(self._rest.cancel)  # after its first step: before that it would never begin
        else:
            self._is_over = True
            asyncio.get_running_loop().call_soon(self._tell, None, asyncio.CancelledError())
        return True

    def done(self) -> bool:
        """Whether it is over."""
        return self._is_over

    def _rested(self, rest: asyncio.Task[Answer]) -> None:
        failure = asyncio.CancelledError() if rest.cancelled() else rest.exception()
        self._tell(None if failure is not None else rest.result(), failure)

    def _tell(self, answer: Answer | None, failure: BaseException | None) -> None:
        self._is_over = True
        done = self._done
        del self._done
        done(answer, failure)
