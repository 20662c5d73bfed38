"""The doors at the edge: other people's applications as handlers, and handlers as their applications.

| file | what |
|---|---|
| `asgi`, `asgi_scope` | ASGI's words; what an application is told of a request |
| `asgi_host`, `asgi_exchange`, `asgi_lifespan` | an ASGI application as a handler |
| `wsgi`, `wsgi_environ` | WSGI's words; what an application is told of a request |
| `wsgi_host`, `wsgi_input`, `wsgi_output` | a WSGI application as a handler |
| `kinds` | which of them an object is |
"""

from hospes.adapters.asgi_host import HostedAsgi, from_asgi
from hospes.adapters.kinds import Kind, handler_of, kind_of
from hospes.adapters.wsgi_host import HostedWsgi, from_wsgi

__all__ = ["HostedAsgi", "HostedWsgi", "Kind", "from_asgi", "from_wsgi", "handler_of", "kind_of"]
