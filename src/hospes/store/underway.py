"""What a record's keeper has under way in the store: whoever leaves stops none of it, and whoever closes waits for all of it.

Law: it is of one loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

Heard: TypeAlias = "Callable[[BaseException | None], object]"
"""Who hears the end of something: None, or what went wrong. Called on the loop, later and once."""


class Underway:
    """Writes under way, and tasks that write."""

    __slots__ = ("_count", "_idle", "_tasks")

    def __init__(self) -> None:
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Event | None = None  # where somebody waits for the end of all

    def begin(self) -> None:
        """Something has begun that `end` will end."""
        self._count += 1

    def end(self) -> None:
        """It has ended."""
        self._count -= 1
        if not self._count and self._idle is not None:
            self._idle.set()

    def start(self, work: Coroutine[Any, Any, None], heard: Heard | None = None) -> asyncio.Task[None]:
        """Do it in a task of its own.

        Args:
            work: What is to be done.
            heard: Who hears its end; nobody by default, and then the task is to be awaited.
        """
        task = asyncio.get_running_loop().create_task(work)
        self.begin()
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.end()
            if heard is not None:
                heard(asyncio.CancelledError() if task.cancelled() else task.exception())

        task.add_done_callback(ended)
        return task

    async def undisturbed(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in a task of its own, which runs to its end though whoever waits for it may leave."""
        await asyncio.shield(self.start(work))

    def awaited(self, begin: Callable[[Heard], bool]) -> asyncio.Future[None] | None:
        """Begin something; gives what ends with it, whose waiters may leave. None where it does not begin.

        Args:
            begin: Gets who is to hear its end; False: it has not begun.
        """
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(failure: BaseException | None) -> None:
            if end.done():
                return
            if failure is None:
                end.set_result(None)
            elif isinstance(failure, asyncio.CancelledError):
                end.cancel()
            else:
                end.set_exception(failure)

        return end if begin(heard) else None

    async def join(self) -> None:
        """Wait until nothing is under way."""
        while self._count:
            self._idle = asyncio.Event()
            await self._idle.wait()
