"""The driver: what is started from inside of a task."""

from __future__ import annotations

import asyncio

import pytest
from tests.execution.driving import Outcome, outcome_of, run, variable

from hospes.execution import Driver


@pytest.mark.parametrize("suspends", [False, True])
def test_what_is_started_inside_has_a_task_of_its_own(suspends: bool) -> None:
    """Its first step is taken at once, and whoever started it goes on in his own task, also when both wait."""

    async def main(driver: Driver) -> None:
        tasks: list[object] = []
        outcome = Outcome()

        async def inner(request: object) -> str:
            tasks.append(asyncio.current_task())
            variable.set("inner")
            if suspends:
                async with asyncio.timeout(10):
                    await asyncio.sleep(0)
            assert asyncio.current_task() is tasks[0]
            return variable.get()

        inside = Driver()

        async def outer(request: object) -> str:
            variable.set("outer")
            handle = inside.start_inside(inner, None, outcome)
            assert (handle is None) is not suspends
            tasks.append(asyncio.current_task())
            async with asyncio.timeout(10):
                await outcome.here.wait()
            assert asyncio.current_task() is tasks[1]
            return variable.get()

        assert (await outcome_of(driver, outer)).answer == "outer"
        assert outcome.answer == "inner"
        assert tasks[0] is not tasks[1]
        inside.close()

    run(main)


def test_started_inside_where_there_is_no_task() -> None:
    async def main(driver: Driver) -> None:
        outcome = Outcome()
        driver.loop.call_soon(driver.start_inside, lambda request: request, 7, outcome)
        await outcome.here.wait()
        assert outcome.answer == 7

    run(main)
