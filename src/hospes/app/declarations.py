"""What a program declares with its decorators, kept as it was written until the application starts.

Laws:

* A decorator hands back exactly what it decorates. On a method it leaves a `MethodMark` for a moment: the mark learns its class
  from `__set_name__`, notes itself there and puts the function back.
* Nothing is decided here. Prefixes, expressions and methods of class and method are united when the application starts, because
  a class's own decorators run after those of its methods.
* Every declaration knows the line it was written on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from hospes.errors import SetupError
from hospes.http.handler import Filter

F = TypeVar("F", bound=Callable[..., Any])

Methods: TypeAlias = "str | Sequence[str] | frozenset[str]"
Expressions: TypeAlias = "str | Sequence[str]"
BodyLimit: TypeAlias = "int | EllipsisType | None"
"""Octets of content; None for no bound; `...` for the server's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOptions:
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
    source: str = ""
    namespace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Local names that the handler's string annotations use."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A handler and the route it was given."""

    options: RouteOptions
    function: Callable[..., Any]


@dataclass(slots=True)
class ClassEntry:
    """A class whose methods are handlers."""

    cls: type
    methods: list[Declaration] = field(default_factory=list[Declaration])
    prefixes: list[RouteOptions] = field(default_factory=list[RouteOptions])
    singleton: bool = False
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    filters: tuple[Filter, ...] = ()

    def declarations(self) -> Iterator[Declaration]:
        """The methods' routes with what the class adds."""
        for declaration in self.methods:
            for prefix in self.prefixes or [RouteOptions()]:
                yield Declaration(unite(prefix, declaration.options), declaration.function)


class MethodMark:
    """What a route decorator leaves on a method until Python tells it its class."""

    def __init__(self, function: Callable[..., Any], note: Callable[[type, Callable[..., Any]], None]) -> None:
        self.function = function
        self._notes = [note]

    def also(self, note: Callable[[type, Callable[..., Any]], None]) -> None:
        """One more decorator on the same method."""
        self._notes.append(note)

    def __set_name__(self, owner: type, name: str) -> None:
        setattr(owner, name, self.function)
        for note in reversed(self._notes):
            note(owner, self.function)


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
    """One expression or several, as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


def is_method(function: Callable[..., Any]) -> bool:
    """Whether a function is being defined in a class body, which its qualified name tells."""
    scope = getattr(function, "__qualname__", "").rpartition(".")[0]
    return bool(scope) and not scope.endswith("<locals>")


def caller() -> str:
    """`file:line` of the program's line that called the caller of this."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def check_prefix(prefix: str, taken: Iterable[str], where: str) -> str:
    """A prefix as it is compared with paths: percent-encoded, without a slash at its end.

    Raises:
        SetupError: for one that does not begin with a slash, or is taken.
    """
    if not prefix.startswith("/"):
        raise SetupError(f"the prefix {prefix!r} does not begin with a slash", where=(where,), remedy=f'write "/{prefix}"')
    bare = quote(prefix.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if bare in taken:
        raise SetupError(f"something is mounted at {prefix!r} already", where=(where,), remedy="give each its own prefix")
    return bare


def check_callable(function: object, what: str) -> None:
    """Refuse what cannot be called, at the decorator.

    Raises:
        SetupError: with the remedy.
    """
    if not callable(function):
        raise SetupError(
            f"{what} was given {type(function).__name__}, which cannot be called",
            where=(caller(),),
            remedy="put the decorator directly above a `def`, an `async def` or a class",
        )
