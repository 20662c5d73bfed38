"""The workloads as a bare ASGI application. No framework, routed by hand, to the advantage of the server under it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

TEXT = b"text/plain; charset=utf-8"


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _serve(scope, receive, send)
    elif scope["type"] == "websocket":
        await _repeat(receive, send)
    else:
        await _live(receive, send)


async def _serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    path = scope["path"]
    if path == "/plaintext":
        await _answer(send, b"Hello, World!", TEXT)
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
        await _answer(send, b"%d" % size, TEXT)


async def _repeat(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


async def _content(receive: Receive) -> AsyncIterator[bytes]:
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
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
