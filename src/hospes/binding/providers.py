"""Provided objects: a function makes them, its return type says what they are, handlers ask for them by type.

Laws:

* The type that is asked for exactly is provided first; else the one provider of a subclass.
* A provider may use what lives at least as long as what it makes: app < session < request. Only a request's own providers see the
  request, its parameters and markers; the others see provided objects, and a visitor's also types that bind themselves.
* A provider runs on the loop, a plain `def` too: it should be quick, or be `async`.
* A provided object is not itself awaitable: it would be awaited.
"""

from __future__ import annotations

import collections.abc
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Hashable, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context, copy_context
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

from msgspec import Struct
from msgspec.structs import replace

from hospes.binding.annotations import plain
from hospes.binding.plan import Plan, compile_plan
from hospes.binding.scopes import Keeper, RequestScope, Scope, Visitors, end_async_generator, end_generator, never_yielded
from hospes.binding.signature import EMPTY, Argument, Site, arguments_of, name_of, return_type_of, source_of
from hospes.binding.source import Reads, Source
from hospes.errors import SetupError
from hospes.http.request import Request

T = TypeVar("T")

_MISSING = object()
_LIFE = {"app": 0, "session": 1, "request": 2}
_YIELDING = {
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
    collections.abc.Awaitable,
    collections.abc.Coroutine,
}
_AWAITABLE = {collections.abc.Awaitable, collections.abc.Coroutine}
_NOBODYS = frozenset({"builtins", "collections.abc", "typing"})
"""Modules of types that are no program's own: who asks for a `dict` or a `Mapping` does not mean a provided subclass of it."""
_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_PLACED = inspect.Parameter.POSITIONAL_OR_KEYWORD


class _Makes(Enum):
    """How a provider's function gives its object."""

    RETURNS = "returns"
    AWAITED = "is awaited"
    YIELDS = "yields"
    YIELDS_AWAITED = "yields asynchronously"


class VisitorOptions(Struct, frozen=True, kw_only=True):
    """How the objects of visitors are kept."""

    key: Callable[[Request], Hashable | None] | None = None
    """Whose request it is; None for somebody unknown, whose objects last for the request. Without it there is no "session"."""
    arrive: Callable[[Request], Awaitable[object]] | None = None
    """Awaited before a visitor's object is asked for, so that it is known by then who the visitor is."""
    most: int = 10_000
    """Visitors whose objects are kept; the one idle for longest goes first."""
    idle: float = 1_800.0
    """Seconds without a request after which a visitor's objects are cleaned up."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that only grow."""


