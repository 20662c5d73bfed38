"""What a program declares with its decorators, kept as it was written until the application starts.

Laws:

* A decorator hands back exactly what it decorates. On a method it leaves a `MethodMark` for a moment: the mark learns its class
  from `__set_name__`, notes itself there and puts the function back. A mark that never learns its class is a mistake that is
  told, never a route that is missing.
* Nothing is decided here. Prefixes, expressions and methods of class and method are united when the application starts, because
  a class's own decorators run after those of its methods.
* The routes of a class's methods are noted on the class. A class that is declared itself (a controller, or one with a prefix)
  answers for all of them, whosever decorators they wear, and for inherited ones: with what the class itself has under the name.
  A class without a decorator answers for its own methods, unless a declared class of the same application inherits them.
* Every declaration knows the line it was written on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from hospes.app.onion import Layer
from hospes.binding.signature import name_of
from hospes.errors import SetupError

if TYPE_CHECKING:
    from hospes.websockets import WebSocketRoute

F = TypeVar("F", bound=Callable[..., Any])

Methods: TypeAlias = "str | Sequence[str] | frozenset[str]"
Expressions: TypeAlias = "str | Sequence[str]"
BodyLimit: TypeAlias = "int | EllipsisType | None"
"""Octets of content; None for no bound; `...` for the server's limit."""


class RouteOptions(Struct, frozen=True, kw_only=True):
    """One `@route(...)` as written."""

    url: str = ""
    methods: frozenset[str] = frozenset()
    regexp: str = ""
    headers: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    match_all_headers: bool = True
    match_all_params: bool = True
    status: int = 200
    inline: bool = False
    body_limit: BodyLimit = ...
    websocket: WebSocketRoute | None = None
    """What it opens; None for a route of requests."""
    source: str = ""
    namespace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Local names that the handler's string annotations use."""


class Declaration(Struct, frozen=True):
    """A handler and the route it was given."""

    options: RouteOptions
    function: Callable[..., Any]
    takes_object: bool = False
    """Whether it is a method, called with an object of its class in front."""


class Routed(Struct):
    """What decorators have noted of a class's own methods."""

    methods: list[tuple[str, RouteOptions, object]] = field(default_factory=list[tuple[str, RouteOptions, object]])
    """Name, route, and whose decorator it was."""
    is_declared: bool = False
    """Whether the class has a decorator of its own, anybody's."""
    heirs: list[object] = field(default_factory=list[object])
    """Whose declared classes inherit from it."""


_NOTES = "__hospes_routed__"


def note_method(owner: type, name: str, options: RouteOptions, home: object) -> None:
    """Note on a class that one of its own methods is a handler."""
    routed = _routed(owner)
    if routed is None:
        routed = Routed()
        setattr(owner, _NOTES, routed)
    routed.methods.append((name, options, home))


def has_routes(cls: type) -> bool:
    """Whether any method of a class is a handler, of its own or inherited."""
    return any(routed is not None and routed.methods for routed in map(_routed, cls.__mro__))


def _routed(cls: type) -> Routed | None:
    found = cls.__dict__.get(_NOTES)
    return found if isinstance(found, Routed) else None


class ClassEntry(Struct):
    """A class whose methods are handlers."""

    cls: type
    home: object
    """Whose entry it is."""
    namespace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Local names that the constructor's string annotations use."""
    source: str = ""
    prefixes: list[RouteOptions] = field(default_factory=list[RouteOptions])
    is_declared: bool = False
    singleton: bool = False
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    filters: tuple[Layer, ...] = ()

    def declare(self, source: str) -> None:
        """The class has a decorator of its own."""
        self.is_declared = True
        self.source = source
        for each in self.cls.__mro__:
            routed = _routed(each)
            if routed is not None:
                routed.is_declared = routed.is_declared or each is self.cls
                routed.heirs.append(self.home)

    def declarations(self) -> Iterator[Declaration]:
        """The methods' routes with what the class adds."""
        for name, options in self._routes():
            method = _method(self.cls, name)
            if method is not None:
                function, takes_object = method
                for prefix in self.prefixes or [RouteOptions()]:
                    yield Declaration(unite(prefix, options), function, takes_object)

    def _routes(self) -> Iterator[tuple[str, RouteOptions]]:
        if not self.is_declared:
            routed = _routed(self.cls)
            if routed is not None and not routed.is_declared and self.home not in routed.heirs:
                yield from ((name, options) for name, options, home in routed.methods if home is self.home)
            return
        seen: set[str] = set()
        for each in self.cls.__mro__:
            routed = _routed(each)
            if routed is not None:
                yield from ((name, options) for name, options, _ in routed.methods if name not in seen)
                seen.update(name for name, _, _ in routed.methods)


