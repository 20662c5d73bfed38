"""What a program declares, kept until its server starts: `AppConf`, and the decorators that write into the default one.

Laws:

* An `AppConf` is an ordinary registrar of the core: it has the decorators under these programs' names. Of two declarations for
  the same the later one counts, which is logged at the start.
* The module's decorators write into the process's default AppConf; inside `using(conf)` into that one, so that tests do not see
  each other's routes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hospes.app.failures import ErrorHandler, ErrorHandlers
from hospes.app.onion import Layer
from hospes.app.registrar import Registrar
from hospes.app.sites import program_line
from hospes.binding.itself import ModelBinding as CoreBinding
from hospes.compat.simple_http_server.filters import FaceFilter
from hospes.compat.simple_http_server.incoming import Request
from hospes.compat.simple_http_server.modes import Mode
from hospes.compat.simple_http_server.outgoing import Response, stripped
from hospes.compat.simple_http_server.process import CURRENT, PROCESS
from hospes.compat.simple_http_server.streaming import LOG
from hospes.compat.simple_http_server.websocket import MESSAGE_TYPES, WEBSOCKET_MESSAGE_TEXT, heard, hearing
from hospes.errors import HttpError
from hospes.execution import PoolSaturated
from hospes.http.problem import phrase_of
from hospes.http.request import Request as CoreRequest
from hospes.sessions import SessionFactory

F = TypeVar("F", bound=Callable[..., Any])
B = TypeVar("B", bound=type[Any])
C = TypeVar("C", bound=type)


class _ErrorHandler(ErrorHandler):
    """An error handler that runs where handlers do, and gets the status's own words where an error has none."""

    def __init__(self, function: Callable[..., Any], source: str, namespace: Mapping[str, Any] | None = None) -> None:
        super().__init__(function, source, namespace)
        self.is_async = True  # whatever the function is: the mode is what is awaited

    async def call(self, request: CoreRequest, error: Exception, status: HttpError) -> Any:
        mode: Mode = request.services[Mode]
        if isinstance(error, PoolSaturated) and not mode.is_on_loop:
            raise error  # there is no thread for this either
        told = status if status.message else HttpError(status.code, phrase_of(status.code), status.explain)
        return stripped(await mode.call(super().call, request, error, told))


class AppConf(Registrar):
    """What one application declares."""

    _error_handler = _ErrorHandler

    def __init__(self) -> None:
        super().__init__()
        self._error_handlers = ErrorHandlers("last")
        self._filters: dict[Callable[..., Any], FaceFilter] = {}
        self.session_factory: SessionFactory | None = None
        self.model_binding = self.bind_model  # pyright: ignore[reportAttributeAccessIssue]  # any class with a bind()
        self.default_model_binding = self.bind_default_model

    @property
    def filters(self) -> tuple[FaceFilter, ...]:
        """The filters, the outermost first."""
        return tuple(self._filters.values())

    if TYPE_CHECKING:  # the types, overloads and all, as they are written at the core's method
        request = Registrar.route
    else:

        def request_map(self, url: Any = "", method: Any = "", **conditions: Any) -> Any:
            """Let a function, a method or a class's methods answer requests; see `hospes.App.route`."""
            for name in ("match_all_headers_expressions", "match_all_params_expressions"):
                if conditions.get(name, True) is None:
                    del conditions[name]
            return super().route(conditions.pop("url", url), method, **conditions)

        route = request = request_map

    def _check_controller(self, cls: type, where: str) -> None:
        """A class without routes is taken, as ever there."""

    def request_filter(self, path: str = "", regexp: str = "") -> Callable[[F], F]:
        """Put a filter `filter(ctx)` around handlers.

        Args:
            path: A pattern of paths, `/admin/**`; all by default.
            regexp: A regular expression for the path, in place of `path`.
        """

        def decorate(function: F) -> F:
            source = program_line()
            guard = Layer.of(function, path, regexp, source)
            self._filters.setdefault(function, FaceFilter(function, source)).guards.append(guard)
            return function

        return decorate

    @overload
    def filter_map(self, regexp: str = "", filter_function: None = None) -> Callable[[F], F]: ...

    @overload
    def filter_map(self, regexp: str, filter_function: F) -> F: ...

    def filter_map(self, regexp: str = "", filter_function: Callable[..., Any] | None = None) -> Any:
        """`request_filter` by its older name; also with the function given."""
        decorate = self.request_filter(regexp=regexp)
        return decorate if filter_function is None else decorate(filter_function)

    @overload
    def error_message(self, function: F, /) -> F: ...

    @overload
    def error_message(self, *codes: str | int) -> Callable[[F], F]: ...

    def error_message(self, *codes: Any) -> Any:
        """Let a function answer failures: `@error_message("403", "404")`, `"50x"`, or bare for all."""
        if len(codes) == 1 and callable(codes[0]):
            return self.error_message()(codes[0])

        def decorate(function: F) -> F:
            self.error(*codes)(function)
            return function

        return decorate

    def websocket_handler(self, endpoint: str = "", regexp: str = "", singleton: bool = True) -> Callable[[C], C]:  # type: ignore[override]
        """Let a class's methods hear what happens on websockets: `on_open`, `on_text_message` …

        Args:
            endpoint: Path, as a route's.
            regexp: A regular expression for the path, in place of `endpoint`.
            singleton: One object for all websockets (True), or a new one for each.

        Raises:
            SetupError: for a class that hears nothing.
        """

        def decorate(cls: C) -> C:
            super(AppConf, self).websocket_handler(endpoint, regexp, singleton)(hearing(cls))
            return cls

        return decorate

    def websocket_message(
        self, endpoint: str = "", regexp: str = "", message_type: str = WEBSOCKET_MESSAGE_TEXT
    ) -> Callable[[F], F]:
        """Let a function hear messages, `(session, message)`; those of binary frames `(session, fin, payload)`.

        Raises:
            SetupError: for a message type that is none.
        """
        return super().websocket_message(endpoint, regexp, MESSAGE_TYPES.get(message_type, message_type))

    def _hear(self, event: str, endpoint: str, regexp: str) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            earlier = self._heard.get((endpoint, regexp), {}).pop(event, None)
            if earlier is not None:
                LOG.warning("two functions hear %s of %s; the later one counts", event, endpoint or regexp)
            super(AppConf, self)._hear(event, endpoint, regexp)(heard(function))
            return function

        return decorate

    def bind_model(self, kind: type) -> Callable[[B], B]:
        """Let a class of the program make arguments of a type."""

        def decorate(binding: B) -> B:
            self._model_bindings.for_type[kind] = _adapted(binding)
            return binding

        return decorate

    def bind_default_model(self, binding: B) -> B:
        """Let a class of the program make arguments that nothing else can make."""
        self._model_bindings.default = _adapted(binding)
        return binding


