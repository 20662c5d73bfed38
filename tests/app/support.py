"""What the application's tests share: apps that are asked, apps that refuse to start, and peers that leave."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from tests.server.support import Peer

from hospes.errors import SetupError
from hospes.http.handler import Handler
from hospes.http.octets import request_of
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.running import App

PATIENCE = 10.0


def refusal(app: App) -> str:
    """What a developer reads when the app does not start."""
    with pytest.raises(SetupError) as caught, app.test():
        pass
    return steady(caught.value)


def mistake(declare: Callable[[], object]) -> str:
    """What a developer reads when a declaration is refused."""
    with pytest.raises(SetupError) as caught:
        declare()
    return steady(caught.value)


def steady(error: SetupError) -> str:
    """An error's text, whose places in tests have no line numbers."""
    return re.sub(r"(test_\w+\.py):\d+", r"\1:LINE", str(error))


def made(target: str = "/", method: str = "GET", content: bytes | None = None, *fields: str) -> Request:
    """A request that no carrier has brought."""
    lines = [f"{method} {target} HTTP/1.1", "Host: h", *fields]
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    connection = Connection(Address("127.0.0.1", 1), Address("h", 80), "http", Limits())
    return request_of("\r\n".join([*lines, "", ""]).encode(), content or b"", connection)


async def answered(handler: Handler, request: Request) -> Response:
    """What a handler answers, at once or when awaited."""
    answer = handler(request)
    return answer if isinstance(answer, Response) else await answer


@asynccontextmanager
async def asked(app: App, queue: float = PATIENCE) -> AsyncGenerator[Callable[[Request], Coroutine[Any, Any, Response]]]:
    """A started app as a coroutine function, to be cancelled for one."""
    async with app.started(queue) as handler:

        async def ask(request: Request) -> Response:
            return await answered(handler, request)

        yield ask


@contextmanager
def peer_of(app: App) -> Generator[Peer]:
    """A peer connected to the app through a real server."""
    with app.serving() as server, Peer(int(server.url.rpartition(":")[2])) as peer:
        yield peer


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)
