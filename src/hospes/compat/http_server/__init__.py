"""http_server: a small server whose functions take a request and a response; programs written for it run over hospes.

    from hospes.compat.http_server import Path, WebServer

    def index(request, response):
        response.send("hello world !", 200, "text/html")

    server = WebServer(port=8080, route=[Path(r"^\\/$", index, name="index")])
    server.run()

Its life cycle, and who does each step here:

    Accept     server.listening, engine               a connection is taken
    Parse      wire.reader, engine; http.request      octets become a request
    Worker     execution.pool                         a thread for the program's functions
    Dispatcher compat.http_server.dispatching         middlewares, then the first Path that matches, then files
    Send       http.response, server.answers          the answer's octets leave
    Close      server.connection                      the connection is kept for the next request, or closed

| file | what |
|---|---|
| `server` | `WebServer` |
| `dispatching` | from a request to its answer |
| `url` | `Path`, `Redirect`, `RedirectToFunction` |
| `requests`, `response` | what functions get |
| `debugging` | the pages of `DEBUG=True` |
"""

from hospes.compat.http_server.requests import Requests
from hospes.compat.http_server.response import Response
from hospes.compat.http_server.server import WebServer
from hospes.compat.http_server.url import Path, Redirect, RedirectToFunction

__all__ = ["Path", "Redirect", "RedirectToFunction", "Requests", "Response", "WebServer"]
