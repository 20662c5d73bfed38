"""From a handler to an endpoint: the function that a matched route leads to.

Laws:

* Everything that can be known when the application starts is decided then: where the handler runs, what must be read for it,
  which filters stand around it. A request only executes.
* An endpoint never raises an Exception: a failure inside becomes a response right there, so that filters always see one; a
  filter's own failure becomes one outside of it.
* The finishers run last, whatever happened: a change is durable before the response that follows from it leaves. Who is cancelled
  lets go of what is held, in the outermost layer: inside of a filter that has set a time, a cancellation is not the end.
* What is answered and does not leave is closed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct

from hospes.app.declarations import BodyLimit
from hospes.app.failures import Failures
from hospes.app.onion import Layer, wrap, wrap_where
from hospes.app.places import Runs, awaited
from hospes.app.threads import LOG, Threads, discard, lent_thread
from hospes.binding import Plan, Reads, note_failure
from hospes.execution import Pending, iterate
from hospes.http.answer import to_response
from hospes.http.asking import ANSWERED
from hospes.http.content import ContentReader, Stream
from hospes.http.direct import Argument, Content, Direct
from hospes.http.handler import CallNext, Handler
from hospes.http.request import Request
from hospes.http.response import Response


class Construct(Protocol):
    """Provides the objects of a class."""

    @property
    def plan(self) -> Plan:
        """How the constructor's arguments are made."""
        ...

    @property
    def waits(self) -> bool:
        """Whether `get` may give an awaitable."""
        ...

    def get(self, request: Request) -> Any:
        """The object for a request, or where it `waits` an awaitable of it."""
        ...


class Target(Struct, frozen=True):
    """A handler as the endpoint calls it."""

    plan: Plan
    runs: Runs
    status: int = 200
    body_limit: BodyLimit = ...
    construct: Construct | None = None
    """Gives the object whose method it is."""

    @property
    def waits(self) -> bool:
        """Whether something has to be awaited before the handler can be called."""
        waits = self.plan.needs_await or (self.construct is not None and self.construct.waits)
        return waits or self.reader.reads is not Reads.NOTHING

    @property
    def arguments(self) -> Callable[[Request], Sequence[Any]] | None:
        """Makes the arguments of a handler that need not be waited for; None where there are none."""
        bind, construct = self.plan.bind, self.construct
        if construct is None:
            return None if self.plan.takes_nothing else bind

        def with_object(request: Request) -> Sequence[Any]:
            arguments = bind(request)
            return (construct.get(request), *arguments)

        return with_object

    @property
    def reader(self) -> Plan:
        """Of handler and constructor the one that needs more of the content; a handler that streams is left to it."""
        plan, construct = self.plan, self.construct
        if construct is None or plan.reads is Reads.STREAM:
            return plan
        return max(construct.plan, plan, key=lambda each: each.reads)


