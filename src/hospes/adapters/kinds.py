"""Which kind of application an object is: told by what it wants to be called with.

| called with | |
|---|---|
| `(scope, receive, send)` | ASGI 3, its call is awaited |
| `(environ, start_response)` | WSGI |
| `(request)` | a handler of ours |
| nothing | a factory, which makes one of these |

Law: what cannot be told is never guessed; the error names the ways to say it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, cast

from hospes.adapters.asgi_host import HostedAsgi, from_asgi
from hospes.adapters.wsgi_host import HostedWsgi, from_wsgi
from hospes.errors import SetupError
from hospes.http.handler import Handler
from hospes.lazily import signature_of

Kind: TypeAlias = Literal["asgi", "wsgi", "handler", "factory"]

_BY_COUNT: Final[dict[int, Kind]] = {0: "factory", 1: "handler", 2: "wsgi", 3: "asgi"}


def kind_of(application: object) -> Kind | None:
    """Which kind an object is; None where that cannot be told."""
    if isinstance(application, (HostedAsgi, HostedWsgi)):
        return "handler"
    if isinstance(application, type) or not callable(application):
        return None
    try:
        parameters = signature_of(application).parameters.values()
    except (TypeError, ValueError):  # some that are written in C
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return "asgi" if _is_async(application) else None
    required = [each for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    kind = _BY_COUNT.get(len(required))
    return None if kind == "wsgi" and _is_async(application) else kind


def handler_of(application: Any) -> Handler:
    """A handler for an application of any kind.

    Args:
        application: ASGI, WSGI, or a handler, which is returned as it is.

    Raises:
        SetupError: where its kind cannot be told; what to do stands in it.
    """
    kind = kind_of(application)
    if kind == "asgi":
        return from_asgi(application)
    if kind == "wsgi":
        return from_wsgi(application)
    if kind == "handler":
        return cast("Handler", application)
    name = getattr(application, "__qualname__", type(application).__qualname__)
    if isinstance(application, type):
        raise SetupError(f"{name} is a class, and no application", remedy="make an object of it")
    if kind == "factory":
        raise SetupError(f"{name} takes nothing, so it is no application", remedy=f"if it makes one, call it: {name}()")
    if not callable(application):
        raise SetupError(f"{name} is no application: it cannot be called", remedy="name the object that answers requests")
    raise SetupError(
        f"{name} cannot be told to be an ASGI application, a WSGI application or a handler",
        remedy="say which: from_asgi(application) or from_wsgi(application)",
    )


def _is_async(application: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(type(application).__call__)
