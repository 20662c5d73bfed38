"""An answer from a thread to the loop: in order, bounded, and told when it is over."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

import pytest
from tests.adapters.support import WAIT, on_loop

from hospes.adapters.wsgi_output import AHEAD, ThreadOutput
from hospes.execution import ThreadPool


def test_in_order_and_bounded() -> None:
    async def work() -> None:
        pool = ThreadPool(1)
        output = ThreadOutput(pool)
        most = 0

        def make() -> None:
            nonlocal most
            for number in range(64):
                output.put(bytes([number]) * (AHEAD // 4))
                most = max(most, output._held)
            output.end()

        job = pool.submit(copy_context(), make)
        content = b"".join([piece async for piece in output])
        await job
        assert content == b"".join(bytes([number]) * (AHEAD // 4) for number in range(64))
        assert most <= AHEAD + AHEAD // 4
        assert output.ended
        assert not output.failed
        await pool.close()

    on_loop(work)


def test_each_piece_is_there_at_once() -> None:
    async def work() -> None:
        pool = ThreadPool(1)
        output = ThreadOutput(pool)
        go = threading.Semaphore(0)

        def make() -> None:
            for piece in (b"a", b"b"):
                assert go.acquire(timeout=WAIT)
                output.put(piece)
            assert go.acquire(timeout=WAIT)
            output.end(LookupError("defect"))

        job = pool.submit(copy_context(), make)
        for piece in (b"a", b"b"):
            go.release()
            assert await anext(output) == piece
        go.release()
        with pytest.raises(LookupError):
            await anext(output)
        await job
        await pool.close()

    on_loop(work)


def test_who_puts_when_nobody_wants_it_is_told() -> None:
    async def work() -> None:
        pool = ThreadPool(1)
        output = ThreadOutput(pool)
        waiting = threading.Event()

        def make() -> str:
            output.put(b"x" * (AHEAD + 1))
            waiting.set()
            try:
                output.put(b"more")
            except OSError as error:
                return str(error)
            return "nothing"

        job = pool.submit(copy_context(), make)
        await asyncio.get_running_loop().run_in_executor(None, waiting.wait)
        await output.aclose()
        assert await job == "the peer has gone, and does not get the rest"
        await pool.close()

    on_loop(work)


def test_news_that_nobody_waits_for() -> None:
    async def work() -> None:
        output = ThreadOutput(ThreadPool(1))
        output.settle()
        assert output.take() == b""

    on_loop(work)
