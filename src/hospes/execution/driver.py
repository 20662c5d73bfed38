"""Drives one handler call per request: without a new Task when it finishes at once, exactly like a Task when it does not.

A Task per request costs more than most handlers. So a *spare* Task is kept, real and parked. A handler's first step runs
while the spare is the current task; if it finishes in that step, the spare stays parked for the next request. If it
suspends, the spare *adopts* it: the very Task that was current before the first await continues after it, which is what
`asyncio.timeout`, `TaskGroup` and anyio's scopes rely on. The next request gets another spare.

The Task's coroutine is a `_Seat`, an object with two faces: towards the Task it is a coroutine, first empty, later passing
every step on to the handler's; and while it is empty it is also the future that this coroutine waits on. A native coroutine
would not do: a Task cancelled before its first step throws into its coroutine, and a native one that has not begun is over then.

Laws:

* Every request runs in a context of its own, in all its steps; what it sets there reaches no other request.
* `done` is called exactly once per request, outside of any task, with the answer or with the exception.
* A Task that a handler marked (cancelled, named, gave a callback) is never the next request's; it ends with this one.
* Whatever is under way is in `running`, so nothing is collected half-way and a stop can wait for it.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage]  # the official hook for foreign tasks
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from types import CoroutineType, GeneratorType
from typing import Any, Final, NoReturn, Self, TypeAlias, TypeVar, TypeVarTuple, Unpack, cast

from hospes.execution.pending import Pending
from hospes.execution.pool import Job
from hospes.execution.showing import Showing

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

Call: TypeAlias = Callable[[Asked], Answer | Awaitable[Answer]]
"""A handler: gives its answer, or an awaitable of it."""
Handle = asyncio.Task[None] | Job[Any] | Pending[Any]
"""A request under way; `cancel()` ends it early."""
Done = Callable[[Answer | None, BaseException | None], None]
"""Takes what a handler came to: its answer and None, or None and its exception."""

_current_task: Callable[[asyncio.AbstractEventLoop], asyncio.Task[Any] | None] = asyncio.current_task
if sys.version_info < (3, 12):  # there it is written in Python, and costs what a request costs altogether
    _current_task = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]

_NOTHING: Final = object()
"""In place of what the handler awaits, where there is nothing to hand on (None will not do: a bare yield is None)."""


class Driver:
    """Runs handlers for one event loop.

    Args:
        loop: The loop; the running one by default.
        context: What every request's context starts as; a copy of the current one by default.
        interrupts: What a handler ends the loop with, as callbacks and tasks do. Everything else is its failure alone.

    Raises:
        RuntimeError: if no loop is given and none is running.
    """

    __slots__ = ("_context", "_interrupts", "_joined", "_plain", "_spare", "loop", "running")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        context: Context | None = None,
        interrupts: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit),
    ) -> None:
        self.loop = loop if loop is not None else asyncio.get_running_loop()
        self.running: set[Handle] = set()
        """Requests that did not finish at once and are under way. Not to be changed from outside."""
        self._context = context if context is not None else copy_context()
        self._interrupts = interrupts
        self._spare: _Seat | None = None
        self._joined: asyncio.Event | None = None
        self._plain: type[object] = type(None)
        """The last type of answer that was no awaitable: asking a type takes as long as the rest of an inline call."""

    def start(
        self, handler: Call[Asked, Answer], request: Asked, done: Done[Answer], context: Context | None = None
    ) -> Handle | None:
        """Call `handler(request)` and drive it as far as it goes; for callbacks of the loop (in a task it gets a Task at once).

        Args:
            handler, request: What is called, and its argument.
            done: Called once with the outcome, before this returns or later. What it raises before this returns, this raises.
            context: A copy of the driver's by default.

        Returns:
            None when `done` was called already, else a handle for `cancel()`; `done` gets the CancelledError then.

        Raises:
            KeyboardInterrupt, SystemExit (`interrupts`): from the handler, after `done` got it.
        """
        seat = self._spare or self._park()
        task, loop, context = seat.task, self.loop, self._context.copy() if context is None else context
        try:
            _enter_task(loop, task)
        except RuntimeError:  # another task is current: no first step can be borrowed here
            return self._adopt(_Seat(self), _call(handler, request), _NOTHING, context, done)
        outcome: object
        answer: Any = None
        failure: BaseException | None = None
        awaited: Any = _NOTHING
        try:
            answer = outcome = context.run(handler, request)
            kind: type[object] = type(outcome)
            if kind is not CoroutineType and kind is not self._plain:
                answer, kind = self._look_at(answer, kind, seat)
            if kind is CoroutineType:
                try:
                    awaited = context.run(answer.send, None)
                except StopIteration as stop:
                    answer = stop.value
            elif kind is Job:
                awaited = answer
        except BaseException as error:
            answer, failure = None, error
        _leave_task(loop, task)
        if awaited is not _NOTHING:
            return self._follow(answer, done) if awaited is answer else self._adopt(seat, answer, awaited, context, done)
        try:
            done(answer, failure)
            if isinstance(failure, self._interrupts):
                raise failure
        finally:
            failure = None  # its traceback names this frame: a cycle that would keep the request alive
        return None

    def start_inside(self, handler: Call[Asked, Answer], request: Asked, done: Done[Answer]) -> Handle | None:
        """As `start`, from inside a task: that steps aside for the first step, and what is started sees its context variables.

        So what one request starts beside itself costs no task either, if it finishes at once; and goes on when the request
        is over.
        """
        loop = self.loop
        task = _current_task(loop)
        if task is None:
            return self.start(handler, request, done, copy_context())
        _leave_task(loop, task)
        try:
            return self.start(handler, request, done, copy_context())
        finally:
            _enter_task(loop, task)

    async def call(self, handler: Callable[[Asked], Answer | Awaitable[Answer]], request: Asked) -> Answer:
        """Await a handler from inside a task, as a client in the same process does.

        Args:
            handler: As for `start`.
            request: Its argument.

        Raises:
            BaseException: whatever the handler raises.
        """
        outcome: asyncio.Future[Answer] = self.loop.create_future()

        def done(answer: Answer | None, failure: BaseException | None) -> None:
            if outcome.done():  # the caller left, and the handler was told
                return
            if failure is None:
                outcome.set_result(cast(Answer, answer))
            elif isinstance(failure, asyncio.CancelledError):
                outcome.cancel(*failure.args)
            else:
                outcome.set_exception(failure)

        handle = self.start(handler, request, done)
        try:
            return await outcome
        finally:
            if handle is not None and handle in self.running:
                handle.cancel()

    async def join(self) -> None:
        """Wait until no request is under way (a handler that calls this waits for itself, for ever)."""
        while self.running:
            if self._joined is None:
                self._joined = asyncio.Event()
            self._joined.clear()
            await self._joined.wait()

    def abort(self) -> None:
        """Cancel every request under way."""
        for handle in tuple(self.running):
            handle.cancel()

    def close(self) -> None:
        """Let the spare Task end. Requests under way go on; another `start` is allowed."""
        if self._spare is not None:
            self._spare.release()

    def _park(self) -> _Seat:
        self._spare = seat = _Seat(self)
        return seat

    def _look_at(self, answer: Any, kind: type[object], seat: _Seat) -> tuple[Any, type[object]]:
        """An answer of a type that was not the last: remember the type, or make a coroutine of the awaitable."""
        if not _is_awaitable(kind):
            self._plain = kind
            return answer, kind
        if kind is Job and self._spare is seat:  # else the handler marked its Task, which has to run to its end
            return answer, kind
        return _wait(answer), CoroutineType

    def _adopt(self, seat: _Seat, coroutine: Coroutine[Any, Any, Any], awaited: Any, context: Context, done: Done[Any]) -> Handle:
        """Let the seat's Task continue the coroutine, which awaits `awaited`, or has not begun if that is _NOTHING."""
        task = seat.task
        seat.coroutine, seat.awaited, seat.context, seat.done = coroutine, awaited, context, done
        self.running.add(task)
        task._log_destroy_pending = True  # type: ignore[attr-defined]  # as asyncio.gather: from here its loss is an error
        if self._spare is seat:
            self._spare = None
            if seat.wake is not None:
                seat.rouse()
                return task
        # Until the Task takes its step others may await the same future, which must look untouched to them.
        if awaited is not None:
            _mark(awaited, False)
        return task

    def _follow(self, job: Job[Any] | Pending[Any], done: Done[Any]) -> Handle:
        """A job of the thread pool, or an answer that is there already, is all the handler is: no Task has to wait for it."""
        self.running.add(job)
        job.then(partial(self._followed, job, done))
        return job

    def _followed(self, job: Job[Any] | Pending[Any], done: Done[Any], answer: Any, failure: BaseException | None) -> None:
        self._ended(job)
        done(answer, failure)
        if isinstance(failure, self._interrupts):
            raise failure

    def _ended(self, handle: Handle) -> None:
        self.running.discard(handle)
        if self._joined is not None and not self.running:
            self._joined.set()


