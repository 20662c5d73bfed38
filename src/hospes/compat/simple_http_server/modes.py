"""Where a program's functions run: in threads, `async` ones too, each on a loop of its own there; or all on the one loop.

    Threads (the default)   a function blocks nobody but its own request
    OnLoop                  prefer_coroutine=True: whoever blocks, blocks everybody

Law: whichever is chosen for a server, all its handlers, filters and bindings run so.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, ClassVar

from hospes.app.threads import Threads, lent_thread
from hospes.http.asking import running_loop


class Mode(ABC):
    """How a server runs its program's functions."""

    is_on_loop: ClassVar[bool]

    @abstractmethod
    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function, async or not, and give what it gives."""

    async def call_long(self, call: Callable[[], Any], abandoned: Callable[[], None]) -> Any:
        """Run a function that may go on after its answer has begun to leave: nobody else waits for the thread it runs in.

        Args:
            call: The function.
            abandoned: Called where this is cancelled while it runs.
        """
        return await self.call(call)


class OnLoop(Mode):
    """Everything on the loop."""

    is_on_loop = True

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function here."""
        value = function(*arguments)
        return await value if inspect.isawaitable(value) else value


class InThreads(Mode):
    """Everything in threads.

    Attributes:
        threads: The application's; known when it starts.
    """

    is_on_loop = False
    threads: Threads

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a thread."""
        return await self.threads.run(lambda: in_thread(function, *arguments))

    async def call_long(self, call: Callable[[], Any], abandoned: Callable[[], None]) -> Any:
        """Run a function in a thread of the pool, or where a filter around it has lent its own, in another one."""
        lent = lent_thread.get()
        if lent is None or not lent.is_open:
            return await self.threads.run(lambda: in_thread(call), abandoned)
        try:
            return await asyncio.shield(asyncio.wrap_future(_in_new_thread(lambda: in_thread(call))))
        except asyncio.CancelledError:
            abandoned()
            raise


def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """In a thread: what a function gives, async or not.

    Raises:
        RuntimeError: for `sys.exit()`, which in a thread is no end of the program.
    """
    try:
        return finished(function(*arguments))
    except SystemExit as error:
        raise RuntimeError("sys.exit() in a thread ends no server: call server.stop()") from error


def finished(value: Any) -> Any:
    """In a thread: the value; where it is to be awaited, what comes of it, on a loop of its own."""
    if not inspect.isawaitable(value):
        return value
    if running_loop() is None:
        return _run(value)
    # An async filter waits for an async handler: one thread cannot run two loops.
    return _in_new_thread(lambda: _run(value)).result()


def _run(value: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await value

    with asyncio.Runner() as runner:
        return runner.run(wait(), context=copy_context())


def _in_new_thread(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    context = copy_context()

    def work() -> None:
        try:
            future.set_result(context.run(call))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="hospes-apart", daemon=True).start()
    return future
