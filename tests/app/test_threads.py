"""Plain functions in threads: in the pool's, and in one that a plain filter lends."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.app.support import PATIENCE, made, until

from hospes.app.threads import Inside, Threads, _LentJob, _Outcome, discard, lent_thread
from hospes.execution import PoolSaturated, ThreadPool
from hospes.http.content import FileContent, Stream
from hospes.http.request import Request
from hospes.http.response import Response

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Held:
    """A call that a thread is in until it is let go."""

    def __init__(self, answer: Any = "held") -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.is_through = False
        self._answer = answer

    def __call__(self) -> Any:
        self.begun.set()
        assert self.gate.wait(PATIENCE)
        self.is_through = True
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


def fail() -> None:
    raise KeyError("no")


def with_pool(main: Callable[[Threads], Awaitable[None]], threads: int = 1, wait: float = 5.0) -> None:
    async def around() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        pool = ThreadPool(threads, wait=wait)
        await main(Threads(pool))
        await pool.close()
        assert complaints == []

    asyncio.run(around())


def test_in_the_pool_with_the_context() -> None:
    async def main(threads: Threads) -> None:
        variable.set("set")
        name, value = await threads.run(lambda: (threading.current_thread().name, variable.get()))
        assert (name.startswith("hospes-worker-"), value) == (True, "set")

    with_pool(main)


def test_what_the_function_raises() -> None:
    async def main(threads: Threads) -> None:
        with pytest.raises(KeyError, match="no"):
            await threads.run(fail)

    with_pool(main)


def test_a_refusal() -> None:
    async def main(threads: Threads) -> None:
        held = Held()
        first = asyncio.create_task(threads.run(held))
        await until(held.begun.is_set)
        with pytest.raises(PoolSaturated):
            await threads.run(lambda: "never")
        held.gate.set()
        assert await first == "held"

    with_pool(main, wait=0.5)


def test_who_is_cancelled_waits_for_the_thread() -> None:
    async def main(threads: Threads) -> None:
        held, abandoned = Held(), threading.Event()
        task = asyncio.create_task(threads.run(held, abandoned.set))
        await until(held.begun.is_set)
        task.cancel()
        await until(abandoned.is_set)
        assert not task.done()
        held.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert held.is_through

    with_pool(main)


def test_a_second_cancellation_does_not_wait() -> None:
    async def main(threads: Threads) -> None:
        held, abandoned = Held(), threading.Event()
        task = asyncio.create_task(threads.run(held, abandoned.set))
        await until(held.begun.is_set)
        task.cancel()
        await until(abandoned.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not held.is_through
        held.gate.set()

    with_pool(main)


def test_who_is_cancelled_before_it_began_never_begins() -> None:
    async def main(threads: Threads) -> None:
        held, ran = Held(), threading.Event()
        first = asyncio.create_task(threads.run(held))
        await until(held.begun.is_set)
        task = asyncio.create_task(threads.run(ran.set, lambda: pytest.fail("it had not begun")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.gate.set()
        await first
        assert not ran.is_set()

    with_pool(main)


def test_what_nobody_wants_any_more_is_closed() -> None:
    async def main(threads: Threads) -> None:
        file = BytesIO(b"abc")
        held = Held(Response(FileContent(file, 0, 3)))
        task = asyncio.create_task(threads.run(held))
        await until(held.begun.is_set)
        task.cancel()
        held.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert file.closed

    with_pool(main)


@pytest.mark.parametrize("failure", [None, ValueError("late")])
def test_cancelled_when_the_outcome_is_just_there(failure: Exception | None) -> None:
    """Its failure is nobody's, and not complained about; its answer is closed."""

    async def main(threads: Threads) -> None:
        file = BytesIO()
        outcome = _Outcome(asyncio.get_running_loop())
        task = asyncio.create_task(outcome.wait(lambda: False, lambda: None))
        await asyncio.sleep(0)
        outcome.settle(None if failure else Response(FileContent(file, 0, 0)), failure)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert file.closed is (failure is None)
        del outcome, task
        gc.collect()

    with_pool(main)


def test_a_function_that_raises_cancelled_itself() -> None:
    async def main(threads: Threads) -> None:
        def call() -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await threads.run(call)

    with_pool(main)


class Broken:
    async def aclose(self) -> None:
        raise ValueError("cannot be closed")

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    def __aiter__(self) -> Broken:
        return self


