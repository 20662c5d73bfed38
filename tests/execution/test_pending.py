"""An answer that leaves when something else has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from hospes.execution import Pending

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Told:
    """A carrier's `done`."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str | None, BaseException | None]] = []
        self.come = asyncio.Event()

    def __call__(self, answer: str | None, failure: BaseException | None) -> None:
        assert asyncio.current_task() is None
        self.outcomes.append((answer, failure))
        self.come.set()


def called(call: Any, *values: object) -> asyncio.Future[None]:
    """Have something called by the loop, outside of any task, as who is heard does."""
    asyncio.get_running_loop().call_soon(call, *values)
    return asyncio.ensure_future(asyncio.sleep(0))


def leave(failure: BaseException | None) -> Coroutine[Any, Any, str] | None:
    return None


def test_it_leaves_as_it_is_when_it_is_heard() -> None:
    async def main() -> None:
        told, pending = Told(), Pending("answer", leave)
        pending.then(told)
        assert not pending.done()
        await called(pending.heard, None)
        assert told.outcomes == [("answer", None)]
        assert pending.done()
        assert not pending.cancel()
        await called(pending.heard, None)
        assert len(told.outcomes) == 1

    asyncio.run(main())


def test_a_failure_is_answered_in_the_context_of_the_request() -> None:
    async def main() -> None:
        async def answer(failure: BaseException | None) -> str:
            await asyncio.sleep(0)
            return f"{failure} of {WHO.get()}"

        told = Told()
        WHO.set("ada")
        pending = Pending("answer", answer)
        WHO.set("somebody else")
        pending.then(told)
        await called(pending.heard, LookupError("the loss"))
        assert not pending.done()
        await told.come.wait()
        assert told.outcomes == [("the loss of ada", None)]
        assert pending.done()

    asyncio.run(main())


def test_a_failure_that_cannot_be_answered_is_told() -> None:
    async def main() -> None:
        async def fail(failure: BaseException | None) -> str:
            raise ValueError("no answer")

        told, pending = Told(), Pending("answer", fail)
        pending.then(told)
        await called(pending.heard, LookupError())
        await told.come.wait()
        ((answer, failure),) = told.outcomes
        assert answer is None
        assert isinstance(failure, ValueError)

    asyncio.run(main())


@pytest.mark.parametrize("begun", [False, True])
def test_who_leaves_is_told_and_what_is_heard_later_is_nobodys(begun: bool) -> None:
    async def main() -> None:
        async def never(failure: BaseException | None) -> str:
            await asyncio.Event().wait()
            raise AssertionError("it was awaited")

        told, pending = Told(), Pending("answer", never)
        pending.then(told)
        if begun:
            await called(pending.heard, LookupError())
        assert pending.cancel()
        await told.come.wait()
        ((answer, failure),) = told.outcomes
        assert answer is None
        assert isinstance(failure, asyncio.CancelledError)
        await called(pending.heard, None)
        assert len(told.outcomes) == 1

    asyncio.run(main())
