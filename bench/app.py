"""The workloads on hospes, written as any program would write them.

python bench/app.py PORT FOLDER [WORKERS]
"""

from __future__ import annotations

import sys
import tempfile
from typing import Annotated, Any

from hospes import App, JSONBody, Limits, RequestBodyReader, Session, User, WebSocket, WebSocketSession

app = App()


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/inline", inline=True)
def inline() -> str:
    return "Hello, World!"


@app.get("/threaded")
def threaded() -> str:
    return "Hello, World!"


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/{id:int}")
async def typed(id: int, verbose: bool = False) -> dict[str, object]:
    return {"id": id, "verbose": verbose}


@app.post("/echo")
async def echo(data: Annotated[dict[str, Any], JSONBody]) -> dict[str, Any]:
    return data


@app.post("/upload", body_limit=None)
async def upload(body: RequestBodyReader) -> str:
    size = 0
    async for piece in body:
        size += len(piece)
    return str(size)


@app.post("/upload/file", body_limit=None)
async def upload_to_file(body: RequestBodyReader) -> str:
    with tempfile.TemporaryFile(buffering=0) as file:  # it has no name, and is gone when it is closed
        return str(await body.save_to_file(file))


@app.get("/user/read")
async def read(user: User) -> str:
    return str(user.get("visits", 0))


@app.get("/user/write")
async def write(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return str(user["visits"])


@app.get("/session/read")
async def read_session(session: Session) -> str:
    return str(session.get("visits", 0))


@app.get("/session/write")
async def write_session(session: Session) -> str:
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.websocket_handler("/ws", inline=True)
class Echo:
    def on_text_message(self, session: WebSocketSession, text: str) -> None:
        session.send(text)

    def on_binary_message(self, session: WebSocketSession, octets: bytes) -> None:
        session.send(octets)


@app.websocket("/ws/for")
async def echo_for(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


# A program has more than five routes.
for number in range(40):
    app.get(f"/api/v1/things{number}")(plaintext)
    app.get(f"/api/v1/things{number}/{{id:int}}")(typed)

if __name__ == "__main__":
    app.files("/static", sys.argv[2])
    many = int(sys.argv[3]) if len(sys.argv) > 3 else None
    app.run(port=int(sys.argv[1]), limits=Limits(requests_per_connection=10**9), workers=many)
