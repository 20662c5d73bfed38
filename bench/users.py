"""Visitors in a store of one million: how long it takes to start, to find one, and what sweeping costs those who come meanwhile.

`python -m bench users [--users N]`. The store is a SQLite file in a temporary folder, filled without fsync; all that is measured
runs as a program runs it. Requests are made by hand, so that no server's time is in the figures.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hospes.http import Address, Connection, Request, Response
from hospes.limits import Limits
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_file import prepare
from hospes.users import VisitorOptions, Visitors
from hospes.users.seal import record_key
from hospes.users.values import encode
from hospes.wire import RequestHead, RequestReader

_SMALL = 1_000
_LOOKUPS = 20_000
_SWEPT = 5  # one in so many is over
_SECONDS = 4.0  # of each measurement with requests
_ROUNDS = 4  # of them, sweeping and not in turn, so that a machine that slows down slows both down
_PAUSE = 0.002  # seconds between two requests of one client
_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds: the median, the 99th percentile, the longest; and of how many."""

    median: float
    p99: float
    longest: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> Times:
        """The figures of single measurements."""
        ordered = sorted(seconds)
        return cls(statistics.median(ordered) * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3, ordered[-1] * 1e3, len(ordered))

    def __str__(self) -> str:
        return f"| {self.median:.3f} | {self.p99:.3f} | {self.longest:.1f} | {self.count:,} |"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Seconds that requests took."""

    reads: list[float]
    writes: list[float]


def main(users: int) -> int:
    """Print the figures, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        small, large = Path(folder) / "small.db", Path(folder) / "large.db"
        _fill(small, _SMALL)
        _fill(large, users)
        print(f"{users:,} users, {large.stat().st_size / 1e6:.0f} MB\n")
        for path, count in ((small, _SMALL), (large, users)):
            print(f"start with {count:,}, until the first request is answered: {asyncio.run(_start(path, count)) * 1e3:.1f} ms")
        print("\n| ms | median | p99 | longest | of |\n|---|---|---|---|---|")
        for path, count in ((small, _SMALL), (large, users)):
            print(f"| lookup among {count:,} {asyncio.run(_lookups(path, count))}")
        left = _records(large)
        quiet, busy = _Asked([], []), _Asked([], [])
        for _ in range(_ROUNDS):
            asyncio.run(_requests(large, users, VisitorOptions(), quiet))
            asyncio.run(_requests(large, users, VisitorOptions(sweep=0.05), busy))
        for title, asked in (("not sweeping", quiet), (f"sweeping ({left - _records(large):,} removed)", busy)):
            print(f"| reading, {title} {Times.of(asked.reads)}\n| writing, {title} {Times.of(asked.writes)}")
    return 0


def measured(users: int, seconds: float) -> dict[str, float]:
    """What the report has of it, by name."""
    quiet, busy = _Asked([], []), _Asked([], [])
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        small, large = Path(folder) / "small.db", Path(folder) / "large.db"
        _fill(small, _SMALL)
        _fill(large, users)
        found = {f"start with {users:,} visitors: s": asyncio.run(_start(large, users))}
        for path, count in ((small, _SMALL), (large, users)):
            found[f"lookup among {count:,}: median µs"] = asyncio.run(_lookups(path, count)).median * 1e3
        for _ in range(_ROUNDS // 2):
            asyncio.run(_requests(large, users, VisitorOptions(), quiet, seconds))
            asyncio.run(_requests(large, users, VisitorOptions(sweep=0.05), busy, seconds))
    for title, asked in (("not sweeping", quiet), ("sweeping", busy)):
        found[f"reading, {title}: p99 ms"] = Times.of(asked.reads).p99
        found[f"writing, {title}: p99 ms"] = Times.of(asked.writes).p99
    return found


def _id(number: int) -> bytes:
    return b"%024d" % number


def _fill(path: Path, users: int) -> None:
    """A file with visitors, every fifth of them over; the others have just been here, so that no cookie is due."""
    connection = prepare(str(path), 10.0)
    connection.execute("PRAGMA synchronous = OFF")
    now = time.time()
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO record (space, key, value, version, expires) VALUES ('users', ?, ?, ?, ?)",
        (
            (
                record_key(_id(number)),
                encode({"n": number, "name": f"visitor {number}", "cart": [1, 2, 3]}, now, bytes(16), 1000),
                number + 1,
                now - 1 if number % _SWEPT == 0 else now + 400 * 86_400,
            )
            for number in range(users)
        ),
    )
    connection.execute("COMMIT")
    connection.close()


def _records(path: Path) -> int:
    connection = sqlite3.connect(path)
    ((count,),) = connection.execute("SELECT count(*) FROM record WHERE expires < ?", (time.time(),)).fetchall()
    connection.close()
    return int(count)


def _cookie(number: int) -> str:
    return f"hospes={_id(number).decode()}.{'A' * 43}"


def request(cookie: str) -> Request:
    """A request with a Cookie field, or with none where that is empty."""
    reader = RequestReader(Limits())
    field = f"Cookie: {cookie}\r\n" if cookie else ""
    reader.receive(f"GET / HTTP/1.1\r\nHost: bench\r\n{field}\r\n".encode())
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), "http", Limits()))


def _somebody(chance: random.Random, users: int) -> int:
    """One who is not over."""
    return chance.randrange(users // _SWEPT) * _SWEPT + 1 + chance.randrange(_SWEPT - 1)


async def _ask(visitors: Visitors, number: int, writes: bool) -> None:
    asked, response = request(_cookie(number)), Response("ok")
    user = await visitors.take(asked)
    assert user["cart"] == [1, 2, 3]
    if writes:
        user["n"] += 1
    while asked.finishers:
        await asked.finishers.pop()(response)


async def _start(path: Path, users: int) -> float:
    began = time.perf_counter()
    async with Visitors.at(f"sqlite:///{path}") as visitors:
        await _ask(visitors, users // _SWEPT * _SWEPT - 1, writes=True)
        return time.perf_counter() - began


async def _lookups(path: Path, users: int) -> Times:
    chance, store = random.Random(7), SqliteStore(str(path))
    await store.open()
    times: list[float] = []
    for _ in range(_LOOKUPS):
        key = record_key(_id(_somebody(chance, users)))
        began = time.perf_counter()
        assert await store.get("users", key) is not None
        times.append(time.perf_counter() - began)
    await store.close()
    return Times.of(times[_LOOKUPS // 10 :])  # the first ones fill the page cache


async def _requests(path: Path, users: int, options: VisitorOptions, asked: _Asked, seconds: float = _SECONDS) -> None:
    """Note the times of reading and of writing requests, of several clients at once."""
    async with Visitors.at(f"sqlite:///{path}", options) as visitors:
        end = time.perf_counter() + seconds

        async def client(seed: int) -> None:
            chance, times = random.Random(seed), asked.writes if seed % 2 == 0 else asked.reads
            while (began := time.perf_counter()) < end:
                await _ask(visitors, _somebody(chance, users), writes=seed % 2 == 0)
                times.append(time.perf_counter() - began)
                await asyncio.sleep(_PAUSE)

        await asyncio.gather(*(client(seed) for seed in range(_CLIENTS)))
