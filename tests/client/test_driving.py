"""Coroutines without a loop."""

from __future__ import annotations

import asyncio

import pytest

from hospes.client.driving import run


async def nested(value: int) -> int:
    return value + 1


async def twice(value: int) -> int:
    return await nested(await nested(value))


def test_runs_to_the_end() -> None:
    assert run(twice(1)) == 3


def test_raises_what_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())


def test_refuses_to_wait() -> None:
    ended: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    with pytest.raises(RuntimeError, match="plain iterables"):
        run(wait())
    assert ended == [True]


def test_runs_inside_of_a_loop_too() -> None:
    async def inside() -> int:
        return run(twice(2))

    assert asyncio.run(inside()) == 4
