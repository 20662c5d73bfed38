"""The application: what a program declared, and its life.

Laws:

* Declarations are taken until the application starts; each start makes a new, frozen `Dispatcher` of what is declared then.
* Starting goes in order: check everything, open the pool, the provided objects, the mounted applications, then the program's own
  lifespans. Stopping goes back the same way, and a failure in one step does not keep the others from stopping.
* `Application` only answers requests. `hospes.running.App` adds the ways to run it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload
from urllib.parse import quote

from hospes.app.declarations import ClassEntry, Declaration, F, RouteOptions
from hospes.app.dispatcher import Dispatcher, Mount, miss
from hospes.app.endpoint import Endpoints, Target, where_it_runs
from hospes.app.failures import Failures
from hospes.app.objects import Objects
from hospes.app.onion import Layer
from hospes.app.registrar import Below, Registrar
from hospes.app.template import Templates
from hospes.app.visiting import Visiting
from hospes.binding import ProviderRegistry, Site, compile_plan, source_of
from hospes.errors import SetupError
from hospes.execution import ThreadPool, default_threads
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.routing import Matcher, Pattern, Route, Router, parse_pattern

Lifespan: TypeAlias = Callable[..., AsyncIterator[None]]
E = TypeVar("E")

DEFAULT_STORE = "sqlite:///hospes.db"


class Application(Registrar):
    """Routes, filters, error handlers and provided objects, and what they need while they run.

    Args:
        store: URL of the store that keeps visitors; the environment's `HOSPES_STORE`, else `sqlite:///hospes.db`.
        threads: Threads for plain handlers; a few more than there are processors by default.
        templates: Folder of the templates; `templates` in the working directory by default.
    """

    def __init__(self, *, store: str = "", threads: int = 0, templates: str | Path = "templates") -> None:
        super().__init__()
        self.store_url = store or os.environ.get("HOSPES_STORE", "") or DEFAULT_STORE
        self.threads = threads or default_threads()
        self.templates = Path(templates)
        self._visiting = Visiting(self.store_url)
        self._lifespans: list[Lifespan] = []

    @property
    def providers(self) -> ProviderRegistry:
        """What is provided to handlers; `providers.override(Type, by)` replaces something in tests."""
        return self._visiting.registry

    @overload
    def provide(self, scope: F, /) -> F: ...

    @overload
    def provide(self, scope: str = "app") -> Callable[[F], F]: ...

    def provide(self, scope: str | Callable[..., Any] = "app") -> Any:
        """Let a function provide objects of its return type to handlers; `yield` the object to clean up after it.

        Args:
            scope: "app" (one for all), "session" (one per visitor) or "request".

        Raises:
            SetupError: for an unknown scope, or a function without a return type.
        """
        if not isinstance(scope, str):
            return self.provide()(scope)

        def decorate(function: F) -> F:
            self.providers.add(function, scope, source_of(function))
            return function

        return decorate

    def lifespan(self, function: F) -> F:
        """Run an async generator function around the application's life: up to its `yield` at start, the rest at stop.

        It may take the application as its parameter.
        """
        if not inspect.isasyncgenfunction(inspect.unwrap(function)):
            raise SetupError(
                f"the lifespan {function.__name__}() does not yield",
                where=(source_of(function),),
                remedy="write `async def` with one `yield` in it: what comes before runs at start, what comes after at stop",
            )
        self._lifespans.append(function)
        return function

    @property
    def routes(self) -> tuple[Route[Declaration], ...]:
        """Every route, in the order of declaration; functions first.

        Raises:
            SetupError: for a malformed pattern or expression.
        """
        router: Router[Declaration] = Router()
        for declaration, _ in self._declarations():
            router.add(_route(declaration.options, declaration))
        return router.routes

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Handler]:
        """Start, give the handler that answers requests, and stop.

        Raises:
            SetupError: for every mistake that can be found before the first request.
        """
        async with AsyncExitStack() as stack:
            pool = ThreadPool(self.threads)
            stack.push_async_callback(pool.close)
            handler = await self._frozen(pool, stack)
            await stack.enter_async_context(self._visiting.opened())
            for lifespan in self._lifespans:
                arguments = (self,) if inspect.signature(lifespan).parameters else ()
                await stack.enter_async_context(asynccontextmanager(lifespan)(*arguments))
            yield handler

    async def _frozen(self, pool: ThreadPool, stack: AsyncExitStack) -> Dispatcher:
        failures = Failures()
        for keys, handler in self._error_handlers:
            failures.add(keys, handler)
        endpoints = Endpoints(failures, pool)
        mounts = [Mount(each.prefix, await self._inside(each, endpoints, stack)) for each in self._below]
        missed = endpoints.around(miss, self._layers, None)
        return Dispatcher(self._matcher(endpoints), mounts, missed, self._services())

    async def _inside(self, below: Below, endpoints: Endpoints, stack: AsyncExitStack) -> Handler:
        """The handler of a mounted application or of a folder, with this application's filters around it."""
        owner = below.owner
        handler = await stack.enter_async_context(owner.started()) if isinstance(owner, Application) else owner
        prefix = below.prefix

        async def call(request: Request) -> Response:
            answer = handler(request.below(prefix))
            return answer if isinstance(answer, Response) else await answer

        return endpoints.around(call, self._layers, None)

    def _services(self) -> dict[type, Any]:
        return {Templates: Templates(self.templates)}

    def _declarations(self) -> Iterator[tuple[Declaration, ClassEntry | None]]:
        for declaration in self._functions:
            yield declaration, None
        for entry in self._classes.values():
            for declaration in entry.declarations():
                yield declaration, entry

    def _matcher(self, endpoints: Endpoints) -> Matcher[Handler]:
        router: Router[Handler] = Router()
        objects = Objects(self._visiting)
        for declaration, entry in self._declarations():
            options = declaration.options
            pattern = parse_pattern(options.url, options.source) if options.url else None
            target = self._target(declaration, entry, pattern, objects)
            layers = [*self._layers, *(Layer(each) for each in (entry.filters if entry else ()))]
            path = quote(pattern.text) if pattern is not None and pattern.is_static else None
            router.add(_route(options, endpoints.of(target, layers, path)))
        return router.freeze()

    def _target(self, declaration: Declaration, entry: ClassEntry | None, pattern: Pattern | None, objects: Objects) -> Target:
        options = declaration.options
        site = Site(
            path_names=frozenset(pattern.names if pattern is not None else ()),
            methods=options.methods,
            source=options.source,
            is_method=entry is not None,
            namespace=options.namespace,
        )
        plan = compile_plan(declaration.function, site, self._visiting, self._model_bindings)
        runs = where_it_runs(declaration.function, options.inline)
        return Target(plan, runs, options.status, options.body_limit, objects.of(entry) if entry else None)


def _route(options: RouteOptions, endpoint: E) -> Route[E]:
    return Route(
        pattern=options.url,
        regexp=options.regexp,
        methods=options.methods,
        params=options.params,
        headers=options.headers,
        match_all_params=options.match_all_params,
        match_all_headers=options.match_all_headers,
        endpoint=endpoint,
        source=options.source,
    )
