"""What is under way: nobody who leaves stops it, and who closes waits for it."""

from __future__ import annotations

import asyncio

import pytest

from hospes.store.underway import Heard, Underway


def test_who_leaves_stops_nothing_and_who_joins_waits() -> None:
    async def main() -> None:
        underway, gate, done = Underway(), asyncio.Event(), list[str]()

        async def work() -> None:
            await gate.wait()
            done.append("work")

        await underway.join()  # nothing is
        caller = asyncio.create_task(underway.undisturbed(work()))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        underway.begin()
        joining = asyncio.create_task(underway.join())
        gate.set()
        while not done:
            await asyncio.sleep(0)
        assert not joining.done(), "something has begun, and has not ended"
        underway.begin()
        underway.end()
        await asyncio.sleep(0)
        assert not joining.done()
        underway.end()
        await joining

    asyncio.run(main())


def test_what_begins_while_somebody_joins_is_waited_for() -> None:
    async def main() -> None:
        underway = Underway()
        underway.begin()
        joining = asyncio.create_task(underway.join())
        await asyncio.sleep(0)
        underway.end()
        underway.begin()  # before it has heard of the end
        await asyncio.sleep(0)
        assert not joining.done()
        underway.end()
        await joining

    asyncio.run(main())


@pytest.mark.parametrize("failure", [None, LookupError("lost")])
def test_a_task_tells_how_it_ended(failure: LookupError | None) -> None:
    async def main() -> None:
        async def work() -> None:
            if failure is not None:
                raise failure

        heard: asyncio.Queue[BaseException | None] = asyncio.Queue()
        underway = Underway()
        underway.start(work(), heard.put_nowait)
        assert await heard.get() is failure
        await underway.join()

    asyncio.run(main())


def test_a_task_that_is_cancelled_tells_that() -> None:
    async def main() -> None:
        heard: asyncio.Queue[BaseException | None] = asyncio.Queue()
        underway = Underway()
        underway.start(asyncio.sleep(0), heard.put_nowait).cancel()
        assert isinstance(await heard.get(), asyncio.CancelledError)

    asyncio.run(main())


@pytest.mark.parametrize("failure", [None, LookupError("lost"), asyncio.CancelledError()])
def test_what_has_begun_can_be_awaited(failure: BaseException | None) -> None:
    async def main() -> None:
        underway = Underway()
        ends: list[Heard] = []

        def begin(heard: Heard) -> bool:
            ends.append(heard)
            return True

        assert underway.awaited(lambda heard: False) is None
        end = underway.awaited(begin)
        assert end is not None
        assert not end.done()
        ends[-1](failure)
        if failure is None:
            await end
        else:
            with pytest.raises(type(failure)):
                await end
        left = underway.awaited(begin)
        assert left is not None
        left.cancel()
        ends[-1](failure)  # nobody waits: nothing happens

    asyncio.run(main())
