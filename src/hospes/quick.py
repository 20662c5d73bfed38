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
* Every function here forwards, and does nothing else: it has the parameters and the types of the method of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hospes.app.registrar import MethodRoute
from hospes.app.scanning import declaring
from hospes.running import App

_default: list[App] = []


def default_app() -> App:
    """The app that the module's decorators declare on."""
    app = declaring.get()
    if isinstance(app, App):
        return app
    if not _default:
        _default.append(App())
    return _default[0]


@contextmanager
def using(app: App) -> Generator[App]:
    """Let the module's decorators declare on `app` inside the block."""
    token = declaring.set(app)
    try:
        yield app
    finally:
        declaring.reset(token)


def _forward(name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(default_app(), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`App.{name}` on the default app."
    return call


get = MethodRoute(default_app, "GET")
post = MethodRoute(default_app, "POST")
put = MethodRoute(default_app, "PUT")
patch = MethodRoute(default_app, "PATCH")
delete = MethodRoute(default_app, "DELETE")

if TYPE_CHECKING:  # the types, overloads and all, as they are written at the methods
    _app = App()
    route = request_map = _app.route
    controller = _app.controller
    filter = _app.filter
    error = _app.error
    provide = _app.provide
    lifespan = _app.lifespan
    model_binding = _app.model_binding
    default_model_binding = _app.default_model_binding
    files = _app.files
    mount = _app.mount
    scan = _app.scan
    websocket = _app.websocket
    websocket_handler = _app.websocket_handler
    websocket_handshake = _app.websocket_handshake
    websocket_open = _app.websocket_open
    websocket_close = _app.websocket_close
    websocket_message = _app.websocket_message
    run = _app.run
else:
    route = request_map = _forward("route")
    controller = _forward("controller")
    filter = _forward("filter")
    error = _forward("error")
    provide = _forward("provide")
    lifespan = _forward("lifespan")
    model_binding = _forward("model_binding")
    default_model_binding = _forward("default_model_binding")
    files = _forward("files")
    mount = _forward("mount")
    scan = _forward("scan")
    websocket = _forward("websocket")
    websocket_handler = _forward("websocket_handler")
    websocket_handshake = _forward("websocket_handshake")
    websocket_open = _forward("websocket_open")
    websocket_close = _forward("websocket_close")
    websocket_message = _forward("websocket_message")
    run = _forward("run")
