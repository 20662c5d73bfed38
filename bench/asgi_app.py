"""The workloads as a bare ASGI application: what the ASGI peers serve. No framework, routed by hand, to their advantage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    path = scope["path"]
    if path == "/plaintext":
        await _answer(send, b"Hello, World!", b"text/plain; charset=utf-8")
    elif path == "/json":
        await _answer(send, msgspec.json.encode({"message": "Hello, World!"}))
    elif path.startswith("/users/"):
        verbose = parse_qs(scope["query_string"].decode()).get("verbose", ["false"])[0] == "true"
        await _answer(send, msgspec.json.encode({"id": int(path[7:]), "verbose": verbose}))
    elif path == "/echo":
        content = b"".join([piece async for piece in _content(receive)])
        await _answer(send, msgspec.json.encode(msgspec.json.decode(content)))
    elif path == "/upload":
        size = sum([len(piece) async for piece in _content(receive)])
        await _answer(send, b"%d" % size, b"text/plain; charset=utf-8")


async def _content(receive: Receive) -> Any:
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _answer(send: Send, content: bytes, media_type: bytes = b"application/json") -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _live(receive: Receive, send: Send) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})
