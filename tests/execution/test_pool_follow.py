"""What follows a job of the pool, on the loop: after its result, its failure, its refusal, its cancellation."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.execution.test_pool import PATIENCE, Stuck, run, variable

from hospes.execution import Job, PoolSaturated, ThreadPool
from hospes.execution.pool import Follow


class Followed:
    """Follow-ups that note what they are asked, and tell the outcome of their job."""

    def __init__(self, rest: bool = True) -> None:
        self.asked: list[tuple[object, str]] = []
        self.told: list[tuple[object, str]] = []
        self.over = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.begun = 0
        self._rest = rest

    def __call__(self, answer: Any, failure: BaseException | None) -> Coroutine[Any, Any, Any] | None:
        self.asked.append((answer, type(failure).__name__))
        return self._finish(answer, failure) if self._rest else None

    async def _finish(self, answer: Any, failure: BaseException | None) -> Any:
        self.begun += 1
        await self.go_on.wait()
        if isinstance(failure, asyncio.CancelledError):
            raise failure
        return f"{answer} {type(failure).__name__} {variable.get()}"

    def done(self, answer: object, failure: BaseException | None) -> None:
        self.told.append((answer, type(failure).__name__))
        self.over.set()

    def submit(self, pool: ThreadPool, call: Any) -> Job[Any]:
        context = contextvars.copy_context()
        context.run(variable.set, "set")
        job = pool.submit(context, call, self)
        job.then(self.done)
        return job


def fail() -> None:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("call", "asked", "told"),
    [
        (lambda: "tea", ("tea", "NoneType"), ("tea NoneType set", "NoneType")),
        (fail, (None, "ValueError"), ("None ValueError set", "NoneType")),
    ],
)
def test_what_remains_runs_on_the_loop_in_the_calls_context(
    call: Any, asked: tuple[object, str], told: tuple[object, str]
) -> None:
    async def main() -> None:
        pool, followed = ThreadPool(1), Followed()
        job = followed.submit(pool, call)
        await followed.over.wait()
        assert (followed.asked, followed.told, job.done()) == ([asked], [told], True)
        await pool.close()

    run(main)


def test_nothing_remains() -> None:
    async def main() -> None:
        pool, followed = ThreadPool(1), Followed(rest=False)
        followed.submit(pool, lambda: "tea")
        await followed.over.wait()
        assert followed.told == [("tea", "NoneType")]
        await pool.close()

    run(main)


def test_a_failure_of_the_rest_is_the_jobs() -> None:
    async def rest() -> None:
        raise KeyError("rest")

    async def main() -> None:
        pool = ThreadPool(1)
        follow: Follow = lambda answer, failure: rest()  # noqa: E731
        with pytest.raises(KeyError, match="rest"):
            await pool.submit(contextvars.copy_context(), lambda: "tea", follow)
        await pool.close()

    run(main)


def test_a_refused_job_is_followed_too() -> None:
    async def main() -> None:
        pool = ThreadPool(1, wait=0.01)
        stuck, followed = Stuck(pool, 1), Followed()
        followed.submit(pool, lambda: "never")
        await followed.over.wait()
        assert followed.asked == [(None, PoolSaturated.__name__)]
        assert followed.told == [("None PoolSaturated set", "NoneType")]
        await stuck.free()
        await pool.close()

    run(main)


def test_a_job_cancelled_while_it_waits_never_runs() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        stuck, followed = Stuck(pool, 1), Followed()
        ran: list[int] = []
        job = followed.submit(pool, lambda: ran.append(1))
        assert job.cancel()
        await followed.over.wait()
        assert followed.asked == followed.told == [(None, "CancelledError")]
        await stuck.free()
        await pool.close()
        assert ran == []

    run(main)


def test_a_job_cancelled_in_its_thread_is_over_when_the_thread_is_through() -> None:
    async def main() -> None:
        pool, followed = ThreadPool(1), Followed()
        begun, gate = threading.Event(), threading.Event()

        def call() -> str:
            begun.set()
            assert gate.wait(PATIENCE)
            return "tea"

        job = followed.submit(pool, call)
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        assert job.cancel()
        assert job.cancel()
        await asyncio.sleep(0)
        assert (followed.asked, followed.told, job.done()) == ([], [], False)
        gate.set()
        await followed.over.wait()
        assert followed.asked == [("tea", "CancelledError")]
        assert followed.told == [(None, "CancelledError")]
        assert not job.cancel()
        await pool.close()

    run(main)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_job_cancelled_in_its_rest(at_once: bool) -> None:
    """Also before that has begun: it begins, and then learns of it."""

    async def main() -> None:
        pool, followed = ThreadPool(1), Followed()
        followed.go_on.clear()
        job = followed.submit(pool, lambda: "tea")
        while not followed.asked:
            await asyncio.sleep(0)
        if not at_once:
            await asyncio.sleep(0)
        assert job.cancel()
        await followed.over.wait()
        assert followed.told == [(None, "CancelledError")]
        assert followed.begun == 1
        await pool.close()

    run(main)


def test_whoever_awaits_and_is_cancelled_waits_until_the_thread_is_through() -> None:
    async def main() -> None:
        pool, followed = ThreadPool(1), Followed()
        begun, gate = threading.Event(), threading.Event()

        def call() -> bool:
            begun.set()
            return gate.wait(PATIENCE)

        async def wait() -> None:
            await pool.submit(contextvars.copy_context(), call, followed)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        task.cancel()
        done, _ = await asyncio.wait((task,), timeout=0.02)
        assert not done
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert followed.asked == [(True, "CancelledError")]
        await pool.close()

    run(main)


@pytest.mark.parametrize("given_up", [False, True])
def test_an_outcome_that_is_known_while_a_thread_is_still_at_it(given_up: bool) -> None:
    async def work() -> None:
        pool = ThreadPool(1)
        began, go = threading.Event(), threading.Event()
        followed: list[tuple[object, object]] = []

        def call() -> str:
            began.set()
            go.wait()
            return "late"

        def follow(answer: object, failure: BaseException | None) -> None:
            followed.append((answer, type(failure)))

        job = pool.submit(contextvars.copy_context(), call, follow)
        await asyncio.get_running_loop().run_in_executor(None, began.wait)
        if given_up:
            job.cancel()
        job.conclude("early")
        job.conclude("again")
        assert job.done()
        if given_up:
            with pytest.raises(asyncio.CancelledError):
                await job
        else:
            assert await job == "early"
        go.set()
        assert await pool.close()
        assert followed == [("early", asyncio.CancelledError if given_up else type(None))]

    asyncio.run(work())
