"""The life of applications: steps that begin in order, and end the other way round.

Laws:

* Every step that has begun ends, whatever the others raise; what they raise is told when all have ended.
* No step is told of another one's failure: a lifespan without `try` and `finally` runs to its end all the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias, runtime_checkable

from hospes.lazily import signature_of

Lifespan: TypeAlias = Callable[..., "AsyncGenerator[None] | AbstractAsyncContextManager[None]"]


@runtime_checkable
class Lives(Protocol):
    """What is mounted and has a life of its own: another framework's application, for one."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Its life."""
        ...


class Life:
    """Steps under way; they begin and end in one task."""

    def __init__(self) -> None:
        self._begun: list[AbstractAsyncContextManager[Any]] = []
        self._owners: list[Lives] = []

    async def begin(self, step: AbstractAsyncContextManager[Any]) -> None:
        """Begin a step."""
        await step.__aenter__()
        self._begun.append(step)

    async def begin_lifespan(self, lifespan: Lifespan, application: object) -> None:
        """Begin a lifespan of the program's; it gets the application if it takes a parameter."""
        made = lifespan(application) if signature_of(lifespan).parameters else lifespan()
        # One that the program has made a context manager already is as welcome.
        await self.begin(made if isinstance(made, AbstractAsyncContextManager) else _entering(made))

    async def begin_owner(self, owner: object) -> None:
        """Begin the life of what is mounted, if it has one; once, however often it is mounted."""
        if isinstance(owner, Lives) and not any(each is owner for each in self._owners):
            self._owners.append(owner)
            await self.begin(owner.running())

    async def end_with(self, call: Callable[[], Awaitable[object]]) -> None:
        """Have a function awaited at the end."""
        await self.begin(_ending(call))

    async def end(self) -> None:
        """End all steps, the last one first.

        Raises:
            BaseException: what a step raised; an exception group where several did.
        """
        failures: list[BaseException] = []
        while self._begun:
            try:
                await self._begun.pop().__aexit__(None, None, None)
            except BaseException as failure:
                failures.append(failure)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise BaseExceptionGroup("several steps failed to end", failures)


@asynccontextmanager
async def _entering(lifespan: AsyncGenerator[None]) -> AsyncGenerator[None]:
    async with asynccontextmanager(lambda: lifespan)():
        yield


@asynccontextmanager
async def _ending(call: Callable[[], Awaitable[object]]) -> AsyncGenerator[None]:
    yield
    await call()
