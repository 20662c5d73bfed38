"""Iterating in the pool: items as soon as they are made, a bound on those made ahead, and always a close."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from hospes.execution import PoolSaturated, ThreadPool, iterate

variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
PATIENCE = 10.0


def run(main: Callable[[ThreadPool], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run with a pool; whatever the loop would only log is a failure."""
    complaints: list[dict[str, Any]] = []

    async def around() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        pool = ThreadPool(**options)
        await main(pool)
        assert await pool.close()
        gc.collect()

    asyncio.run(around())
    assert complaints == []


class Source:
    """A generator that tells what happens to it, and where."""

    def __init__(self, count: int = 3, fail_at: int = -1, fail_on_close: bool = False) -> None:
        self.count, self.fail_at, self.fail_on_close = count, fail_at, fail_on_close
        self.made = 0
        self.gates: dict[int, threading.Event] = {}
        self.begun: dict[int, threading.Event] = {}
        self.closed = threading.Event()
        self.threads: set[threading.Thread] = set()

    def hold(self, number: int) -> None:
        self.gates[number] = threading.Event()
        self.begun[number] = threading.Event()

    def items(self) -> Iterator[int]:
        try:
            for number in range(self.count):
                self.threads.add(threading.current_thread())
                if number in self.gates:
                    self.begun[number].set()
                    assert self.gates[number].wait(PATIENCE)
                if number == self.fail_at:
                    raise LookupError("source")
                self.made += 1
                yield number
        finally:
            self.threads.add(threading.current_thread())
            self.closed.set()
            if self.fail_on_close:
                raise OSError("close")


def context() -> contextvars.Context:
    return contextvars.copy_context()


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
@pytest.mark.parametrize("ahead", [1, 16])
def test_every_item_in_order(count: int, ahead: int) -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(count)
        pulled = iterate(pool, context(), source.items(), ahead)
        assert [item async for item in pulled] == list(range(count))
        assert source.closed.is_set()
        assert threading.current_thread() not in source.threads
        with pytest.raises(StopAsyncIteration):
            await anext(pulled)
        await pulled.aclose()
        await pulled.aclose()

    run(main)


def test_an_item_does_not_wait_for_the_next() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(3)
        source.hold(1)
        pulled = iterate(pool, context(), source.items())
        assert await anext(pulled) == 0
        assert not source.gates[1].is_set()
        source.gates[1].set()
        assert [item async for item in pulled] == [1, 2]

    run(main)


def test_no_more_than_ahead_and_no_thread_is_held() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(100)
        pulled = iterate(pool, context(), source.items(), ahead=4)
        assert await anext(pulled) == 0
        assert await pool.submit(context(), lambda: "free") == "free"
        assert source.made <= 5
        await pulled.aclose()
        assert source.closed.is_set()

    run(main, threads=1)


def test_one_context_throughout() -> None:
    def items() -> Iterator[int]:
        token = variable.set(1)
        for _ in range(10):
            yield variable.get()
            variable.set(variable.get() + 1)
        variable.reset(token)

    async def main(pool: ThreadPool) -> None:
        assert [item async for item in iterate(pool, context(), items(), 1)] == list(range(1, 11))

    run(main)


def test_any_iterable_with_or_without_close() -> None:
    class Body:
        closed = False

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

        def close(self) -> None:
            self.closed = True

    async def main(pool: ThreadPool) -> None:
        assert [item async for item in iterate(pool, context(), [1, 2, 3])] == [1, 2, 3]
        body = Body()
        await iterate(pool, context(), body).aclose()
        assert body.closed
        with pytest.raises(TypeError):
            await anext(iterate(pool, context(), 5))  # type: ignore[arg-type]  # on purpose

    run(main)


def test_an_exception_comes_after_the_items_before_it() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(5, fail_at=2)
        pulled = iterate(pool, context(), source.items())
        assert [await anext(pulled), await anext(pulled)] == [0, 1]
        with pytest.raises(LookupError, match="source"):
            await anext(pulled)
        with pytest.raises(StopAsyncIteration):
            await anext(pulled)
        assert source.closed.is_set()
        await pulled.aclose()

    run(main)


def test_closed_before_it_began() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source()
        generator = source.items()
        pulled = iterate(pool, context(), generator)
        await pulled.aclose()
        with pytest.raises(StopIteration):
            next(generator)
        with pytest.raises(StopAsyncIteration):
            await anext(pulled)

    run(main)


def test_closed_while_a_thread_is_in_it() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(5)
        source.hold(1)
        pulled = iterate(pool, context(), source.items())
        assert await anext(pulled) == 0
        assert source.begun[1].wait(PATIENCE)
        closing = asyncio.create_task(pulled.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
        source.gates[1].set()
        await closing
        assert source.closed.is_set()
        assert threading.current_thread() not in source.threads
        with pytest.raises(StopAsyncIteration):
            await anext(pulled)

    run(main)


def test_what_closing_raises() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(5, fail_on_close=True)
        pulled = iterate(pool, context(), source.items(), 1)
        assert await anext(pulled) == 0
        with pytest.raises(OSError, match="close"):
            await pulled.aclose()

    run(main)


@pytest.mark.parametrize("waiting", [False, True])
def test_cancellation_closes_in_the_pool(waiting: bool) -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(5)
        source.hold(1)
        pulled = iterate(pool, context(), source.items())
        arrived = asyncio.Event()

        async def consumer() -> None:
            assert await anext(pulled) == 0
            arrived.set()
            await anext(pulled)

        task = asyncio.create_task(consumer())
        await arrived.wait()
        assert source.begun[1].wait(PATIENCE)
        if waiting:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        source.gates[1].set()
        await pulled.aclose()
        assert source.closed.is_set()
        assert source.made <= 2
        assert threading.current_thread() not in source.threads

    run(main)


def test_close_when_the_thread_is_just_going() -> None:
    async def main(pool: ThreadPool) -> None:
        source = Source(5)
        source.hold(0)
        pulled = iterate(pool, context(), source.items(), ahead=1)
        pulling = asyncio.create_task(anext(pulled))
        await asyncio.sleep(0)
        source.gates[0].set()
        while pool.busy:  # until the thread is through; the loop has not heard of it
            threading.Event().wait(0.001)
        pulled.close()
        with pytest.raises(StopAsyncIteration):
            await pulling
        await pulled.aclose()
        assert source.closed.is_set()

    run(main)


def test_refused_at_the_door_and_after_waiting() -> None:
    async def main(pool: ThreadPool) -> None:
        gate, begun = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            assert gate.wait(PATIENCE)

        stuck = pool.submit(context(), hold)
        assert begun.wait(PATIENCE)
        late, refused = Source(), Source()
        generators = [late.items(), refused.items()]
        waits = asyncio.create_task(iterate(pool, context(), generators[0]).__anext__())
        await asyncio.sleep(0)
        with pytest.raises(PoolSaturated):
            await anext(iterate(pool, context(), generators[1]))
        with pytest.raises(PoolSaturated):
            await waits
        gate.set()
        await stuck
        await pool.submit_cleanup(context(), lambda: None)
        for generator in generators:
            with pytest.raises(StopIteration):  # closed
                next(generator)

    run(main, threads=1, waiting=1, wait=0.01)


def test_ahead_is_positive() -> None:
    with pytest.raises(ValueError, match="at least one"):
        iterate(ThreadPool(1), context(), [], ahead=0)
