"""`python -m bench.stores`: visitors' requests over each store, without HTTP.

A request takes the visitor's turn, reads, changes something or not, and gives the turn back. 64 visitors at once, then one
alone. The servers are those of the tests, on this machine. Quote ratios: the disk and the other programs decide about the
numbers.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from tests.servers import PostgresServer, ValkeyServer
from tests.users.support import cookie_of, count, serve

from hospes.users import User, Visitors

VISITORS, SECONDS, ROUNDS, ALONE = 64, 1.0, 3, 200
KINDS: dict[str, Callable[[User], object]] = {"read": len, "write": count}


async def _together(
    visitors: Visitors, cookies: list[str], change: Callable[[User], object], seconds: float
) -> tuple[float, float]:
    """Requests a second, and microseconds of our processor for each."""
    done, until = 0, time.perf_counter() + seconds

    async def come(cookie: str) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await serve(visitors, cookie, change)
            done += 1

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(come(cookie) for cookie in cookies))
    return done / (time.perf_counter() - began), (time.process_time() - used) / done * 1e6


async def _alone(visitors: Visitors, cookie: str, change: Callable[[User], object]) -> float:
    """Median microseconds of a request when there is no other."""
    times: list[float] = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await serve(visitors, cookie, change)
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


async def _measure(name: str, url: str) -> None:
    async with Visitors.at(url) as visitors:
        cookies = [cookie_of((await serve(visitors, change=count))[1]) for _ in range(VISITORS)]
        await _together(visitors, cookies, len, SECONDS / 3)
        for kind, change in KINDS.items():
            rounds = [await _together(visitors, cookies, change, SECONDS) for _ in range(ROUNDS)]
            rate, used = statistics.median(each[0] for each in rounds), min(each[1] for each in rounds)
            alone = await _alone(visitors, cookies[0], change)
            print(f"{name:9} {kind:5} {rate:7.0f}/s  {used:5.0f} µs of processor  alone {alone:6.0f} µs", flush=True)


def main() -> int:
    """Measure all of them."""
    valkey, postgres = ValkeyServer(), PostgresServer()
    try:
        valkey.start()
        postgres.start()
        with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
            urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder}/a.db", "valkey": valkey.url(), "postgres": postgres.url()}
            for name, url in urls.items():
                asyncio.run(_measure(name, url))
    finally:
        valkey.remove()
        postgres.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
