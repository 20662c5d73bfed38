"""What the tests of the driver share: requests started as a carrier starts them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from hospes.execution import Driver

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Outcome:
    """Takes what `done` is told, once."""

    def __init__(self) -> None:
        self.here = asyncio.Event()
        self.answer: Any = None
        self.failure: BaseException | None = None
        self.times = 0
        self.task: asyncio.Task[Any] | None = None

    def __call__(self, answer: Any, failure: BaseException | None) -> None:
        self.answer, self.failure = answer, failure
        self.times += 1
        self.task = asyncio.current_task()
        self.here.set()


Handler = Callable[[Any], Any]


def loose(handler: Handler) -> Handler:
    """For the type checker, which cannot infer a union of an answer and an awaitable of it."""
    return handler


def started(driver: Driver, handler: Handler, request: object = None) -> tuple[Outcome, asyncio.Future[Any]]:
    """Start from a callback of the loop, as a carrier does; the future gets what start returns or raises."""
    outcome = Outcome()
    returned: asyncio.Future[Any] = driver.loop.create_future()

    def callback() -> None:
        try:
            returned.set_result(driver.start(handler, request, outcome))
        except Exception as error:
            returned.set_exception(error)

    driver.loop.call_soon(callback)
    return outcome, returned


async def outcome_of(driver: Driver, handler: Handler, request: object = None) -> Outcome:
    outcome, returned = started(driver, handler, request)
    await returned
    await asyncio.wait_for(outcome.here.wait(), 10)
    assert outcome.times == 1
    assert outcome.task is None, "done is told outside of any task"
    assert not driver.running
    return outcome


def run(
    main: Callable[[Driver], Coroutine[Any, Any, None]], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    """Run with a driver; whatever the loop would only log is a failure."""
    complaints: list[dict[str, Any]] = []

    async def around() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        await main(Driver())
        gc.collect()
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(around())
    gc.collect()
    assert complaints == []


def pending() -> int:
    return len(asyncio.all_tasks())


class Custom:
    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        return "custom"


@types.coroutine
def generator_coroutine(request: object) -> Generator[Any, Any, str]:
    yield
    return "generator"


@types.coroutine
def bare(value: Any) -> Generator[Any, Any, Any]:
    return (yield value)
