"""The portable carrier: HTTP/1.1 over asyncio, and a server's life from listening to the last answer."""

from hospes.server.access import AccessLog
from hospes.server.connection import Connection
from hospes.server.foreman import Foreman, Workers
from hospes.server.lifecycle import ServingThread, serve
from hospes.server.listening import UnixSocket
from hospes.server.proxies import Proxies
from hospes.server.server import Server, ServerOptions, Stopped
from hospes.server.tls import Tls
from hospes.server.worker import Worker

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
    "serve",
]
