"""The line: in order, together, within a bound, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import pytest

from hospes.errors import SetupError
from hospes.store.contract import Conflict, StoreUnavailable
from hospes.store.line import Line, check_process


class FakeLink:
    """A server that gives every request back, and does what the test says."""

    def __init__(self) -> None:
        self.is_connected = False
        self.batches: list[list[str]] = []
        self.connects = 0
        self.refusals: list[Exception] = []  # what connecting fails with, one after the other
        self.breaks = 0  # how many batches break the connection
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self) -> None:
        self.connects += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.is_connected = True

    async def run(self, requests: Sequence[str]) -> list[Any]:
        self.batches.append(list(requests))
        await self.gate.wait()
        if self.breaks:
            self.breaks -= 1
            raise StoreUnavailable("broke")
        if self.fault is not None:
            raise self.fault
        return [Conflict() if each == "taken" else each for each in requests]

    async def disconnect(self) -> None:
        self.is_connected = False


async def opened(link: FakeLink, patience: float = 5.0) -> Line[str]:
    line = Line(link, patience, "fake://server")
    await line.open()
    return line


def test_what_is_asked_for_together_travels_together_and_in_order() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.gate.clear()
        first = [line.ask(str(i)) for i in range(3)]
        while not link.batches:
            await asyncio.sleep(0)
        later = [line.ask(str(i)) for i in range(3, 303)]
        link.gate.set()
        assert await asyncio.gather(*first, *later) == [str(i) for i in range(303)]
        assert [len(batch) for batch in link.batches] == [3, 256, 44]
        assert [each for batch in link.batches for each in batch] == [str(i) for i in range(303)]
        assert line.trips == 3
        await line.close()

    asyncio.run(main())


def test_one_that_fails_fails_alone() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        outcomes = await asyncio.gather(line.ask("a"), line.ask("taken"), line.ask("b"), return_exceptions=True)
        assert [type(each) for each in outcomes] == [str, Conflict, str]
        assert len(link.batches) == 1
        await line.close()

    asyncio.run(main())


def test_who_was_cancelled_is_not_sent() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        line.ask("a").cancel()
        assert await line.ask("b") == "b"
        assert link.batches == [["b"]]
        await line.close()

    asyncio.run(main())


def test_who_is_cancelled_under_way_disturbs_nobody() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.gate.clear()
        a, b = line.ask("a"), line.ask("taken")
        while not link.batches:
            await asyncio.sleep(0)
        a.cancel()
        b.cancel()
        link.gate.set()
        assert await line.ask("c") == "c"
        await line.close()

    asyncio.run(main())


def test_when_the_connection_breaks_what_may_be_sent_twice_is_and_the_rest_says_so() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.breaks = 1
        once, twice = line.ask("once"), line.ask("twice", again=True)
        with pytest.raises(StoreUnavailable, match="the store at fake://server failed: 503 broke"):
            await once
        assert await twice == "twice"
        assert link.batches == [["once", "twice"], ["twice"]]
        assert link.connects == 2
        await line.close()

    asyncio.run(main())


def test_what_was_not_sent_waits_for_the_connection() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.is_connected = False
        link.refusals = [StoreUnavailable("away"), StoreUnavailable("away")]
        assert [await each for each in (line.ask("a"), line.ask("b"))] == ["a", "b"]
        assert link.connects == 4
        await line.close()

    asyncio.run(main())


def test_a_server_that_will_not_have_us_any_more_is_no_reason_to_wait() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.is_connected = False
        link.refusals = [SetupError("the password was changed")]
        with pytest.raises(StoreUnavailable, match="the password was changed"):
            await line.ask("a", again=True)
        assert await line.ask("b") == "b", "it may have been changed back"
        await line.close()

    asyncio.run(main())


def test_nobody_waits_longer_than_patience() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link, 0.25)
        link.gate.clear()
        first = line.ask("a", again=True)
        await asyncio.sleep(0.02)
        second = line.ask("b")
        began = asyncio.get_running_loop().time()
        for each in (first, second):
            with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.25 s"):
                await each
        assert asyncio.get_running_loop().time() - began < 2.0
        link.gate.set()
        assert await line.ask("c") == "c"
        assert link.connects == 2, "a server that says nothing is asked over a new connection"
        await line.close()

    asyncio.run(main())


def test_a_fault_of_ours_does_not_end_the_line() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        link.fault = TypeError("a fault")
        with pytest.raises(TypeError, match="a fault"):
            await line.ask("a", again=True)
        link.fault = None
        assert await line.ask("b") == "b"
        await line.close()

    asyncio.run(main())


def test_opening_waits_for_a_server_that_starts() -> None:
    async def main() -> None:
        link = FakeLink()
        link.refusals = [StoreUnavailable("starts")]
        line = await opened(link)
        assert await line.ask("a") == "a"
        await line.close()

    asyncio.run(main())


def test_opening_has_an_end() -> None:
    async def main() -> None:
        link = FakeLink()
        link.refusals = [StoreUnavailable("away")] * 9
        with pytest.raises(StoreUnavailable, match="away"):
            await opened(link, 0.05)
        link.refusals = [SetupError("no")]
        with pytest.raises(SetupError, match="no"):
            await opened(link)

    asyncio.run(main())


def test_opening_a_connection_that_says_nothing_has_an_end() -> None:
    class Silent(FakeLink):
        async def connect(self) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await opened(Silent(), 0.05)

    asyncio.run(main())


def test_closing_finishes_what_was_asked_for() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link)
        asked = [line.ask(str(i)) for i in range(600)]
        await line.close()
        assert [each.result() for each in asked] == [str(i) for i in range(600)]
        assert not link.is_connected

    asyncio.run(main())


def test_closing_has_an_end() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link, 0.05)
        link.gate.clear()
        asked = line.ask("a", again=True)
        await line.close()
        with pytest.raises(StoreUnavailable):
            await asked

    asyncio.run(main())


def test_closing_leaves_nobody_waiting() -> None:
    async def main() -> None:
        link = FakeLink()
        line = await opened(link, 0.05)
        link.gate.clear()
        asked = line.ask("a")
        assert line._watch is not None
        line._watch.cancel()  # as when the loop is so late that the end of closing comes first
        await line.close()
        with pytest.raises(StoreUnavailable, match=r"was closed before|failed"):
            await asked

    asyncio.run(main())


def test_a_line_that_was_never_open_closes() -> None:
    async def main() -> None:
        line = Line(FakeLink(), 0.05, "fake://server")
        asked = line.ask("a")
        await line.close()
        with pytest.raises(StoreUnavailable):
            await asked

    asyncio.run(main())


def test_a_process_check() -> None:
    check_process(os.getpid())
    with pytest.raises(SetupError, match="not open"):
        check_process(0)
    with pytest.raises(SetupError, match="in its fork"):
        check_process(1)
