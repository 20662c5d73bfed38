"""The pool's races, each brought about by a deque that behaves as if another thread had just been there."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from typing import Any

from hospes.execution import Job, ThreadPool
from hospes.execution.pool import _Worker

PATIENCE = 10.0


class Robbed(deque[Any]):
    """Whatever is looked for was taken by somebody else just now."""

    def remove(self, value: Any) -> None:
        super().remove(value)
        if isinstance(value, _Worker):
            value.lock.release()
        raise ValueError


class Late(deque[Any]):
    """The first look finds nothing, although something is there a moment later."""

    looks = 0

    def pop(self) -> Any:  # type: ignore[override]  # the index is not used
        self.looks += 1
        if self.looks == 1:
            raise IndexError
        return super().pop()


def test_going_idle_when_work_arrives() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        worker = _Worker(pool)
        pool._jobs.append(Job(pool, contextvars.copy_context(), lambda: 1, 0.0))
        pool._rest(worker)  # returns
        assert not pool._idle
        pool._idle = Robbed()
        pool._waking = True
        pool._rest(worker)  # returns too, with the wake-up of whoever took it
        assert not pool._waking

    asyncio.run(main())


def test_a_thread_that_goes_idle_while_the_pool_looks_for_one() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        worker = _Worker(pool)
        pool._workers.add(worker)
        pool._idle = Late([worker])
        pool._loop = asyncio.get_running_loop()
        job = Job(pool, contextvars.copy_context(), lambda: 1, time.monotonic() + PATIENCE)
        pool.put(job)
        assert worker.lock.acquire(blocking=False), "woken after all"
        assert job.cancel()

    asyncio.run(main())


def test_a_job_that_a_thread_takes_at_the_last_moment() -> None:
    async def main() -> None:
        pool = ThreadPool(1)
        pool._loop = asyncio.get_running_loop()
        job = Job(pool, contextvars.copy_context(), lambda: 1, 0.0)
        pool._jobs = Robbed([job])
        pool._expire()
        assert not job.done()
        assert pool._timer is None

    asyncio.run(main())
