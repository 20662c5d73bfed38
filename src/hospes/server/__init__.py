"""The portable carrier: HTTP/1.1 over asyncio, and a server's life from listening to the last answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.server.access import AccessLog
    from hospes.server.carriers import carrier_name, run_on_loop
    from hospes.server.connection import Connection
    from hospes.server.foreman import Foreman, Workers
    from hospes.server.lifecycle import ServingThread, serve
    from hospes.server.listening import UnixSocket
    from hospes.server.proxies import Proxies
    from hospes.server.server import Server, ServerOptions, Stopped
    from hospes.server.tls import Tls
    from hospes.server.worker import Worker
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "access": "AccessLog",
            "carriers": "carrier_name run_on_loop",
            "connection": "Connection",
            "foreman": "Foreman Workers",
            "lifecycle": "ServingThread serve",
            "listening": "UnixSocket",
            "proxies": "Proxies",
            "server": "Server ServerOptions Stopped",
            "tls": "Tls",
            "worker": "Worker",
        },
    )

__all__ = [
    "AccessLog",
    "Connection",
    "Foreman",
    "Proxies",
    "Server",
    "ServerOptions",
    "ServingThread",
    "Stopped",
    "Tls",
    "UnixSocket",
    "Worker",
    "Workers",
    "carrier_name",
    "run_on_loop",
    "serve",
]
