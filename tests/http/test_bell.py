"""A bell: wakes its task in the call that rings, and is a future in every other respect."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context
from importlib import import_module
from importlib.util import find_spec
from typing import TypeAlias

import pytest

from hospes.http.bell import Bell as OwnBell

COMPILED = [import_module("hospes.engine._core").Bell] if find_spec("hospes.engine._core") is not None else []

color: ContextVar[str] = ContextVar("color", default="none")

Kind: TypeAlias = type[OwnBell]
kinds = pytest.mark.parametrize("Bell", [OwnBell, *COMPILED], ids=["own", "compiled"][: 1 + len(COMPILED)])


@kinds
def test_it_wakes_at_once_where_no_task_runs(Bell: Kind) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        bell = Bell(loop)
        seen: list[object] = []

        async def wait() -> None:
            color.set("blue")
            task = asyncio.current_task()
            for n in range(3):
                await bell
                seen.append((n, asyncio.current_task() is task, color.get()))

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        states = [bell.is_awaited]

        def ring() -> None:
            bell.ring()
            seen.append("rung")
            bell.ring()
            seen.append("rung")

        loop.call_soon(ring)
        await asyncio.sleep(0)
        assert seen == [(0, True, "blue"), "rung", (1, True, "blue"), "rung"]
        bell.ring()  # inside of a task: later
        assert len(seen) == 4
        await waiting
        assert seen[4:] == [(2, True, "blue")]
        states.append(bell.is_awaited)
        bell.ring()
        assert color.get() == "none"
        assert states == [True, False]

    asyncio.run(main())


@kinds
def test_it_may_be_rung_before_the_task_asks(Bell: Kind) -> None:
    """As with a request whose first step was not taken by its task: what it awaits is handed on later."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        bell, seen = Bell(loop), list[OwnBell]()
        assert next(bell.__await__()) is bell
        bell.ring()
        bell.add_done_callback(seen.append, context=copy_context())
        assert (seen, bell.is_awaited) == ([], False)
        await asyncio.sleep(0)
        assert seen == [bell]
        bell.add_done_callback(seen.append, context=copy_context())
        next(bell.__await__())
        bell.add_done_callback(seen.append, context=copy_context())
        assert bell.is_awaited

    asyncio.run(main())


@kinds
def test_ringing_later(Bell: Kind) -> None:
    async def main() -> None:
        bell, seen = Bell(asyncio.get_running_loop()), list[str]()

        async def wait() -> None:
            await bell
            seen.append("woken")

        def ring() -> None:
            bell.ring_soon()
            bell.ring_soon()
            seen.append("rung")

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(ring)
        await waiting
        assert seen == ["rung", "woken"]

    asyncio.run(main())


@kinds
def test_cancelling(Bell: Kind) -> None:
    async def main() -> None:
        bell = Bell(asyncio.get_running_loop())

        async def wait() -> str:
            try:
                await bell
            except asyncio.CancelledError as error:
                return f"cancelled {error.args}"
            return "rung"

        first = asyncio.create_task(wait())
        await asyncio.sleep(0)
        first.cancel("mine")
        assert not bell.is_awaited
        assert await first == "cancelled ('mine',)"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await bell
        rung = asyncio.create_task(wait())
        await asyncio.sleep(0)
        bell.ring()
        rung.cancel()  # too late for the bell: at the next await, or here where it goes on
        assert await rung == "cancelled ()"

    asyncio.run(main())
