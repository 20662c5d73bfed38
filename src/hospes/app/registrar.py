"""The decorators: how a program says which function answers what.

Laws:

* A registrar only collects; `Application` makes something of it when it starts.
* Every decorator works on functions, on methods while their class is being made, and (route, controller) on classes.
* What is wrong with a declaration is said at the decorator where that is possible, else when the application starts; always with
  file, line and remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from msgspec import Struct
from msgspec.structs import replace

from hospes.app.declarations import (
    BodyLimit,
    ClassEntry,
    Declaration,
    Expressions,
    F,
    MethodMark,
    Methods,
    RouteOptions,
    class_options,
    expressions,
    has_routes,
    method_set,
    note_method,
)
from hospes.app.failures import ErrorHandler, ErrorHandlers, ErrorKey
from hospes.app.onion import Layer
from hospes.app.sites import called_of, is_method, line_of, program_frame, program_line, visible_names
from hospes.app.socket_declaring import SocketRegistrar
from hospes.binding import ModelBindings, local_names
from hospes.binding.signature import name_of
from hospes.errors import SetupError
from hospes.http.percent import percent_encode

if TYPE_CHECKING:
    from pathlib import Path

    from hospes.app.scanning import Place
    from hospes.files import FilePattern

C = TypeVar("C", bound=type)


class Below(Struct, frozen=True):
    """Something that owns the paths below a prefix: a folder, or another application."""

    prefix: str
    """Percent-encoded, without a slash at its end."""
    owner: Any
    source: str
    """`file:line` of the call."""
    files: FilePattern | None = None
    """Which files of a folder; None for an application."""

    @property
    def text(self) -> str:
        """The prefix, or the pattern of files."""
        return self.prefix if self.files is None else self.files.text


class MethodRoute:
    """`route` for one method: `app.get`, `app.post` and so on."""

    def __init__(self, registrar: Callable[[], Registrar], method: str) -> None:
        self._registrar = registrar
        self._method = method

    @overload
    def __call__(self, url: F, /) -> F: ...

    @overload
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
    ) -> Callable[[F], F]: ...

    def __call__(
        self,
        url: str | Callable[..., Any] = "",
        *,
        regexp: str = "",
        headers: Expressions = (),
        params: Expressions = (),
        status: int = 200,
        inline: bool = False,
        body_limit: BodyLimit = ...,
    ) -> Any:
        """Let a function or a method answer requests; the arguments are those of `Registrar.route`."""
        decorate = self._registrar().route(
            url if isinstance(url, str) else "",
            self._method,
            regexp=regexp,
            headers=headers,
            params=params,
            status=status,
            inline=inline,
            body_limit=body_limit,
        )
        return decorate if isinstance(url, str) else decorate(url)


class Registrar(SocketRegistrar):
    """Collects routes, classes, filters, error handlers, folders and mounts."""

    _error_handler: type[ErrorHandler] = ErrorHandler

    def __init__(self) -> None:
        super().__init__()
        self._functions: list[Declaration] = []
        self._classes: dict[type, ClassEntry] = {}
        self._layers: list[Layer] = []
        self._error_handlers = ErrorHandlers()
        self._marks: list[MethodMark] = []
        self._below: list[Below] = []
        self._model_bindings = ModelBindings()
        self.model_binding = self._model_bindings.model_binding
        self.default_model_binding = self._model_bindings.default_model_binding
        self.get = MethodRoute(lambda: self, "GET")
        self.post = MethodRoute(lambda: self, "POST")
        self.put = MethodRoute(lambda: self, "PUT")
        self.patch = MethodRoute(lambda: self, "PATCH")
        self.delete = MethodRoute(lambda: self, "DELETE")

    def adopt(self, other: Registrar) -> None:
        """Take over what another registrar has collected so far, in place of what this one has."""
        self._functions = list(other._functions)
        self._classes = dict(other._classes)
        self._layers = list(other._layers)
        self._error_handlers = other._error_handlers
        self._marks = list(other._marks)
        self._below = list(other._below)
        self._model_bindings = other._model_bindings
        self._heard = dict(other._heard)

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
            SetupError: for something that cannot be called, and a status that is none.
        """
        if not hasattr(status, "__index__") or not 200 <= status <= 599:
            raise SetupError(
                f"status={status!r}: a status is an int of 200 to 599", where=(program_line(),), remedy="write 201, for example"
            )
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
        return partial(self._declare, options) if isinstance(url, str) else self._declare(options, url)

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

        Raises:
            SetupError: for a class without routes, and for a filter that cannot be called.
        """
        if isinstance(prefix, type):
            return self.controller()(prefix)

        def decorate(cls: type) -> type:
            where = program_line()
            self._check_controller(cls, where)
            entry = self._entry(cls)
            entry.declare(where)
            entry.singleton, entry.args, entry.kwargs = singleton, tuple(args), dict(kwargs or {})
            entry.filters = tuple(Layer.of(each, source=where).takes_what_is_inside() for each in filters)
            if prefix:
                entry.prefixes.append(RouteOptions(url=prefix, source=where))
            return cls

        return decorate

    @overload
    def filter(self, path: F, /, *more: Callable[..., Any]) -> F: ...

    @overload
    def filter(self, path: str, first: F, /, *more: Callable[..., Any], regexp: str = "") -> F: ...

    @overload
    def filter(self, path: str = "", /, *, regexp: str = "") -> Callable[[F], F]: ...

    def filter(self, path: str | Callable[..., Any] = "", /, *filters: Callable[..., Any], regexp: str = "") -> Any:
        """Put a filter around handlers: `async (request, call_next) -> response`, or plain. Several at once, the outermost first.

        Args:
            path: A pattern of paths (`/admin/**` guards `/admin` too); all by default. Or a filter itself.
            filters: Filters; without any, what this gives is a decorator.
            regexp: A regular expression for the path, in place of `path`.

        Raises:
            SetupError: for something that cannot be called, and a pattern or regexp that is malformed.
        """
        if not isinstance(path, str):
            return self.filter("", path, *filters)

        def decorate(function: F) -> F:
            self._layers.append(Layer.of(function, path, regexp, program_line()).takes_what_is_inside())
            return function

        declared = [decorate(each) for each in filters]
        return declared[0] if declared else decorate

    @overload  # this first: an exception type is a key, and may be called too
    def error(self, *keys: ErrorKey) -> Callable[[F], F]: ...

    @overload
    def error(self, function: F, /) -> F: ...

    def error(self, *keys: Any) -> Any:
        """Let a function answer failures.

        Args:
            keys: Statuses (404), classes ("5xx"), exception types; none for everything.

        Raises:
            SetupError: for a key that is no status, or that has a handler, and for a parameter that nothing fills.
        """
        if len(keys) == 1 and callable(keys[0]) and not isinstance(keys[0], type):
            return self.error()(keys[0])

        def decorate(function: F) -> F:
            frame = program_frame()
            _check_callable(function, "error")
            handler = self._error_handler(function, line_of(frame), local_names(function, visible_names(frame)))
            self._error_handlers.add(keys, handler)
            return function

        return decorate

    def mount(self, prefix: str, handler: Any) -> None:
        """Let another application, or any handler, answer below a prefix; it sees paths without it.

        Raises:
            SetupError: for a prefix that does not begin with a slash, or is taken, and for what cannot answer.
        """
        if isinstance(handler, type) or not (callable(handler) or isinstance(handler, Registrar)):
            what = f"the class {handler.__name__}" if isinstance(handler, type) else type(handler).__name__
            raise SetupError(
                f"{what} is mounted at {prefix!r}, and cannot answer requests",
                where=(program_line(),),
                remedy="mount an App, or a function from a Request to a Response",
            )
        where = program_line()
        if not prefix.startswith("/"):
            remedy = f'write "/{prefix}"'
            raise SetupError(f"the prefix {prefix!r} does not begin with a slash", where=(where,), remedy=remedy)
        self._own(Below(percent_encode(prefix.rstrip("/"), "/"), handler, where), prefix)

    def files(self, prefix: str, folder: str | Path, *, immutable: bool = False, listing: bool = False) -> None:
        """Serve a folder's files below a prefix, with validators, ranges and precompressed siblings.

        Args:
            prefix: Where; `/static` for example. Or a pattern: `/p/*` are the files directly in the folder, `*.css` those whose
                names end so, `**.css` those of the folders below as well.
            folder: Which; links that lead out of it and dot files are off.
            immutable: Whether a file never changes under its name; browsers then keep it for a year unasked.
            listing: Whether a directory without an `index.html` shows what is in it; no by default.

        Raises:
            SetupError: for a folder that is not there, or a prefix that is none or taken.
        """
        from pathlib import Path

        from hospes.files import StaticFolder, parse_file_pattern  # loaded by who serves some

        where = program_line()
        pattern = parse_file_pattern(prefix, where)
        owner = StaticFolder(Path(folder), immutable=immutable, listing=listing, source=where)
        self._own(Below(pattern.prefix, owner, where, pattern), prefix)

    def scan(self, place: Place = "", pattern: str = "", *, project: str | Path = "") -> list[str]:
        """Import the modules of a folder or a package, with the folders in it, so that their handlers are declared.

        What they declare with `from hospes import route` and its like is declared here.

        Args:
            place: A folder, a file, or a package by its name or itself; the project's folder by default.
            pattern: A regular expression, matched from the beginning of a module's path (`controllers/cats.py`), of the same
                without `.py`, or of its dotted name; every module by default.
            project: The folder that a relative place and the paths begin at; the working directory by default.

        Returns:
            The names of the modules.

        Raises:
            SetupError: if there is no such place, nothing in it matches, or a module's name is another's.
            Exception: what a module raises, with its traceback.
        """
        from hospes.app.scanning import scan  # loaded by who scans

        return scan(self, place, pattern, project, program_line())

    def _own(self, below: Below, said: str) -> None:
        for each in self._below:
            if each.text == below.text:
                problem = f"something is mounted at {said!r} already"
                raise SetupError(problem, where=(below.source, each.source), remedy="give each its own prefix")
        self._below.append(below)

    def _declare(self, options: RouteOptions, function: Any) -> Any:
        frame = program_frame()
        where = line_of(frame)
        if isinstance(function, type):
            entry = self._entry(function)
            entry.declare(where)
            entry.prefixes.append(class_options(options, where))
            return function
        method = function.function if isinstance(function, MethodMark) else function
        _check_callable(method, "route")
        options = replace(options, source=where, namespace=local_names(method, visible_names(frame)))
        if isinstance(function, MethodMark):
            function.then(lambda owner, name: self._note_method(owner, name, options))
            return function
        if is_method(function, frame):
            mark = MethodMark(function, options.source)
            mark.then(lambda owner, name: self._note_method(owner, name, options))
            self._marks.append(mark)
            return mark
        if not options.url and not options.regexp:
            raise SetupError(
                f"the route of {name_of(function)}() has no path",
                where=(options.source,),
                remedy='write one: @app.route("/path"); only a method may do without, in a class that has a prefix',
            )
        self._functions.append(Declaration(options, function))
        return function

    def _check_controller(self, cls: type, where: str) -> None:
        if not has_routes(cls):
            remedy = 'let its methods answer something: @get("/path") above them'
            raise SetupError(f"the controller {cls.__name__} has no routes", where=(where,), remedy=remedy)

    def _note_method(self, owner: type, name: str, options: RouteOptions) -> None:
        self._entry(owner)
        note_method(owner, name, options, self)

    def _entry(self, cls: type) -> ClassEntry:
        entry = self._classes.get(cls)
        if entry is None:
            names = visible_names(program_frame())  # of a method's decorator too: it is told of its class where that is made
            entry = self._classes[cls] = ClassEntry(cls, self, local_names(called_of(cls), names))
        return entry


def _check_callable(function: object, what: str) -> None:
    """Refuse what cannot be called; a class method can, once there is its class."""
    if not callable(function) and not isinstance(function, classmethod):
        raise SetupError(
            f"{what} was given {type(function).__name__}, which cannot be called",
            where=(program_line(),),
            remedy="put the decorator directly above a `def`, an `async def` or a class",
        )
