"""Where functions run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Any

import pytest

from hospes.app.threads import Threads
from hospes.compat.simple_http_server.modes import InThreads, OnLoop, apart, finished, running_loop
from hospes.execution import ThreadPool

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value, WHO.get()


def test_a_value_is_what_it_is() -> None:
    assert finished(3) == 3


def test_what_is_to_be_awaited_has_a_loop_of_its_own() -> None:
    assert running_loop() is None
    WHO.set("me")
    assert finished(later(3)) == (3, "me")
    with pytest.raises(ValueError, match="no"):
        finished(later(ValueError("no")))

    class Awaited:
        def __await__(self) -> Any:
            return later(4).__await__()

    made: Awaitable[Any] = Awaited()
    assert finished(made) == (4, "me")


def test_where_a_loop_runs_it_has_another_one() -> None:
    async def outer() -> Any:
        WHO.set("outer")
        with pytest.raises(ValueError, match="no"):
            finished(later(ValueError("no")))
        return running_loop(), finished(inner())

    async def inner() -> Any:
        return running_loop(), threading.current_thread(), WHO.get()

    loop, (other, thread, who) = asyncio.run(outer())
    assert loop is not other
    assert thread is not threading.current_thread()
    assert who == "outer"


def test_modes() -> None:
    async def main() -> None:
        here = threading.current_thread()
        on_loop, in_threads = OnLoop(), InThreads()
        pool = ThreadPool(1)
        in_threads.threads = Threads(pool)

        async def where() -> Any:
            return threading.current_thread(), running_loop()

        assert await on_loop.call(threading.current_thread) is here
        assert await on_loop.call(where) == (here, running_loop())
        assert await in_threads.call(threading.current_thread) is not here
        thread, loop = await in_threads.call(where)
        assert thread is not here
        assert loop is not running_loop()
        assert await in_threads.call(max, 1, 2) == await on_loop.call(max, 1, 2) == 2
        await pool.close(1)

    asyncio.run(main())


def test_apart() -> None:
    async def main() -> None:
        WHO.set("apart")
        assert await apart(WHO.get) == "apart"
        assert await apart(threading.current_thread) is not threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            await apart(lambda: 1 // 0)

    asyncio.run(main())
