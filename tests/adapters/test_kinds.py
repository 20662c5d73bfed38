"""Which kind an object is: of functions, objects, wrappers and frameworks; what cannot be told, and what is said of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.golden import check_golden

from hospes.adapters import HostedAsgi, HostedWsgi, from_asgi, from_wsgi, handler_of, kind_of
from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import Response


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


def handler(request: Request) -> Response:
    return Response()


def factory() -> object:
    return wsgi


async def nonsense(environ: Any, start_response: Any) -> None: ...


def anything(*arguments: Any) -> None: ...


async def anything_awaited(*arguments: Any) -> None: ...


class Asgi:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Wsgi:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []

    def method(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("application", "kind"),
    [
        (asgi, "asgi"),
        (Asgi(), "asgi"),
        (Wsgi().method, "asgi"),
        (partial(asgi), "asgi"),
        (anything_awaited, "asgi"),
        (wsgi, "wsgi"),
        (Wsgi(), "wsgi"),
        (lambda environ, start, more=1, **others: [], "wsgi"),
        (partial(lambda settings, environ, start: [], {}), "wsgi"),
        (handler, "handler"),
        (from_asgi(asgi), "handler"),
        (from_wsgi(wsgi), "handler"),
        (factory, "factory"),
        (nonsense, None),
        (anything, None),
        (Asgi, None),
        (print, None),
        (3, None),
        (min, None),
    ],
)
def test_kinds(application: Any, kind: str | None) -> None:
    assert kind_of(application) == kind


def frameworks() -> dict[str, tuple[Callable[[], Any], str]]:
    """Each framework's smallest application."""
    import falcon
    import falcon.asgi
    import fastapi
    import flask
    import litestar
    import starlette.applications

    asgi_handler = importlib.import_module("django.core.handlers.asgi").ASGIHandler  # Django has no types
    wsgi_handler = importlib.import_module("django.core.handlers.wsgi").WSGIHandler
    return {
        "starlette": (starlette.applications.Starlette, "asgi"),
        "fastapi": (fastapi.FastAPI, "asgi"),
        "litestar": (litestar.Litestar, "asgi"),
        "falcon.asgi": (falcon.asgi.App, "asgi"),
        "django.asgi": (lambda: asgi_handler.__new__(asgi_handler), "asgi"),
        "falcon": (falcon.App, "wsgi"),
        "flask": (lambda: flask.Flask("x"), "wsgi"),
        "django": (lambda: wsgi_handler.__new__(wsgi_handler), "wsgi"),
    }


def test_frameworks() -> None:
    told = {name: kind_of(make()) for name, (make, _) in frameworks().items()}
    assert told == {name: kind for name, (_, kind) in frameworks().items()}


def test_handlers_of_each_kind() -> None:
    assert isinstance(handler_of(asgi), HostedAsgi)
    assert isinstance(handler_of(wsgi), HostedWsgi)
    assert handler_of(handler) is handler


@pytest.mark.parametrize(
    ("name", "application"), [("class", Asgi), ("factory", factory), ("unknown", anything), ("no_function", 3)]
)
def test_mistakes(name: str, application: Any) -> None:
    with pytest.raises(SetupError) as error:
        handler_of(application)
    check_golden(f"adapters/{name}", str(error.value))
