"""Where a function of the program runs, which its own form decides.

    async def                   on the loop
    def                         in the pool
    def, declared inline        on the loop, at once
    a generator function        inline: calling it only makes the generator

Law: decorators do not hide what is decorated. A `def` that `functools.wraps` an `async def` runs on the loop, and what it gives
is awaited; of a `partial` and of an object with `__call__` what is called decides.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any


class Runs(Enum):
    """Where a handler runs."""

    ON_LOOP = "on the loop"
    INLINE = "inline"
    IN_POOL = "in the pool"


def where_it_runs(function: Callable[..., Any], *, inline: bool = False) -> Runs:
    """Where a function runs.

    Args:
        function: Function, method, partial or object with `__call__`.
        inline: Whether it was declared to run on the loop although it is plain.
    """
    called = _called(function)
    if is_async(function):
        return Runs.ON_LOOP
    if inline or inspect.isasyncgenfunction(called) or inspect.isgeneratorfunction(called):
        return Runs.INLINE
    return Runs.IN_POOL


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a function, or what it wraps, is an `async def`."""
    return inspect.iscoroutinefunction(_called(inspect.unwrap(_called(function))))


def awaited(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """An async function as one that can be awaited in any case: a plain wrapper may give something at once."""
    if inspect.iscoroutinefunction(_called(function)):
        return function

    async def call(*arguments: Any) -> Any:
        value = function(*arguments)
        return await value if inspect.isawaitable(value) else value

    return call


def _called(function: Any) -> Callable[..., Any]:
    """What runs when a function, a partial or an object is called."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__
