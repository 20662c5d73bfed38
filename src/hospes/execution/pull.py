"""Iterates in the thread pool over what blocks, for handlers that return a plain generator.

Laws:

* An item is on the loop's side as soon as it is made, however long the next one takes; fast items share wake-ups.
* At most `ahead` items are made before somebody wants them, and while they wait no thread is held.
* The iterator runs in the pool only, in one context, in one thread at a time; its `close` too.
* However the iteration ends (exhausted, closed, cancelled, refused), the iterator is closed; no bound of the pool stops that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import Context
from typing import TypeVar

from hospes.execution.pool import PoolSaturated, ThreadPool

Item = TypeVar("Item")


def iterate(pool: ThreadPool, context: Context, iterable: Iterable[Item], ahead: int = 16) -> Pulled[Item]:
    """Iterate in the pool over what blocks.

    Args:
        pool: Whose threads.
        context: The context that the iterator runs in, every time.
        iterable: A generator, for example; its `close`, if it has one, is called in the pool as well.
        ahead: The most items made before somebody wants them; 16 by default.

    Raises:
        ValueError: if `ahead` is not positive.
    """
    if ahead < 1:
        raise ValueError(f"iterate(ahead={ahead}): at least one item has to be made")
    return Pulled(pool, context, iterable, ahead)


class Pulled(AsyncIterator[Item]):
    """What a blocking iterator yields, for `async for`; `iterate` makes it.

    A thread fills `_items` up to `ahead`, telling the loop when the loop waits, and goes its way; the loop calls for a thread
    again when it has taken them all. The iterator is run, and closed, in the pool only, by one thread at a time.
    """

    __slots__ = (
        "_ahead",
        "_closing",
        "_context",
        "_ended",
        "_event",
        "_failure",
        "_filling",
        "_hungry",
        "_items",
        "_iterator",
        "_pool",
    )

    def __init__(self, pool: ThreadPool, context: Context, iterable: Iterable[Item], ahead: int) -> None:
        self._pool = pool
        self._context = context
        self._ahead = ahead
        self._items: deque[Item] = deque()
        self._iterator: Iterable[Item] | Iterator[Item] = iterable
        self._filling = False
        self._hungry = False
        self._closing = False
        self._ended = False
        self._failure: BaseException | None = None
        self._event = asyncio.Event()

    async def __anext__(self) -> Item:
        """The next item.

        Raises:
            PoolSaturated: if no thread was free in time; the iteration is over then.
            BaseException: what the iterator raised, after the items before it.
        """
        while not self._items:
            self._raise_failure()
            if self._ended or self._closing:
                raise StopAsyncIteration
            if not self._filling:
                self._fill()
            try:
                await self._news()
            except asyncio.CancelledError:
                self.close()
                raise
        return self._items.popleft()

    def close(self) -> None:
        """Have the iterator closed in the pool, soon: what the loop need not wait for."""
        if self._closing:
            return
        self._closing = True
        self._items.clear()
        if not self._filling and not self._ended:
            self._fill()

    async def aclose(self) -> None:
        """Close the iterator and wait until that is done.

        Raises:
            BaseException: what its closing raised.
        """
        self.close()
        while self._filling:
            await self._news()
        self._raise_failure()

    def settle(self) -> None:
        """On the loop: there are items, or the thread is gone."""
        self._event.set()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            failure = None  # its traceback names this frame

    def _fill(self) -> None:
        if self._closing:  # it has to happen: no bound holds it off
            job = self._pool.submit_cleanup(self._context, self._run)
        else:
            try:
                job = self._pool.submit(self._context, self._run)
            except BaseException:
                self.close()
                raise
        self._filling = True
        job.then(self._filled)

    def _filled(self, ended: bool | None, failure: BaseException | None) -> None:
        """On the loop: the thread is gone."""
        self._filling = False
        if self._closing:
            self._items.clear()
        if isinstance(failure, PoolSaturated) and not self._closing:
            self._failure = failure
            self.close()
        elif failure is not None:
            self._ended, self._failure = True, failure
        elif ended:
            self._ended = True
        elif self._closing:  # asked for when the thread was just going
            self._fill()
        self.settle()

    async def _news(self) -> None:
        self._event.clear()
        self._hungry = True
        if not self._items or self._closing:  # a thread that saw no hunger may have put one
            await self._event.wait()
        self._hungry = False

    def _run(self) -> bool:
        """In a thread: make items, or close. True if that was the end."""
        ended = True
        try:
            ended = self._closing or self._make()
        finally:
            if ended:
                close = getattr(self._iterator, "close", None)
                if close is not None:
                    close()
        return ended

    def _make(self) -> bool:
        items = self._items
        self._iterator = iterator = iter(self._iterator)
        while len(items) < self._ahead:
            try:
                items.append(next(iterator))
            except StopIteration:
                return True
            if self._closing:
                return True
            if self._hungry:
                self._hungry = False
                self._pool.hand_over(self)
        return False
