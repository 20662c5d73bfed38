"""What a WSGI application is told of a request: the environ, made of the head as it came (PEP 3333, RFC 3875).

Laws:

* `PATH_INFO` is the path decoded once, as octets in a native string; `RAW_URI` and `REQUEST_URI` are the target as it came.
* An application that is mounted finds its prefix in `SCRIPT_NAME`, and `PATH_INFO` is what follows.
* A field whose name holds an underscore is left out: `X-User` and `X_User` would be one variable, and who checks one of them
  would be shown the other.
* So is the field `Proxy`, which no standard knows: `HTTP_PROXY` is where programs that this one starts look for their own proxy
  (CVE-2016-5385).
* Fields that a filter has changed are told as changed.
* `wsgi.early_hints` is there where Early Hints can be sent; it takes fields, of which links are sent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes

from hospes.adapters.wsgi import Environ, FileWrapper
from hospes.http.request import Request

VARIABLES: Final[Mapping[bytes, str]] = {
    b"content-length": "CONTENT_LENGTH", b"content-type": "CONTENT_TYPE", b"proxy": "",
} | {
    name.encode(): "HTTP_" + name.upper().replace("-", "_")
    for name in (
        "accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "cache-control",
        "connection", "cookie", "dnt", "expect", "forwarded", "from", "host", "if-match", "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "origin", "pragma", "priority", "range", "referer",
        "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site",
        "sec-fetch-user", "te", "traceparent", "transfer-encoding", "upgrade", "upgrade-insecure-requests",
        "user-agent", "via", "x-csrftoken", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
        "x-forwarded-proto", "x-real-ip", "x-request-id", "x-requested-with",
    )
}  # fmt: skip
"""The variables of usual fields, "" for one that is left out; those of others are made."""


def environ_of(request: Request, content: BinaryIO) -> Environ:
    """The environ of a request.

    Args:
        request: The request.
        content: Its content.
    """
    told = getattr(request.head, "wsgi_environ", None)  # the engine's heads tell it themselves, where a request is a usual one
    environ: Environ = (told(request, VARIABLES) if told is not None else None) or _environ(request)
    environ["wsgi.input"] = content
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.file_wrapper"] = FileWrapper
    if request.connection.hint is not None:
        environ["wsgi.early_hints"] = partial(give_hints, request)
    return environ


def _environ(request: Request) -> Environ:
    """All but what is a server's own."""
    head, connection = request.head, request.connection
    client, server = connection.client, connection.server
    path, prefix = head.path, request.prefix
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _decoded(prefix),
        "PATH_INFO": _decoded(path),
        "QUERY_STRING": request.query_string,
        "RAW_URI": head.target,
        "REQUEST_URI": head.target,
        "SERVER_NAME": server.host or "localhost",
        "SERVER_PORT": str(server.port or (443 if connection.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1" if head.minor else "HTTP/1.0",
        "SERVER_SOFTWARE": "hospes",
        "REMOTE_ADDR": client.host,
        "REMOTE_PORT": str(client.port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": connection.scheme,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, octets in request.lines:
        value = octets.decode("latin-1")
        variable = VARIABLES.get(name)
        if variable is None:
            variable = _variable(name)
        if variable not in environ:
            environ[variable] = value
        elif variable:
            environ[variable] += ("; " if variable == "HTTP_COOKIE" else ", ") + value
    environ.pop("", None)
    return environ


def give_hints(request: Request, fields: Iterable[tuple[str, str]]) -> None:
    """Send Early Hints: as gunicorn offers it to applications. Of the fields those that are links are sent."""
    request.early_hints(*[value.strip() for name, value in fields if name.lower() == "link"])


def _variable(name: bytes) -> str:
    """The variable of a field; "" for one that is left out."""
    if b"_" in name:
        return ""
    text = name.decode("latin-1").upper().replace("-", "_")
    return "HTTP_" + text


def _decoded(path: str) -> str:
    return path if "%" not in path else unquote_to_bytes(path).decode("latin-1")
