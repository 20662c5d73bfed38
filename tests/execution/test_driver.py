"""The driver: a first step without a new Task, its outcomes, jobs of the pool, and the end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Awaitable
from typing import Any

import pytest
from tests.execution.driving import Handler, Outcome, generator_coroutine, loose, outcome_of, pending, run, started, variable

from hospes.execution import Driver, ThreadPool, call_on_loop

# A step in the Task's place


class Waited:
    """What a task waits for, until a carrier takes its step."""

    def __init__(self) -> None:
        self._asyncio_future_blocking = False
        self.wake: Any = None

    def __await__(self) -> Any:
        self._asyncio_future_blocking = True
        yield self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def add_done_callback(self, fn: Any, *, context: contextvars.Context) -> None:
        self.wake = fn

    def result(self) -> None:
        return None


@pytest.mark.parametrize("then", ["answers", "fails", "waits", "sleeps"])
def test_a_carrier_may_take_a_step_of_it(then: str) -> None:
    async def main(driver: Driver) -> None:
        loop, waited = asyncio.get_running_loop(), Waited()
        later: asyncio.Future[str] = loop.create_future()

        async def handler(request: object) -> object:
            task = asyncio.current_task()
            await waited
            if then == "fails":
                raise KeyError("a")
            if then == "waits":
                assert await later == "later"
            elif then == "sleeps":
                await asyncio.sleep(0)
            return asyncio.current_task() is task or then

        outcome, returned = started(driver, handler, None)
        while waited.wake is None:
            await asyncio.sleep(0)
        seat: Any = next(task for task in driver.running if isinstance(task, asyncio.Task)).get_coro()
        awaited = failure = value = None
        try:
            awaited = seat.context.run(seat.coroutine.send, None)
        except StopIteration as stop:
            value = stop.value
        except KeyError as error:
            failure = error
        if then in {"waits", "sleeps"}:
            seat.waits_for(awaited)
            assert not later._asyncio_future_blocking
        else:
            seat.ended(value, failure)
        loop.call_soon(waited.wake, waited)
        loop.call_later(0, later.set_result, "later")
        await returned
        while not outcome.times:
            await asyncio.sleep(0)
        assert (type(outcome.failure), outcome.times) == (KeyError if then == "fails" else type(None), 1)
        assert outcome.answer == {"answers": "answers", "fails": None}.get(then, True)

    run(main)


# The first step


def test_a_plain_answer_comes_at_once() -> None:
    async def main(driver: Driver) -> None:
        outcome, returned = started(driver, lambda request: request + 1, 41)
        assert await returned is None
        assert outcome.answer == 42
        assert outcome.failure is None
        assert outcome.times == 1

    run(main)


def test_a_coroutine_that_does_not_suspend_comes_at_once() -> None:
    async def handler(request: int) -> int:
        return request + 1

    async def main(driver: Driver) -> None:
        outcome, returned = started(driver, handler, 41)
        assert await returned is None
        assert outcome.answer == 42

    run(main)


def test_none_is_an_answer() -> None:
    async def handler(request: object) -> None:
        return None

    async def main(driver: Driver) -> None:
        for each in (handler, lambda request: None):
            outcome = await outcome_of(driver, each)
            assert outcome.answer is None
            assert outcome.failure is None

    run(main)


def test_ten_thousand_requests_need_one_task() -> None:
    async def handler(request: object) -> object:
        return asyncio.current_task()

    async def main(driver: Driver) -> None:
        before = pending()
        seen: set[object] = set()
        finished: asyncio.Future[None] = driver.loop.create_future()

        def callback(left: int) -> None:
            for _ in range(100):
                driver.start(loose(handler), None, lambda answer, failure: seen.add(answer))
            if left:
                driver.loop.call_soon(callback, left - 1)
            else:
                finished.set_result(None)

        driver.loop.call_soon(callback, 99)
        await finished
        assert len(seen) == 1
        assert pending() == before + 1

    run(main)


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(1), asyncio.CancelledError("mine"), GeneratorExit()])
@pytest.mark.parametrize("kind", ["plain", "at once", "suspended"])
def test_an_exception_is_told(error: BaseException, kind: str) -> None:
    def plain(request: object) -> None:
        raise error

    async def at_once(request: object) -> None:
        raise error

    async def suspended(request: object) -> None:
        await asyncio.sleep(0)
        raise error

    async def main(driver: Driver) -> None:
        outcome = await outcome_of(driver, {"plain": plain, "at once": at_once, "suspended": suspended}[kind])
        assert outcome.answer is None
        if isinstance(error, StopIteration) and kind != "plain":
            assert isinstance(outcome.failure, RuntimeError)  # PEP 479
        else:
            assert outcome.failure is error
        assert outcome.failure.__context__ is None or isinstance(error, StopIteration)

    run(main)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((error, kind) for error in (KeyboardInterrupt, SystemExit) for kind in ("plain", "at once", "suspended")),
        (KeyboardInterrupt, "pooled"),
    ],
)
def test_an_interrupt_stops_the_loop_and_is_told_too(error: type[BaseException], kind: str) -> None:
    pool = ThreadPool(1)

    def plain(request: object) -> None:
        raise error

    async def at_once(request: object) -> None:
        raise error

    async def suspended(request: object) -> None:
        await asyncio.sleep(0)
        raise error

    def pooled(request: object) -> Awaitable[None]:
        return pool.submit(contextvars.copy_context(), lambda: plain(None))

    complaints: list[dict[str, Any]] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        driver = Driver(loop)
        told: list[BaseException | None] = []
        handler: Handler = {"plain": plain, "at once": at_once, "suspended": suspended, "pooled": pooled}[kind]
        loop.call_soon(driver.start, handler, None, lambda answer, failure: told.append(failure))
        with pytest.raises(error):
            loop.run_forever()
        assert [type(failure) for failure in told] == [error]
        assert not driver.running
        assert loop.run_until_complete(pool.close())
    finally:
        loop.close()
    del driver
    gc.collect()
    assert complaints == []


# From inside a task, and awaited


def test_start_inside_a_task() -> None:
    async def handler(request: int) -> int:
        await asyncio.sleep(0)
        return request + 1

    async def main(driver: Driver) -> None:
        outer = asyncio.current_task()
        for each in (handler, lambda request: request + 1):
            outcome = Outcome()
            handle = driver.start(each, 41, outcome)
            assert handle is not None
            assert driver.running == {handle}
            assert asyncio.current_task() is outer
            await driver.join()
            assert outcome.answer == 42
            assert outcome.task is None
        outcome = Outcome()
        handle = driver.start(generator_coroutine, None, outcome)
        assert handle is not None
        handle.cancel()
        await driver.join()
        assert isinstance(outcome.failure, asyncio.CancelledError)

    run(main)


def test_done_may_start_the_next_request() -> None:
    async def main(driver: Driver) -> None:
        told: list[int] = []
        finished = asyncio.Event()

        async def handler(request: int) -> int:
            if request % 2:
                await asyncio.sleep(0)
            return request

        def done(answer: int | None, failure: BaseException | None) -> None:
            assert answer is not None
            told.append(answer)
            if answer < 10:
                driver.start(handler, answer + 1, done)
            else:
                finished.set()

        driver.loop.call_soon(driver.start, handler, 0, done)
        await finished.wait()
        assert told == list(range(11))

    run(main)


def test_call() -> None:
    async def fails(request: object) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def cancelled(request: object) -> None:
        raise asyncio.CancelledError("mine")

    async def main(driver: Driver) -> None:
        assert await driver.call(lambda request: request + 1, 41) == 42
        assert await driver.call(loose(generator_coroutine), None) == "generator"
        with pytest.raises(ValueError, match="no"):
            await driver.call(loose(fails), None)
        with pytest.raises(asyncio.CancelledError):
            await driver.call(loose(cancelled), None)
        assert variable.get() == "unset"
        await driver.call(lambda request: variable.set("x"), None)
        assert variable.get() == "unset"

    run(main)


def test_a_call_that_is_cancelled_cancels_the_handler() -> None:
    async def main(driver: Driver) -> None:
        begun, seen = asyncio.Event(), asyncio.Event()

        async def handler(request: object) -> None:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.set()
                raise

        caller = asyncio.create_task(driver.call(loose(handler), None))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await driver.join()
        assert seen.is_set()

    run(main)


# Jobs of the pool


def test_a_job_needs_no_task() -> None:
    async def main(driver: Driver) -> None:
        pool = ThreadPool(1)
        await outcome_of(driver, lambda request: None)
        before = pending()

        def handler(request: int) -> Awaitable[int]:
            return pool.submit(contextvars.copy_context(), lambda: request + 1)

        outcome, returned = started(driver, handler, 41)
        job = await returned
        assert driver.running <= {job}
        await outcome.here.wait()
        assert outcome.answer == 42
        assert outcome.task is None
        assert pending() == before

        def fails(request: int) -> Awaitable[object]:
            return pool.submit(contextvars.copy_context(), lambda: dict[str, object]()["missing"])

        assert isinstance((await outcome_of(driver, fails)).failure, KeyError)
        assert (await driver.call(loose(handler), 1)) == 2
        assert await pool.close()

    run(main)


def test_a_job_is_cancelled_by_its_handle() -> None:
    async def main(driver: Driver) -> None:
        pool = ThreadPool(1)
        outcome, returned = started(driver, lambda request: pool.submit(contextvars.copy_context(), lambda: 1))
        handle = await returned
        if handle in driver.running:
            handle.cancel()
            await outcome.here.wait()
            assert isinstance(outcome.failure, asyncio.CancelledError)
        assert not driver.running
        assert await pool.close()

    run(main)


def test_a_job_whose_handler_cancelled_itself() -> None:
    async def main(driver: Driver) -> None:
        pool = ThreadPool(1)

        def handler(request: object) -> Awaitable[int]:
            task = asyncio.current_task()
            assert task is not None
            task.cancel("me")
            return pool.submit(contextvars.copy_context(), lambda: 1)

        outcome = await outcome_of(driver, handler)
        assert isinstance(outcome.failure, asyncio.CancelledError)
        assert await pool.close()

    run(main)


# The end


def test_abort_and_join() -> None:
    async def main(driver: Driver) -> None:
        async def handler(request: object) -> None:
            await asyncio.get_running_loop().create_future()

        outcomes = [started(driver, handler) for _ in range(3)]
        for _, returned in outcomes:
            await returned
        joined = [asyncio.create_task(driver.join()) for _ in range(2)]
        await asyncio.sleep(0)
        assert not joined[0].done()
        driver.abort()
        await asyncio.gather(*joined)
        assert all(isinstance(outcome.failure, asyncio.CancelledError) for outcome, _ in outcomes)
        await driver.join()

    run(main)


@pytest.mark.parametrize("parked", [False, True])
def test_close_ends_the_spare(parked: bool) -> None:
    async def main(driver: Driver) -> None:
        before = pending()
        driver.close()
        await outcome_of(driver, lambda request: None)
        if parked:
            await asyncio.sleep(0)
        driver.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert pending() == before
        assert (await outcome_of(driver, lambda request: 1)).answer == 1

    run(main)


def test_a_driver_left_behind_makes_no_noise() -> None:
    async def main(driver: Driver) -> None:
        await outcome_of(driver, lambda request: None)  # asyncio.run cancels the spare with all other tasks

    run(main)
    complaints: list[dict[str, Any]] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    driver = Driver(loop)
    loop.run_until_complete(outcome_of(driver, lambda request: None))
    loop.close()
    del driver, loop
    gc.collect()
    assert complaints == []


def test_no_loop_no_driver() -> None:
    with pytest.raises(RuntimeError):
        Driver()


def test_what_done_raises() -> None:
    complaints: list[dict[str, Any]] = []

    def done(answer: object, failure: BaseException | None) -> None:
        raise LookupError("carrier")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        driver = Driver()
        returned: asyncio.Future[None] = loop.create_future()

        def callback() -> None:
            with pytest.raises(LookupError):
                driver.start(lambda request: None, None, done)
            driver.start(generator_coroutine, None, done)
            returned.set_result(None)

        loop.call_soon(callback)
        await returned
        await driver.join()
        await asyncio.sleep(0)
        assert (await outcome_of(driver, lambda request: 1)).answer == 1

    asyncio.run(main())
    assert [str(each["exception"]) for each in complaints] == ["carrier"]


class Request:
    """Something that a weak reference can watch."""


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", ["plain", "at once", "suspended", "cancelled"])
def test_nothing_keeps_a_request(kind: str, fails: bool) -> None:
    def plain(request: Request) -> None:
        if fails:
            raise ValueError("no")

    async def at_once(request: Request) -> None:
        plain(request)

    async def suspended(request: Request) -> None:
        await asyncio.sleep(0)
        plain(request)

    async def cancelled(request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        del task
        await asyncio.sleep(0)

    async def main(driver: Driver) -> None:
        handler: Handler = {"plain": plain, "at once": at_once, "suspended": suspended, "cancelled": cancelled}[kind]
        finished = asyncio.Event()
        request = Request()
        watched = weakref.ref(request)

        def done(answer: object, failure: BaseException | None) -> None:
            finished.set()

        driver.loop.call_soon(driver.start, handler, request, done)
        del request
        gc.disable()
        try:
            await finished.wait()
            await asyncio.sleep(0)
            assert watched() is None, "freed by counting alone"
        finally:
            gc.enable()

    run(main)


def test_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop", reason="platform: uvloop is not installed")

    async def handler(request: int) -> int:
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            assert asyncio.current_task() is task
            return request + 1
        return 0

    async def main(driver: Driver) -> None:
        assert (await outcome_of(driver, lambda request: 1)).answer == 1
        assert (await outcome_of(driver, handler, 41)).answer == 42

    run(main, uvloop.new_event_loop)


def test_the_coroutine_of_a_requests_task() -> None:
    async def main(driver: Driver) -> None:
        async def handler(request: object) -> None:
            await asyncio.get_running_loop().create_future()

        _, returned = started(driver, handler)
        task: asyncio.Task[None] = await returned
        seat: Any = task.get_coro()
        assert seat.cr_code is handler.__code__
        assert seat.cr_frame is not None
        assert seat.cr_running is False
        with pytest.raises(TypeError, match="never its coroutine"):
            await seat
        seat.close()  # closes the handler's
        assert seat.cr_frame is None
        task.cancel()
        await driver.join()
        seat.close()
        assert seat.cr_await is None

    run(main)


def test_debug_mode_of_the_loop() -> None:
    async def main(driver: Driver) -> None:
        driver.loop.set_debug(True)
        assert (await outcome_of(driver, generator_coroutine)).answer == "generator"

    run(main)


def test_calls_on_a_loop() -> None:
    heard: list[tuple[str, int]] = []

    def hear(what: str) -> None:
        heard.append((what, threading.get_ident()))

    async def work() -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        call_on_loop(loop, hear, "at once")
        assert heard == [("at once", threading.get_ident())]
        await asyncio.to_thread(call_on_loop, loop, hear, "soon")
        await asyncio.sleep(0)
        return loop

    loop = asyncio.run(work())
    call_on_loop(loop, hear, "never")
    assert heard == [(what, threading.get_ident()) for what in ("at once", "soon")]