class Endpoints:
    """Makes endpoints for one run of an application.

    Args:
        failures: Answers what goes wrong.
        threads: Where plain handlers and filters run.
    """

    def __init__(self, failures: Failures, threads: Threads) -> None:
        self._answer = failures.answer
        self.threads = threads

    def of(self, target: Target, layers: Sequence[Layer], path: str | None) -> Handler:
        """The endpoint of a route.

        Args:
            target: The handler.
            layers: The filters, outermost first.
            path: The route's path where it is always the same; then only the filters that guard it are put around it.
        """
        chosen = _chosen(layers, path)
        if chosen:
            return self._filtered(self._call(target, concludes=False), chosen, path)
        if target.waits or target.runs is Runs.ON_LOOP:
            return self._call(target, concludes=True)
        return self._inline(target) if target.runs is Runs.INLINE else self._pooled(target)

    def direct(self, endpoint: Handler, target: Target, layers: Sequence[Layer], path: str | None, *, guarded: bool) -> Direct:
        """The way to a route's function for carriers that go by themselves, as far as it is known beforehand.

        Args:
            endpoint: What `of` made, and what else stands around it.
            target: The handler.
            layers: The filters, outermost first.
            path: As for `of`.
            guarded: Whether requests that bring cookies are the endpoint's.
        """
        plan, construct, status, limit = target.plan, target.construct, target.status, target.body_limit
        waits = construct is not None and construct.waits
        if target.runs is Runs.IN_POOL or waits or _chosen(layers, path):
            return Direct(endpoint=endpoint)

        def conclude(request: Request, making: Awaitable[Any]) -> Awaitable[Response]:
            return self._concluded(request, _made(request, making, status))

        def settle(request: Request, value: Any) -> Any:
            return self._settled(request, value, status)

        on_loop = target.runs is Runs.ON_LOOP
        return Direct(
            endpoint=endpoint,
            call=awaited(plan.call) if on_loop else plan.call,
            waits=on_loop,
            conclude=conclude,
            settle=settle,
            complete=_completing(target, on_loop) if plan.needs_await else None,
            owner=construct.get if construct is not None else None,
            arguments=tuple(Argument(each.read, each.usual, each.is_object, each.waits) for each in plan.sources),
            status=status,
            content=CONTENT.get(target.reader.reads, Content.OTHER),
            body_limit=limit if isinstance(limit, int) else None,
            guarded=guarded,
        )

    def around(self, call: CallNext, layers: Sequence[Layer]) -> Handler:
        """The endpoint of anything that answers requests, and may raise: filters around it, failures answered."""
        return self._filtered(self._answered(call), layers, None)

    def _filtered(self, call: CallNext, layers: Sequence[Layer], path: str | None) -> Handler:
        for layer in reversed(layers):
            sure = layer.guards is None or path is not None
            call = wrap(call, layer, self.threads) if sure else wrap_where(call, layer, self.threads)
        return lambda request: self._concluded(request, call(request))

    def _answered(self, call: CallNext) -> CallNext:
        """What a filter sees of its inside: responses only."""

        async def call_next(request: Request) -> Response:
            try:
                return await call(request)
            except Exception as error:
                note_failure(request, error)
                return await self._answer(request, error)

        return call_next

    def _inline(self, target: Target) -> Handler:
        """A handler that answers at once: no coroutine, as long as nothing goes wrong and nothing is to be finished."""
        function, status, body_limit, arguments_of = target.plan.call, target.status, target.body_limit, target.arguments

        def endpoint(request: Request) -> Response | Awaitable[Response]:
            try:
                if request.content is not None:
                    _admit(request.content, body_limit)
                arguments = arguments_of(request) if arguments_of is not None else ()
                response = to_response(function(*arguments), request, status)
            except Exception as error:
                return self._concluded(request, _failing(error))
            if request.finishers is None and type(response.content) is bytes:
                request.finishers = ANSWERED
                return response
            return self._concluded(request, _there(response))

        return endpoint

    def _pooled(self, target: Target) -> Handler:
        """A plain handler in the pool: its job is all the carrier has to follow, as long as nothing goes wrong and so on."""
        function, status, body_limit, arguments_of = target.plan.call, target.status, target.body_limit, target.arguments
        submit = self.threads.pool.submit

        def call(request: Request, arguments: Sequence[Any]) -> Response:
            return to_response(function(*arguments), request, status)

        def follow(request: Request, response: Response | None, failure: BaseException | None) -> Coroutine[Any, Any, Any] | None:
            if response is not None and failure is None:
                if request.finishers is None and type(response.content) is bytes:
                    request.finishers = ANSWERED
                    return None
                return self._concluded(request, _there(response))
            if isinstance(failure, Exception):
                return self._concluded(request, _failing(failure))
            return self._concluded(request, _given_up(response, failure))

        def endpoint(request: Request) -> Awaitable[Response]:
            try:
                if request.content is not None:
                    _admit(request.content, body_limit)
                arguments = arguments_of(request) if arguments_of is not None else ()
                if lent_thread.get() is not None:
                    return self._concluded(request, self.threads.run(partial(call, request, arguments)))
                return submit(copy_context(), partial(call, request, arguments), partial(follow, request))
            except Exception as error:
                return self._concluded(request, _failing(error))

        return endpoint

    def _call(self, target: Target, *, concludes: bool) -> CallNext:
        """A handler with its arguments. Where no filter is around it, it also concludes, which saves a layer."""
        plan, status, body_limit, construct = target.plan, target.status, target.body_limit, target.construct
        prepare, reads = target.reader.prepare, target.reader.reads
        in_pool, on_loop = target.runs is Runs.IN_POOL, target.runs is Runs.ON_LOOP
        function = awaited(plan.call) if on_loop else plan.call
        bind, answer, in_thread, takes_nothing = plan.bind_soon, self._answer, self.threads.run, plan.takes_nothing

        async def call(request: Request) -> Response:
            try:
                try:
                    if request.content is not None:
                        _admit(request.content, body_limit)
                        if reads:
                            await prepare(request)
                    arguments: Sequence[Any] = ()
                    if not takes_nothing:
                        bound = bind(request)
                        arguments = bound if isinstance(bound, (list, tuple)) else await bound
                    if construct is not None:
                        made = construct.get(request)
                        arguments = (await made if construct.waits and inspect.isawaitable(made) else made, *arguments)
                    if on_loop:
                        response = to_response(await function(*arguments), request, status)
                    elif in_pool:
                        response = await in_thread(lambda: to_response(function(*arguments), request, status))
                    else:
                        response = to_response(function(*arguments), request, status)
                except Exception as error:
                    note_failure(request, error)
                    response = await answer(request, error)
                if not concludes:
                    return response
                if request.finishers is None and type(response.content) is bytes:
                    request.finishers = ANSWERED
                    return response
                return await self._finished(request, response)
            except BaseException as error:
                if concludes:
                    await self._given_up(request, error)
                raise

        return call

    async def _concluded(self, request: Request, making: Awaitable[Response]) -> Response:
        """The outermost layer: failures answered, finishers run."""
        try:
            try:
                response = await making
            except Exception as error:
                note_failure(request, error)
                response = await self._answer(request, error)
            if request.finishers is None and type(response.content) is bytes:
                request.finishers = ANSWERED
                return response
            return await self._finished(request, response)
        except BaseException as error:
            await self._given_up(request, error)
            raise

    def _settled(self, request: Request, value: Any, status: int) -> Any:
        """As `_concluded`, of a value that is there, where one finisher can begin by itself; else what that goes on with."""
        finishers = request.finishers
        if finishers is None or len(finishers) != 1 or (finish_later := getattr(finishers[0], "finish_later", None)) is None:
            return value
        response = to_response(value, request, status)
        if type(response.content) is not bytes:
            return response

        def follow(failure: BaseException | None) -> Coroutine[Any, Any, Response] | None:
            if failure is not None:
                return self._concluded(request, _failing(failure))
            request.finishers = ANSWERED
            return None

        pending = Pending(response, follow)
        try:
            if not finish_later(pending.heard):
                return response
        except Exception:  # it is met again, by whoever awaits the finisher
            return response
        finishers.clear()
        return pending

    async def _finished(self, request: Request, response: Response) -> Response:
        """Run the finishers, the last one first; have plain iterators pulled in the pool."""
        try:
            if type(response.content) is not bytes:
                self._pull(response)
            while request.finishers:
                finisher = request.finishers.pop()
                try:
                    await finisher(response)
                except Exception as error:
                    note_failure(request, error)
                    dropped, response = response, await self._answer(request, error)
                    await discard(dropped)
                    self._pull(response)
            request.finishers = ANSWERED
            if type(response.content) is not bytes:  # a finisher may have put another content in
                self._pull(response)
            return response
        except BaseException:
            await discard(response)
            raise

    async def _given_up(self, request: Request, error: BaseException) -> None:
        """The request was cancelled, most often because its peer has gone: let go of what is held."""
        if isinstance(error, GeneratorExit):  # the loop has gone: nothing can be awaited
            return
        note_failure(request, error)
        while request.finishers:
            finisher = request.finishers.pop()
            try:
                await finisher(None)
            except asyncio.CancelledError:
                continue  # a second time: the others have to let go all the same
            except Exception:
                LOG.exception("cleaning up after a cancelled request failed")

    def _pull(self, response: Response) -> None:
        content = response.content
        if isinstance(content, Stream) and not isinstance(content.source, AsyncIterable):
            content.source = iterate(self.threads.pool, copy_context(), content.source)


