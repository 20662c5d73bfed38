"""alink: a server that keeps a user for every visitor, and a client; programs written for it run over hospes.

    from hospes.compat.alink import Http_Response, HttpServer

    def home(user, request):
        user["n"] = user.get("n", 0) + 1
        return Http_Response(200, f"visit {user['n']}")

    server = HttpServer()
    server.add_route("/", ["GET"], home)
    server.mainloop()

| file | what |
|---|---|
| `httpserver` | `HttpServer`, `HttpsServer` |
| `service`, `services` | `Cookie`, and the user |
| `request`, `response` | `Request`, `Http_Response` |
| `roaming` | `HttpClient` |
"""

from hospes.compat.alink.httpserver import HttpServer, HttpsServer
from hospes.compat.alink.request import Request
from hospes.compat.alink.response import Http_Response
from hospes.compat.alink.roaming import HttpClient
from hospes.compat.alink.service import Cookie

__all__ = ["Cookie", "HttpClient", "HttpServer", "Http_Response", "HttpsServer", "Request"]
