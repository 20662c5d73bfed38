"""The program whose instructions `guard` counts: python bench/guard_app.py FOLDER; it prints the ports of its applications.

All of them live in one process, on one loop; the last one is a bare ASGI application. Beside the workloads there is a yardstick:
fixed work of a kind that a framework in Python does, which costs more where the interpreter does. And there is the same function
among a few routes and among many.

The collector of cycles stands still: which requests its turns fall on depends on what was asked before (a session's read behind
other workloads counted 6 % dearer than the same read alone).
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # it is a program of this repository, and no package of an installation

from bench.app import app, typed
from hospes import App, Limits, Timeouts, from_asgi
from hospes.server import Server, ServerOptions

ROUNDS = 200
"""Of the yardstick in one request: so many that the request itself does not count."""
FEW, MANY = 5, 2_000
HOSTED = -1
"""Which of the applications is another framework's: the last one."""

_VARIABLE = ContextVar("_VARIABLE", default=0)
_HEAD = b"GET /users/42?verbose=true HTTP/1.1\r\nHost: guard\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n"


class _Item:
    """Something with slots, as a request is."""

    __slots__ = ("fields", "method", "target")

    def __init__(self, method: str, target: str, fields: dict[str, str]) -> None:
        self.method = method
        self.target = target
        self.fields = fields


async def _work() -> bytes:
    """Take octets apart, make an object of them, call, look up, put octets together: always the same."""
    lines = _HEAD[:-4].split(b"\r\n")
    method, target, _ = lines[0].decode("ascii").split(" ")
    fields = {name.lower().decode(): value.strip().decode() for name, _, value in (line.partition(b":") for line in lines[1:])}
    item = _Item(method, target, fields)
    path, _, query = item.target.partition("?")
    values = dict(each.split("=") for each in query.split("&"))
    _VARIABLE.set(int(path.rpartition("/")[2]))
    answer = {"id": _VARIABLE.get(), "verbose": values["verbose"] == "true", "host": item.fields["host"]}
    text = ", ".join(f"{name}: {value}" for name, value in answer.items())
    return b"%b %d\r\n\r\n%b" % (item.method.encode(), len(text), text.encode())


@app.get("/yardstick")
async def yardstick() -> str:
    for _ in range(ROUNDS):
        coroutine = _work()
        with suppress(StopIteration):
            copy_context().run(coroutine.send, None)
    return "Hello, World!"


async def bare(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """An ASGI application of another framework, or of none."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), (b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": b"Hello, World!"})


def routed(count: int) -> App:
    """An application of so many routes, the typed one of the workloads the last of them."""
    among = App()
    for number in range((count - 1) // 2):
        among.get(f"/things{number}")(yardstick)
        among.get(f"/things{number}/{{id:int}}")(typed)
    among.get("/users/{id:int}")(typed)
    return among


async def main(folder: str, *more: App) -> None:
    """Serve until somebody ends the process.

    Args:
        folder: Its files are served.
        more: Applications beside the ones that are here.
    """
    app.files("/static", folder)
    # Who looks after connections does so seldom, so that it is not counted.
    timeouts = Timeouts(header=600, body_idle=600, write_idle=600, keep_alive=600, linger=600)
    options = ServerOptions(port=0, limits=Limits(requests_per_connection=10**9), timeouts=timeouts)
    async with AsyncExitStack() as stack:
        ports: list[int] = []
        handlers = [await stack.enter_async_context(each.started()) for each in (app, routed(FEW), routed(MANY), *more)]
        handlers.append(from_asgi(bare))
        for handler in handlers:
            server = Server(handler, options)
            await server.start()
            ports.append(server.address[1])
        print(*ports, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    gc.disable()
    asyncio.run(main(sys.argv[1]))
