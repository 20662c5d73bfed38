"""The workloads in granian's own interface, RSGI; routed by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

TEXT = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    if scope.proto != "http":
        await _repeat(await protocol.accept())
        return
    path = scope.path
    if path == "/plaintext":
        protocol.response_str(200, TEXT, "Hello, World!")
    elif path == "/json":
        protocol.response_bytes(200, JSON, msgspec.json.encode({"message": "Hello, World!"}))
    elif path.startswith("/users/"):
        verbose = parse_qs(scope.query_string).get("verbose", ["false"])[0] == "true"
        protocol.response_bytes(200, JSON, msgspec.json.encode({"id": int(path[7:]), "verbose": verbose}))
    elif path == "/echo":
        protocol.response_bytes(200, JSON, msgspec.json.encode(msgspec.json.decode(await protocol())))
    elif path == "/upload":
        size = 0
        async for piece in protocol:
            size += len(piece)
        protocol.response_str(200, TEXT, str(size))
    else:
        protocol.response_empty(404, [])


async def _repeat(channel: Any) -> None:
    closed, octets = 0, 1
    while (message := await channel.receive()).kind != closed:
        if message.kind == octets:
            await channel.send_bytes(message.data)
        else:
            await channel.send_str(message.data)