def _adapted(binding: type[Any]) -> type[CoreBinding]:
    """A program's binding as the core's: it gets the face's request and response, and runs where handlers do."""

    class Adapted(CoreBinding):
        async def bind(self) -> Any:
            core = self.request
            request = await Request.__from_request__(core)
            made = binding(request, Response.of(core), self.arg_name, self.arg_type, self.default_value)
            return await core.services[Mode].call(made.bind)

    return Adapted


def get_app_conf(tag: str = "") -> AppConf:
    """The AppConf of a tag, made at the first call; the default one without a tag."""
    current: AppConf | None = CURRENT.get()
    if current is not None and not tag:
        return current
    conf: AppConf = PROCESS.confs.get(tag) or PROCESS.confs.setdefault(tag, AppConf())
    return conf


@contextmanager
def using(conf: AppConf) -> Generator[AppConf]:
    """Let the module's decorators write into `conf` inside the block."""
    token = CURRENT.set(conf)
    try:
        yield conf
    finally:
        CURRENT.reset(token)


def set_session_factory(session_factory: SessionFactory) -> None:
    """Have sessions kept by a factory of the program's own, in servers that start from now on."""
    PROCESS.session_factory = session_factory


def _forward(name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(get_app_conf(), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`AppConf.{name}` on the default AppConf."
    return call


if TYPE_CHECKING:
    _conf = AppConf()
    route = request_map = request = _conf.route
    controller = _conf.controller
    request_filter = _conf.request_filter
    filter_map = _conf.filter_map
    error_message = _conf.error_message
    model_binding = _conf.bind_model
    default_model_binding = _conf.bind_default_model
    websocket_handler = _conf.websocket_handler
    websocket_handshake = _conf.websocket_handshake
    websocket_open = _conf.websocket_open
    websocket_close = _conf.websocket_close
    websocket_message = _conf.websocket_message
else:
    route = request_map = request = _forward("request_map")
    controller = _forward("controller")
    request_filter = _forward("request_filter")
    filter_map = _forward("filter_map")
    error_message = _forward("error_message")
    model_binding = _forward("bind_model")
    default_model_binding = _forward("bind_default_model")
    websocket_handler = _forward("websocket_handler")
    websocket_handshake = _forward("websocket_handshake")
    websocket_open = _forward("websocket_open")
    websocket_close = _forward("websocket_close")
    websocket_message = _forward("websocket_message")
