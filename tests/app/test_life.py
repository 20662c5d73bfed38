"""Steps that begin in order and end the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hospes.app.life import Life


def steps(log: list[str]) -> Callable[..., Any]:
    @asynccontextmanager
    async def step(name: str, failure: BaseException | None = None) -> AsyncGenerator[None]:
        log.append(f"{name} begins")
        yield
        log.append(f"{name} ends")
        if failure is not None:
            raise failure

    return step


def test_in_order_and_back() -> None:
    log: list[str] = []
    step = steps(log)

    async def last() -> None:
        log.append("awaited")

    async def lifespan() -> AsyncGenerator[None]:
        async with step("lifespan"):
            yield

    @asynccontextmanager
    async def managed(application: str) -> AsyncGenerator[None]:
        async with step(application):
            yield

    async def main() -> None:
        life = Life()
        await life.end_with(last)
        await life.begin(step("step"))
        await life.begin_lifespan(lifespan, "app")
        await life.begin_lifespan(managed, "app")
        log.append("alive")
        await life.end()
        await life.end()

    asyncio.run(main())
    names = ["step", "lifespan", "app"]
    assert log == [*(f"{name} begins" for name in names), "alive", *(f"{name} ends" for name in reversed(names)), "awaited"]


@pytest.mark.parametrize(
    ("failures", "raised"),
    [
        ([KeyError("a")], KeyError),
        ([KeyError("a"), ValueError("b")], ExceptionGroup),
        ([KeyError("a"), asyncio.CancelledError()], BaseExceptionGroup),
    ],
)
def test_whatever_fails_the_others_end(failures: list[BaseException], raised: type[BaseException]) -> None:
    log: list[str] = []
    step = steps(log)

    async def main() -> None:
        life = Life()
        for number, failure in enumerate([*failures, None]):
            await life.begin(step(str(number), failure))
        with pytest.raises(raised):
            await life.end()

    asyncio.run(main())
    assert len([line for line in log if line.endswith("ends")]) == len(failures) + 1


def test_a_step_that_does_not_begin_does_not_end() -> None:
    names: dict[str, str] = {}

    async def broken() -> AsyncGenerator[None]:
        assert names["broken"]
        yield

    async def main() -> None:
        life = Life()
        with pytest.raises(KeyError, match="broken"):
            await life.begin_lifespan(broken, None)
        await life.end()

    asyncio.run(main())


def test_the_life_of_what_is_mounted_begins_once() -> None:
    log: list[str] = []
    step = steps(log)

    class Owner:
        def running(self) -> Any:
            return step("owner")

    async def main() -> None:
        life, owner = Life(), Owner()
        for each in (owner, owner, "no life", Life):
            await life.begin_owner(each)
        await life.end()

    asyncio.run(main())
    assert log == ["owner begins", "owner ends"]
