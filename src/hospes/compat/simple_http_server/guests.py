"""Being hosted: what was declared as a WSGI or an ASGI application of another server.

    wsgi_proxy = server.init_wsgi_proxy(resources={"/public/*": "static"})

    def handler(environ, start_response):
        return wsgi_proxy.app_proxy(environ, start_response)

Law: in a WSGI server handlers run in threads, in an ASGI server on its loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.http_server import HttpServer
from hospes.sessions import SessionFactory


class WSGIProxy:
    """A WSGI application.

    Args:
        server: Whose application it is.
    """

    def __init__(self, server: HttpServer) -> None:
        self._guest = server.application().wsgi()

    def app_proxy(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        return self._guest(environ, start_response)

    def close(self) -> None:
        """Stop what the application has begun; a server that ends the process need not call it."""
        self._guest.close()


class ASGIProxy:
    """An ASGI application.

    Args:
        server: Whose application it is.
    """

    def __init__(self, server: HttpServer) -> None:
        self._guest = server.application().asgi()

    async def app_proxy(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or live."""
        await self._guest(scope, receive, send)


def init_wsgi_proxy(
    resources: Mapping[str, str] | None = None,
    session_factory: SessionFactory | None = None,
    app_conf: AppConf | None = None,
) -> WSGIProxy:
    """What was declared, for a WSGI server.

    Args:
        resources: Folders by the patterns of the paths they are served at.
        session_factory: Keeps the sessions.
        app_conf: What declared it; the default one.

    Raises:
        SetupError: for resources that cannot be.
    """
    return WSGIProxy(HttpServer(resources=resources or {}, session_factory=session_factory, app_conf=app_conf))


def init_asgi_proxy(
    resources: Mapping[str, str] | None = None,
    session_factory: SessionFactory | None = None,
    app_conf: AppConf | None = None,
) -> ASGIProxy:
    """What was declared, for an ASGI server; see `init_wsgi_proxy`."""
    server = HttpServer(resources=resources or {}, session_factory=session_factory, app_conf=app_conf, prefer_coroutine=True)
    return ASGIProxy(server)
