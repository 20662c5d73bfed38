"""Scopes: where provided objects live, and how they are cleaned up.

    app       one object, from the first request that needs it until the application stops
    session   one per visitor, until the visitor has been idle for long, or too many others have come
    request   one per request, until its answer is made; if that is streamed, or a websocket, until that has ended

Laws:

* What was made last is cleaned up first; a failing clean-up does not keep the others from theirs.
* A generator that outlives its request runs in a task of its own, from its start to its end: what it enters (a task group, a
  timeout) it leaves in the same task.
* A visitor's objects are not cleaned up while a request uses them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Hashable
from contextvars import Context, copy_context
from typing import Any

from hospes.errors import HttpError
from hospes.http.content import Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent

CleanUp = Callable[["BaseException | None"], Awaitable[None]]
"""Ends one object; it is told the error that ended its scope, if one did."""

_SCOPE = "hospes.provided"
_FAILURE = "hospes.failure"


class Scope:
    """Provided objects, and what cleans them up."""

    def __init__(self) -> None:
        self.objects: dict[object, Any] = {}
        self._locks: dict[object, asyncio.Lock] = {}
        self._clean_ups: list[CleanUp] = []

    def lock(self, provider: object) -> asyncio.Lock:
        """Held while a provider makes its object, so that it makes one."""
        return self._locks.setdefault(provider, asyncio.Lock())

    def on_close(self, clean_up: CleanUp) -> None:
        """Have `clean_up` awaited when the scope ends, before all that were registered earlier."""
        self._clean_ups.append(clean_up)

    async def close(self, error: BaseException | None = None) -> None:
        """End the scope.

        Args:
            error: What ended it, if an error did; generators see it at their `yield`, and may undo what they have done.

        Raises:
            Exception: what a clean-up raised; an ExceptionGroup where several did.
        """
        self.objects.clear()
        self._locks.clear()
        failures: list[Exception] = []
        while self._clean_ups:
            try:
                await self._clean_ups.pop()(error)
            except Exception as failure:
                failures.append(failure)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup("several provided objects failed to clean up", failures)


class RequestScope(Scope):
    """The objects of one request, and its visitor's while it uses them."""

    def __init__(self) -> None:
        super().__init__()
        self.visitor: Visitor | None = None

    @classmethod
    def of(cls, request: Request) -> RequestScope:
        """The scope of a request; it is closed when the request's answer has been made."""
        scope: RequestScope | None = request.state.get(_SCOPE)
        if scope is None:
            scope = request.state[_SCOPE] = cls()

            async def finish(response: Response | None) -> None:
                content = response.content if response is not None else None
                if type(content) is Stream and isinstance(content.source, AsyncIterable):
                    content.source = _UntilEnd(content.source, scope)
                elif type(content) is WebSocketContent:
                    content.clean_ups.append(scope.close)
                else:
                    await scope.close(_failure_of(request, response))

            request.finish_with(finish)
        return scope

    async def close(self, error: BaseException | None = None) -> None:
        """End the scope; see `Scope.close`."""
        try:
            await super().close(error)
        finally:
            if self.visitor is not None:
                self.visitor.users -= 1
                self.visitor = None


def note_failure(request: Request, error: BaseException) -> None:
    """Remember what a handler raised, so that provided generators see it at their `yield` and a transaction is rolled back."""
    request.state[_FAILURE] = error


def _failure_of(request: Request, response: Response | None) -> BaseException | None:
    failure: BaseException | None = request.state.get(_FAILURE)
    if failure is None and response is not None and response.status >= 500:
        failure = HttpError(response.status)
    return failure


class _UntilEnd:
    """A stream's source that closes a scope when it has ended, or will not be asked any more."""

    def __init__(self, source: AsyncIterable[bytes | str], scope: RequestScope) -> None:
        self._source = source
        self._pieces: AsyncIterator[bytes | str] | None = None
        self._scope = scope

    def __aiter__(self) -> AsyncIterator[bytes | str]:
        return self

    async def __anext__(self) -> bytes | str:
        if self._pieces is None:
            self._pieces = self._source.__aiter__()
        try:
            return await self._pieces.__anext__()
        except StopAsyncIteration:
            await self._scope.close()
            raise
        except BaseException as error:
            await self._scope.close(error)
            raise

    async def aclose(self) -> None:
        """End the source, then the scope."""
        try:
            for each in (self._pieces, self._source):
                close = getattr(each, "aclose", None)
                if close is not None:
                    await close()
        finally:
            await self._scope.close()


