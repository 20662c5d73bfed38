"""Where functions run."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from hospes.app.places import Runs, awaited, is_async, where_it_runs


def plain(*arguments: int) -> int:
    return sum(arguments)


async def coroutine(*arguments: int) -> int:
    return sum(arguments)


def generator() -> Iterator[str]:
    yield "a"


async def agenerator() -> AsyncIterator[str]:
    yield "a"


class Calls:
    def __call__(self) -> str:
        return ""

    async def asynchronous(self) -> str:
        return ""

    def plain(self) -> str:
        return ""


class CallsAsync:
    async def __call__(self, *arguments: int) -> int:
        return sum(arguments)


def wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


@pytest.mark.parametrize(
    ("function", "runs"),
    [
        (plain, Runs.IN_POOL),
        (coroutine, Runs.ON_LOOP),
        (generator, Runs.INLINE),
        (agenerator, Runs.INLINE),
        (Calls(), Runs.IN_POOL),
        (CallsAsync(), Runs.ON_LOOP),
        (Calls().asynchronous, Runs.ON_LOOP),
        (Calls().plain, Runs.IN_POOL),
        (functools.partial(plain, 1), Runs.IN_POOL),
        (functools.partial(coroutine, 1), Runs.ON_LOOP),
        (functools.partial(functools.partial(generator)), Runs.INLINE),
        (functools.partial(CallsAsync()), Runs.ON_LOOP),
        (wrapping(plain), Runs.IN_POOL),
        (wrapping(coroutine), Runs.ON_LOOP),
        (wrapping(wrapping(functools.partial(coroutine, 1))), Runs.ON_LOOP),
        (wrapping(CallsAsync().__call__), Runs.ON_LOOP),
        (len, Runs.IN_POOL),
    ],
)
def test_where_it_runs(function: Callable[..., Any], runs: Runs) -> None:
    assert where_it_runs(function) is runs
    assert is_async(function) is (runs is Runs.ON_LOOP)


def test_inline_is_for_plain_functions() -> None:
    assert where_it_runs(plain, inline=True) is Runs.INLINE
    assert where_it_runs(coroutine, inline=True) is Runs.ON_LOOP


def test_awaited_leaves_what_is_awaitable() -> None:
    assert awaited(coroutine) is coroutine
    call = CallsAsync()
    assert awaited(call) is call


@pytest.mark.parametrize("function", [wrapping(coroutine), wrapping(plain)])
def test_awaited_awaits_what_there_is_to_await(function: Callable[..., Awaitable[int]]) -> None:
    async def main() -> None:
        assert await awaited(function)(1, 2) == 3

    asyncio.run(main())
