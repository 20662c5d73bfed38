"""The workloads on FastAPI."""

import os
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles

app = FastAPI()


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/{id}")
async def typed(id: int, verbose: bool = False) -> dict[str, Any]:
    return {"id": id, "verbose": verbose}


@app.post("/echo")
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@app.post("/upload", response_class=PlainTextResponse)
async def upload(request: Request) -> str:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return str(size)


app.mount("/static", StaticFiles(directory=os.environ["BENCH_STATIC"]))
