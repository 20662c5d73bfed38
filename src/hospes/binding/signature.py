"""A handler's signature: its parameters with their types, however the handler is made and its annotations are written.

Laws:

* Functions, methods, classes, callables, `functools.partial` and what `functools.wraps` wraps are all read.
* What a `partial` has fixed is no longer a parameter: a request must not replace what the program has chosen.
* Annotations that are strings are looked up where the handler was written; for one inside a function, `namespace` says what
  was there.
* Nothing is looked up before the application starts: a name may come to be defined below the handler (from Python 3.14 on without
  quotes, too: PEP 649).
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, get_type_hints

from msgspec import Struct, field

from hospes.binding.annotations import type_of
from hospes.errors import SetupError
from hospes.lazily import annotations_of, signature_of

EMPTY = inspect.Parameter.empty
"""No annotation, or no default."""

_Kind = inspect.Parameter


class Argument(Struct, frozen=True):
    """One parameter of a handler."""

    name: str
    annotation: Any
    default: Any
    kind: Any
    handler: str
    """The handler's name, for errors."""
    where: tuple[str, ...]
    """Where the handler is, for errors."""

    @property
    def is_variadic(self) -> bool:
        """Whether it is `*args` or `**kw`."""
        return self.kind in {_Kind.VAR_POSITIONAL, _Kind.VAR_KEYWORD}

    def problem(self, text: str, remedy: str) -> SetupError:
        """An error about this parameter."""
        return SetupError(f"parameter {self.name!r} of {self.handler}() {text}", where=self.where, remedy=remedy)


class Site(Struct, frozen=True, kw_only=True):
    """What a route says about the handler it leads to."""

    path_names: frozenset[str] | None = frozenset()
    """Names of the values the path gives, "*" for its wildcard; None where they are not known (in providers)."""
    methods: frozenset[str] = frozenset()
    """The route's methods; none is any."""
    source: str = ""
    """`file:line` of the route; of the handler by default."""
    is_method: bool = False
    """Whether the first parameter is `self`, which the caller passes."""
    namespace: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Names that string annotations may use beside the module's: see `local_names`."""

    @property
    def has_content(self) -> bool:
        """Whether requests of this route may bring content that counts (RFC 9110 §9.3: in GET, HEAD … it has no meaning)."""
        return not self.methods or not self.methods <= _WITHOUT_CONTENT


_WITHOUT_CONTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})


def arguments_of(handler: Callable[..., Any], site: Site) -> list[Argument]:
    """The parameters of a handler, in order.

    Raises:
        SetupError: if the handler has no signature that can be read, or an annotation names what cannot be found.
    """
    name, where = name_of(handler), (site.source or source_of(handler),)
    try:
        signature = signature_of(handler)
    except (TypeError, ValueError):
        remedy = "wrap it in a function of your own that names its parameters"
        raise SetupError(f"{name}() has no signature that can be read", where=where, remedy=remedy) from None
    if site.is_method and not signature.parameters:
        raise SetupError(f"{name}() is a method without `self`", where=where, remedy="write `self` in front, or @staticmethod")
    fixed = _fixed(handler)
    scope = _globals_of(handler)
    arguments: list[Argument] = []
    for index, each in enumerate(signature.parameters.values()):
        if each.name in fixed or (site.is_method and index == 0):
            continue
        raw = Argument(each.name, each.annotation, each.default, each.kind, name, where)
        arguments.append(_resolved(raw, scope, site.namespace))
    return arguments


def return_type_of(function: Callable[..., Any], namespace: Mapping[str, Any]) -> Any:
    """The type a function says it returns, EMPTY where it says nothing.

    Raises:
        SetupError: if the annotation names what cannot be found.
    """
    if inspect.isclass(function):
        return function
    signature = signature_of(function)
    raw = Argument("return", signature.return_annotation, EMPTY, None, name_of(function), (source_of(function),))
    return _resolved(raw, _globals_of(function), namespace).annotation


def local_names(handler: Callable[..., Any], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Of the local variables where a handler is decorated, those that its string annotations name.

    A decorator calls it with its caller's `f_locals`, so that classes local to a function are found; nothing else is kept alive.
    """
    annotations = annotations_of(_innermost(handler))
    texts = [each for each in annotations.values() if isinstance(each, str)]
    return {name: value for name, value in namespace.items() if any(name in text for text in texts)} if texts else {}


def name_of(handler: Callable[..., Any]) -> str:
    """A handler's name as its author knows it."""
    inner = _innermost(handler)
    name = getattr(inner, "__qualname__", "") or type(inner).__qualname__
    return str(name).rpartition("<locals>.")[2]


def source_of(handler: Callable[..., Any]) -> str:
    """`file:line` where a handler was written, or what is known of it."""
    inner = _innermost(handler)
    for each in (inner, _called(inner), getattr(inner, "__init__", None)):
        code = getattr(each, "__code__", None)
        if code is not None:
            return f"{code.co_filename}:{code.co_firstlineno}"
    return f"module {getattr(inner, '__module__', '?')}"


def _innermost(handler: Any) -> Any:
    """The function inside partials, wrappers and bound methods; a class or a callable object as it is."""
    while True:
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif (inner := getattr(handler, "__wrapped__", None) or getattr(handler, "__func__", None)) is not None:
            handler = inner
        else:
            return handler


def _called(inner: Any) -> Any:
    """What runs when an object is called."""
    return vars(type_of(inner)).get("__call__", inner)


def _fixed(handler: Any) -> set[str]:
    fixed: set[str] = set()
    while True:
        if isinstance(handler, functools.partial):
            fixed.update(handler.keywords)
            handler = handler.func
        elif (inner := getattr(handler, "__wrapped__", None)) is not None:
            handler = inner
        else:
            return fixed


def _globals_of(handler: Any) -> Mapping[str, Any]:
    inner = _innermost(handler)
    if not inspect.isroutine(inner):
        called = inner.__init__ if inspect.isclass(inner) else _called(inner)
        inner = called if hasattr(called, "__globals__") else inner
    found: Mapping[str, Any] | None = getattr(inner, "__globals__", None)
    if found is None:
        module = sys.modules.get(getattr(inner, "__module__", ""))
        found = vars(module) if module is not None else {}
    return found


def _resolved(argument: Argument, scope: Mapping[str, Any], namespace: Mapping[str, Any]) -> Argument:
    """An argument whose annotation is a type, with all strings inside it looked up."""
    if argument.annotation is EMPTY:
        return argument
    holder = SimpleNamespace(__annotations__={"it": argument.annotation})
    try:
        hints = get_type_hints(holder, dict(scope), dict(namespace), include_extras=True)
    except NameError as error:
        said = getattr(argument.annotation, "__forward_arg__", argument.annotation)  # a reference is shown as it was written
        raise argument.problem(
            f"is annotated {said!r}, but {error.name!r} is not known where the function was written",
            "import the name at module level (not only under TYPE_CHECKING), or define it before the handler",
        ) from None
    except (SyntaxError, TypeError, AttributeError) as error:
        problem = f"has an annotation that cannot be read: {argument.annotation!r} ({error})"
        raise argument.problem(problem, "write a type there") from None
    return Argument(argument.name, hints["it"], argument.default, argument.kind, argument.handler, argument.where)
