"""The echo of websockets on websockets. python websockets_app.py PORT"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve


async def repeat(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def main(port: int) -> None:
    async with serve(repeat, "127.0.0.1", port, compression=None, max_size=16 * 1024 * 1024) as server:
        await server.serve_forever()


uvloop.install()
asyncio.run(main(int(sys.argv[1])))
