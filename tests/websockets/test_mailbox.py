"""A mailbox, ours and the engine's: messages in order, bounded, and one task that takes them, whatever else it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import pytest

from hospes.http.websocket import Mailbox, Message
from hospes.websockets.mailbox import Mailbox as OwnMailbox
from hospes.websockets.program import Program

MOST, OCTETS = 8, 100
Handler = Callable[[Mailbox], Awaitable[object]]

color: ContextVar[str] = ContextVar("color", default="none")


class Line:
    """A channel that only counts."""

    def __init__(self) -> None:
        self.paused = 0

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        self.paused -= 1


class Run:
    """A program with a mailbox, and what puts messages into it from a turn of the loop in which no task runs."""

    def __init__(self, kind: str, handler: Handler) -> None:
        self.line = Line()
        opened = asyncio.get_running_loop().create_future()

        async def begin() -> object:
            return await handler(await opened)

        self.program = Program(begin())
        self.task = self.program.task
        channel = cast("Any", self.line)
        if kind == "own":
            self.mailbox: Mailbox = OwnMailbox(channel, MOST, OCTETS)
        else:
            compiled = import_module("hospes.engine._core")
            self.mailbox = compiled.Mailbox(channel, asyncio.get_running_loop(), MOST, OCTETS, self.program)
        opened.set_result(self.mailbox)

    async def outside(self, call: Callable[[], object]) -> None:
        """Call something while no task runs."""
        done = asyncio.get_running_loop().create_future()

        def run() -> None:
            call()
            done.set_result(None)

        asyncio.get_running_loop().call_soon(run)
        await done

    async def put(self, *messages: Message) -> None:
        def put() -> None:
            for each in messages:
                self.mailbox.put(each)

        await self.outside(put)


@pytest.fixture(params=["own", "compiled"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "compiled" and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    return str(request.param)


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("count", "message"), [(MOST, "x"), (1, "x" * OCTETS), (2, b"x" * (OCTETS // 2))])
def test_too_much_pauses_until_half_is_taken(kind: str, count: int, message: Message) -> None:
    taken: list[int] = []
    runs: list[Run] = []

    async def handler(mailbox: Mailbox) -> None:
        await asyncio.sleep(0)
        for _ in range(count + 1):
            await mailbox
            taken.append(runs[0].line.paused)

    async def main() -> None:
        run = Run(kind, handler)
        runs.append(run)
        for _ in range(count):
            assert run.line.paused == 0
            run.mailbox.put(message)
        run.mailbox.put("m")
        assert run.line.paused == 1
        await run.task

    asyncio.run(main())
    still = 1 if message == "x" * OCTETS else count + 1 - count // 2  # messages, with the one more
    assert taken == [1] * (still - 1) + [0] * (count + 2 - still)


def test_messages_come_in_order_and_the_end_behind_them(kind: str) -> None:
    seen: list[Message] = []

    async def handler(mailbox: Mailbox) -> str:
        try:
            while True:
                seen.append(await mailbox)
        except StopAsyncIteration:
            pass
        with pytest.raises(StopAsyncIteration):
            await mailbox
        return "over"

    async def main() -> None:
        run = Run(kind, handler)
        run.mailbox.put("before")
        await turns()
        for n in range(3 * MOST):
            await run.put(f"a{n}", b"b")
        await run.outside(run.mailbox.end)
        assert await run.task == "over"

    asyncio.run(main())
    assert seen == ["before", *(each for n in range(3 * MOST) for each in (f"a{n}", b"b"))]


def test_the_program_goes_on_in_the_call_that_brings_a_message(kind: str) -> None:
    seen: list[object] = []
    runs: list[Run] = []

    async def handler(mailbox: Mailbox) -> None:
        color.set("blue")
        while (message := await mailbox) != "last":
            seen.append((message, asyncio.current_task() is runs[0].task, color.get()))

    async def main() -> None:
        run = Run(kind, handler)
        runs.append(run)

        def put() -> None:
            run.mailbox.put("a")
            seen.extend(("put", color.get()))

        await turns()
        assert run.mailbox.is_awaited
        for n in range(3):
            await run.outside(put)
            assert run.mailbox.is_awaited, n
        run.mailbox.put("inside of a task")
        assert len(seen) == 9
        await run.put("last")
        await run.task
        assert not run.mailbox.is_awaited

    asyncio.run(main())
    assert seen == [*[("a", True, "blue"), "put", "none"] * 3, ("inside of a task", True, "blue")]


@pytest.mark.parametrize("how", ["returns", "raises", "is over"])
def test_how_it_ends(kind: str, how: str) -> None:
    async def handler(mailbox: Mailbox) -> str:
        await mailbox
        if how == "raises":
            raise ValueError("mine")
        if how == "is over":
            await mailbox
        return "done"

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        await run.put("a")
        if how == "is over":
            await run.outside(run.mailbox.end)
        outcome = (await asyncio.gather(run.task, return_exceptions=True))[0]
        assert repr(outcome) == {"returns": "'done'", "raises": "ValueError('mine')", "is over": "StopAsyncIteration()"}[how]
        assert repr(run.task).startswith("<Task finished name='Task-")

    asyncio.run(main())


def test_it_waits_for_other_things_between(kind: str) -> None:
    seen: list[object] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("in a group")

    async def in_a_group(mailbox: Mailbox) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await mailbox

    async def handler(mailbox: Mailbox) -> None:
        loop = asyncio.get_running_loop()
        seen.append(await mailbox)
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        future = loop.create_future()
        loop.call_soon(future.set_result, "result")
        seen.append(await future)
        seen.append(await mailbox)
        done = loop.create_future()
        done.set_exception(KeyError("mine"))
        with pytest.raises(KeyError):
            await done
        with pytest.raises(ExceptionGroup):
            await in_a_group(mailbox)
        seen.append(await mailbox)
        seen.extend(await asyncio.gather(_take(mailbox), asyncio.sleep(0, "slept")))
        seen.append(await asyncio.wait_for(_take(mailbox), 9))

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        for n in range(5):
            await run.put(f"{n}")
            await asyncio.sleep(0.005)
        await run.task

    asyncio.run(main())
    assert seen == ["0", "result", "1", "2", "3", "slept", "4"]


async def _take(mailbox: Mailbox) -> Message:
    return await mailbox


def test_its_time_may_be_bounded(kind: str) -> None:
    seen: list[object] = []
    all_over = asyncio.Event()

    async def handler(mailbox: Mailbox) -> None:
        seen.append(await mailbox)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await mailbox
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await mailbox
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_take(mailbox), 0.001)
        all_over.set()
        seen.append(await mailbox)
        async with asyncio.timeout(9):
            seen.append(await mailbox)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        await run.put("")
        await all_over.wait()
        await run.put("x")
        await run.put("xx")
        await run.task

    asyncio.run(main())
    assert seen == ["", "x", "xx"]


@pytest.mark.parametrize("when", ["waiting", "in its step", "before another wait", "in another wait", "at its end"])
def test_cancelling(kind: str, when: str) -> None:
    seen: list[object] = []

    async def handler(mailbox: Mailbox) -> str:
        await mailbox
        task = asyncio.current_task()
        assert task is not None
        if when in {"in its step", "before another wait", "at its end"}:
            task.cancel("mine")
            seen.append("goes on")
        if when == "at its end":
            return "done"
        try:
            await (asyncio.get_running_loop().create_future() if "another" in when else mailbox)
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise
        return "never"

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        await run.put("a")
        if when == "in another wait":
            await turns()
        if "wait" in when and "before" not in when:
            run.task.cancel("mine")
        with pytest.raises(asyncio.CancelledError):
            await run.task
        assert run.task.cancelled()
        assert not run.mailbox.is_awaited

    asyncio.run(main())
    mine = {"waiting": ["mine"], "in another wait": ["mine"], "at its end": ["goes on"]}.get(when, ["goes on", "mine"])
    assert [each[0] if isinstance(each, tuple) else each for each in seen] == mine


def test_a_cancellation_that_is_caught_is_over(kind: str) -> None:
    seen: list[object] = []

    async def handler(mailbox: Mailbox) -> None:
        for _ in range(3):
            seen.append(await mailbox)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await mailbox
            task.uncancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(0)
            task.uncancel()

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        for n in range(3):
            await run.put(f"{n}")
            await turns(6)
        await run.task

    asyncio.run(main())
    assert seen == ["0", "1", "2"]


def test_two_tasks_cannot_receive_at_once(kind: str) -> None:
    async def handler(mailbox: Mailbox) -> Message:
        await mailbox
        return await mailbox

    async def main() -> None:
        run = Run(kind, handler)
        for message in ("a", "b"):
            await turns()
            with pytest.raises(RuntimeError, match=r"^two tasks receive from one websocket at once; let one of them do it$"):
                await run.mailbox
            await run.put(message)
        assert await run.task == "b"

    asyncio.run(main())


def test_a_message_is_not_lost_with_who_was_cancelled(kind: str) -> None:
    async def handler(mailbox: Mailbox) -> Message:
        with pytest.raises(asyncio.CancelledError):
            await mailbox
        return await mailbox

    async def main() -> None:
        run = Run(kind, handler)
        await turns()
        run.task.cancel()
        run.mailbox.put("a")
        assert await run.task == "a"

    asyncio.run(main())
