"""The workloads on Flask."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request

PIECE = 256 * 1024

app = Flask(__name__, static_folder=os.environ["BENCH_STATIC"], static_url_path="/static")


@app.get("/plaintext")
def plaintext() -> tuple[str, int, dict[str, str]]:
    return "Hello, World!", 200, {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/json")
def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/<int:id>")
def typed(id: int) -> dict[str, Any]:
    return {"id": id, "verbose": request.args.get("verbose") == "true"}


@app.post("/echo")
def echo() -> Any:
    return request.get_json()


@app.post("/upload")
def upload() -> str:
    size = 0
    while piece := request.stream.read(PIECE):
        size += len(piece)
    return str(size)
