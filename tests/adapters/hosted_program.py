"""An application of ours as other servers import it: `asgi`, `wsgi`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from hospes import App, Request, RequestBodyReader, WebSocket

app = App(store="memory:")
asgi = app.asgi()
wsgi = app.wsgi()
lives: list[str] = []


@app.lifespan
async def life() -> AsyncGenerator[None]:
    lives.append("begun")
    yield


@app.get("/hello/{name}")
async def hello(name: str, request: Request, q: str = "") -> dict[str, object]:
    """Says what it was told."""
    await asyncio.sleep(0)
    return {"name": name, "q": q, "x": request.headers.get("X-Note"), "lives": lives}


@app.get("/thread")
def thread() -> str:
    """In a thread."""
    return "from a thread"


@app.get("/hints")
async def hints(request: Request) -> str:
    """Tells beforehand what it links to."""
    request.early_hints("</style.css>; rel=preload; as=style")
    return "hinted"


@app.get("/numbers")
async def numbers() -> AsyncIterator[str]:
    """A stream."""
    for number in range(3):
        yield f"{number}\n"
        await asyncio.sleep(0)


@app.get("/plain-numbers")
def plain_numbers() -> Iterator[str]:
    """A stream that a thread makes."""
    for number in range(3):
        yield f"{number}\n"


@app.post("/upload", body_limit=None)
async def upload(reader: RequestBodyReader) -> str:
    """Counts what comes."""
    return str(sum([len(piece) async for piece in reader]))


@app.websocket("/echo/{name}")
async def echo(ws: WebSocket, name: str) -> None:
    """Gives back what it hears."""
    await ws.send(name)
    async for message in ws:
        await ws.send(message)
