"""A program as it was written for http_server: patterns, functions of request and response, middlewares, folders.

Only the imports name hospes. New programs are better off with `App`: see hello.py and filters.py.
"""

import os

from hospes.compat.http_server import Path, Requests, Response, WebServer
from hospes.compat.http_server.url import Redirect, RedirectToFunction


def index(request: Requests, response: Response) -> None:
    visits = int(request.get_cookie("visits", 0)) + 1
    response.cookies["visits"] = str(visits)
    response.send(f"<html><h1>Visit {visits}</h1></html>", 200, "text/html")


def search(request: Requests, response: Response) -> None:
    response.sendJson({"method": request.method, "q": request.get_parameter("q", ""), "body": request.body})


def start(request: Requests, response: Response) -> RedirectToFunction:
    return RedirectToFunction("index")


def old(request: Requests, response: Response) -> Redirect:
    return Redirect("/search")


def referer(request: Requests, response: Response) -> tuple[Requests, Response]:
    response.headers["X-From"] = request.get_header("Referer", "nowhere")
    return request, response


server = WebServer(
    port=8080,
    route=[
        Path(r"^\/$", index, name="index"),
        Path(r"^/search$", search),
        Path(r"^/start$", start),
        Path(r"^/old", old),
    ],
)
server.Middlewares.append(referer)
server.fileServer("/media/", os.path.join(os.path.dirname(__file__), "guestbook", "static"))

if __name__ == "__main__":
    server.run()  # http://127.0.0.1:8080
