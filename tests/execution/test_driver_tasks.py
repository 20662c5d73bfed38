"""The driver: from the first suspension on, all that a real Task promises."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import types
import weakref
from collections.abc import AsyncIterator, Generator
from typing import Any

import anyio
import pytest
from tests.execution.driving import Custom, bare, generator_coroutine, outcome_of, pending, run, started, variable

from hospes.execution import Driver

# After the first step


def test_the_current_task_stays_the_same() -> None:
    async def handler(request: object) -> None:
        before = asyncio.current_task()
        assert before is not None
        name = before.get_name()
        await asyncio.sleep(0)
        assert asyncio.current_task() is before
        await asyncio.sleep(0)
        assert asyncio.current_task() is before
        assert before.get_name() == name

    async def main(driver: Driver) -> None:
        for _ in range(3):
            assert (await outcome_of(driver, handler)).failure is None

    run(main)


def test_requests_that_overlap_have_a_task_each() -> None:
    async def main(driver: Driver) -> None:
        gate = asyncio.Event()
        tasks: list[object] = []
        names: set[str] = set()

        async def handler(request: int) -> int:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            names.add(task.get_name())
            await gate.wait()
            assert asyncio.current_task() is task
            return request

        all_started = [started(driver, handler, number) for number in range(50)]
        handles = [await returned for _, returned in all_started]
        assert driver.running == set(handles) == set(tasks)
        assert len(set(tasks)) == len(names) == 50
        gate.set()
        await driver.join()
        assert [outcome.answer for outcome, _ in all_started] == list(range(50))
        assert not driver.running

    run(main)


def test_an_awaited_future_that_is_done_already() -> None:
    async def handler(request: object) -> object:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(7)
        return await future

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, handler)).answer == 7

    run(main)


def test_a_future_that_many_await() -> None:
    async def main(driver: Driver) -> None:
        shared: asyncio.Future[int] = driver.loop.create_future()

        async def handler(request: object) -> int:
            return await shared

        # All in one turn of the loop, so that spares that never took a step, parked ones and plain tasks all await it.
        outcomes = [started(driver, handler) for _ in range(5)]
        plain = asyncio.create_task(handler(None))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        shared.set_result(5)
        await driver.join()
        assert [outcome.answer for outcome, _ in outcomes] == [5] * 5
        assert await plain == 5

    run(main)


@pytest.mark.parametrize("parked", [False, True])
def test_garbage_that_is_awaited_is_refused_as_by_a_task(parked: bool) -> None:
    @types.coroutine
    def garbage() -> Generator[Any, Any, None]:
        yield 5

    async def handler(request: object) -> None:
        await garbage()

    async def main(driver: Driver) -> None:
        await outcome_of(driver, lambda request: None)
        if parked:
            await asyncio.sleep(0)
        outcome = await outcome_of(driver, handler)
        assert isinstance(outcome.failure, RuntimeError)
        assert "bad yield" in str(outcome.failure)

    run(main)


def test_any_awaitable_will_do() -> None:
    async def soon() -> str:
        await asyncio.sleep(0)
        return "task"

    def future(request: object) -> asyncio.Future[str]:
        made: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        made.set_result("future")
        return made

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, future)).answer == "future"
        assert (await outcome_of(driver, lambda request: asyncio.ensure_future(soon()))).answer == "task"
        assert (await outcome_of(driver, lambda request: Custom())).answer == "custom"
        assert (await outcome_of(driver, generator_coroutine)).answer == "generator"

    run(main)


def test_a_plain_generator_is_no_answer() -> None:
    def handler(request: object) -> Generator[int, None, None]:
        yield 1

    async def main(driver: Driver) -> None:
        assert isinstance((await outcome_of(driver, handler)).failure, TypeError)

    run(main)


def test_an_async_generator_is_closed() -> None:
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(5):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def handler(request: object) -> int:
        async for number in numbers():
            if number == 2:
                return number
        return -1

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, handler)).answer == 2
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert closed == ["closed"]

    run(main)


def test_the_stack_names_the_handler() -> None:
    async def main(driver: Driver) -> None:
        gate = asyncio.Event()

        async def my_handler(request: object) -> None:
            await gate.wait()

        _, returned = started(driver, my_handler)
        task = await returned
        await asyncio.sleep(0)
        assert "my_handler" in repr(task)
        assert [frame.f_code.co_name for frame in task.get_stack()] == ["my_handler"]
        gate.set()
        await driver.join()

    run(main)


# Cancellation


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("awaited", ["future", "done future", "sleep(0)", "gather"])
def test_cancelled_before_the_first_await(parked: bool, awaited: str) -> None:
    async def main(driver: Driver) -> None:
        if parked:
            await outcome_of(driver, lambda request: None)
            await asyncio.sleep(0)
        steps: list[object] = []

        async def handler(request: object) -> str:
            task = asyncio.current_task()
            assert task is not None
            task.cancel("enough")
            assert task.cancelling() == 1
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            other: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            other.set_result(1)
            try:
                if awaited == "future":
                    await future
                elif awaited == "done future":
                    other._asyncio_future_blocking = True  # as a future does that is not done
                    await bare(other)
                elif awaited == "gather":
                    await asyncio.gather(future)
                else:
                    await asyncio.sleep(0)
                steps.append("not cancelled")
            except asyncio.CancelledError as error:
                steps.append(error.args)
            assert task is asyncio.current_task()
            assert task.cancelling() == 1
            assert task.uncancel() == 0
            if awaited == "future":
                assert future.cancelled()
            await asyncio.sleep(0)
            return "recovered"

        # A real Task is the measure.
        assert await asyncio.create_task(handler(None)) == "recovered"
        outcome = await outcome_of(driver, handler)
        assert outcome.failure is None
        assert outcome.answer == "recovered"
        assert steps == [("enough",)] * 2

    run(main)


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("suspend", [False, True])
def test_cancelled_in_the_first_step_meets_no_other_request(parked: bool, suspend: bool) -> None:
    tasks: list[weakref.ref[asyncio.Task[Any]]] = []

    async def cancels(request: object) -> str:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(weakref.ref(task))
        task.cancel()
        if suspend:
            await asyncio.sleep(0)
        return "finished"

    async def innocent(request: object) -> str:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        return "well"

    async def main(driver: Driver) -> None:
        if parked:
            await outcome_of(driver, lambda request: None)
            await asyncio.sleep(0)
        first, _ = started(driver, cancels)
        second, _ = started(driver, innocent)
        await second.here.wait()
        assert second.answer == "well"
        if suspend:
            assert isinstance(first.failure, asyncio.CancelledError)
        else:
            assert first.answer == "finished"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pending() <= 2
        first.failure = None  # its traceback names the task
        gc.collect()
        assert tasks[0]() is None

    run(main)


def test_cancelled_and_taken_back_in_the_first_step() -> None:
    async def handler(request: object) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return "cancelled"
        return "not cancelled"

    async def main(driver: Driver) -> None:
        real = await asyncio.create_task(handler(None))  # Python 3.13 forgets the cancellation, older ones do not
        assert (await outcome_of(driver, handler)).answer == real

    run(main)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_handle_cancels(turns: int) -> None:
    async def main(driver: Driver) -> None:
        seen: list[object] = []

        async def handler(request: object) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as error:
                seen.append(error)
                raise

        outcome, returned = started(driver, handler)
        handle = await returned
        for _ in range(turns):
            await asyncio.sleep(0)
        handle.cancel()
        await outcome.here.wait()
        assert outcome.failure is seen[0]
        assert outcome.times == 1
        await asyncio.sleep(0)
        assert handle.cancelled()
        assert not driver.running

    run(main)


def test_a_handle_cancelled_twice_is_told_once() -> None:
    async def main(driver: Driver) -> None:
        async def handler(request: object) -> None:
            await asyncio.get_running_loop().create_future()

        outcome, returned = started(driver, handler)
        handle = await returned
        handle.cancel()
        handle.cancel()
        await outcome.here.wait()
        await asyncio.sleep(0)
        assert outcome.times == 1

    run(main)


@pytest.mark.parametrize("delay", [0, 0.001, 60])
def test_asyncio_timeout_before_the_first_await(delay: float) -> None:
    async def handler(request: object) -> str:
        try:
            async with asyncio.timeout(delay):
                if delay == 60:
                    await asyncio.sleep(0)
                else:
                    await asyncio.get_running_loop().create_future()
        except TimeoutError:
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(0)
            return "late"
        return "in time"

    async def main(driver: Driver) -> None:
        for _ in range(2):
            assert (await outcome_of(driver, handler)).answer == ("in time" if delay == 60 else "late")

    run(main)


def test_task_group_at_the_first_statement() -> None:
    async def handler(request: object) -> list[int]:
        async def child(number: int) -> int:
            await asyncio.sleep(0)
            return number

        async with asyncio.TaskGroup() as group:
            children = [group.create_task(child(number)) for number in range(3)]
        return [each.result() for each in children]

    async def fails(request: object) -> str:
        async def child() -> None:
            raise ValueError("child")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
                await asyncio.get_running_loop().create_future()
        except* ValueError:
            pass
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return "caught"

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, handler)).answer == [0, 1, 2]
        assert (await outcome_of(driver, fails)).answer == "caught"

    run(main)


def test_anyio_scopes_at_the_first_statement() -> None:
    async def scope(request: object) -> str:
        with anyio.CancelScope() as each:
            each.cancel()
            await anyio.sleep_forever()
        await anyio.sleep(0)
        return "scope"

    async def move_on(request: object) -> str:
        with anyio.move_on_after(0.001) as each:
            await anyio.sleep_forever()
        assert each.cancelled_caught
        return "moved on"

    async def fail(request: object) -> str:
        try:
            with anyio.fail_after(0.001):
                await anyio.sleep_forever()
        except TimeoutError:
            return "failed"
        return "no"

    async def group(request: object) -> list[int]:
        done: list[int] = []

        async def child(number: int) -> None:
            await anyio.sleep(0)
            done.append(number)

        async with anyio.create_task_group() as each:
            each.start_soon(child, 1)
            each.start_soon(child, 2)
        return sorted(done)

    async def untouched(request: object) -> str:
        with anyio.CancelScope(), anyio.move_on_after(60):
            pass
        return "at once"

    async def main(driver: Driver) -> None:
        for _ in range(2):
            assert (await outcome_of(driver, untouched)).answer == "at once"
            assert (await outcome_of(driver, scope)).answer == "scope"
            assert (await outcome_of(driver, move_on)).answer == "moved on"
            assert (await outcome_of(driver, fail)).answer == "failed"
            assert (await outcome_of(driver, group)).answer == [1, 2]

    run(main)


def test_wait_for_and_shield() -> None:
    async def handler(request: object) -> str:
        inner = asyncio.ensure_future(asyncio.sleep(0, "inner"))
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.get_running_loop().create_future()), 0.001)
        except TimeoutError:
            return await inner
        return "no"

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, handler)).answer == "inner"

    run(main)


# Marks on the task


@pytest.mark.parametrize("parked", [False, True])
def test_a_name_and_a_callback_stay_with_their_request(parked: bool) -> None:
    called: list[asyncio.Task[Any]] = []

    async def marks(request: object) -> object:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("mine")
        task.add_done_callback(called.append)
        if request == "suspend":
            await asyncio.sleep(0)
            assert task.get_name() == "mine"
        return task

    async def name(request: object) -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    async def main(driver: Driver) -> None:
        for request in ("at once", "suspend"):
            if parked:
                await outcome_of(driver, lambda request: None)
                await asyncio.sleep(0)
            marked = (await outcome_of(driver, marks, request)).answer
            assert (await outcome_of(driver, name)).answer != "mine"
            for _ in range(3):
                await asyncio.sleep(0)
            assert called.pop() is marked
            assert marked.done()
        assert called == []

    run(main)


# Context


def test_the_context_is_the_requests_own() -> None:
    def plain(request: str) -> str:
        before = variable.get()
        variable.set(request)
        return before

    async def at_once(request: str) -> str:
        return plain(request)

    async def suspended(request: str) -> str:
        before = plain(request)
        await asyncio.sleep(0)
        assert variable.get() == request
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: seen.append(variable.get()))

        async def child() -> str:
            return variable.get()

        assert await asyncio.create_task(child()) == request
        async with asyncio.TaskGroup() as group:
            in_group = group.create_task(child())
        assert in_group.result() == request
        assert seen == [request]
        variable.set(request + " changed")
        await asyncio.sleep(0)
        assert variable.get() == request + " changed"
        return before

    async def main(driver: Driver) -> None:
        for handler in (plain, at_once, suspended, plain, at_once, suspended):
            outcome = await outcome_of(driver, handler, handler.__name__)
            assert outcome.failure is None
            assert outcome.answer == "base"
        assert variable.get() == "base"

    async def with_base(driver: Driver) -> None:
        variable.set("base")
        await main(Driver())
        context = contextvars.copy_context()
        context.run(variable.set, "given")
        assert (await outcome_of(Driver(context=context), plain, "x")).answer == "given"

    run(with_base)


def test_a_step_after_a_suspension_runs_in_the_very_context_of_the_first() -> None:
    async def main(driver: Driver) -> None:
        gate = asyncio.Event()

        async def handler(request: object) -> None:
            token = variable.set("x")
            await gate.wait()
            variable.reset(token)  # refuses a token of another context

        outcome, _ = started(driver, handler)
        await asyncio.sleep(0)
        gate.set()
        await outcome.here.wait()
        assert outcome.failure is None

    run(main)


def test_the_task_tells_the_requests_context() -> None:
    async def handler(request: object) -> object:
        await asyncio.sleep(0)
        variable.set("told")
        task: Any = asyncio.current_task()
        return task, task.get_context()[variable]

    async def main(driver: Driver) -> None:
        task, told = (await outcome_of(driver, handler)).answer
        assert told == "told"
        assert task.get_context() is not None

    run(main)
