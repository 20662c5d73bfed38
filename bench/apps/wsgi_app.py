"""The workloads as a bare WSGI application, and the servers that are started from Python.

python wsgi_app.py SERVER PORT MODULE
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import msgspec

PIECE = 256 * 1024


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path, media_type = environ["PATH_INFO"], "application/json"
    if path == "/plaintext":
        content, media_type = b"Hello, World!", "text/plain; charset=utf-8"
    elif path == "/json":
        content = msgspec.json.encode({"message": "Hello, World!"})
    elif path.startswith("/users/"):
        verbose = parse_qs(environ["QUERY_STRING"]).get("verbose", ["false"])[0] == "true"
        content = msgspec.json.encode({"id": int(path[7:]), "verbose": verbose})
    elif path == "/echo":
        octets = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        content = msgspec.json.encode(msgspec.json.decode(octets))
    else:
        content, media_type = b"%d" % _size(environ), "text/plain; charset=utf-8"
    start_response("200 OK", [("Content-Type", media_type), ("Content-Length", str(len(content)))])
    return [content]


def _size(environ: dict[str, Any]) -> int:
    source, left = environ["wsgi.input"], int(environ["CONTENT_LENGTH"])
    size = 0
    while size < left and (piece := source.read(min(left - size, PIECE))):
        size += len(piece)
    return size


def main(server: str, port: int, module: str) -> None:
    application = importlib.import_module(module).app
    if server == "bjoern":
        importlib.import_module("bjoern").run(application, "127.0.0.1", port)
    else:
        fastwsgi = importlib.import_module("fastwsgi")
        fastwsgi.server.tcp_nodelay = 1
        fastwsgi.run(wsgi_app=application, host="127.0.0.1", port=port, loglevel=0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