def test_discarding(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    class Source(Broken):
        async def aclose(self) -> None:
            closed.append("stream")

    file = BytesIO()
    for answer in (None, "text", Response("x"), Response(FileContent(file, 0, 0)), Response(Stream(Source()))):
        asyncio.run(discard(answer))
    assert (file.closed, closed) == (True, ["stream"])
    asyncio.run(discard(Response(Stream(Broken()))))
    assert "closing an answer that is not sent failed" in caplog.text


def ask_in_thread(threads: Threads, call: Callable[[Request], Awaitable[Response]], before: Callable[[], Any] = int) -> Any:
    """Have a thread of the pool stand around `call`, as a plain filter does."""
    inside = Inside(call, asyncio.get_running_loop())

    def work() -> Response:
        before()
        return inside.ask(made())

    return asyncio.create_task(threads.run(work, inside.abandon))


def test_a_lent_thread_does_what_its_inside_needs() -> None:
    async def main(threads: Threads) -> None:
        names: list[str] = []

        def note() -> str:
            names.append(threading.current_thread().name)
            return variable.get()

        async def call(request: Request) -> Response:
            assert await threads.run(note) == "outside"
            variable.set("inside")
            assert await threads.run(note) == "inside"
            with pytest.raises(KeyError):
                await threads.run(fail)
            with pytest.raises(RuntimeError, match="StopIteration"):
                await threads.run(lambda: next(iter(())))
            return Response("answer")

        response = await ask_in_thread(threads, call, lambda: (note(), variable.set("outside")))
        assert response.content == b"answer"
        assert len(names) == 3
        assert len(set(names)) == 1

    with_pool(main)


def test_after_its_end_a_lent_thread_takes_no_work() -> None:
    async def main(threads: Threads) -> None:
        later: list[asyncio.Task[Any]] = []
        go_on = asyncio.Event()

        async def after() -> str:
            await go_on.wait()
            name: str = await threads.run(lambda: threading.current_thread().name)
            return name

        async def call(request: Request) -> Response:
            later.append(asyncio.create_task(after()))
            return Response()

        await ask_in_thread(threads, call)
        go_on.set()
        assert (await later[0]).startswith("hospes-worker-")

    with_pool(main)


def test_what_the_inside_raises_comes_out_in_the_thread() -> None:
    async def main(threads: Threads) -> None:
        async def call(request: Request) -> Response:
            raise KeyError("inside")

        with pytest.raises(KeyError, match="inside"):
            await ask_in_thread(threads, call)

    with_pool(main)


def test_who_gives_up_is_heard_inside() -> None:
    async def main(threads: Threads) -> None:
        entered, steps = asyncio.Event(), []

        async def call(request: Request) -> Response:
            entered.set()
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                steps.append("cleaned up")
                raise
            raise AssertionError

        task = ask_in_thread(threads, call)
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert steps == ["cleaned up"]

    with_pool(main)


def test_given_up_before_the_inside_began() -> None:
    async def main(threads: Threads) -> None:
        held = Held()

        async def call(request: Request) -> Response:
            raise AssertionError("it must not begin")

        task = ask_in_thread(threads, call, held)
        await until(held.begun.is_set)
        task.cancel()
        await asyncio.sleep(0)
        held.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_pool(main)


def test_given_up_while_a_lent_thread_works() -> None:
    """The thread's work goes on to its end, and only then is the request given up."""

    async def main(threads: Threads) -> None:
        held = Held()

        async def call(request: Request) -> Response:
            await threads.run(held)
            raise AssertionError

        task = ask_in_thread(threads, call)
        await until(held.begun.is_set)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        held.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert held.is_through

    with_pool(main)


def test_given_up_before_a_lent_thread_came_to_it() -> None:
    async def main(threads: Threads) -> None:
        held, second = Held(), threading.Event()

        async def call(request: Request) -> Response:
            async with asyncio.TaskGroup() as group:
                group.create_task(threads.run(held))
                group.create_task(threads.run(second.set))
            raise AssertionError

        task = ask_in_thread(threads, call)
        await until(held.begun.is_set)
        await asyncio.sleep(0)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        held.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not second.is_set()

    with_pool(main)


def test_a_loop_that_has_gone_is_not_told() -> None:
    loop = asyncio.new_event_loop()
    ran = threading.Event()
    job = _LentJob(loop, ran.set, _Outcome(loop))
    loop.close()
    job()
    assert ran.is_set()
    assert lent_thread.get() is None
