"""Several loops and several processes share one store, and no visitor loses a thing, not even to `kill -9`."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.users.support import cookie_of, count, serve

from hospes.users import VisitorOptions, Visitors

ROOT = Path(__file__).parents[2]

COUNTING = """
import asyncio, sys
from hospes.users import VisitorOptions, Visitors
from tests.users.support import count, serve
async def main(url, cookie, times):
    async with Visitors.at(url, VisitorOptions(wait=50.0)) as visitors:  # a slow disk is no failure here
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(serve(visitors, cookie, count) for _ in range(int(times))))
asyncio.run(main(*sys.argv[1:]))
"""

HOLDING = """
import asyncio, sys
from hospes.users import VisitorOptions, Visitors
from tests.users.support import ask, count
async def main(url, cookie):
    async with Visitors.at(url) as visitors:
        count(await visitors.take(ask(cookie)))
        print("ready", flush=True)
        sys.stdin.readline()
asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it is ready."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


async def meet(url: str) -> str:
    """A new visitor's cookie."""
    async with Visitors.at(url) as visitors:
        _, response = await serve(visitors)
        return cookie_of(response)


async def counted(url: str, cookie: str) -> int:
    async with Visitors.at(url) as visitors:
        user, _ = await serve(visitors, cookie)
        return int(user["n"])


@pytest.fixture(params=["sqlite", "valkey", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/visitors.db"
    return str(request.getfixturevalue(request.param).url())


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_count_160(url: str, processes: int) -> None:
    cookie = asyncio.run(meet(url))
    with ExitStack() as stack:
        children = [stack.enter_context(process(COUNTING, url, cookie, str(160 // processes))) for _ in range(processes)]
        for each in children:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        assert [each.wait() for each in children] == [0] * processes
    assert asyncio.run(counted(url, cookie)) == 160


def test_two_loops_of_one_process_count_160(url: str) -> None:
    if sys.platform != "linux" and url.startswith("sqlite"):
        pytest.skip("platform: elsewhere the locks part processes only")
    cookie = asyncio.run(meet(url))

    async def main() -> None:
        async with Visitors.at(url, VisitorOptions(wait=50.0)) as visitors:
            await asyncio.gather(*(serve(visitors, cookie, count) for _ in range(80)))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(counted(url, cookie)) == 160


def test_when_a_process_is_killed_in_its_turn_the_next_one_goes_on_at_once(url: str) -> None:
    cookie = asyncio.run(meet(url))

    async def main() -> None:
        async with Visitors.at(url) as visitors:
            await serve(visitors, cookie, count)
            with process(HOLDING, url, cookie) as holder:
                waiting = asyncio.create_task(serve(visitors, cookie, count))
                done, _ = await asyncio.wait([waiting], timeout=0.05)
                assert not done, "the other process has the turn"
                holder.send_signal(signal.SIGKILL)
                holder.wait()
                killed = time.monotonic()
                user, _ = await waiting
                assert time.monotonic() - killed < 3.0  # far below a lease, and the 10 s that a turn is waited for
                assert user == {"n": 2}, "what the killed one had not answered is not there"

    asyncio.run(main())
