"""The default app behind the module's own decorators, for programs of one file.

    from hospes import get, run

    @get("/")
    def home() -> str:
        return "Hello"

    run()

Laws:

* This is the only module that holds process-wide state, and all it holds is one ordinary `App`.
* The app is reached through a context variable: inside `using(app)` the decorators declare on that app, so that tests and
  several apps in one process do not see each other's routes.
* Every function here forwards, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from hospes.app.declarations import F
from hospes.app.failures import ErrorKey
from hospes.app.registrar import MethodRoute
from hospes.limits import Limits, Timeouts
from hospes.running import App
from hospes.server import Tls

C = TypeVar("C", bound=type)

_current: ContextVar[App | None] = ContextVar("hospes_default_app", default=None)
_default: list[App] = []


def default_app() -> App:
    """The app that the module's decorators declare on."""
    app = _current.get()
    if app is None:
        if not _default:
            _default.append(App())
        app = _default[0]
    return app


@contextmanager
def using(app: App) -> Iterator[App]:
    """Let the module's decorators declare on `app` inside the block."""
    token = _current.set(app)
    try:
        yield app
    finally:
        _current.reset(token)


@overload
def route(url: F, /) -> F: ...


@overload
def route(url: str = "", method: Any = "", **options: Any) -> Callable[[F], F]: ...


def route(url: str | Callable[..., Any] = "", method: Any = "", **options: Any) -> Any:
    """`App.route` on the default app."""
    return cast(Any, default_app()).route(url, method, **options)


request_map = route
get = MethodRoute(default_app, "GET")
post = MethodRoute(default_app, "POST")
put = MethodRoute(default_app, "PUT")
patch = MethodRoute(default_app, "PATCH")
delete = MethodRoute(default_app, "DELETE")


@overload
def controller(prefix: C, /) -> C: ...


@overload
def controller(prefix: str = "", **options: Any) -> Callable[[C], C]: ...


def controller(prefix: str | type = "", **options: Any) -> Any:
    """`App.controller` on the default app."""
    return default_app().controller(prefix, **options)


@overload
def filter(path: F, /) -> F: ...


@overload
def filter(path: str = "", *, regexp: str = "") -> Callable[[F], F]: ...


def filter(path: str | Callable[..., Any] = "", *, regexp: str = "") -> Any:  # the seeds' word, as on App
    """`App.filter` on the default app."""
    return cast(Any, default_app()).filter(path, regexp=regexp)


def error(*keys: ErrorKey) -> Callable[[F], F]:
    """`App.error` on the default app."""
    return default_app().error(*keys)


@overload
def provide(scope: F, /) -> F: ...


@overload
def provide(scope: str = "app") -> Callable[[F], F]: ...


def provide(scope: str | Callable[..., Any] = "app") -> Any:
    """`App.provide` on the default app."""
    return default_app().provide(scope)


def lifespan(function: F) -> F:
    """`App.lifespan` on the default app."""
    return default_app().lifespan(function)


def files(prefix: str, folder: str | Path, *, immutable: bool = False) -> None:
    """`App.files` on the default app."""
    default_app().files(prefix, folder, immutable=immutable)


def mount(prefix: str, handler: Any) -> None:
    """`App.mount` on the default app."""
    default_app().mount(prefix, handler)


def run(
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    tls: Tls | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> None:
    """`App.run` on the default app."""
    default_app().run(host, port, tls=tls, limits=limits, timeouts=timeouts)
