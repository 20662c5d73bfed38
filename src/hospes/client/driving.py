"""Running coroutines that never wait for a loop: how the blocking client shares its code with the other one.

Law: what a blocking link awaits is done when the call returns, so its coroutines end with their first step.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in this thread and without a loop.

    Raises:
        RuntimeError: if it waits for a loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("a step of a blocking client waited for a loop: give it plain iterables, not async ones")
