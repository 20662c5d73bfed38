"""The objects whose methods answer: one for all requests of a controller, or a new one for each.

Laws:

* A constructor that was given arguments gets those; one that was given none gets its parameters provided.
* One object for all is made at the first request for it, however many come at once, and lives as long as the application runs. So
  its constructor gets what lives as long, and no part of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hospes.app.declarations import ClassEntry
from hospes.app.endpoint import Construct
from hospes.binding import Plan, Provided, ProviderRegistry, Site, compile_plan
from hospes.errors import SetupError
from hospes.http.request import Request


class Objects:
    """Makes the objects of one application.

    Args:
        registry: What constructors are filled from; it keeps the objects that live as long as the application runs.
    """

    def __init__(self, registry: ProviderRegistry) -> None:
        self._registry = registry
        self._made: dict[type, Construct] = {}

    def of(self, entry: ClassEntry) -> Construct:
        """What provides the object of a class.

        Raises:
            SetupError: for a constructor parameter that nothing provides.
        """
        provider = self._made.get(entry.cls)
        if provider is None:
            provider = self._made[entry.cls] = self._provider(entry)
        return provider

    def _provider(self, entry: ClassEntry) -> Construct:
        given = bool(entry.args or entry.kwargs)
        make: Callable[..., Any] = entry.cls
        if given:
            fixed = partial(entry.cls, *entry.args, **entry.kwargs)
            make = lambda: fixed()  # noqa: E731  # without a signature: what has a default keeps it
        if entry.singleton:
            provided = Provided(self._registry, make, entry.cls, "app", entry.source, entry.namespace)
            try:
                _ = provided.plan  # its mistakes are told now
            except SetupError as error:
                remedy = f"{error.remedy}; for a controller that is singleton=False"
                raise SetupError(error.problem, where=error.where, remedy=remedy) from None
            return provided
        site = Site(path_names=None, source=entry.source, namespace=entry.namespace)
        return _ForRequest(compile_plan(make, site, self._registry))


class _ForRequest:
    """Makes a new object for each request."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.waits = plan.needs_await
        self._make = plan.call

    def get(self, request: Request) -> Any:
        """The object, or an awaitable of it."""
        plan = self.plan
        if plan.takes_nothing:
            return self._make()
        return self._wait(request) if self.waits else self._make(*plan.bind(request))

    async def _wait(self, request: Request) -> Any:
        return self._make(*(await self.plan.bind_async(request)))
