"""The coroutine of a program's Task: steps that others take, and what the Task makes of them. More stands in test_mailbox.py."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Generator

import pytest

from hospes.websockets.program import Program


def test_it_is_its_tasks_coroutine() -> None:
    async def handler() -> str:
        await asyncio.sleep(0)
        return "done"

    async def main() -> None:
        program = Program(handler())
        assert program.task.get_coro() is program
        await asyncio.sleep(0)
        assert "handler" in repr(program.task)
        stack = io.StringIO()
        program.task.print_stack(file=stack)
        assert "in handler" in stack.getvalue()
        assert await program.task == "done"

    asyncio.run(main())


def test_any_awaitable_is_a_program() -> None:
    class Once:
        def __await__(self) -> Generator[None, None, str]:
            yield
            return "once"

    async def main() -> None:
        assert await Program(Once()).task == "once"

    asyncio.run(main())


def test_nobody_awaits_it() -> None:
    async def main() -> None:
        program = Program(asyncio.sleep(0))
        with pytest.raises(TypeError, match=r"^a websocket's Task is awaited, never its coroutine$"):
            await program
        program.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await program.task

    asyncio.run(main())


@pytest.mark.parametrize("cancel", [False, True])
def test_what_a_step_led_to_is_the_tasks_affair(cancel: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        async def handler() -> str:
            return str(await future)

        program = Program(handler())
        awaited = program.coroutine.send(None)
        assert awaited is future
        program.waits_for(awaited)
        assert not future._asyncio_future_blocking
        if cancel:
            program.task.cancel()
        loop.call_soon(lambda: future.done() or future.set_result("came"))
        outcome = (await asyncio.gather(program.task, return_exceptions=True))[0]
        assert outcome == "came" or (cancel and isinstance(outcome, asyncio.CancelledError))
        assert future.cancelled() is False or cancel

    asyncio.run(main())


def test_an_end_that_others_have_seen() -> None:
    async def main() -> None:
        endings: list[Program] = [Program(asyncio.sleep(0)) for _ in range(3)]
        for each in endings:
            each.close()
        endings[0].ended("value", None)
        endings[1].ended(None, ValueError("mine"))
        endings[2].ended(None, ValueError("mine"))
        endings[2].task.cancel()
        outcomes = await asyncio.gather(*(each.task for each in endings), return_exceptions=True)
        assert [repr(each) for each in outcomes] == ["'value'", "ValueError('mine')", "ValueError('mine')"]

    asyncio.run(main())