class Visitor(Scope):
    """The objects of one visitor."""

    def __init__(self) -> None:
        super().__init__()
        self.users = 0
        """Requests that use them now."""
        self.used_at = 0.0


class Visitors:
    """The visitors who have objects, the one who came longest ago first.

    Args:
        most: How many are kept; beyond it the one idle for longest is closed.
        idle: Seconds after a visitor's last request when the objects are closed, at another visitor's next request.
        clock: Seconds that only grow.
    """

    def __init__(self, most: int, idle: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._idle = idle
        self._clock = clock
        self._visitors: OrderedDict[Hashable, Visitor] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._visitors)

    def enter(self, key: Hashable) -> Visitor:
        """The objects of a visitor, for one more request."""
        visitor = self._visitors.get(key)
        if visitor is None:
            visitor = self._visitors[key] = Visitor()
        visitor.users += 1
        visitor.used_at = self._clock()
        self._visitors.move_to_end(key)
        self._sweep()
        return visitor

    async def close(self) -> None:
        """Close everybody's objects.

        Raises:
            ExceptionGroup: what clean-ups raised.
        """
        while self._visitors:
            self._close(next(reversed(self._visitors)))
        failures = [each for each in await asyncio.gather(*self._closing, return_exceptions=True) if isinstance(each, Exception)]
        if failures:
            raise ExceptionGroup("objects of visitors failed to clean up", failures)

    def _sweep(self) -> None:
        due = self._clock() - self._idle
        # A few at a time: whoever is in use at the front is looked at again by the next request.
        for key in [key for key, _ in zip(self._visitors, range(_SWEPT), strict=False)]:
            visitor = self._visitors[key]
            if visitor.used_at >= due and len(self._visitors) <= self._most:
                break
            if not visitor.users:
                self._close(key)

    def _close(self, key: Hashable) -> None:
        task = asyncio.get_running_loop().create_task(self._visitors.pop(key).close(), name="hospes: a visitor's objects")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


_SWEPT = 16
"""Visitors looked at per request."""


async def end_generator(generator: Generator[Any, None, Any], error: BaseException | None) -> None:
    """Let a generator clean up after its `yield`, where it sees `error`, if there is one.

    Raises:
        RuntimeError: if it yields once more.
    """
    try:
        if error is None:
            next(generator)
        else:
            generator.throw(error)
    except StopIteration:
        return
    except BaseException as raised:
        if raised is error:
            return
        raise
    generator.close()
    raise _yielded_again(generator)


async def end_async_generator(generator: AsyncGenerator[Any, None], error: BaseException | None) -> None:
    """Let an async generator clean up; see `end_generator`."""
    try:
        if error is None:
            await generator.__anext__()
        else:
            await generator.athrow(error)
    except StopAsyncIteration:
        return
    except BaseException as raised:
        if raised is error:
            return
        raise
    await generator.aclose()
    raise _yielded_again(generator)


class Keeper:
    """Runs an async generator in a task of its own, from its first step to its end.

    Args:
        generator: Yields one object.
        context: The context variables it sees; the caller's by default.
    """

    def __init__(self, generator: AsyncGenerator[Any, None], context: Context | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._made: asyncio.Future[Any] = loop.create_future()
        self._stop = asyncio.Event()
        self._task = loop.create_task(self._keep(generator), context=context or copy_context(), name="hospes: a provided object")

    async def made(self) -> Any:
        """The object; whoever is cancelled while waiting for it ends the generator."""
        try:
            return await asyncio.shield(self._made)
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def end(self, error: BaseException | None = None) -> None:
        """Let the generator clean up, and wait until it has."""
        self._stop.set()
        await self._task

    async def _keep(self, generator: AsyncGenerator[Any, None]) -> None:
        try:
            try:
                value = await generator.__anext__()
            except Exception as error:
                self._made.set_exception(never_yielded(generator) if isinstance(error, StopAsyncIteration) else error)
                return
            self._made.set_result(value)
            await self._stop.wait()
            await end_async_generator(generator, None)
        finally:
            self._made.cancel()
            await generator.aclose()


def never_yielded(generator: object) -> RuntimeError:
    """The error of a provider that ends without an object."""
    return RuntimeError(f"the provider {getattr(generator, '__name__', '')}() has ended without a yield")


def _yielded_again(generator: object) -> RuntimeError:
    return RuntimeError(f"the provider {getattr(generator, '__name__', '')}() yields more than once; an object is one yield")