class _RequestTask(asyncio.Task[None]):
    """A Task that notices what a handler does to it and leaves its post then: such a mark must not meet the next request.

    A request that finishes at once would otherwise hand on its name, its cancellation, and callbacks that never come.
    """

    __slots__ = ()

    def _marked(self) -> None:
        cast("_Seat", self.get_coro()).release()

    def cancel(self, msg: Any | None = None) -> bool:
        self._marked()
        return super().cancel(msg)

    def set_name(self, value: object, /) -> None:
        self._marked()
        super().set_name(value)

    def add_done_callback(self, fn: Callable[[Self], object], /, *, context: Context | None = None) -> None:
        self._marked()
        super().add_done_callback(fn, context=context)

    def get_context(self) -> Context:
        """The request's context, where its steps run; before and after it a copy of the current one. (Python 3.12 asks.)"""
        context: Context | None = cast("_Seat", self.get_coro()).context
        return context if context is not None else copy_context()


class _Seat(Showing):
    """The coroutine of a request's Task, and, while it is empty, the future that this coroutine waits on."""

    __slots__ = ("_asyncio_future_blocking", "awaited", "context", "coroutine", "done", "driver", "task", "wake")
    NAME = "parked"

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.awaited: Any = _NOTHING
        self.context: Any = None  # a Context; None when there is no request
        self.done: Any = None  # a Done
        self.wake: Callable[[_Seat], object] | None = None
        self._asyncio_future_blocking = False
        self.task: asyncio.Task[None] = _RequestTask(self, loop=driver.loop, context=driver._context.copy())  # pyright: ignore[reportPrivateUsage]
        self.task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio.gather: parked, it is no loss

    # The coroutine's face: the Task calls these.

    def send(self, value: None, /) -> Any:
        coroutine = self.coroutine
        if coroutine is None:
            return self._wait()
        if self.awaited is not _NOTHING:
            return self._hand_on()
        return self._step(coroutine.send, value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any:
        coroutine = self.coroutine
        if coroutine is None:
            raise typ
        if self.awaited is not _NOTHING:
            # Cancelled in its first step. A Task cancels then what is awaited, and throws only if that is over already.
            awaited = self._hand_on()
            if hasattr(awaited, "cancel") and awaited.cancel(msg=typ.args[0] if typ.args else None):
                return awaited
        try:
            return self._step(coroutine.throw, typ)
        finally:
            typ = None  # it may have become the failure, whose traceback names this frame

    def close(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()

    def __await__(self) -> NoReturn:
        raise TypeError("a request's Task is awaited, never its coroutine")

    # The face towards a carrier that has taken a step of the coroutine by itself while the Task waited (by the laws of
    # `hospes.websockets.program`).

    def waits_for(self, awaited: Any) -> None:
        """The step has led to an await: the Task waits for it from its next step on."""
        self.awaited = awaited
        _mark(awaited, False)

    def ended(self, value: Any, failure: BaseException | None) -> None:
        """The step was the last: the Task ends with its next one."""
        self.coroutine = _outcome(value, failure)

    def _wait(self) -> _Seat:
        if self.driver._spare is not self:  # pyright: ignore[reportPrivateUsage]  # released: nobody will come
            raise StopIteration
        self._asyncio_future_blocking = True
        return self

    def _hand_on(self) -> Any:
        awaited, self.awaited = self.awaited, _NOTHING
        if awaited is not None:
            _mark(awaited, True)
        return awaited

    def _step(self, resume: Callable[[Any], Any], value: Any) -> Any:
        answer: Any = None
        failure: BaseException | None = None
        try:
            return self.context.run(resume, value)
        except StopIteration as stop:
            answer = stop.value
        except BaseException as error:
            failure = error
        try:
            self._finish(answer, failure)
        finally:
            failure = value = None  # its traceback names this frame: a cycle that would keep the request alive
        raise StopIteration

    def _finish(self, answer: Any, failure: BaseException | None) -> None:
        """Tell the outcome outside of the task, so that the next request may start right there; then end the Task."""
        task, loop, done = self.task, self.driver.loop, self.done
        self.coroutine = self.context = self.done = None
        del self.task
        self.driver._ended(task)  # pyright: ignore[reportPrivateUsage]
        _leave_task(loop, task)
        try:
            done(answer, failure)
        except Exception as error:
            loop.call_exception_handler({"message": "telling a handler's outcome failed", "exception": error, "task": task})
        finally:
            _enter_task(loop, task)
        if failure is None:
            return
        if isinstance(failure, self.driver._interrupts):  # pyright: ignore[reportPrivateUsage]
            task.add_done_callback(_retrieve)  # the loop raises it: no second report
            raise failure
        if isinstance(failure, asyncio.CancelledError):
            # The Task ends as cancelled, with an exception of its own: the handler's holds on to the request.
            message = failure.args
            del task, done, failure
            raise asyncio.CancelledError(*message)

    # The future's face: the Task calls these while it is parked.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self.driver.loop

    def add_done_callback(self, fn: Callable[[_Seat], object], *, context: Context | None = None) -> None:
        self.wake = fn

    def cancel(self, msg: Any | None = None) -> bool:
        return False  # then the Task remembers it, for the handler's first await

    def result(self) -> None:
        return None

    # The driver's.

    def rouse(self) -> None:
        """Let a parked Task take its next step, now. One that has not taken its first step takes it soon anyway."""
        wake, self.wake = self.wake, None
        if wake is not None:
            wake(self)

    def release(self) -> None:
        """No request is to come here any more: the Task ends, or goes on with the request in its first step."""
        if self.driver._spare is self:  # pyright: ignore[reportPrivateUsage]
            self.driver._spare = None  # pyright: ignore[reportPrivateUsage]
            self.driver.loop.call_soon(self.rouse)


async def _call(handler: Callable[[Any], Any], request: Any) -> Any:
    answer: Any = handler(request)
    outcome: object = answer
    return await answer if _is_awaitable(type(outcome)) else answer


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _outcome(value: Any, failure: BaseException | None) -> Any:
    if failure is None:
        return value
    try:
        raise failure
    finally:
        failure = None  # its traceback names this frame


def call_on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[Unpack[Arguments]], object], *arguments: *Arguments) -> None:
    """Call something on a loop: at once from the loop itself, soon from any other thread, never once it is closed."""
    try:
        is_here = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_here = False
    if is_here:
        call(*arguments)
    else:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(call, *arguments)


def _is_awaitable(kind: type[object]) -> bool:
    return hasattr(kind, "__await__") or kind is GeneratorType  # generators: those of types.coroutine; `await` refuses others


def _mark(awaited: Any, blocking: bool) -> None:
    """Set the flag by which a Task tells `await future` from a future that was merely yielded."""
    if hasattr(awaited, "_asyncio_future_blocking"):
        awaited._asyncio_future_blocking = blocking


def _retrieve(task: asyncio.Task[None]) -> None:
    task.exception()
