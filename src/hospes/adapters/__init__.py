"""The doors at the edge: other people's applications as handlers, and handlers as their applications.

| file | what |
|---|---|
| `asgi`, `asgi_scope` | ASGI's words; what an application is told of a request |
| `asgi_host`, `asgi_exchange`, `asgi_lifespan` | an ASGI application as a handler |
| `wsgi`, `wsgi_environ` | WSGI's words; what an application is told of a request |
| `wsgi_host`, `wsgi_input`, `wsgi_output` | a WSGI application as a handler |
| `guesting`, `asgi_guest`, `wsgi_guest` | a handler as their application |
| `kinds` | which of them an object is |
"""

from hospes.adapters.asgi_guest import AsgiGuest, to_asgi
from hospes.adapters.asgi_host import HostedAsgi, from_asgi
from hospes.adapters.kinds import Kind, handler_of, kind_of
from hospes.adapters.wsgi_guest import WsgiGuest, to_wsgi
from hospes.adapters.wsgi_host import HostedWsgi, from_wsgi

__all__ = [
    "AsgiGuest", "HostedAsgi", "HostedWsgi", "Kind", "WsgiGuest", "from_asgi", "from_wsgi", "handler_of", "kind_of",
    "to_asgi", "to_wsgi",
]  # fmt: skip