class Provided:
    """One provider: a function, the type it provides, and how long its objects live."""

    def __init__(
        self,
        registry: ProviderRegistry,
        function: Callable[..., Any],
        kind: Any,
        scope: str,
        source: str,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.scope = scope
        self.source = source
        self.function = function
        self.namespace: Mapping[str, Any] = namespace or {}
        self.replaced: Provided | None = None
        self._registry = registry
        self._makes = _makes(function, self.namespace)
        self._plan: Plan | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return name_of(self.function)

    @property
    def plan(self) -> Plan:
        """How the function's own arguments are made."""
        if self._plan is None:
            self._plan = self._registry.plan_of(self)
        return self._plan

    @property
    def reads(self) -> Reads:
        """What of the content the function's arguments need."""
        return self.plan.reads

    @property
    def waits(self) -> bool:
        """Whether the object may have to be waited for."""
        return self._arrive is not None or self._makes in {_Makes.AWAITED, _Makes.YIELDS_AWAITED} or self.plan.needs_await

    @property
    def _arrive(self) -> Callable[[Request], Awaitable[object]] | None:
        return self._registry.visitor_options.arrive if self.scope == "session" else None

    def get(self, request: Request) -> Any:
        """The object for a request; an awaitable of it where it has yet to be made and `waits`."""
        if self.replaced is not None:
            return self.replaced.get(request)
        arrive = self._arrive
        return self._find_or_make(request) if arrive is None else self._after(arrive(request), request)

    async def _after(self, arrival: Awaitable[object], request: Request) -> Any:
        await arrival
        value = self._find_or_make(request)
        return await value if inspect.isawaitable(value) else value

    def _find_or_make(self, request: Request) -> Any:
        scope = self._registry.scope_for(self, request)
        value = scope.objects.get(self, _MISSING)
        if value is not _MISSING:
            return value
        return self._make_async(scope, request) if self.waits else self._make(scope, request)

    def _make(self, scope: Scope, request: Request) -> Any:
        made = self.plan.call(*self.plan.bind(request))
        if self._makes is _Makes.YIELDS:
            made = _begun(made, scope)
        return self._kept(scope, made)

    async def _make_async(self, scope: Scope, request: Request) -> Any:
        async with scope.lock(self):
            made = scope.objects.get(self, _MISSING)
            if made is _MISSING:
                made = self.plan.call(*(await self.plan.bind_async(request)))
                if self._makes is _Makes.AWAITED:
                    made = await made
                elif self._makes is _Makes.YIELDS:
                    made = _begun(made, scope)
                elif self._makes is _Makes.YIELDS_AWAITED:
                    made = await self._begun_async(made, scope)
                self._kept(scope, made)
            return made

    def _kept(self, scope: Scope, made: Any) -> Any:
        if made is None and isinstance(self.kind, type):
            raise TypeError(f"the provider {self.name}() gave None for a {_name(self.kind)}; is a `return` missing?")
        scope.objects[self] = made
        return made

    async def _begun_async(self, generator: Any, scope: Scope) -> Any:
        if isinstance(scope, RequestScope):
            try:
                value = await generator.__anext__()
            except StopAsyncIteration:
                raise never_yielded(generator) from None
            scope.on_close(lambda error: end_async_generator(generator, error))
            return value
        keeper = Keeper(generator, self._registry.context)
        value = await keeper.made()
        scope.on_close(keeper.end)
        return value


class Direct(Provided):
    """A provider that knows by itself what it has given a request: it is asked each time, and nobody keeps its objects.

    Its function takes the request, and gives the object, or an awaitable of it.
    """

    @property
    def waits(self) -> bool:
        """Whether the object may have to be waited for."""
        return True

    def get(self, request: Request) -> Any:
        """The object for a request, or an awaitable of it."""
        return self.replaced.get(request) if self.replaced is not None else self.function(request)


class ProviderRegistry:
    """The providers of one application.

    Args:
        visitors: How objects of visitors are kept; without a key there are none.
    """

    def __init__(self, visitors: VisitorOptions | None = None) -> None:
        self.visitor_options = visitors or VisitorOptions()
        self._by_kind: dict[Any, Provided] = {}
        self._preparing: list[Provided] = []
        self._runs = 0
        self._new_run()

    def _new_run(self) -> None:
        options = self.visitor_options
        self._app = Scope()
        self._visitors = Visitors(options.most, options.idle, options.clock)
        self._opened_in: Context | None = None

    @property
    def context(self) -> Context | None:
        """The context variables for objects that outlive requests: those of the start; None while the registry is not open."""
        return self._opened_in.copy() if self._opened_in is not None else None

    def add(
        self, function: Callable[..., Any], scope: str = "app", source: str = "", namespace: Mapping[str, Any] | None = None
    ) -> None:
        """Let a function provide objects of its return type; what it yields is cleaned up by what comes after the `yield`.

        Args:
            function: `def`, `async def`, a generator function or an async one, or a class, which provides itself.
            scope: "app", "session" or "request".
            source: `file:line` of the declaration; that of the function by default.
            namespace: Names that string annotations may use beside the module's: see `local_names`.

        Raises:
            SetupError: for an unknown scope, a function without a return type, or a type that is provided already.
        """
        source = source or source_of(function)
        if scope not in _LIFE:
            remedy = 'write scope="app", "session" or "request"'
            raise SetupError(
                f"{name_of(function)}() is to provide for the unknown scope {scope!r}", where=(source,), remedy=remedy
            )
        kind = _provided_type(function, source, namespace or {})
        other = self._provided_exactly(kind)
        if other is not None:
            raise SetupError(
                f"{_name(kind)} is provided twice, by {other.name}() and by {name_of(function)}()",
                where=(source, other.source),
                remedy="keep one of them, or let one return a subclass and ask for that",
            )
        self._by_kind[kind] = Provided(self, function, kind, scope, source, namespace)

    def add_direct(self, kind: type, function: Callable[[Request], Any]) -> None:
        """Let a function provide a request's objects of a type, which it keeps itself; see `Direct`."""
        self._by_kind[kind] = Direct(self, function, kind, "request", source_of(function))

    def find(self, wanted: Any) -> Provided | None:
        """The provider of a type, ready to be asked; None where nobody provides it.

        Raises:
            SetupError: if several provide subclasses of it, or the provider needs what it can never get.
        """
        provided = self._provided_exactly(wanted)
        if provided is None:
            provided = self._subclass_of(wanted)
        if provided is not None:
            _ = provided.plan
        return provided

    async def get(self, wanted: type[T], request: Request) -> T:
        """An object for a request, for filters and other code that has no signature.

        Raises:
            LookupError: if nobody provides the type.
        """
        provided = self.find(wanted)
        if provided is None:
            raise LookupError(f"nobody provides {_name(wanted)}; declare a provider that returns it")
        value = provided.get(request)
        made: T = await value if provided.waits and inspect.isawaitable(value) else value
        return made

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """The time in which objects live; at its end the visitors' and then the application's are cleaned up."""
        if self._runs == 0:
            self._new_run()
            self._opened_in = copy_context()
        self._runs += 1
        try:
            yield
        finally:
            self._runs -= 1
            if self._runs == 0:
                try:
                    await self._visitors.close()
                finally:
                    await self._app.close()

    @contextmanager
    def override(self, kind: type[T], by: Callable[..., T] | T) -> Generator[None]:
        """Provide something else for a while, as tests do.

        Args:
            kind: A type that is provided.
            by: A function that provides it instead, in the same scope; or the object itself.

        Raises:
            SetupError: if nobody provides the type, or `by` has to be waited for and the original has not.
        """
        target = self.find(kind)
        if target is None:
            raise SetupError(f"{_name(kind)} cannot be overridden: nobody provides it", remedy="provide it in the application")
        function: Callable[..., Any] = (lambda: by) if isinstance(by, kind) or not callable(by) else by
        substitute = Provided(self, function, target.kind, target.scope, source_of(function))
        if substitute.waits and not target.waits:
            raise SetupError(
                f"{_name(kind)} is provided at once by {target.name}(), and would have to be waited for",
                where=(substitute.source, target.source),
                remedy="override it with a plain `def`, or with the object itself",
            )
        before, target.replaced = target.replaced, substitute
        try:
            yield
        finally:
            target.replaced = before

    def scope_for(self, provided: Provided, request: Request) -> Scope:
        """Where a provider's object for a request lives."""
        if provided.scope == "app":
            return self._app
        scope = RequestScope.of(request)
        if provided.scope == "request" or self.visitor_options.key is None:
            return scope
        if scope.visitor is None:
            key = self.visitor_options.key(request)
            if key is None:
                return scope
            scope.visitor = self._visitors.enter(key)
        return scope.visitor

    def plan_of(self, provided: Provided) -> Plan:
        """Compile a provider's own signature.

        Raises:
            SetupError: if it needs itself, what lives shorter than its object, or what can never be bound.
        """
        if provided in self._preparing:
            circle = [*self._preparing[self._preparing.index(provided) :], provided]
            raise SetupError(
                "providers need each other in a circle: " + " → ".join(f"{each.name}()" for each in circle),
                where=tuple(each.source for each in circle[:-1]),
                remedy="let one of them make what it needs itself",
            )
        if provided.scope == "session" and self.visitor_options.key is None:
            remedy = 'use scope="request", or tell the registry how visitors are recognised'
            raise SetupError(
                f"{provided.name}() provides for visitors, who are not recognised", where=(provided.source,), remedy=remedy
            )
        self._preparing.append(provided)
        try:
            site = Site(path_names=None, source=provided.source, namespace=provided.namespace)
            if provided.scope == "request":
                return compile_plan(provided.function, site, self)
            return self._lasting_plan(provided, site)
        finally:
            self._preparing.pop()

    def _lasting_plan(self, provided: Provided, site: Site) -> Plan:
        """The plan of a provider whose objects outlive requests: what is not provided keeps its default."""
        arguments: list[Argument] = []
        sources: list[Source] = []
        for argument in arguments_of(provided.function, site):
            source = self._lasting_source(provided, argument)
            if source is not None:
                # Those with a default in between are left out, so the others go by name.
                arguments.append(replace(argument, kind=_KEYWORD) if argument.kind is _PLACED else argument)
                sources.append(source)
        return Plan(provided.function, arguments, sources)

    def _lasting_source(self, provided: Provided, argument: Argument) -> Source | None:
        if argument.is_variadic:
            return None
        kind = plain(argument.annotation)
        found = self.find(kind) if argument.annotation is not EMPTY else None
        if found is not None:
            if _LIFE[found.scope] > _LIFE[provided.scope]:
                raise SetupError(
                    f"{provided.name}() provides for the {provided.scope} and needs {_name(kind)}, "
                    f"which lasts for the {found.scope} only",
                    where=(provided.source, found.source),
                    remedy=f'give {provided.name}() scope="{found.scope}" too, or {found.name}() scope="{provided.scope}"',
                )
            return Source(found.get, is_object=True, waits=found.waits)
        if provided.scope == "session" and hasattr(kind, "__from_request__"):
            return Source(getattr(kind, "__from_request__"), is_object=True, waits=True)  # noqa: B009 (the type is not known)
        if argument.default is not EMPTY:
            return None
        raise argument.problem(
            f"cannot be provided: an object for the {provided.scope} is made of other provided objects only",
            'provide its type too, give the parameter a default, or use scope="request"',
        )

    def _provided_exactly(self, kind: Any) -> Provided | None:
        return self._by_kind.get(kind)

    def _subclass_of(self, wanted: Any) -> Provided | None:
        if not isinstance(wanted, type) or wanted.__module__ in _NOBODYS:
            return None
        found = [each for kind, each in self._by_kind.items() if isinstance(kind, type) and wanted in kind.__mro__]
        if len(found) > 1:
            raise SetupError(
                f"{_name(wanted)} is asked for, and several subclasses of it are provided: "
                + ", ".join(f"{_name(each.kind)} by {each.name}()" for each in found),
                where=tuple(each.source for each in found),
                remedy="ask for one of the subclasses",
            )
        return found[0] if found else None


def _begun(generator: Any, scope: Scope) -> Any:
    try:
        value = next(generator)
    except StopIteration:
        raise never_yielded(generator) from None
    scope.on_close(lambda error: end_generator(generator, error))
    return value


def _makes(function: Callable[..., Any], namespace: Mapping[str, Any]) -> _Makes:
    called = function if inspect.isroutine(function) or inspect.isclass(function) else getattr(function, "__call__", function)  # noqa: B004
    for each in (function, called):
        if inspect.isasyncgenfunction(each):
            return _Makes.YIELDS_AWAITED
        if inspect.isgeneratorfunction(each):
            return _Makes.YIELDS
        if inspect.iscoroutinefunction(each):
            return _Makes.AWAITED
    declared = get_origin(return_type_of(function, namespace)) if inspect.isroutine(function) else None
    return _Makes.AWAITED if declared in _AWAITABLE else _Makes.RETURNS


def _provided_type(function: Callable[..., Any], source: str, namespace: Mapping[str, Any]) -> Any:
    """The type a function provides: what it returns, yields, or gives when awaited."""
    kind = return_type_of(function, namespace)
    if get_origin(kind) in _YIELDING and get_args(kind):
        inner = get_args(kind)
        kind = inner[2] if get_origin(kind) is collections.abc.Coroutine else inner[0]
    if kind is EMPTY or kind is None or kind is type(None) or kind is Any:
        raise SetupError(
            f"{name_of(function)}() does not say what it provides",
            where=(source,),
            remedy="annotate what it returns: `-> Database`, or `-> AsyncIterator[Database]` where it yields",
        )
    wrapped = getattr(function, "__wrapped__", None)
    if (
        wrapped is not None
        and _makes(function, namespace) is _Makes.RETURNS
        and _makes(wrapped, namespace) in {_Makes.YIELDS, _Makes.YIELDS_AWAITED}
    ):
        remedy = "leave the decorator off: a provider yields by itself"
        raise SetupError(f"{name_of(function)}() yields inside a context manager", where=(source,), remedy=remedy)
    return kind


def _name(kind: Any) -> str:
    return kind.__qualname__.rpartition("<locals>.")[2] if isinstance(kind, type) else str(kind)
