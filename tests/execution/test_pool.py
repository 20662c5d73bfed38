"""The pool: bounded threads, bounded waiting, results over one shared wake-up."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from hospes.errors import HttpError
from hospes.execution import Job, PoolSaturated, ThreadPool, default_threads
from hospes.execution.pool import WAIT
from hospes.limits import Timeouts

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
PATIENCE = 10.0


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run; whatever the loop would only log is a failure."""
    complaints: list[dict[str, Any]] = []

    async def around() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await main()
        gc.collect()

    asyncio.run(around())
    assert complaints == []


def submit(pool: ThreadPool, call: Callable[[], Any]) -> Job[Any]:
    return pool.submit(contextvars.copy_context(), call)


class Stuck:
    """Calls that hold their threads until told otherwise."""

    def __init__(self, pool: ThreadPool, count: int) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.jobs = [submit(pool, self.hold) for _ in range(count)]
        for _ in range(count):
            assert self.begun.acquire(timeout=PATIENCE)

    def hold(self) -> str:
        self.begun.release()
        assert self.gate.wait(PATIENCE)
        return "held"

    async def free(self) -> None:
        self.gate.set()
        for job in self.jobs:
            if not job.done():
                assert await job == "held"


def test_a_result_and_an_exception_travel() -> None:
    def fails() -> None:
        raise LookupError("here")

    async def main() -> None:
        pool = ThreadPool(2)
        assert await submit(pool, lambda: 41 + 1) == 42
        assert await submit(pool, lambda: None) is None
        with pytest.raises(LookupError, match="here"):
            await submit(pool, fails)
        assert await pool.close()

    run(main)


def test_what_would_end_who_waits_is_told_to_him() -> None:
    def fails() -> None:
        raise StopIteration(1)

    async def main() -> None:
        pool = ThreadPool(1)
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await submit(pool, fails)
        assert isinstance(caught.value.__cause__, StopIteration)
        with pytest.raises(RuntimeError, match=r"sys\.exit\(\) in a request ends that request, and no server") as caught:
            await submit(pool, sys.exit)
        assert isinstance(caught.value.__cause__, SystemExit)
        assert await pool.close()

    run(main)


def test_cancelled_error_from_a_thread_cancels_who_waits() -> None:
    def fails() -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        pool = ThreadPool(1)
        with pytest.raises(asyncio.CancelledError):
            await submit(pool, fails)
        assert await pool.close()

    run(main)


def test_the_context_is_the_very_one_given() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        context = contextvars.copy_context()
        context.run(variable.set, "before")

        def call() -> str:
            before = variable.get()
            variable.set("after")
            return before

        assert await pool.submit(context, call) == "before"
        assert context[variable] == "after"
        assert variable.get() == "unset"
        assert await pool.close()

    run(main)


def test_threads_start_when_needed_and_no_more_than_the_bound() -> None:
    async def main() -> None:
        before = threading.active_count()
        pool = ThreadPool(3)
        assert threading.active_count() == before
        names: set[str] = set()
        for _ in range(20):
            names.add(await submit(pool, lambda: threading.current_thread().name))
        assert all(name.startswith("hospes-worker-") for name in names)
        stuck = Stuck(pool, 3)
        waits = submit(pool, lambda: threading.current_thread().daemon)
        assert threading.active_count() == before + 3
        assert pool.busy == 3
        assert pool.waiting == 1
        await stuck.free()
        assert await waits is True
        assert await pool.close()
        assert pool.busy == pool.waiting == 0

    run(main)


def test_jobs_that_wait_for_each_other_run_at_once() -> None:
    async def main() -> None:
        pool = ThreadPool(8)
        for _ in range(20):
            barrier = threading.Barrier(8)
            await asyncio.gather(*[submit(pool, partial(barrier.wait, PATIENCE)) for _ in range(8)])
        assert await pool.close()

    run(main)


