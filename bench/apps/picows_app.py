"""The echo of websockets on picows. python picows_app.py PORT"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


async def main(port: int) -> None:
    server = await ws_create_server(lambda _: Echo(), "127.0.0.1", port)
    await server.serve_forever()


uvloop.install()
asyncio.run(main(int(sys.argv[1])))
