"""The workloads on simple_http_server. python simple_app.py PORT thread|coroutine"""

import os
import sys

import simple_http_server.logger as logger
from simple_http_server import JSONBody, PathValue, route, server

logger.set_level("ERROR")


@route("/plaintext")
def plaintext() -> str:
    return "Hello, World!"


@route("/json")
def as_json() -> dict:
    return {"message": "Hello, World!"}


@route("/users/{id}")
def typed(id=PathValue(), verbose: bool = False) -> dict:  # noqa: B008  # its way of saying it
    return {"id": int(id), "verbose": verbose}


@route("/echo", method=["POST"])
def echo(data=JSONBody()) -> dict:  # noqa: B008
    return dict(data)


server.start(
    "127.0.0.1",
    int(sys.argv[1]),
    prefer_coroutine=sys.argv[2] == "coroutine",
    resources={"/static/**": os.environ["BENCH_STATIC"]},
    keep_alive=True,
    keep_alive_max_request=100_000_000,
)
