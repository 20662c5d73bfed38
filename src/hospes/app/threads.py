"""Plain functions in threads: those of the pool, or the one of a plain filter that waits for what is inside it.

    filter's thread         loop
    call_next() ──────────▶ the inside begins
    serves   ◀────────────  a plain handler of the inside
    answer   ────────────▶
    returns  ◀────────────  the inside's response

So filters can never use up the threads that their own handlers need, not even in a pool of one.

Laws:

* Whoever is cancelled while a thread works for him waits until it is through: what the thread uses (a visitor's record, a
  connection to a database) must not be taken from under it. What has not begun never begins.
* What a thread answers when nobody wants it any more is closed.
* The function sees the context variables of whoever asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from hospes.execution import ThreadPool
from hospes.http.content import Stream
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent

LOG: Final = logging.getLogger("hospes.app")


async def discard(answer: object) -> None:
    """Close what an answer that is not sent would have sent. A failure in that is logged."""
    content = answer.content if isinstance(answer, Response) else b""
    try:
        if isinstance(content, (Stream, WebSocketContent)):
            await content.aclose()
        elif not isinstance(content, bytes):
            content.close()
    except Exception:
        LOG.exception("closing an answer that is not sent failed")


def _nothing() -> None:
    pass


class Threads:
    """Runs plain functions for one application.

    Args:
        pool: Its threads.
    """

    def __init__(self, pool: ThreadPool) -> None:
        self.pool = pool

    async def run(self, call: Callable[[], Any], abandoned: Callable[[], None] = _nothing) -> Any:
        """Run a function in a thread.

        Args:
            call: Takes nothing.
            abandoned: Called where this is cancelled while the function runs; it may help it to come to an end.

        Raises:
            PoolSaturated: if no thread is to be had in time.
            BaseException: what the function raises.
        """
        lent = lent_thread.get()
        if lent is not None and lent.is_open:
            return await lent.run(call, abandoned)
        outcome = _Outcome(asyncio.get_running_loop())
        job = self.pool.submit(copy_context(), call)
        job.then(outcome.settle)
        return await outcome.wait(partial(self.pool.forget, job), abandoned)


class _Outcome:
    """What comes of a function in a thread; all of this is on the loop."""

    __slots__ = ("_answer", "_future", "_is_over", "_loop", "_through")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[Any] = loop.create_future()
        self._through: asyncio.Future[None] | None = None
        self._is_over = False
        self._answer: Any = None

    def settle(self, answer: Any, failure: BaseException | None) -> None:
        """The thread is through with it, or it was refused."""
        self._is_over = True
        self._answer = answer
        if self._future.done():
            pass  # cancelled
        elif failure is None:
            self._future.set_result(answer)
        elif isinstance(failure, asyncio.CancelledError):
            self._future.cancel()
        else:
            self._future.set_exception(failure)
        if self._through is not None and not self._through.done():
            self._through.set_result(None)

    async def wait(self, drop: Callable[[], bool], abandoned: Callable[[], None]) -> Any:
        """The function's value. `drop` takes it back and tells whether it had not begun."""
        try:
            return await self._future
        except asyncio.CancelledError:
            if not self._is_over:
                if not drop():
                    abandoned()
                    self._through = self._loop.create_future()
                    await self._through
            elif not self._future.cancelled():
                self._future.exception()  # nobody else will look at it
            await discard(self._answer)
            raise


class LentThread:
    """The thread of a plain filter, which waits for what is inside it and does its work meanwhile."""

    __slots__ = ("_jobs", "is_open")

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.is_open = True
        """Whether it takes work; changed on the loop only."""

    def serve(self) -> None:
        """In the thread: do what comes, until it is given back."""
        while (job := self._jobs.get()) is not None:
            job()

    def give_back(self) -> None:
        """On the loop: the inside is through."""
        self.is_open = False
        self._jobs.put(None)

    async def run(self, call: Callable[[], Any], abandoned: Callable[[], None]) -> Any:
        """On the loop: run a function in this thread; as `Threads.run`."""
        loop = asyncio.get_running_loop()
        outcome = _Outcome(loop)
        job = _LentJob(loop, call, outcome)
        self._jobs.put(job)
        return await outcome.wait(job.drop, abandoned)


class _LentJob:
    """A function on its way to a lent thread."""

    __slots__ = ("_call", "_context", "_due", "_loop", "_outcome")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], Any], outcome: _Outcome) -> None:
        self._loop = loop
        self._context = copy_context()
        self._call = call
        self._outcome = outcome
        self._due = [True]  # whoever takes this out has the job: the thread to run it, or the loop to drop it

    def drop(self) -> bool:
        """Take it back; False where the thread has begun."""
        try:
            return self._due.pop()
        except IndexError:
            return False

    def __call__(self) -> None:
        if not self.drop():
            return
        value: Any = None
        failure: BaseException | None = None
        try:
            value = self._context.run(self._call)
        except StopIteration as error:  # no future can hold it
            failure = RuntimeError("a function in a thread raised StopIteration")
            failure.__cause__ = error
        except BaseException as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self._loop.call_soon_threadsafe(self._outcome.settle, value, failure)


class Inside:
    """What a plain filter stands around, as its thread may call it.

    Args:
        call: The inside; it runs on the loop.
        loop: The loop.
    """

    def __init__(self, call: Callable[[Any], Awaitable[Response]], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self._tasks: list[asyncio.Task[Response]] = []
        self._is_abandoned = False

    def ask(self, request: Any) -> Response:
        """In the filter's thread: have the inside answer, and lend it the thread meanwhile.

        Raises:
            CancelledError: where the request was given up.
        """
        thread = LentThread()
        begun: list[asyncio.Task[Response]] = []

        def begin() -> None:
            task = self._loop.create_task(_lend(thread, self._call, request))
            task.add_done_callback(lambda _: thread.give_back())
            begun.append(task)
            self._tasks.append(task)
            if self._is_abandoned:
                task.cancel()

        self._loop.call_soon_threadsafe(begin)  # which takes the thread's context variables along
        thread.serve()
        return begun[0].result()

    def abandon(self) -> None:
        """On the loop: the request was given up; what runs inside learns of it as it would without a filter around."""
        self._is_abandoned = True
        for task in self._tasks:
            task.cancel()


async def _lend(thread: LentThread, call: Callable[[Any], Awaitable[Response]], request: Any) -> Response:
    lent_thread.set(thread)
    return await call(request)


lent_thread: Final[ContextVar[LentThread | None]] = ContextVar("hospes_lent_thread", default=None)
"""The thread of the nearest plain filter around what runs now; None outside of any."""
