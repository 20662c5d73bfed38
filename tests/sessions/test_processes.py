"""Several processes share one store, and a session loses nothing, whether it is changed in turns or merged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.sessions.support import cookie_of, count, serve

from hospes.sessions import StoredSessions
from hospes.users import VisitorOptions, Visitors

ROOT = Path(__file__).parents[2]

COUNTING = """
import asyncio, sys
from hospes.sessions import StoredSessions
from hospes.users import VisitorOptions, Visitors
from tests.sessions.support import count, serve
async def main(url, cookie):
    async with Visitors.at(url, VisitorOptions(wait=50.0)) as visitors:  # a slow disk is no failure here
        sessions = StoredSessions(visitors.store, visitors.turns)
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(serve(sessions, cookie, count, method) for method in ("GET", "POST") for _ in range(20)))
        await sessions.close()
asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def process(url: str, cookie: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it is ready."""
    command = [sys.executable, "-W", "error", "-c", COUNTING, url, cookie]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


async def counted(url: str, cookie: str = "") -> tuple[int, str]:
    """One more, and the cookie."""
    async with Visitors.at(url, VisitorOptions(wait=50.0)) as visitors:
        sessions = StoredSessions(visitors.store, visitors.turns)
        session, response = await serve(sessions, cookie, count)
        await sessions.close()
        return session["n"], cookie_of(response)


@pytest.mark.timeout(180)
def test_two_processes_share_a_session(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    n, cookie = asyncio.run(counted(url))
    assert n == 1
    with process(url, cookie) as one, process(url, cookie) as other:
        for each in (one, other):
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        assert [one.wait(), other.wait()] == [0, 0]
    assert asyncio.run(counted(url, cookie)) == (82, "")