def _admit(content: ContentReader, body_limit: BodyLimit) -> None:
    """Refuse content that is announced as too large, before anything is done for it."""
    if body_limit is not ...:
        content.limit = body_limit
    content.check_declared()


def _chosen(layers: Sequence[Layer], path: str | None) -> list[Layer]:
    """The filters that can ever guard a path; all of them where the path is not known beforehand."""
    return [layer for layer in layers if path is None or layer.applies(path)]


CONTENT: Final = {
    Reads.NOTHING: Content.LEFT,
    Reads.STREAM: Content.LEFT,
    Reads.CONTENT: Content.READ,
    Reads.OCTETS: Content.READ,
}
"""What is done with the content first, where only this is to be done."""


def _completing(target: Target, on_loop: bool) -> Callable[[Request, list[Any], int], Awaitable[Any]]:
    """What goes on where an argument has to be awaited; see `Direct.complete`."""
    plan, construct = target.plan, target.construct
    function = awaited(plan.call) if on_loop else plan.call
    shift = 0 if construct is None else 1

    async def complete(request: Request, values: list[Any], at: int) -> Any:
        await plan.complete(request, values, shift, at)
        if construct is not None:
            values[0] = construct.get(request)
        made = function(*values)
        return await made if on_loop else made

    return complete


async def _made(request: Request, making: Awaitable[Any], status: int) -> Response:
    return to_response(await making, request, status)


async def _there(response: Response) -> Response:
    return response


async def _failing(error: BaseException) -> Response:
    raise error


async def _given_up(response: Response | None, error: BaseException | None) -> Response:
    """A request that was cancelled while, or before, a thread had it."""
    await discard(response)
    raise error if error is not None else asyncio.CancelledError
