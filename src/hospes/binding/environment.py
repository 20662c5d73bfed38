"""What surrounds a request, under the names of CGI and WSGI (RFC 3875 §4.1, PEP 3333): `def f(env: Environment)`."""

from __future__ import annotations

from typing import Any, Final

from hospes.http.request import Request

HOSTS: Final = "wsgi.environ"
"""Where in a request's state a WSGI server's own environ stands, if one hosts the application."""


class Environment(dict[str, Any]):
    """The environ of the WSGI server that hosts the application; in our own server the facts that such ones have in common."""

    @classmethod
    def __from_request__(cls, request: Request) -> Environment:
        """The environment of a request."""
        return cls(environment_of(request))


def environment_of(request: Request) -> dict[str, Any]:
    """The environment of a request."""
    hosts: dict[str, Any] | None = request.state.get(HOSTS)
    if hosts is not None:
        return hosts
    client, server = request.client, request.connection.server
    return {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REMOTE_ADDR": client.host,
        "REMOTE_PORT": str(client.port),
        "SERVER_NAME": server.host,
        "SERVER_PORT": str(server.port),
        "wsgi.url_scheme": request.scheme,
    }
