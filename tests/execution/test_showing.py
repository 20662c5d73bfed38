"""A coroutine in a handler's place shows the handler, or says what it is."""

from __future__ import annotations

import asyncio
from typing import Any

from hospes.execution.showing import Showing


class Standing(Showing):
    __slots__ = ("coroutine",)
    NAME = "nobody"

    def send(self, value: None, /) -> Any:
        assert self.coroutine is not None
        return self.coroutine.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any:
        assert self.coroutine is not None
        return self.coroutine.throw(typ)

    def close(self) -> None: ...

    def __await__(self) -> Any:
        raise TypeError


async def handler() -> str:
    return "done"


def test_a_task_names_the_handler() -> None:
    async def run() -> None:
        standing = Standing()
        standing.coroutine = None
        assert (standing.__name__, standing.cr_code, standing.cr_frame, standing.cr_await) == ("nobody", None, None, None)
        assert standing.cr_running is False
        standing.coroutine = handler()
        assert standing.cr_code is handler.__code__
        assert standing.cr_frame is not None
        task = asyncio.ensure_future(standing)
        assert "handler() running" in repr(task)
        assert await task == "done"

    asyncio.run(run())
