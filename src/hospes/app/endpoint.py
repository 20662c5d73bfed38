"""From a handler to an endpoint: the function that a matched route leads to.

Laws:

* Everything that can be known when the application starts is decided then: where the handler runs, what must be read for it,
  which filters stand around it. A request only executes.
* An endpoint never raises: a failure inside becomes a response right there, so that filters always see one; a filter's own
  failure becomes one outside of it.
* `async def` runs on the loop, `def` in the thread pool, and a `def` declared inline on the loop, for what is quick.
* The finishers run last, whatever happened: a change is durable before the response that follows from it leaves.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from hospes.app.declarations import BodyLimit
from hospes.app.failures import Failures, logger
from hospes.app.onion import Layer, applies, waiting_thread, wrap, wrap_where
from hospes.binding import Plan, note_failure
from hospes.execution import ThreadPool, iterate
from hospes.http.answer import to_response
from hospes.http.content import Stream
from hospes.http.handler import CallNext, Handler
from hospes.http.request import Request
from hospes.http.response import Response

Construct: TypeAlias = Callable[[Request], Awaitable[object]]
"""Gives the object whose method answers."""


class Runs(Enum):
    """Where a handler runs."""

    ON_LOOP = "on the loop"
    INLINE = "inline"
    IN_POOL = "in the pool"


@dataclass(frozen=True, slots=True)
class Target:
    """A handler as the endpoint calls it."""

    plan: Plan
    runs: Runs
    status: int = 200
    body_limit: BodyLimit = ...
    construct: Construct | None = None


def where_it_runs(function: Callable[..., Any], inline: bool) -> Runs:
    """`async def`: the loop. A generator function only makes its generator when called: inline. Else as declared."""
    while isinstance(function, functools.partial):
        function = function.func
    called = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(called):
        return Runs.ON_LOOP
    if inline or inspect.isasyncgenfunction(called) or inspect.isgeneratorfunction(called):
        return Runs.INLINE
    return Runs.IN_POOL


class Endpoints:
    """Makes endpoints for one run of an application.

    Args:
        failures: The application's error handlers.
        pool: Where plain handlers run.
    """

    def __init__(self, failures: Failures, pool: ThreadPool) -> None:
        self._failures = failures
        self._pool = pool

    def of(self, target: Target, layers: Sequence[Layer], path: str | None) -> Handler:
        """The endpoint of a route.

        Args:
            target: The handler.
            layers: The filters, outermost first.
            path: The route's path where it is always the same; then only the filters that guard it are put around it.
        """
        chosen = _chosen(layers, path)
        is_quick = target.runs is Runs.INLINE and not target.plan.reads and not target.plan.needs_await
        if is_quick and not chosen and target.construct is None and target.body_limit is ...:
            return self._inline(target)
        if not chosen:
            return self._call(target, concludes=True)
        return self._filtered(self._call(target, concludes=False), chosen, path)

    def around(self, call: CallNext, layers: Sequence[Layer], path: str | None) -> Handler:
        """The endpoint of anything that answers requests, and may raise: filters around it, failures answered."""
        return self._filtered(self._answered(call), _chosen(layers, path), path)

    def _filtered(self, call: CallNext, chosen: Sequence[Layer], path: str | None) -> Handler:
        for layer in reversed(chosen):
            sure = layer.guards_all or path is not None
            call = wrap(call, layer, self.off) if sure else wrap_where(call, layer, self.off)
        return self._concluding(call)

    async def off(self, call: Callable[[], Any]) -> Any:
        """Run a plain function in the pool, or in the thread of the plain filter that waits for it."""
        mailbox = waiting_thread.get()
        if mailbox is not None and not mailbox.closed:
            return await mailbox.run(call)
        return await self._pool.submit(copy_context(), call)

    def _inline(self, target: Target) -> Handler:
        function, bind, status = target.plan.call, target.plan.bind, target.status

        def endpoint(request: Request) -> Response | Awaitable[Response]:
            try:
                if request.content is not None:
                    request.content.check_declared()
                response = to_response(function(*bind(request)), request, status)
            except Exception as error:
                return self._failed(request, error)
            if request.finishers is None and type(response.content) is not Stream:
                return response
            return self._concluded(request, response)

        return endpoint

    def _answered(self, call: CallNext) -> CallNext:
        """What a filter sees of its inside: responses only."""

        async def call_next(request: Request) -> Response:
            try:
                return await call(request)
            except Exception as error:
                return await self._failures.answer(request, error, self.off)

        return call_next

    def _concluding(self, call: CallNext) -> CallNext:
        """The outermost layer: failures answered, finishers run."""

        async def endpoint(request: Request) -> Response:
            try:
                response = await call(request)
            except Exception as error:
                response = await self._failures.answer(request, error, self.off)
            except BaseException as error:
                await self._given_up(request, error)
                raise
            if request.finishers is None and type(response.content) is not Stream:
                return response
            return await self._concluded(request, response)

        return endpoint

    def _call(self, target: Target, *, concludes: bool) -> CallNext:
        """The handler with its arguments, on the loop or in the pool. Where no filter is around it, it also concludes."""
        plan, status, body_limit, construct = target.plan, target.status, target.body_limit, target.construct
        in_pool, on_loop = target.runs is Runs.IN_POOL, target.runs is Runs.ON_LOOP
        reads, needs_await, takes_nothing = plan.reads, plan.needs_await, plan.takes_nothing and construct is None
        function, bind, fail, off = plan.call, plan.bind, self._failures.answer, self.off

        async def call(request: Request) -> Response:
            try:
                if request.content is not None:
                    if body_limit is not ...:
                        request.content.limit = body_limit
                    request.content.check_declared()
                    if reads:
                        await plan.prepare(request)
                arguments: Sequence[Any] = ()
                if not takes_nothing:
                    arguments = await plan.bind_async(request) if needs_await else bind(request)
                    if construct is not None:
                        arguments = (await construct(request), *arguments)
                if on_loop:
                    response = to_response(await function(*arguments), request, status)
                elif in_pool:
                    response = await off(lambda: to_response(function(*arguments), request, status))
                else:
                    response = to_response(function(*arguments), request, status)
            except Exception as error:
                note_failure(request, error)
                response = await fail(request, error, off)
            except BaseException as error:
                await self._given_up(request, error)
                raise
            if not concludes or (request.finishers is None and type(response.content) is not Stream):
                return response
            return await self._concluded(request, response)

        return call

    async def _failed(self, request: Request, error: Exception) -> Response:
        response = await self._failures.answer(request, error, self.off)
        return await self._concluded(request, response)

    async def _concluded(self, request: Request, response: Response) -> Response:
        """Run the finishers, the last one first; pull plain iterators in the pool."""
        content = response.content
        if isinstance(content, Stream) and not isinstance(content.source, AsyncIterable):
            content.source = self._pulled(content.source)
        while request.finishers:
            finisher = request.finishers.pop()
            try:
                await finisher(response)
            except Exception as error:
                await _discard(response)
                response = await self._failures.answer(request, error, self.off)
            except BaseException as error:
                await self._given_up(request, error)
                raise
        request.finishers = None
        return response

    async def _given_up(self, request: Request, error: BaseException) -> None:
        """The request was cancelled, most often because its peer has gone: let go of what is held."""
        note_failure(request, error)
        while request.finishers:
            finisher = request.finishers.pop()
            try:
                await finisher(None)
            except Exception:
                logger.exception("cleaning up after a cancelled request failed")

    def _pulled(self, source: Iterable[bytes | str]) -> AsyncIterable[bytes | str]:
        return iterate(self._pool, copy_context(), source)


def _chosen(layers: Sequence[Layer], path: str | None) -> list[Layer]:
    """The filters that can ever guard a path; all of them where the path is not known beforehand."""
    return [layer for layer in layers if path is None or applies(layer, path)]


async def _discard(response: Response) -> None:
    """Close what a response that is not sent would have sent."""
    content = response.content
    if isinstance(content, Stream):
        await content.aclose()
    elif not isinstance(content, bytes):
        content.close()
