"""The application: what a program declared, and its life.

Laws:

* Declarations are taken until the application starts; each start makes a new, frozen `Dispatcher` of what is declared then.
* Starting goes in order: first everything is checked, mounted applications included; then, for those that are mounted and at
  last for the application itself, the threads, the provided objects, and the program's own lifespans begin. Stopping goes back
  the same way, and a failure in one step does not keep the others from stopping.
* An application that is mounted several times in another one starts with it once.
* `Application` only answers requests. `hospes.running.App` adds the ways to run it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

from msgspec import Struct

from hospes.app.declarations import ClassEntry, Declaration, F, RouteOptions
from hospes.app.dispatcher import Dispatcher, Mount, miss
from hospes.app.endpoint import Endpoints, Target
from hospes.app.failures import Failures
from hospes.app.guarding import guarded, may_change, speaks_for_somebody
from hospes.app.health import Check, Health
from hospes.app.life import Life, Lifespan
from hospes.app.objects import Objects
from hospes.app.places import Runs, where_it_runs
from hospes.app.registrar import Below, Registrar
from hospes.app.sites import called_of, line_of, program_frame, program_line, visible_names
from hospes.app.sockets import admitting, opening, refuse
from hospes.app.template import Templates
from hospes.app.threads import Threads
from hospes.app.visiting import Guests, Visiting
from hospes.binding import ProviderRegistry, Site, compile_plan, local_names
from hospes.binding.signature import name_of
from hospes.errors import HttpError, SetupError, check_kind
from hospes.execution import ThreadPool, default_threads
from hospes.execution.pool import WAIT
from hospes.filters import CrossSiteRequest, Csrf
from hospes.http.direct import Direct, Map, Shelf
from hospes.http.handler import AnswersAt, Handler
from hospes.http.percent import percent_encode
from hospes.http.problem import problem_response
from hospes.http.request import Request, SessionSource, UserSource, Workers
from hospes.http.response import Response
from hospes.lazily import annotations_of
from hospes.routing import Matcher, Pattern, Route, Router, parse_pattern
from hospes.routing.pattern import Kind
from hospes.store import StoreSource

if TYPE_CHECKING:
    from pathlib import Path

    import jinja2

    from hospes.sessions import SessionFactory, SessionOptions
    from hospes.signing import Keys
    from hospes.users import VisitorOptions

E = TypeVar("E")

Placed: TypeAlias = tuple[Callable[..., Any], Runs]

DEFAULT_STORE: Final = "sqlite:///hospes.db"
_THREADS_END: Final = 2.0
"""Seconds at stop for threads that still run something. The server has drained before; what is left does not end."""


class Application(Registrar):
    """Routes, filters, error handlers and provided objects, and what they need while they run.

    Args:
        store: URL of the store that keeps visitors; the environment's `HOSPES_STORE`, else `sqlite:///hospes.db`.
        threads: Threads for plain handlers; a few more than there are processors by default.
        templates: Folder of the templates, or a jinja2 environment; `templates` in the working directory by default.
        sessions: How sessions are kept, or a factory of the program's own.
        keys: Secrets for signed values, the newest first; else one is made at random and kept in the store.
        csrf: What another site's pages may send; False for everything.
        visitors: How visitors are remembered.
    """

    def __init__(
        self,
        *,
        store: str = "",
        threads: int = 0,
        templates: str | Path | jinja2.Environment = "templates",
        sessions: SessionOptions | SessionFactory | None = None,
        keys: Keys = (),
        csrf: Csrf | bool = True,
        visitors: VisitorOptions | None = None,
    ) -> None:
        super().__init__()
        check_kind("App(store={})", store, str, '"sqlite:///hospes.db"')
        _check_keys(keys)
        self.store_url = store or os.environ.get("HOSPES_STORE", "") or DEFAULT_STORE
        if type(threads) is not int or threads < 0:
            raise SetupError(f"App(threads={threads!r}): that is no number of threads", remedy="give 1 or more; 0 is the default")
        self.threads = threads or default_threads()
        self.templates = Templates(templates)
        """`render` gives a template's text; `environment` takes filters and globals."""
        self._csrf = _csrf(csrf)
        guests = Guests(store_url=self.store_url, visitors=visitors, sessions=sessions, keys=keys, csrf=self._csrf)
        self._visiting = Visiting(guests)
        self._lifespans: list[Lifespan] = []
        self._healths: list[Health] = []

    @property
    def providers(self) -> ProviderRegistry:
        """What is provided to handlers; `providers.override(Type, by)` replaces something in tests."""
        return self._visiting

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
            frame = program_frame()
            self.providers.add(function, scope, line_of(frame), local_names(called_of(function), visible_names(frame)))
            return function

        return decorate

    def health(self, *checks: Check, live: str = "/livez", ready: str = "/readyz") -> None:
        """Answer a load balancer's or an orchestrator's questions: does this process go on, and may requests be sent to it.

        Args:
            checks: What has to be ready besides the store: functions, async or quick, that return False or raise where it is not.
            live: Path that answers 200 as long as the process goes on.
            ready: Path that answers 200, or 503 while the server drains, its store is away, or a check does not pass.
        """
        health = Health(self._visiting.store_problem, checks)
        self._healths.append(health)
        self.get(live)(health.live)
        self.get(ready)(health.ready)

    def begin_to_drain(self) -> None:
        """Say from now on, where somebody asks whether this application is ready, that it is not."""
        for health in self._healths:
            health.draining = True

    def lifespan(self, function: F) -> F:
        """Run an async generator function around the application's life: up to its `yield` at start, the rest at stop.

        It may take the application as its parameter.

        Raises:
            SetupError: for a function that is none.
        """
        if not inspect.isasyncgenfunction(inspect.unwrap(function)):
            raise SetupError(
                f"the lifespan {name_of(function)}() does not yield",
                where=(program_line(),),
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

    @property
    def mounts(self) -> tuple[Below, ...]:
        """Every mounted application and folder, in the order of declaration."""
        return tuple(self._below)

    async def store_problem(self, within: float = 1.0) -> str:
        """Ask the store whether it is there, for a look from outside: what a load balancer's probe should say.

        Args:
            within: Seconds for it to answer; 1.0.

        Returns:
            What is wrong; "" if it answers, or if nobody has asked for what it keeps.
        """
        return await self._visiting.store_problem(within)

    @asynccontextmanager
    async def started(self, queue: float = WAIT) -> AsyncGenerator[Handler]:
        """Start, give the handler that answers requests, and stop.

        Args:
            queue: Seconds that a plain handler may wait for a thread; 5.0.

        Raises:
            SetupError: for every mistake that can be found before the first request.
        """
        parts: dict[Application, _Part | None] = {}
        handler = self._checked(parts, queue)
        life = Life()
        try:
            for application, part in parts.items():
                assert part is not None
                await application._begin(life, part.pool)
            yield handler
        finally:
            await life.end()

    def _checked(self, parts: dict[Application, _Part | None], queue: float) -> Handler:
        """The handler of this application and of what is mounted in it, before any of it lives; the inmost parts first."""
        if self in parts:
            part = parts[self]
            if part is None:
                raise SetupError("an application is mounted inside of itself", remedy="mount another App there")
            return part.handler
        parts[self] = None
        part = self._part(parts, queue)
        del parts[self]
        parts[self] = part
        return part.handler

    def _part(self, parts: dict[Application, _Part | None], queue: float) -> _Part:
        for mark in self._marks:
            mark.check()
        pool = ThreadPool(self.threads, wait=queue)
        threads = Threads(pool)
        endpoints = Endpoints(Failures(self._error_handlers, threads, self._show_failure), threads)
        directs: dict[Handler, Direct] = {}
        matcher = self._matcher(endpoints, directs)
        mounts = [self._mount(each, self._owner(each, parts, queue), endpoints) for each in self._below]
        services = self._services(threads)
        dispatcher = Dispatcher(matcher, mounts, endpoints.around(miss, self._layers), services)
        if type(matcher) is Matcher:  # another one may match in its own way
            dispatcher.map = Map(matcher.outline(directs.__getitem__), services, self._shelves())
        return _Part(dispatcher, pool)

    def _shelves(self) -> tuple[Shelf, ...]:
        """The folders whose paths nobody else has a say in: no filter, no route, nothing mounted below."""
        if self._layers or not self._below:
            return ()
        from hospes.files import StaticFolder  # loaded by who serves one

        routes = [declaration.options for declaration, _ in self._declarations()]
        if any(options.regexp for options in routes):
            return ()
        patterns = [parse_pattern(options.url) for options in routes]
        found: list[Shelf] = []
        for below in self._below:
            prefix = f"{below.prefix}/"
            owner: Any = below.owner
            takes_all = below.files is None or (below.files.deep and not below.files.ending)
            if type(owner) is not StaticFolder or not takes_all or "%" in prefix:
                continue
            if any(each is not below and f"{each.prefix}/".startswith(prefix) for each in self._below):
                continue
            shelf = owner.shelf(below.prefix)
            if shelf is not None and all(_leads_elsewhere(pattern, prefix) for pattern in patterns):
                found.append(shelf)
        return tuple(found)

    async def _begin(self, life: Life, pool: ThreadPool) -> None:
        await life.end_with(lambda: pool.close(_THREADS_END))
        await life.begin(self._visiting.running())
        for below in self._below:
            if not isinstance(below.owner, Application):
                await life.begin_owner(below.owner)
        for health in self._healths:
            health.draining = False
        for lifespan in self._lifespans:
            await life.begin_lifespan(lifespan, self)

    def _owner(self, below: Below, parts: dict[Application, _Part | None], queue: float) -> Handler:
        owner: Any = below.owner
        handler: Handler = owner._checked(parts, queue) if isinstance(owner, Application) else owner
        return handler

    def _mount(self, below: Below, handler: Handler, endpoints: Endpoints) -> Mount:
        """What owns the paths below a prefix, with this application's filters around it."""
        owner: object = below.owner
        csrf = None if isinstance(owner, Application) else self._csrf  # an application looks itself
        answer_at = owner.answer_at if isinstance(owner, AnswersAt) else None

        async def call(request: Request) -> Response:
            if csrf is not None and speaks_for_somebody(request):
                csrf.check(request)
            prefix = mount.prefix_of(request.head.path)
            assert prefix is not None
            if answer_at is not None:
                return answer_at(request, request.head.path[len(prefix) :] or "/")
            answer = handler(request.below(prefix))
            return answer if isinstance(answer, Response) else await answer

        mount = Mount(below.prefix, endpoints.around(call, self._layers), below.files)
        return mount

    def _services(self, threads: Threads) -> dict[type, Any]:
        return {
            Templates: self.templates,
            SessionSource: self._visiting.sessions,
            UserSource: self._visiting,
            StoreSource: self._visiting,
            Workers: threads,
        }

    def _declarations(self) -> Iterator[tuple[Declaration, ClassEntry | None]]:
        for declaration in self._functions:
            yield declaration, None
        for entry in self._classes.values():
            for declaration in entry.declarations():
                yield declaration, entry

    # What a face of another system does in its own way.

    def _make_router(self) -> Router[Handler]:
        return Router()

    def _show_failure(self, error: HttpError, accept: str | None) -> Response:
        """What answers a failure that no error handler is for."""
        return problem_response(error, accept)

    def _place(self, call: Callable[..., Any], function: Callable[..., Any], inline: bool, threads: Threads) -> Placed:
        """How a handler is called with its arguments in order, and where: `call` is `function`, or calls it."""
        return call, where_it_runs(function, inline=inline)

    def _matcher(self, endpoints: Endpoints, directs: dict[Handler, Direct]) -> Matcher[Handler]:
        router = self._make_router()
        objects = Objects(self._visiting)
        refused = endpoints.around(_refuse, self._layers)
        for declaration, entry in self._declarations():
            options = declaration.options
            pattern = parse_pattern(options.url, options.source) if options.url else None
            target = self._target(declaration, entry, pattern, objects, endpoints.threads)
            layers = [*self._layers, *(entry.filters if entry else ())]
            path = percent_encode(pattern.text, "/") if pattern is not None and pattern.is_static else None
            endpoint = endpoints.of(target, layers, path)
            if options.websocket is not None:
                endpoint = admitting(endpoint, endpoints.around(refuse, layers), options.websocket)
            is_guarded = self._csrf is not None and may_change(options.methods)
            if self._csrf is not None:
                endpoint = guarded(endpoint, refused, self._csrf, options.methods)
            directs[endpoint] = Direct(endpoint=endpoint)
            if options.websocket is None:
                directs[endpoint] = endpoints.direct(endpoint, target, layers, path, guarded=is_guarded)
            router.add(_route(options, endpoint))
        return router.freeze()

    def _target(
        self,
        declaration: Declaration,
        entry: ClassEntry | None,
        pattern: Pattern | None,
        objects: Objects,
        threads: Threads,
    ) -> Target:
        options = declaration.options
        site = Site(
            path_names=frozenset(pattern.names if pattern is not None else ()),
            methods=options.methods,
            source=options.source,
            is_method=declaration.takes_object,
            namespace=options.namespace,
        )
        if _may_be_foreign(declaration.function, options.url):
            from hospes.app.spelling import check_spelling  # loaded by who spells so

            check_spelling(declaration.function, site, options.url)
        plan = compile_plan(declaration.function, site, self._visiting, self._model_bindings)
        if options.websocket is not None:
            plan.call = opening(plan.call, declaration.function, site, options.websocket)
            runs = Runs.ON_LOOP
        else:
            plan.call, runs = self._place(plan.call, declaration.function, options.inline, threads)
        construct = objects.of(entry) if entry is not None and declaration.takes_object else None
        return Target(plan, runs, options.status, options.body_limit, construct)


class _Part(Struct, frozen=True):
    """An application that is checked and ready to begin."""

    handler: Handler
    pool: ThreadPool


def _may_be_foreign(function: Callable[..., Any], url: str) -> bool:
    """Whether a route is to be looked at for another framework's spelling; a quick look, because nearly none is."""
    if "<" in url or "/:" in url:
        return True
    code = getattr(function, "__code__", None)
    return code is not None and "request" in code.co_varnames and "request" not in annotations_of(function)


def _leads_elsewhere(pattern: Pattern, prefix: str) -> bool:
    """Whether a pattern surely matches no path below a prefix: a literal of it says something else."""
    own = zip(pattern.segments, prefix[1:-1].split("/"), strict=False)
    return any(segment.kind is Kind.LITERAL and segment.key != text for segment, text in own)


def _check_keys(given: object) -> None:
    if not isinstance(given, Sequence):  # what it is, is not shown
        raise SetupError(f"App(keys=…) is a {type(given).__name__}, and no secret", remedy="give one, or several in a list")


def _csrf(option: Csrf | bool) -> Csrf | None:
    check_kind("App(csrf={})", option, (Csrf, bool), 'Csrf(origins=["https://shop.example.org"])')
    csrf = option if isinstance(option, Csrf) else Csrf() if option else None
    if csrf is not None and csrf.token:
        raise SetupError(
            "App(csrf=Csrf(token=True)) would demand a token of every request that asks for a change",
            remedy='demand it where it is meant: app.filter("/account/**")(Csrf(token=True))',
        )
    return csrf


async def _refuse(request: Request) -> Response:
    raise CrossSiteRequest


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
