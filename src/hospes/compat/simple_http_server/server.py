"""Starting and stopping: `server.start(port=9090)`, `server.stop()`, as simple_http_server's programs write it.

Law: a process has one server here; a second `start` takes the place of the first. Who wants several makes `HttpServer`s.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Unpack

from hospes.compat.simple_http_server.app_conf import get_app_conf
from hospes.compat.simple_http_server.guests import ASGIProxy, WSGIProxy, init_asgi_proxy, init_wsgi_proxy
from hospes.compat.simple_http_server.http_server import HttpServer, Options
from hospes.compat.simple_http_server.logger import get_logger
from hospes.compat.simple_http_server.process import PROCESS, Running

__all__ = [
    "ASGIProxy",
    "WSGIProxy",
    "init_asgi_proxy",
    "init_wsgi_proxy",
    "is_ready",
    "scan",
    "start",
    "start_async",
    "stop",
]


def start(host: str = "", port: int = 9090, **options: Unpack[Options]) -> None:
    """Serve what was declared, until `stop`, Ctrl+C or SIGTERM. It may be called in any thread.

    Args:
        host: Address to listen on; every interface by default.
        port: Port.
        options: `ssl`, `certfile`, `keyfile`, `keypass`, `ssl_context`, `ssl_check_hostname`; `resources`; `keep_alive`,
            `connection_idle_time`, `keep_alive_max_request`; `gzip_content_types`, `gzip_compress_level`; `prefer_coroutine`
            (False: handlers run in threads); `app_conf`.

    Raises:
        SetupError: for a mistake in the program, an unknown option, an address that cannot be had, or where a loop runs already.
    """
    server = HttpServer((host, port), **options)
    _replaced_by(server)
    server.start()


async def start_async(host: str = "", port: int = 9090, **options: Unpack[Options]) -> None:
    """Serve on the running loop, until `stop`; handlers run there, too, unless `prefer_coroutine=False`. See `start`."""
    options.setdefault("prefer_coroutine", True)
    server = HttpServer((host, port), **options)
    before = _replaced_by(server)
    if before is not None:
        await asyncio.to_thread(before.wait)  # it may stop on this very loop
    await server.start_async()


def scan(base_dir: str = "", regx: str = "", project_dir: str = "") -> None:
    """Import the modules of a folder, with the folders in it, so that what they declare is there.

    Args:
        base_dir: The folder, relative to the project's; the project's own by default.
        regx: A regular expression for a module's path (`ctrls/cats.py`), the same without `.py`, or its dotted name; every
            module by default.
        project_dir: The project's folder; that of the program's main file by default.

    Raises:
        SetupError: if there is no such folder, or nothing in it matches.
        Exception: what a module raises, with its traceback.
    """
    get_app_conf().scan(base_dir, regx, project=project_dir or _main_folder())


def _main_folder() -> str:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return str(Path(file).resolve().parent) if file else ""


def stop() -> None:
    """Stop the server that `start` runs; requests under way are finished."""
    with PROCESS.lock:
        server, PROCESS.server = PROCESS.server, None
    if server is None:
        get_logger("simple_http_server").warning("there is no server to stop")
    else:
        server.shutdown()


def is_ready() -> bool:
    """Whether the server that `start` runs listens."""
    server = PROCESS.server
    return server is not None and server.ready


def _replaced_by(server: HttpServer) -> Running | None:
    """Let a server be the process's, and have the one before stop."""
    with PROCESS.lock:
        before, PROCESS.server = PROCESS.server, server
    if before is not None:
        before.shutdown()
    return before