def test_no_wake_up_is_lost() -> None:
    async def main() -> None:
        pool = ThreadPool(4)
        for round in range(200):
            results = await asyncio.wait_for(
                asyncio.gather(*[submit(pool, lambda number=number: number) for number in range(round % 17)]),  # type: ignore[misc]  # a default is no parameter here
                PATIENCE,
            )
            assert results == list(range(round % 17))
        assert await pool.close()

    run(main)


def test_many_results_share_a_wake_up() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        loop = asyncio.get_running_loop()
        stuck = Stuck(pool, 1)
        jobs = [submit(pool, lambda: 1) for _ in range(100)]
        last = threading.Event()
        jobs.append(submit(pool, last.set))
        wake_ups = 0
        original = loop.call_soon_threadsafe

        def counted(*arguments: Any, **options: Any) -> asyncio.Handle:
            nonlocal wake_ups
            wake_ups += 1
            return original(*arguments, **options)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]  # counts, and does what it did
        stuck.gate.set()
        assert last.wait(PATIENCE)  # the loop stands still meanwhile
        await asyncio.gather(*jobs)
        assert wake_ups <= 2
        await stuck.free()
        assert await pool.close()

    run(main)


# Bounds


@pytest.mark.parametrize(("asked", "refused"), [(4, 0), (5, 0), (6, 1)])
def test_the_bound_of_waiting_jobs(asked: int, refused: int, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pool = ThreadPool(2, waiting=5, wait=2.5)
        stuck = Stuck(pool, 2)
        jobs: list[Job[int]] = []
        refusals: list[PoolSaturated] = []
        for _ in range(asked):
            try:
                jobs.append(submit(pool, lambda: 1))
            except PoolSaturated as error:
                refusals.append(error)
        assert len(refusals) == refused
        for refusal in refusals:
            assert isinstance(refusal, HttpError)
            assert refusal.code == 503
            assert refusal.headers == {"Retry-After": "3"}
            assert str(refusal) == "503 Service Unavailable all 2 threads are busy"
        assert pool.waiting == asked - refused
        await stuck.free()
        assert await asyncio.gather(*jobs) == [1] * (asked - refused)
        assert await pool.close()

    with caplog.at_level(logging.WARNING, "hospes.execution"):
        run(main)
    assert len(caplog.records) == refused


def test_one_warning_per_burst(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pool = ThreadPool(1, waiting=1)
        for _ in range(2):
            stuck = Stuck(pool, 1)
            waits = submit(pool, lambda: 1)
            for _ in range(3):
                with pytest.raises(PoolSaturated):
                    submit(pool, lambda: 1)
            await stuck.free()
            assert await waits == 1
            assert await submit(pool, lambda: 2) == 2
        assert await pool.close()

    with caplog.at_level(logging.WARNING, "hospes.execution"):
        run(main)
    assert [record.getMessage() for record in caplog.records] == [
        "thread pool saturated: all 1 threads are busy and 1 jobs wait; answering 503. Remedy: more threads, handlers that "
        "block for a shorter time (timeouts for what they call), or `async def` handlers"
    ] * 2


def test_who_waits_too_long_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pool = ThreadPool(1, wait=0.01)
        stuck = Stuck(pool, 1)
        ran: list[int] = []
        jobs = [submit(pool, lambda: ran.append(1)) for _ in range(3)]
        for job in jobs:
            with pytest.raises(PoolSaturated):
                await job
        assert pool.waiting == 0
        cleanup = pool.submit_cleanup(contextvars.copy_context(), lambda: "cleaned")
        with pytest.raises(PoolSaturated):  # one that may wait for ever stands before it
            await submit(pool, lambda: ran.append(2))
        pool._wait = PATIENCE  # a thread may take its time to begin
        await stuck.free()
        assert await cleanup == "cleaned"
        assert ran == []
        assert await submit(pool, lambda: 1) == 1
        assert await pool.close()

    with caplog.at_level(logging.WARNING, "hospes.execution"):
        run(main)
    assert len(caplog.records) == 1


def test_the_timer_looks_again_while_jobs_wait() -> None:
    async def main() -> None:
        pool = ThreadPool(1, wait=0.02)
        stuck = Stuck(pool, 1)
        first = submit(pool, lambda: 1)
        await asyncio.sleep(0.01)
        second = submit(pool, lambda: 1)
        with pytest.raises(PoolSaturated):
            await first
        with pytest.raises(PoolSaturated):
            await second
        await stuck.free()
        assert await pool.close()

    run(main)


@pytest.mark.parametrize("options", [{"threads": 0}, {"waiting": 0}, {"wait": 0}, {"threads": -1}, {"wait": float("nan")}])
def test_impossible_bounds(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="each is a positive number"):
        ThreadPool(**options)


def test_defaults() -> None:
    assert 5 <= default_threads() <= 32
    assert ThreadPool().threads == default_threads()


# Cancellation


def test_a_waiting_job_that_is_cancelled_never_runs() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        stuck = Stuck(pool, 1)
        ran: list[int] = []

        async def awaiter() -> None:
            await submit(pool, lambda: ran.append(1))

        task = asyncio.create_task(awaiter())
        await asyncio.sleep(0)
        assert pool.waiting == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.waiting == 0
        await stuck.free()
        assert await submit(pool, lambda: 1) == 1
        assert ran == []
        assert await pool.close()

    run(main)


def test_a_running_job_that_is_cancelled_finishes_and_is_dropped() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        stuck = Stuck(pool, 1)
        told: list[object] = []
        stuck.jobs[0].then(lambda answer, failure: told.append(failure))
        assert stuck.jobs[0].cancel() is True
        assert stuck.jobs[0].cancel() is False
        assert stuck.jobs[0].done()
        assert pool.busy == 1
        await asyncio.sleep(0)
        assert [type(each) for each in told] == [asyncio.CancelledError]
        stuck.gate.set()
        assert await submit(pool, lambda: 1) == 1
        assert len(told) == 1
        assert await pool.close()

    run(main)


def test_then_after_the_end_and_what_it_raises() -> None:
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        pool = ThreadPool(1)
        job = submit(pool, lambda: 7)
        while not job.done():
            await submit(pool, lambda: None)
        assert job.cancel() is False
        assert await job == 7

        def done(answer: object, failure: object) -> None:
            raise LookupError("carrier")

        submit(pool, lambda: 1).then(done)
        assert await submit(pool, lambda: 1) == 1
        assert await pool.close()

    asyncio.run(main())
    assert [str(each["exception"]) for each in complaints] == ["carrier"]


def test_an_interrupt_in_one_result_loses_no_other() -> None:
    loop = asyncio.new_event_loop()
    pool = ThreadPool(1)
    told: list[object] = []

    async def prepare() -> None:
        stuck = Stuck(pool, 1)
        last = threading.Event()

        def leave(answer: object, failure: BaseException | None) -> None:
            assert failure is not None
            raise failure

        def fails() -> None:
            raise KeyboardInterrupt

        submit(pool, fails).then(leave)
        submit(pool, lambda: 2).then(lambda answer, failure: told.append(answer))
        submit(pool, last.set)
        stuck.gate.set()
        assert last.wait(PATIENCE)

    try:
        preparing = loop.create_task(prepare())
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert preparing.done()
        assert loop.run_until_complete(pool.close())
        assert told == [2]
    finally:
        loop.close()


# One loop, and the end


def test_one_pool_one_loop() -> None:
    pool = ThreadPool(1)
    with pytest.raises(RuntimeError, match="no loop yet"):
        _ = pool.loop

    async def first() -> None:
        assert await submit(pool, lambda: 1) == 1
        assert pool.loop is asyncio.get_running_loop()

    async def second() -> None:
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            submit(pool, lambda: 1)

    run(first)
    run(second)
    with pytest.raises(RuntimeError, match="no running event loop"):
        submit(pool, lambda: 1)


def test_a_loop_that_closes_before_its_threads_is_not_disturbed() -> None:
    pool = ThreadPool(1)
    gate, begun = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        assert gate.wait(PATIENCE)

    async def main() -> None:
        submit(pool, call)
        assert begun.wait(PATIENCE)

    run(main)
    gate.set()
    while pool.busy:  # the thread drops the result and goes idle; an exception in it would be an error here
        threading.Event().wait(0.001)


def test_close_finishes_what_there_is() -> None:
    async def main() -> None:
        pool = ThreadPool(2)
        stuck = Stuck(pool, 2)
        waits = [submit(pool, lambda: 1) for _ in range(10)]
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="closed"):
            submit(pool, lambda: 1)
        await stuck.free()
        assert await asyncio.gather(*waits) == [1] * 10
        assert await closing
        assert await pool.close()
        assert await pool.submit_cleanup(contextvars.copy_context(), lambda: "even now") == "even now"
        assert await pool.close()

    run(main)


def test_close_of_an_unused_pool() -> None:
    async def main() -> None:
        assert await ThreadPool().close()

    run(main)


def test_close_does_not_wait_for_ever() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        stuck = Stuck(pool, 1)
        waits = submit(pool, lambda: 1)
        cleanup = pool.submit_cleanup(contextvars.copy_context(), lambda: "cleaned")
        assert await pool.close(within=0.01) is False
        with pytest.raises(HttpError, match="stopping"):
            await waits
        await stuck.free()
        assert await cleanup == "cleaned"
        assert await pool.close()

    run(main)


def test_no_threads_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        pool = ThreadPool(4)

        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                submit(pool, lambda: 1)
            assert pool.waiting == pool.busy == 0
        stuck = Stuck(pool, 1)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            waits: Awaitable[int] = submit(pool, lambda: 1)  # those there are will do
        await stuck.free()
        assert await waits == 1
        assert await pool.close()

    run(main)


class Thing:
    """Something that a weak reference can watch."""


@pytest.mark.parametrize("fails", [False, True])
def test_an_idle_thread_keeps_no_request(fails: bool) -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        thing = Thing()
        watched = weakref.ref(thing)

        def call(thing: Thing) -> None:
            if fails:
                raise ValueError("no")

        told = asyncio.Event()
        submit(pool, lambda thing=thing: call(thing)).then(lambda answer, failure: told.set())  # type: ignore[misc]  # as above
        del thing
        await told.wait()
        await submit(pool, lambda: None)  # the thread is past it
        gc.collect()
        assert watched() is None
        assert await pool.close()

    run(main)


def test_what_is_done_afterwards_does_not_hold_the_outcome_up(caplog: pytest.LogCaptureFixture) -> None:
    go, done = threading.Event(), list[tuple[int, int]]()

    def job() -> int:
        thread = threading.get_ident()

        def afterwards() -> None:
            assert go.wait(PATIENCE)
            done.append((thread, threading.get_ident()))
            raise LookupError("defect")

        pool.afterwards(afterwards)
        return 7

    async def main() -> None:
        assert not pool.follows
        assert await submit(pool, job) == 7
        assert (pool.follows, done) == (True, [])
        go.set()
        assert await submit(pool, lambda: 8) == 8  # the thread goes on
        assert not pool.follows
        assert await pool.close()

    pool = ThreadPool(1)
    run(main)
    assert len(done) == 1
    assert done[0][0] == done[0][1]
    assert [record.getMessage() for record in caplog.records] == ["what was to be done after an answer failed"]


def test_only_one_may_ask_for_the_outcome() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        job = submit(pool, lambda: 7)
        while not job.done():
            await submit(pool, lambda: None)
        told: list[object] = []
        job.then(lambda answer, failure: told.append("first"))
        job.then(lambda answer, failure: told.append(answer))
        await asyncio.sleep(0)
        assert told == [7]
        assert await pool.close()

    run(main)


def test_a_job_waits_as_long_as_the_timeouts_say() -> None:
    assert Timeouts().queue == WAIT
