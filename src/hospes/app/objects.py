"""The objects whose methods answer: one for all requests of a controller, or a new one for each.

Laws:

* A constructor that was given arguments gets those; one that was given none gets its parameters provided.
* A singleton is made once, at the first request for it, however many come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from hospes.app.declarations import ClassEntry
from hospes.app.endpoint import Construct
from hospes.binding import Providers, Site, compile_plan
from hospes.http.request import Request


class Objects:
    """Makes and keeps the objects of one run of an application.

    Args:
        providers: What constructors' parameters are filled from.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._constructs: dict[type, Construct] = {}

    def of(self, entry: ClassEntry) -> Construct:
        """How the object of a class comes to be.

        Raises:
            SetupError: for a constructor parameter that nothing provides.
        """
        construct = self._constructs.get(entry.cls)
        if construct is None:
            make = self._make(entry)
            construct = self._constructs[entry.cls] = _once(make) if entry.singleton else make
        return construct

    def _make(self, entry: ClassEntry) -> Construct:
        if entry.args or entry.kwargs:
            return _given(partial(entry.cls, *entry.args, **entry.kwargs))
        plan = compile_plan(entry.cls, Site(path_names=None), self._providers)

        async def provided(request: Request) -> object:
            return plan.call(*(await plan.bind_async(request)))

        return provided


def _given(make: Callable[[], Any]) -> Construct:
    async def given(request: Request) -> object:
        return make()

    return given


def _once(make: Construct) -> Construct:
    """The first request makes the object, the others wait for it; a failure is nobody's but the one's who met it."""
    made: list[object] = []
    lock: list[asyncio.Lock] = []

    async def once(request: Request) -> object:
        if not made:
            if not lock:
                lock.append(asyncio.Lock())
            async with lock[0]:
                if not made:
                    made.append(await make(request))
        return made[0]

    def get(request: Request) -> Awaitable[object]:
        return once(request)

    return get
