"""The workloads on Starlette."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket


async def plaintext(_: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


async def as_json(_: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, World!"})


async def typed(request: Request) -> JSONResponse:
    return JSONResponse({"id": request.path_params["id"], "verbose": request.query_params.get("verbose") == "true"})


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def upload(request: Request) -> PlainTextResponse:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return PlainTextResponse(str(size))


async def repeat(socket: WebSocket) -> None:
    await socket.accept()
    async for message in socket.iter_bytes():
        await socket.send_bytes(message)


app = Starlette(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", as_json),
        Route("/users/{id:int}", typed),
        Route("/echo", echo, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        WebSocketRoute("/ws", repeat),
        Mount("/static", StaticFiles(directory=os.environ["BENCH_STATIC"])),
    ]
)