def _method(cls: type, name: str) -> tuple[Callable[..., Any], bool] | None:
    """What a class has under a name, as a handler, and whether an object goes in front; None where it was taken away."""
    found = inspect.getattr_static(cls, name)
    if found is None:
        return None
    if isinstance(found, (staticmethod, classmethod)):
        return getattr(cls, name), False
    return found, hasattr(cast(object, found), "__get__")


class MethodMark:
    """What a route decorator leaves on a method until Python tells it its class."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self.function = function
        self.source = source
        self._notes: list[Callable[[type, str], None]] = []
        self._is_placed = False

    def then(self, note: Callable[[type, str], None]) -> None:
        """Have the class and the method's name noted; one more for each decorator on the same method."""
        self._notes.append(note)

    def __set_name__(self, owner: type, name: str) -> None:
        setattr(owner, name, self.function)
        self._is_placed = True
        for note in reversed(self._notes):
            note(owner, name)

    def check(self) -> None:
        """Refuse a mark that has not learned its class: its route would be missing in silence.

        Raises:
            SetupError: with the method's line.
        """
        if not self._is_placed:
            raise SetupError(
                f"the route of {name_of(self.function)}() never came to its class",
                where=(self.source,),
                remedy="put @route above the method's other decorators, and give each method of the class a name of its own",
            )


def unite(outer: RouteOptions, inner: RouteOptions) -> RouteOptions:
    """A method's route inside its class's: prefix before path, expressions of both, the class's methods where it names none.

    A `regexp` ignores the prefix.
    """
    return replace(
        inner,
        url="" if inner.regexp else join(outer.url, inner.url),
        methods=inner.methods or outer.methods,
        headers=(*outer.headers, *inner.headers),
        params=(*outer.params, *inner.params),
        match_all_headers=outer.match_all_headers and inner.match_all_headers,
        match_all_params=outer.match_all_params and inner.match_all_params,
    )


def join(prefix: str, url: str) -> str:
    """Put a path below a prefix, with one slash between them."""
    if not prefix:
        return url
    if not url:
        return prefix
    return f"{prefix.rstrip('/')}/{url.lstrip('/')}"


def method_set(methods: Methods) -> frozenset[str]:
    """`"GET, POST"`, `["get"]`, `""` → method names in capitals; the empty set is any method."""
    names = methods.split(",") if isinstance(methods, str) else methods
    return frozenset(name.strip().upper() for name in names if name.strip())


def expressions(value: Expressions) -> tuple[str, ...]:
    """One expression or several, as a tuple; "" is none."""
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)


def class_options(options: RouteOptions, source: str) -> RouteOptions:
    """A class's own route, which says what all its methods' routes have in common.

    Raises:
        SetupError: if it says what only a method's route can.
    """
    own = RouteOptions(
        url=options.url,
        methods=options.methods,
        headers=options.headers,
        params=options.params,
        match_all_headers=options.match_all_headers,
        match_all_params=options.match_all_params,
        source=source,
    )
    if replace(options, source=source, namespace={}) != replace(own, namespace={}):
        raise SetupError(
            "a class's route has a prefix, methods, headers and params, and nothing else",
            where=(source,),
            remedy="write regexp, status, inline and body_limit at its methods' routes",
        )
    return own
