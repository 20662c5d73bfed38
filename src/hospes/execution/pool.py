"""A bounded pool of threads for plain `def` handlers, with a hand-off that many finished jobs share.

The standard executor pays for every single job: a Future with a Condition, another Future on the loop, a wake-up of the loop
through its self-pipe. Here a job is one object, and results come back over a deque with one wake-up for all that are there.

Laws:

* Nothing waits without a bound: at most `waiting` jobs, none longer than `wait` seconds; beyond that PoolSaturated (503).
* A job belongs to whoever takes it out of the deque of waiting jobs: a thread to run it, the loop to drop it. A deque
  operation is atomic, so there is neither a lock nor a job that is both run and dropped.
* Whoever makes work visible looks for an idle thread afterwards; whoever goes idle makes that visible and looks for work
  afterwards. So no wake-up is lost.
* One thread is woken at a time, and wakes the next one when it finds more work: short jobs are not scattered over threads
  that only queue up for the interpreter's lock, long ones get a thread each.
* Callbacks run on the loop, in no task. A result that comes when the loop is closed is dropped in silence.
* A job with a follow-up is over when that is; and one that is cancelled while a thread runs it, when the thread is through: what
  the follow-up lets go of is not taken from under the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from hospes.errors import HttpError

Result = TypeVar("Result")

_logger = logging.getLogger("hospes.execution")
WAIT: Final = 5.0
"""Seconds that a job may wait for a thread if nobody says so; `Timeouts.queue` is the same."""
_FOREVER: Final = math.inf


def default_threads() -> int:
    """How many threads a pool has if nobody says so: as many as the standard executor, and for its reason.

    A handler in a thread mostly waits (for a database, for a disk), so a few more than there are processors; and 32 at most,
    for every one costs a stack, and often a database connection too.
    """
    return min(32, (os.cpu_count() or 1) + 4)


def as_failure(error: BaseException) -> BaseException:
    """What a call in a thread has failed with, for those who wait for it: it ends that call, and nothing else.

    StopIteration would end whoever waits, and not tell him (PEP 479); SystemExit would end the server, which no request may.
    """
    if isinstance(error, StopIteration):
        failure = RuntimeError("a handler in a thread raised StopIteration")
    elif isinstance(error, SystemExit):
        failure = RuntimeError("sys.exit() in a request ends that request, and no server")
    else:
        return error
    failure.__cause__ = error
    return failure


Follow: TypeAlias = "Callable[[Any, BaseException | None], Coroutine[Any, Any, Any] | None]"
"""Asked on the loop for what remains to be done: with the call's result and None, or with what went wrong: what the
call raised, a refusal, a cancellation (then with the result as well, where there is one). The coroutine's outcome is the job's
then; None leaves it as it is."""


class Settling(Protocol):
    """What a thread hands over to the loop."""

    def settle(self) -> None:
        """Called on the loop, soon after it was handed over."""
        ...


class PoolSaturated(HttpError):
    """Every thread is busy and no more jobs may wait, or this one waited too long. 503 with Retry-After.

    Args:
        threads: How many threads the pool has.
        wait: Seconds that a job may wait for one.
    """

    def __init__(self, threads: int, wait: float) -> None:
        explain = f"all {threads} threads are busy"
        super().__init__(503, "Service Unavailable", explain, {"Retry-After": str(math.ceil(wait))})


class Job(Generic[Result]):
    """One call in the pool: await it, or let a callback have its outcome with `then`; one of the two, once."""

    __slots__ = (
        "_answer",
        "_call",
        "_context",
        "_deadline",
        "_done",
        "_failure",
        "_follow",
        "_given_up",
        "_over",
        "_pool",
        "_rest",
    )

    def __init__(
        self, pool: ThreadPool, context: Context, call: Callable[[], Result], deadline: float, follow: Follow | None = None
    ) -> None:
        self._pool = pool
        self._follow = follow
        self._rest: asyncio.Task[Any] | None = None
        self._given_up = False  # while a thread runs it
        self._context: Any = context  # a Context, until it is over
        self._call: Any = call  # the call, until it is over
        self._deadline = deadline
        self._done: Callable[[Result | None, BaseException | None], object] | None = None
        self._answer: Result | None = None
        self._failure: BaseException | None = None
        self._over = False

    def then(self, done: Callable[[Result | None, BaseException | None], object]) -> None:
        """Have `done(result, None)` or `done(None, exception)` called on the loop, later and once."""
        self._done = done
        if self._over:
            self._pool.loop.call_soon(self._tell)

    def cancel(self) -> bool:
        """End it early, with CancelledError: a waiting job never runs, the outcome of a running one is dropped.

        Returns:
            False if it was over already.
        """
        if self._over:
            return False
        if self._rest is not None:
            self._pool.loop.call_soon(self._rest.cancel)  # after its first step: before that it would never begin
            return True
        waited = self._pool.forget(self)
        if waited or self._follow is None:
            self._end(None, asyncio.CancelledError())
        else:
            self._given_up = True
        return True

    def done(self) -> bool:
        """Whether it is over: its result is here, or it was cancelled or refused."""
        return self._over

    def __await__(self) -> Generator[Any, None, Result]:
        outcome: asyncio.Future[Result] = self._pool.loop.create_future()

        def settle(answer: Result | None, failure: BaseException | None) -> None:
            if outcome.done():
                return
            if failure is None:
                outcome.set_result(cast(Result, answer))
            elif isinstance(failure, asyncio.CancelledError):
                outcome.cancel()
            else:
                outcome.set_exception(failure)

        self.then(settle)
        try:
            return (yield from outcome)
        except asyncio.CancelledError:
            if self.cancel() and not self._over:
                outcome = self._pool.loop.create_future()
                with contextlib.suppress(asyncio.CancelledError):
                    yield from outcome
            raise
        finally:
            self.cancel()

    def run(self) -> Context:
        """In a thread: make the call and keep its outcome; gives the context that it was made in."""
        context: Context = self._context
        try:
            self._answer = context.run(self._call)
        except BaseException as error:
            self._failure = as_failure(error)
        return context

    def settle(self) -> None:
        """On the loop: the thread is through with it."""
        answer, failure, self._answer, self._failure = self._answer, self._failure, None, None
        if self._given_up:
            failure = asyncio.CancelledError()
        if not self._over:
            self._end(answer, failure, at_once=True)

    def conclude(self, answer: Result) -> None:
        """On the loop: its outcome is known, although a thread is still at it; what the call comes to is not asked any more."""
        if not self._over:
            self._end(answer, asyncio.CancelledError() if self._given_up else None, at_once=True)

    def refuse(self, failure: BaseException) -> None:
        """On the loop: it waited, and will not run any more."""
        self._end(None, failure)

    def _end(self, answer: Result | None, failure: BaseException | None, *, at_once: bool = False) -> None:
        context, follow = self._context, self._follow
        self._context = self._call = self._follow = None
        rest = follow(answer, failure) if follow is not None else None
        if rest is not None:
            self._rest = self._pool.loop.create_task(rest, context=context)
            self._rest.add_done_callback(self._rested)
            return
        self._over = True
        self._answer, self._failure = answer, failure
        if self._done is None:
            return
        if at_once:
            self._tell()
        else:
            self._pool.loop.call_soon(self._tell)

    def _rested(self, rest: asyncio.Task[Result]) -> None:
        self._rest = None
        failure = asyncio.CancelledError() if rest.cancelled() else rest.exception()
        self._end(None if failure is not None else rest.result(), failure, at_once=True)

    def _tell(self) -> None:
        done, self._done = self._done, None
        answer, failure, self._answer, self._failure = self._answer, self._failure, None, None
        if done is None:
            return
        try:
            done(answer, failure)
        except Exception as error:
            self._pool.loop.call_exception_handler({"message": "telling a thread's outcome failed", "exception": error})
        finally:
            failure = None  # its traceback may lead back here


class ThreadPool:
    """Threads for handlers that block. They start when needed, are daemons, and belong to the loop that submits first.

    Args:
        threads: The most threads; `default_threads()` by default.
        waiting: The most jobs that wait for a thread; 1,000 by default.
        wait: The most seconds that one waits; 5.0 by default.

    Raises:
        ValueError: if one of them is not positive.
    """

    def __init__(self, threads: int | None = None, waiting: int = 1_000, wait: float = WAIT) -> None:
        self.threads = default_threads() if threads is None else threads
        if self.threads < 1 or waiting < 1 or not wait > 0:
            raise ValueError(f"ThreadPool(threads={threads}, waiting={waiting}, wait={wait}): each is a positive number")
        self._most_waiting = waiting
        self._wait = wait
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: deque[Job[Any]] = deque()
        self._finished: deque[Settling] = deque()
        self._signalled = False
        self._workers: set[_Worker] = set()
        self._idle: deque[_Worker] = deque()
        self._waking = False
        self._hiring = threading.Lock()
        self._numbers = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._warned = False
        self._closed = False
        self._emptied: asyncio.Event | None = None
        self._afterwards: dict[int, Callable[[], object]] = {}  # by thread

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the pool belongs to.

        Raises:
            RuntimeError: before the first job.
        """
        if self._loop is None:
            raise RuntimeError("this ThreadPool has no loop yet: it belongs to the one that submits first")
        return self._loop

    @property
    def busy(self) -> int:
        """Threads that run a job now."""
        return max(0, len(self._workers) - len(self._idle))

    @property
    def follows(self) -> bool:
        """Whether a call of `afterwards` is to be made, or under way."""
        return bool(self._afterwards)

    @property
    def waiting(self) -> int:
        """Jobs that no thread has begun."""
        return len(self._jobs)

    def submit(self, context: Context, call: Callable[[], Result], follow: Follow | None = None) -> Job[Result]:
        """Have `context.run(call)` done in a thread. To be called on the loop.

        Args:
            context: The call's context; nobody else may be in it meanwhile.
            call: Takes nothing; bind its arguments.
            follow: What is to be done afterwards on the loop, in the same context; nothing by default.

        Raises:
            PoolSaturated: if as many jobs wait as may.
            RuntimeError: on another loop than before, off the loop, or after `close`.
        """
        job = Job(self, context, call, self.admit(), follow)
        self.put(job)
        return job

    def admit(self) -> float:
        """Whether there is room for one more job; until when it may wait. As `submit`, for a job of the caller's own kind.

        Raises:
            PoolSaturated, RuntimeError: as `submit`.
        """
        if self._loop is not asyncio.get_running_loop() or self._closed:
            self._admit()
        if len(self._jobs) >= self._most_waiting:
            self._warn()
            raise PoolSaturated(self.threads, self._wait)
        return time.monotonic() + self._wait

    def submit_cleanup(self, context: Context, call: Callable[[], Result]) -> Job[Result]:
        """As `submit`, for what has to run in any case: it is never refused and may wait for ever, even when closed.

        Args:
            context: The call's context.
            call: Takes nothing.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        job = Job(self, context, call, _FOREVER)
        self.put(job)
        return job

    async def close(self, within: float = 10.0) -> bool:
        """Take no more jobs, finish those there are, and let the threads end.

        Args:
            within: Seconds for it; 10.0 by default. Jobs that wait then are answered with 503; threads that still run a job
                then are left to it: they are daemons and cannot hold the process.

        Returns:
            Whether all threads ended in time.
        """
        self._closed = True
        for worker in tuple(self._workers):
            self._dismiss(worker)
        self._emptied = asyncio.Event()
        try:
            async with asyncio.timeout(within):
                while self._workers:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            self._drop(_FOREVER, HttpError(503, "Service Unavailable", "the server is stopping"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return not self._workers

    # On the loop.

    def _admit(self) -> None:
        """The rare cases of `submit`: the first job, and the mistakes."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("this ThreadPool is closed")
        if self._loop is not None:
            raise RuntimeError("this ThreadPool belongs to another event loop: make one for each loop, after a fork too")
        self._loop = loop

    def put(self, job: Job[Any]) -> None:
        """Have a thread run this job, which was admitted.

        Raises:
            RuntimeError: where the system gives no thread.
        """
        self._jobs.append(job)
        if not self._waking:
            try:
                self._wake()
            except RuntimeError:
                self.forget(job)
                raise
        if self._timer is None and self._jobs:
            self._timer = self.loop.call_later(self._wait, self._expire)

    def forget(self, job: Job[Any]) -> bool:
        """Take a job that waits out of the queue. False if a thread has it."""
        try:
            self._jobs.remove(job)
        except ValueError:
            return False
        return True

    def _expire(self) -> None:
        """One timer for all: it looks at those that wait, and again when the next of them may be too late."""
        self._timer = None
        now = time.monotonic()
        if self._drop(now, PoolSaturated(self.threads, self._wait)):
            self._warn()
        deadline = min((job._deadline for job in tuple(self._jobs)), default=_FOREVER)  # pyright: ignore[reportPrivateUsage]
        if deadline < _FOREVER:
            self._timer = self.loop.call_later(max(0.0, deadline - now), self._expire)

    def _drop(self, now: float, failure: HttpError) -> int:
        late = [job for job in tuple(self._jobs) if job._deadline < now]  # pyright: ignore[reportPrivateUsage]
        dropped = 0
        for job in late:
            if self.forget(job):
                job.refuse(failure)
                dropped += 1
        return dropped

    def _warn(self) -> None:
        """Once per burst: until no job waits any more."""
        if self._warned:
            return
        self._warned = True
        _logger.warning(
            "thread pool saturated: all %d threads are busy and %d jobs wait; answering 503. Remedy: more threads, handlers that "
            "block for a shorter time (timeouts for what they call), or `async def` handlers",
            self.threads,
            len(self._jobs),
        )

    def _deliver(self) -> None:
        # The flag goes down first: what a thread adds from here on gets a wake-up of its own.
        self._signalled = False
        finished = self._finished
        if self._warned and not self._jobs:
            self._warned = False
        try:
            while finished:
                finished.popleft().settle()
        finally:
            if finished:  # a KeyboardInterrupt passes through: the others are not to be lost
                self.loop.call_soon(self._deliver)

    # In the loop's thread and in the workers'.

    def _wake(self) -> None:
        """Let one more thread look for work: an idle one, the last used first, or a new one if there may be more."""
        self._waking = True
        try:
            worker = self._idle.pop()
        except IndexError:
            self._hire()
        else:
            worker.lock.release()

    def _hire(self) -> None:
        worker = _Worker(self)
        with self._hiring:
            full = len(self._workers) >= self.threads
            if not full:
                self._workers.add(worker)
        if full:
            self._waking = False
            if self._jobs and self._idle:  # both came while the flag was up and said that somebody was seeing to it
                self._wake()
            return
        name = f"hospes-worker-{next(self._numbers)}"
        try:
            threading.Thread(target=self._work, args=(worker,), name=name, daemon=True).start()
        except RuntimeError:  # the system gives no more threads: those there are will do
            self._workers.discard(worker)
            self._waking = False
            if not self._workers:
                raise

    def _dismiss(self, worker: _Worker) -> None:
        """Wake this one, if it is idle, to find that the pool is closed."""
        try:
            self._idle.remove(worker)
        except ValueError:
            return
        worker.lock.release()

    def _work(self, worker: _Worker) -> None:
        jobs, finished = self._jobs, self._finished
        self._waking = False
        while True:
            try:
                job = jobs.popleft()
            except IndexError:
                if self._closed:
                    break
                self._rest(worker)
                continue
            if jobs and not self._waking:
                self._wake()
            context = job.run()
            finished.append(job)
            del job  # an idle thread keeps no request alive
            if not self._signalled:
                self.signal()
            if self._afterwards:
                self._follow_up(context)
            del context
        self.hand_over(worker)

    def _follow_up(self, context: Context) -> None:
        thread = threading.get_ident()
        call = self._afterwards.get(thread)
        if call is None:
            return
        try:
            context.run(call)
        except BaseException:  # nobody else would hear of it
            _logger.exception("what was to be done after an answer failed")
        del call, self._afterwards[thread]

    def afterwards(self, call: Callable[[], object]) -> None:
        """In a thread, in a job: have this called there, in the job's context, when the job's outcome is on its way."""
        self._afterwards[threading.get_ident()] = call

    def _rest(self, worker: _Worker) -> None:
        """Go idle, unless there is work, or the end, after all."""
        idle = self._idle
        idle.append(worker)
        if self._jobs or self._closed:
            try:
                idle.remove(worker)
            except ValueError:
                pass  # somebody wakes us this very moment: take his wake-up
            else:
                return
        worker.lock.acquire()
        self._waking = False

    def hand_over(self, what: Settling) -> None:
        """In a thread: have `what.settle()` called on the loop soon."""
        self._finished.append(what)
        if not self._signalled:
            self.signal()

    def signal(self) -> None:
        self._signalled = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self.loop.call_soon_threadsafe(self._deliver)

    def left(self, worker: _Worker) -> None:
        """On the loop: a thread has ended."""
        self._workers.discard(worker)
        if self._emptied is not None:
            self._emptied.set()


class _Worker:
    """A thread's place in the pool; it sleeps on a lock of its own."""

    __slots__ = ("lock", "pool")

    def __init__(self, pool: ThreadPool) -> None:
        self.pool = pool
        self.lock = threading.Lock()
        self.lock.acquire()

    def settle(self) -> None:
        self.pool.left(self)
