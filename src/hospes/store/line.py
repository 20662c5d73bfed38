"""A line to a store's server: what is asked for at the same time travels together, and nobody waits without end.

A round trip costs the same for one request as for a hundred. So one batch is under way at a time, and whatever is asked for
meanwhile makes up the next one:

    ask, ask, ask → [batch of 3] ──→ server      ask, ask …
                    settle 3     ←──             → [batch of 2] ──→ …

Laws:

* Requests are carried out in the order they were asked for.
* After `patience` seconds a request is given up with `StoreUnavailable`, whatever the server does.
* When the connection breaks, it is made again by itself, as long as anybody waits. What had not been sent, and what may be
  sent twice, is sent again; the rest may or may not have happened, and says so.
* The line belongs to the loop that made it, and to its process.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from hospes.errors import SetupError
from hospes.store.contract import StoreUnavailable

R = TypeVar("R", contravariant=True)
Request = TypeVar("Request")

_BATCH = 256  # requests that travel together at most: bounds how long the next ones wait
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between two tries to connect


class Link(Protocol[R]):
    """A connection to one kind of server."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        ...

    async def connect(self) -> None:
        """Connect; where there was a connection, it has been closed.

        Raises:
            StoreUnavailable: if the server is away.
            SetupError: if trying again will not help.
        """
        ...

    async def run(self, requests: Sequence[R]) -> list[Any]:
        """Carry out requests in order; gives an outcome for each: what it gave, or the exception it failed with.

        Raises:
            StoreUnavailable: if the connection broke; the requests may or may not have been carried out.
        """
        ...

    async def disconnect(self) -> None:
        """Close the connection; without one it does nothing. It raises nothing and waits for nobody."""
        ...


def check_process(opened: int) -> None:
    """Refuse to use what is not open, or was opened before a fork.

    Args:
        opened: Number of the process that opened it; 0 if none did.

    Raises:
        SetupError: if that is not this process.
    """
    process = os.getpid()
    if process == opened:
        return
    if not opened:
        raise SetupError("the store is not open", remedy="Await its open() first.")
    raise SetupError(
        f"the store was opened in process {opened} and is used in its fork {process}",
        remedy="Open it after the fork, in each process.",
    )


class _Order(Generic[Request]):
    """A request on its way."""

    __slots__ = ("again", "future", "request", "since")

    def __init__(self, request: Request, again: bool, since: float, future: asyncio.Future[Any]) -> None:
        self.request = request
        self.again = again
        self.since = since
        self.future = future


class Line(Generic[Request]):
    """Carries requests to a server.

    Args:
        link: The connection; the line alone uses it.
        patience: Seconds until a request is given up.
        name: What the server is called in errors; holds no secret.
    """

    def __init__(self, link: Link[Request], patience: float, name: str) -> None:
        self.trips = 0
        """Batches sent so far."""
        self._link = link
        self._patience = patience
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Order[Request]] = deque()  # not yet in a batch
        self._waiting: deque[_Order[Request]] = deque()  # not yet settled, oldest first; the watch goes by it
        self._watch: asyncio.TimerHandle | None = None
        self._wanted = asyncio.Event()  # there is something in the queue
        self._idle = asyncio.Event()  # there is nothing in it, and no batch under way
        self._idle.set()
        self._worker: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: if the server did not answer within `patience`.
            SetupError: if it answered that it will not have us.
        """
        deadline = self._loop.time() + self._patience
        pause = _FIRST_PAUSE
        while not self._link.is_connected:
            try:
                await self._connect()
            except StoreUnavailable:
                if self._loop.time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._worker = self._loop.create_task(self._work(), name=f"hospes store {self._name}")

    async def close(self) -> None:
        """Finish what was asked for, within `patience`, and disconnect."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._idle.wait()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        if self._watch is not None:
            self._watch.cancel()
        for order in self._waiting:
            _fail(order, StoreUnavailable("the store was closed before this was done"))
        self._waiting.clear()
        self._queue.clear()
        await self._link.disconnect()

    def ask(self, request: Request, *, again: bool = False) -> asyncio.Future[Any]:
        """Have a request carried out; the future gives its outcome.

        Args:
            request: What the link takes.
            again: Whether it does no harm to carry it out twice.
        """
        order = _Order(request, again, self._loop.time(), self._loop.create_future())
        self._queue.append(order)
        self._waiting.append(order)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience, self._give_up)
        self._idle.clear()
        self._wanted.set()
        return order.future

    async def _work(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            batch = self._take()
            if not batch:
                self._idle.set()
                self._wanted.clear()
                await self._wanted.wait()
                continue
            try:
                if not self._link.is_connected:
                    await self._connect()
            except (StoreUnavailable, SetupError) as error:
                self._put_back(batch, error, sent=False)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except Exception as error:  # a fault of ours must not end the line, here as below
                _settle(batch, [error] * len(batch))
                await asyncio.sleep(_FIRST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            try:
                async with asyncio.timeout(self._patience):
                    outcomes = await self._link.run([order.request for order in batch])
                self.trips += 1
            except (StoreUnavailable, TimeoutError) as error:
                await self._link.disconnect()
                self._put_back(batch, error, sent=True)
                # Not at once: a server that takes connections and drops them is not to be stormed.
                await asyncio.sleep(_FIRST_PAUSE)
            except Exception as error:  # a fault of ours must not end the line
                await self._link.disconnect()
                _settle(batch, [error] * len(batch))
            else:
                _settle(batch, outcomes)
            self._tidy()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._link.connect()
        except TimeoutError:
            await self._link.disconnect()
            raise self._unavailable("did not answer") from None
        except BaseException:
            await self._link.disconnect()
            raise

    def _take(self) -> list[_Order[Request]]:
        batch: list[_Order[Request]] = []
        while self._queue and len(batch) < _BATCH:
            order = self._queue.popleft()
            if not order.future.done():  # neither given up nor its task cancelled
                batch.append(order)
        return batch

    def _put_back(self, batch: list[_Order[Request]], error: Exception, *, sent: bool) -> None:
        """After a failure: what can be carried out later waits for it, the rest fails."""
        reason = error.problem if isinstance(error, SetupError) else str(error) or "no answer"
        for order in reversed(batch):
            if isinstance(error, SetupError) or (sent and not order.again):
                _fail(order, self._unavailable(f"failed: {reason}"))
            else:
                self._queue.appendleft(order)

    def _give_up(self) -> None:
        """Fail the requests that waited too long; one timer watches over all of them."""
        waiting, late = self._waiting, self._loop.time() - self._patience
        while waiting and (waiting[0].since <= late or waiting[0].future.done()):
            _fail(waiting.popleft(), self._unavailable(f"did not answer within {self._patience:g} s"))
        self._watch = self._loop.call_at(waiting[0].since + self._patience, self._give_up) if waiting else None

    def _tidy(self) -> None:
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()

    def _unavailable(self, what: str) -> StoreUnavailable:
        return StoreUnavailable(f"the store at {self._name} {what}")


def _settle(batch: Sequence[_Order[Any]], outcomes: Sequence[Any]) -> None:
    for order, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            _fail(order, outcome)
        elif not order.future.done():
            order.future.set_result(outcome)


def _fail(order: _Order[Any], error: BaseException) -> None:
    future = order.future
    if not future.done():
        future.set_exception(error)
        future.exception()  # what nobody waits for, giving a turn back, fails in silence
