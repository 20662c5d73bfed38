"""The program that `scale.py` measures: python bench/scale_app.py PORT ROUTES WORKERS (0 workers: this process serves)."""

from __future__ import annotations

import sys

from hospes import App, Limits, RequestBodyReader, Timeouts, User

app = App()


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.post("/upload", body_limit=None)
async def upload(body: RequestBodyReader) -> str:
    size = 0
    async for piece in body:
        size += len(piece)
    return str(size)


@app.get("/user/read")
async def read(user: User) -> str:
    return str(user.get("visits", 0))


@app.get("/user/write")
async def write(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return str(user["visits"])


async def typed(id: int) -> dict[str, int]:
    return {"id": id}


for number in range(int(sys.argv[2]) // 2):
    app.get(f"/api/v1/things{number}")(plaintext)
    app.get(f"/api/v1/things{number}/{{id:int}}")(typed)

if __name__ == "__main__":
    app.run(
        port=int(sys.argv[1]),
        limits=Limits(requests_per_connection=10**9, connections=20_000),
        timeouts=Timeouts(keep_alive=600),
        workers=int(sys.argv[3]) or None,
    )
