"""The workloads on Robyn. python robyn_app.py PORT"""

import os
import sys
from typing import Any

from robyn import Request, Robyn

port = int(sys.argv.pop(1))  # Robyn reads the rest of the command line itself
app = Robyn(__file__)


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/:id")
async def typed(id: int, verbose: bool = False) -> dict[str, Any]:
    return {"id": id, "verbose": verbose}


@app.post("/echo")
async def echo(request: Request) -> Any:
    return request.json()


@app.post("/upload")
async def upload(request: Request) -> str:
    return str(len(request.body))


app.serve_directory(route="/static", directory_path=os.environ["BENCH_STATIC"])

if __name__ == "__main__":
    app.start(host="127.0.0.1", port=port)
