"""Filters: one plain onion around handlers, composed when the application starts.

Laws:

* The first filter registered is the outermost. Each runs once per request.
* A filter is `async (request, call_next) -> response`, or plain; a plain one runs in the thread pool, and its `call_next`
  waits. While it waits its thread serves the pooled handler inside it, so filters can never use up the threads that their
  own handlers need.
* A filter for some paths costs routes that can never match it nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from hospes.http.answer import to_response
from hospes.http.handler import CallNext
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.routing import compile_path_test


@dataclass(frozen=True, slots=True)
class Layer:
    """One registered filter and the paths it guards ("" and "" guard all)."""

    function: Callable[..., Any]
    path: str = ""
    regexp: str = ""
    source: str = ""

    @property
    def guards_all(self) -> bool:
        """Whether it applies to every path."""
        return not self.path and not self.regexp


def applies(layer: Layer, path: str) -> bool:
    """Whether a filter guards a path."""
    return layer.guards_all or compile_path_test(layer.path, layer.regexp)(path)


Submit = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a plain function in the thread pool, or in the thread that waits for it."""


class Mailbox:
    """Where a plain filter's thread waits: for jobs of the handler inside it, and at last for its response."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], bool]] = SimpleQueue()
        self.closed = False

    def serve(self) -> None:
        """In the filter's thread: do what comes until the response is there."""
        while not self._queue.get()():
            pass

    def close(self) -> None:
        """On the loop: the response, or the failure, is there."""
        self.closed = True
        self._queue.put(lambda: True)

    async def run(self, call: Callable[[], Any]) -> Any:
        """On the loop: run `call` in the waiting thread."""
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        done: asyncio.Future[Any] = loop.create_future()

        def job() -> bool:
            try:
                value = context.run(call)
            except BaseException as error:
                loop.call_soon_threadsafe(_settle, done, None, error)
            else:
                loop.call_soon_threadsafe(_settle, done, value, None)
            return False

        self._queue.put(job)
        return await done


def _settle(done: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if done.done():  # the peer has gone in the meantime
        return
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)


waiting_thread: contextvars.ContextVar[Mailbox | None] = contextvars.ContextVar("hospes_waiting_thread", default=None)
"""The thread of the nearest plain filter around what runs now; None outside of any."""


def wrap(inner: CallNext, layer: Layer, submit: Submit) -> CallNext:
    """Put a filter around what is inside it, for every path."""
    function = layer.function
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)):
        return _wrap_plain(inner, function, submit)

    async def filtered(request: Request) -> Response:
        return to_response(await function(request, inner), request)

    return filtered


def wrap_where(inner: CallNext, layer: Layer, submit: Submit) -> CallNext:
    """Put a filter around what is inside it, for the paths it names."""
    guards = compile_path_test(layer.path, layer.regexp)
    filtered = wrap(inner, layer, submit)

    async def guarded(request: Request) -> Response:
        return await (filtered if guards(request.head.path) else inner)(request)

    return guarded


def _wrap_plain(inner: CallNext, function: Callable[..., Any], submit: Submit) -> CallNext:
    async def filtered(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        inside: list[asyncio.Task[Any] | None] = []

        def call_next(request: Request) -> Response:
            """What the plain filter calls: run the inside on the loop and lend it this thread meanwhile."""
            mailbox = Mailbox()

            async def run() -> Response:
                waiting_thread.set(mailbox)
                inside.append(asyncio.current_task())
                try:
                    return await inner(request)
                finally:
                    mailbox.close()

            result = asyncio.run_coroutine_threadsafe(run(), loop)
            mailbox.serve()
            return result.result()

        try:
            return to_response(await submit(lambda: function(request, call_next)), request)
        except asyncio.CancelledError:
            # The peer has gone: what runs inside learns of it as it would without a filter around.
            for task in inside:
                if task is not None:
                    task.cancel()
            raise

    return filtered
