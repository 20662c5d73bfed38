"""What the adapters' tests share: asking a handler without sockets, and applications in a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from hospes.adapters import HostedWsgi
from hospes.adapters.asgi import AsgiApplication, Message, Receive, Scope, Send
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.octets import request_of
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits

T = TypeVar("T")

PEERS = Connection(Address("192.0.2.7", 50_000), Address("127.0.0.1", 8080), "http", Limits())


@dataclass
class Asked:
    """An answer, complete."""

    status: int
    fields: list[tuple[str, str]]
    content: bytes
    streamed: bool


def made(target: str = "/", method: str = "GET", content: bytes | None = None, *fields: str, ends: Connection = PEERS) -> Request:
    """A request as the wire reads it."""
    lines = [f"{method} {target} HTTP/1.1", "Host: example.org", *fields]
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    return request_of("\r\n".join([*lines, "", ""]).encode("latin-1"), content or b"", ends)


async def respond(handler: Handler, request: Request) -> Response:
    """A handler's response."""
    answer = handler(request)
    return answer if isinstance(answer, Response) else await answer


async def whole(response: Response) -> Asked:
    """All of a response."""
    content = response.content
    streamed = isinstance(content, Stream)
    if isinstance(content, Stream):
        try:
            octets = b"".join([piece async for piece in content])
        finally:
            await content.aclose()
    elif isinstance(content, FileContent):
        with content.file as file:
            file.seek(content.offset)
            octets = file.read(content.length)
    else:
        assert isinstance(content, bytes)
        octets = content
    return Asked(response.status, list(response.lines()), octets, streamed)


def ask(handler: Handler, request: Request | None = None) -> Asked:
    """Ask a handler on a loop of its own."""

    async def run() -> Asked:
        if isinstance(handler, HostedWsgi):  # its threads
            async with handler.running():
                return await whole(await respond(handler, request or made()))
        return await whole(await respond(handler, request or made()))

    return asyncio.run(run())


def on_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an async test function."""
    return asyncio.run(work())


def start(status: int = 200, *fields: tuple[bytes, bytes], **more: Any) -> Message:
    """The beginning of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(fields), **more}


def body(content: bytes = b"", more: bool = False) -> Message:
    """A piece of an answer."""
    return {"type": "http.response.body", "body": content, "more_body": more}


def sending(*messages: Message) -> AsgiApplication:
    """An application that sends just that."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return application


@asynccontextmanager
async def opened(handler: Any) -> AsyncGenerator[Handler]:
    """A hosted application while it lives; in these tests most know nothing of a lifespan."""
    async with handler.running():
        yield handler


WAIT = 20.0
"""Seconds after which a test that waits has failed."""
