"""`python -m bench visitors`: what remembering costs, beside the rates of user-read and user-write that `macro` measures.

| | how |
|---|---|
| requests per commit | 64 visitors, each of whose requests writes; every fsync takes 5 ms longer |
| p99 of writing | four processes with one SQLite file, 16 visitors each, who pause for 2 ms; errors are counted |
| round trips | one visitor and a Valkey: those that a request waits for, to read with the turn, to write and give it back |
| a million visitors | `python -m bench users` |

No HTTP: requests are made by hand. Latencies are the machine's as well; on one with two cores four processes share them.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextvars import Context
from pathlib import Path

from bench import users
from hospes.http import Response
from hospes.store.redis import RedisStore
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_writer import SqliteOptions
from hospes.users import User, VisitorOptions, Visitors

VISITORS, SLOW_FSYNC = 64, 0.005
PROCESSES, EACH, PAUSE = 4, 16, 0.002
TRIPS = 100

Figures = dict[str, float]


def main(number: int) -> int:
    """Print the figures."""
    for name, value in measured(number).items():
        print(f"{name}: {value:,.2f}", flush=True)
    return 0


def measured(number: int, seconds: float = 3.0) -> Figures:
    """All of them, by name.

    Args:
        number: Visitors in the large store.
        seconds: Of each measurement.
    """
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        figures = asyncio.run(_grouping(Path(folder) / "slow.db", seconds))
        figures |= _processes(Path(folder) / "shared.db", seconds)
    figures |= _trips()
    figures |= users.measured(number, seconds)
    return figures


def count(user: User) -> None:
    """What the plainest program does."""
    user["n"] = user.get("n", 0) + 1


async def serve(visitors: Visitors, cookie: str, change: Callable[[User], object]) -> Response:
    """A request, in a context of its own, as carriers give it; the visitor is taken as an application takes it."""
    return await asyncio.create_task(_serve(visitors, cookie, change), context=Context())


async def _serve(visitors: Visitors, cookie: str, change: Callable[[User], object]) -> Response:
    request, response = users.request(cookie), Response("ok")
    change(visitors.take_now(request) or await visitors.take(request))
    while request.finishers:
        await request.finishers.pop()(response)
    return response


async def meet(visitors: Visitors) -> str:
    """The cookie of a new visitor, of whom something is stored."""
    response = await serve(visitors, "", count)
    return next(value.partition(";")[0] for name, value in response.lines() if name == "Set-Cookie")


async def _grouping(path: Path, seconds: float) -> Figures:
    options = SqliteOptions(before_commit=lambda: time.sleep(SLOW_FSYNC))
    turns = VisitorOptions(turn_file=f"{path}-turns")
    async with Visitors(lambda: SqliteStore(str(path), options=options), turns) as visitors:
        store = visitors.store
        assert isinstance(store, SqliteStore)
        cookies = [await meet(visitors) for _ in range(VISITORS)]
        before, until, done = store.commits, time.perf_counter() + seconds, 0

        async def come(cookie: str) -> None:
            nonlocal done
            while time.perf_counter() < until:
                await serve(visitors, cookie, count)
                done += 1

        await asyncio.gather(*(come(cookie) for cookie in cookies))
        return {"requests per commit, fsync 5 ms longer": done / (store.commits - before)}


def _processes(path: Path, seconds: float) -> Figures:
    asyncio.run(_prepared(path))
    command = [sys.executable, "-m", "bench.visitors", f"sqlite:///{path}", str(seconds)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    told = [json.loads(process.communicate(timeout=60 + seconds)[0]) for process in started]
    times = sorted(each for took, _ in told for each in took)
    return {
        "four writing processes: p99 ms": times[int(len(times) * 0.99)] * 1e3,
        "four writing processes: requests/s": len(times) / seconds,
        "four writing processes: errors": sum(errors for _, errors in told),
    }


async def _prepared(path: Path) -> None:
    async with Visitors.at(f"sqlite:///{path}") as visitors:
        await meet(visitors)


async def write(url: str, seconds: float) -> tuple[list[float], int]:
    """One of the processes: the seconds that its requests took, and how many failed."""
    times, errors = list[float](), 0
    async with Visitors.at(url) as visitors:
        cookies = [await meet(visitors) for _ in range(EACH)]
        until = time.perf_counter() + seconds

        async def come(cookie: str) -> None:
            nonlocal errors
            while (began := time.perf_counter()) < until:
                try:
                    await serve(visitors, cookie, count)
                except Exception:
                    errors += 1
                times.append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE)

        await asyncio.gather(*(come(cookie) for cookie in cookies))
    return times, errors


def _trips() -> Figures:
    from tests.servers import ValkeyServer

    server = ValkeyServer()
    try:
        server.start()
        return asyncio.run(_count_trips(server.url()))
    finally:
        server.remove()


async def _count_trips(url: str) -> Figures:
    async with Visitors.at(url) as visitors:
        store = visitors.store
        assert isinstance(store, RedisStore)
        cookie, found = await meet(visitors), Figures()
        await serve(visitors, cookie, len)
        for name, change in {"read": len, "written": count}.items():
            trips = list[int]()
            for _ in range(TRIPS):
                before = store.trips
                await serve(visitors, cookie, change)
                trips.append(store.trips - before)
                await asyncio.sleep(0.001)  # a turn that is given back without a write travels later, and nobody waits for it
            found[f"Valkey: round trips of a request, {name}"] = statistics.median(trips)
        return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(write(sys.argv[1], float(sys.argv[2])))))
