"""The decorators: how a program says which function answers what.

Laws:

* A registrar only collects; `Application` makes something of it when it starts.
* Every decorator works on functions, on methods while their class is being made, and (route, controller) on classes.
* What is wrong with a declaration is said at the decorator where that is possible, else when the application starts; always with
  file, line and remedy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, overload

from hospes.app.declarations import (
    BodyLimit,
    ClassEntry,
    Declaration,
    Expressions,
    F,
    MethodMark,
    Methods,
    RouteOptions,
    caller,
    check_callable,
    check_prefix,
    expressions,
    is_method,
    method_set,
)
from hospes.app.failures import ErrorHandler, ErrorKey
from hospes.app.onion import Layer
from hospes.binding import ModelBindings, local_names, source_of
from hospes.files import StaticFolder


@dataclass(frozen=True, slots=True)
class Below:
    """Something that owns the paths below a prefix: a folder, or another application."""

    prefix: str
    owner: Any
    source: str
    """`file:line` of the call."""


C = TypeVar("C", bound=type)


class MethodRoute:
    """`route` for one method: `app.get`, `app.post` and so on."""

    def __init__(self, registrar: Callable[[], Registrar], method: str) -> None:
        self._registrar = registrar
        self._method = method

    def __call__(
        self,
        url: str = "",
        *,
        regexp: str = "",
        headers: Expressions = (),
        params: Expressions = (),
        status: int = 200,
        inline: bool = False,
        body_limit: BodyLimit = ...,
    ) -> Callable[[F], F]:
        """Let a function or a method answer requests; the arguments are those of `Registrar.route`."""
        decorate: Callable[[F], F] = self._registrar().route(
            url, self._method, regexp=regexp, headers=headers, params=params, status=status, inline=inline, body_limit=body_limit
        )
        return decorate


class Registrar:
    """Collects routes, classes, filters, error handlers, folders and mounts."""

    def __init__(self) -> None:
        self._functions: list[Declaration] = []
        self._classes: dict[type, ClassEntry] = {}
        self._layers: list[Layer] = []
        self._error_handlers: list[tuple[tuple[ErrorKey, ...], ErrorHandler]] = []
        self._below: list[Below] = []
        self._model_bindings = ModelBindings()
        self.model_binding = self._model_bindings.model_binding
        self.default_model_binding = self._model_bindings.default_model_binding
        self.get = MethodRoute(lambda: self, "GET")
        self.post = MethodRoute(lambda: self, "POST")
        self.put = MethodRoute(lambda: self, "PUT")
        self.patch = MethodRoute(lambda: self, "PATCH")
        self.delete = MethodRoute(lambda: self, "DELETE")

    @overload
    def route(self, url: F, /) -> F: ...

    @overload
    def route(
        self,
        url: str = "",
        method: Methods = "",
        *,
        regexp: str = "",
        headers: Expressions = (),
        match_all_headers_expressions: bool = True,
        params: Expressions = (),
        match_all_params_expressions: bool = True,
        status: int = 200,
        inline: bool = False,
        body_limit: BodyLimit = ...,
    ) -> Callable[[F], F]: ...

    def route(
        self,
        url: str | Callable[..., Any] = "",
        method: Methods = "",
        *,
        regexp: str = "",
        headers: Expressions = (),
        match_all_headers_expressions: bool = True,
        params: Expressions = (),
        match_all_params_expressions: bool = True,
        status: int = 200,
        inline: bool = False,
        body_limit: BodyLimit = ...,
    ) -> Any:
        """Let a function, a method or a class's methods answer requests. May be stacked, and stand without parentheses.

        Args:
            url: Path: literals, `{name}`, `{name:int}`, a wildcard at one end (`/files/**`). On a class: a prefix.
            method: `"GET"`, `"GET, POST"` or a sequence; any method by default.
            regexp: A regular expression for the path, in place of `url`.
            headers: Conditions on header fields: `"X-Beta"`, `"!X-Old"`, `"A=b"`, `"A!=b"`, `"A^=b"`.
            match_all_headers_expressions: Whether all of them must hold (True) or one.
            params: The same for parameters of query and form.
            match_all_params_expressions: Whether all of them must hold (True) or one.
            status: The answer's status where the handler names none; 200.
            inline: Run a plain `def` on the loop: for what is quick and never waits.
            body_limit: Octets of content taken, None for no bound (streaming); the server's limit by default.

        Raises:
            SetupError: for something that cannot be called.
        """
        options = RouteOptions(
            url=url if isinstance(url, str) else "",
            methods=method_set(method),
            regexp=regexp,
            headers=expressions(headers),
            params=expressions(params),
            match_all_headers=match_all_headers_expressions,
            match_all_params=match_all_params_expressions,
            status=status,
            inline=inline,
            body_limit=body_limit,
        )
        if not isinstance(url, str):
            return self._declare(url, _seen_from(url, options, sys._getframe(1)))
        return lambda function: self._declare(function, _seen_from(function, options, sys._getframe(1)))

    request_map = route

    @overload
    def controller(self, prefix: C, /) -> C: ...

    @overload
    def controller(
        self,
        prefix: str = "",
        *,
        singleton: bool = True,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        filters: Sequence[Callable[..., Any]] = (),
    ) -> Callable[[C], C]: ...

    def controller(
        self,
        prefix: str | type = "",
        *,
        singleton: bool = True,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        filters: Sequence[Callable[..., Any]] = (),
    ) -> Any:
        """Let one object of a class answer for all its methods' routes. Works with and without parentheses.

        Args:
            prefix: Path before those of the methods.
            singleton: One object for all requests (True), or a new one for each.
            args: The constructor's arguments.
            kwargs: The constructor's named arguments. Without any, the constructor's parameters are provided.
            filters: Filters around these methods alone, inside of those of the application.
        """
        if isinstance(prefix, type):
            return self.controller()(prefix)

        def decorate(cls: type) -> type:
            entry = self._adopt(cls)
            entry.singleton, entry.args, entry.kwargs = singleton, tuple(args), dict(kwargs or {})
            entry.filters = tuple(filters)
            if prefix:
                entry.prefixes.append(RouteOptions(url=prefix, source=source_of(cls)))
            return cls

        return decorate

    @overload
    def filter(self, path: F, /) -> F: ...

    @overload
    def filter(self, path: str = "", *, regexp: str = "") -> Callable[[F], F]: ...

    def filter(self, path: str | Callable[..., Any] = "", *, regexp: str = "") -> Any:
        """Put a filter around handlers: `async (request, call_next) -> response`, or plain.

        Args:
            path: A pattern of paths (`/admin/**` guards `/admin` too); all by default. Or the filter itself.
            regexp: A regular expression for the path, in place of `path`.
        """
        if not isinstance(path, str):
            return self.filter()(path)

        def decorate(function: F) -> F:
            check_callable(function, "filter")
            self._layers.append(Layer(function, path, regexp, source_of(function)))
            return function

        return decorate

    def error(self, *keys: ErrorKey) -> Callable[[F], F]:
        """Let a function answer failures.

        Args:
            keys: Statuses (404), classes ("5xx"), exception types; none for everything.

        Raises:
            SetupError: for a key that is no status, or a parameter that nothing fills.
        """

        def decorate(function: F) -> F:
            check_callable(function, "error")
            self._error_handlers.append((keys, ErrorHandler(function, source_of(function))))
            return function

        return decorate

    def mount(self, prefix: str, handler: Any) -> None:
        """Let another application, or any handler, answer below a prefix; it sees paths without it.

        Raises:
            SetupError: for a prefix that does not begin with a slash, or is taken.
        """
        self._own(prefix, handler, caller())

    def files(self, prefix: str, folder: str | Path, *, immutable: bool = False) -> None:
        """Serve a folder's files below a prefix, with validators, ranges and precompressed siblings.

        Args:
            prefix: Where; `/static` for example.
            folder: Which; links that lead out of it, dot files and listings are off.
            immutable: Whether a file never changes under its name; browsers then keep it for a year unasked.

        Raises:
            SetupError: for a folder that is not there, or a prefix that is none or taken.
        """
        where = caller()
        self._own(prefix, StaticFolder(Path(folder), immutable=immutable, source=where), where)

    def _own(self, prefix: str, owner: Any, where: str) -> None:
        self._below.append(Below(check_prefix(prefix, {each.prefix for each in self._below}, where), owner, where))

    def _declare(self, function: Any, options: RouteOptions) -> Any:
        if isinstance(function, MethodMark):
            function.also(lambda owner, method: self._note_method(owner, method, options))
            return function
        check_callable(function, "route")
        if isinstance(function, type):
            self._adopt(function).prefixes.append(options)
            return function
        if is_method(function):
            return MethodMark(function, lambda owner, method: self._note_method(owner, method, options))
        self._functions.append(Declaration(options, function))
        return function

    def _note_method(self, owner: type, method: Callable[..., Any], options: RouteOptions) -> None:
        self._adopt(owner).methods.append(Declaration(options, method))

    def _adopt(self, cls: type) -> ClassEntry:
        """This registrar's entry for a class; one that another registrar made for it moves here."""
        entry = self._classes.get(cls)
        if entry is None:
            entry = _entry_elsewhere(cls, self) or ClassEntry(cls)
            self._classes[cls] = entry
            setattr(cls, _HOME, self)
        return entry


def _seen_from(function: Any, options: RouteOptions, frame: FrameType) -> RouteOptions:
    """The options with the place of the function, and what its string annotations need of the locals around the decorator."""
    if isinstance(function, MethodMark):
        function = function.function
    if not callable(function):
        return options
    return replace(options, source=source_of(function), namespace=local_names(function, frame.f_locals))


_HOME = "__hospes_registrar__"


def _entry_elsewhere(cls: type, new_home: Registrar) -> ClassEntry | None:
    """The entry another registrar holds: `@app.controller` over a class whose methods wear the module's `@get`."""
    home = cls.__dict__.get(_HOME)
    if isinstance(home, Registrar) and home is not new_home:
        return home._classes.pop(cls, None)  # pyright: ignore[reportPrivateUsage]  # one registrar to another
    return None
