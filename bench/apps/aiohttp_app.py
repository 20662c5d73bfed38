"""The workloads on aiohttp's server. python aiohttp_app.py PORT"""

from __future__ import annotations

import os
import sys

import uvloop
from aiohttp import WSMsgType, web


async def plaintext(_: web.Request) -> web.Response:
    return web.Response(text="Hello, World!")


async def as_json(_: web.Request) -> web.Response:
    return web.json_response({"message": "Hello, World!"})


async def typed(request: web.Request) -> web.Response:
    return web.json_response({"id": int(request.match_info["id"]), "verbose": request.query.get("verbose") == "true"})


async def echo(request: web.Request) -> web.Response:
    return web.json_response(await request.json())


async def upload(request: web.Request) -> web.Response:
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
    return web.Response(text=str(size))


async def repeat(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, max_msg_size=16 * 1024 * 1024)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


app = web.Application(client_max_size=64 * 1024 * 1024)
app.router.add_get("/plaintext", plaintext)
app.router.add_get("/json", as_json)
app.router.add_get(r"/users/{id:\d+}", typed)
app.router.add_post("/echo", echo)
app.router.add_post("/upload", upload)
app.router.add_get("/ws", repeat)
app.router.add_static("/static", os.environ["BENCH_STATIC"])

if __name__ == "__main__":
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, keepalive_timeout=600)
