"""Filters as simple_http_server's programs write them: `filter(ctx)`, which goes on by `ctx.do_chain()`.

    in a thread      do_chain() runs the rest and returns when it is through
    on the loop      `await ctx.do_chain()` does; a plain do_chain() has the rest run when the filter has returned

Laws:

* A filter runs once per request, however many of its paths match.
* One that neither answers nor goes on is a mistake: 500, and the log says which one.
* What a filter sets on `ctx.response` is added to the answer, whoever gives that.
* Once there is an answer, by `do_chain()` or by the filter itself, that counts: to send another is an error in the program, and
  what the filter fails with is only logged.
* A filter that writes (`ctx.response.write_bytes`) goes on while its answer leaves. One inside of other filters has a thread of
  its own for that; so only those in whose own code it stands, and elsewhere what is written leaves when the filter returns.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import Any

from hospes.app.onion import Layer
from hospes.app.threads import Inside
from hospes.binding.signature import name_of
from hospes.compat.simple_http_server.incoming import Request
from hospes.compat.simple_http_server.modes import Mode, in_thread
from hospes.compat.simple_http_server.outgoing import Response
from hospes.http.handler import CallNext
from hospes.http.request import Request as CoreRequest
from hospes.http.response import Response as CoreResponse


class Going:
    """What `do_chain()` gives: it may be awaited, and need not be."""

    __slots__ = ("_context",)

    def __init__(self, context: FilterContext) -> None:
        self._context = context

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._context.go_on().__await__()


class FilterContext:
    """What a filter gets.

    Args:
        request: The request.
        response: Its injected response.
        inside: The rest: other filters, and the handler.
    """

    def __init__(self, request: Request, response: Response, inside: Callable[[CoreRequest], Any]) -> None:
        self.request = request
        self.response = response
        self._inside = inside
        self._wants_inside = False
        self._answer: CoreResponse | None = None

    def do_chain(self) -> Going:
        """Go on: run the rest. Once; and not after an answer was sent."""
        self._wants_inside = self._wants_inside or not self.response.has_begun
        return Going(self)

    async def go_on(self) -> None:
        """Have the rest run, if it is to run and has not."""
        if self._wants_inside and self._answer is None:
            self._answer = await self._inside(self.request.core)
            self.response.answered()

    def answer(self) -> Any:
        """What came of it; None for nothing."""
        if self._answer is None and self.response.has_begun:
            return self.response
        return self._answer


class ThreadContext(FilterContext):
    """What a filter in a thread gets."""

    def do_chain(self) -> Going:
        """Go on, and return when the rest is through."""
        if not self.response.has_begun and self._answer is None:
            self._answer = self._inside(self.request.core)
            self.response.answered()
        return Going(self)


@dataclass(slots=True)
class FaceFilter:
    """One filter of a program, with all the paths it was registered for."""

    function: Callable[..., Any]
    source: str
    guards: list[Layer] = field(default_factory=list[Layer])

    def layer(self, is_on_loop: bool) -> Layer:
        """The core's filter."""

        async def on_loop(request: CoreRequest, call_next: CallNext) -> Any:
            return await self._run(FilterContext(Request.of(request), Response.of(request), call_next))

        async def on_loop_writing(request: CoreRequest, call_next: CallNext) -> Any:
            context = FilterContext(Request.of(request), Response.of(request), call_next)
            return await context.response.written_by(self._run(context))

        def in_thread(request: CoreRequest, call_next: Callable[[CoreRequest], CoreResponse]) -> Any:
            return self._run_in_thread(ThreadContext(Request.of(request), Response.of(request), call_next))

        async def in_thread_writing(request: CoreRequest, call_next: CallNext) -> Any:
            inside = Inside(call_next, asyncio.get_running_loop())
            context = ThreadContext(Request.of(request), Response.of(request), inside.ask)
            mode = request.services[Mode]
            return await context.response.written_by(mode.call_long(partial(self._run_in_thread, context), inside.abandon))

        def applies(path: str) -> bool:
            return any(each.applies(path) for each in self.guards)

        everywhere = any(each.guards is None for each in self.guards)
        layers = ((in_thread, in_thread_writing), (on_loop, on_loop_writing))
        return Layer(layers[is_on_loop][_writes(self.function)], None if everywhere else applies, self.source)

    async def _run(self, context: FilterContext) -> Any:
        try:
            value = self.function(context)
            if inspect.isawaitable(value):
                await value
        except Exception:
            return self._failed(context)
        await context.go_on()
        return self._checked(context)

    def _run_in_thread(self, context: FilterContext) -> Any:
        try:
            in_thread(self.function, context)
        except Exception:
            return self._failed(context)
        return self._checked(context)

    def _failed(self, context: FilterContext) -> Any:
        """Inside of an `except` block: what was sent before counts; else the failure does."""
        if context.response.settles_failure():
            return context.answer()
        raise

    def _checked(self, context: FilterContext) -> Any:
        answer = context.answer()
        if answer is None:
            raise RuntimeError(
                f"the filter {name_of(self.function)}() at {self.source} neither answered nor went on: "
                "call ctx.do_chain(), send ctx.response, or raise HttpError"
            )
        return answer


def _writes(function: Callable[..., Any]) -> bool:
    """Whether `write_bytes` stands in a filter's own code."""
    whole = inspect.unwrap(function)
    code = getattr(whole, "__code__", None) or getattr(type(whole).__call__, "__code__", None)
    waiting = [code] if code is not None else []
    while waiting:
        each = waiting.pop()
        if "write_bytes" in each.co_names:
            return True
        waiting += [inner for inner in each.co_consts if isinstance(inner, CodeType)]
    return False


async def look_ahead(request: CoreRequest, call_next: Callable[[CoreRequest], Awaitable[CoreResponse]]) -> CoreResponse:
    """The outermost layer: filters see the form's parameters, and get sessions without waiting."""
    view = Request.of(request)
    await view.prepare()
    await view.read_ahead()
    return await call_next(request)
