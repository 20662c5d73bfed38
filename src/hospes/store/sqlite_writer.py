"""The one thread of a process that writes to the database, and commits in groups.

An fsync costs milliseconds, a statement microseconds. So all writes that were queued while the last commit ran go into
one transaction and share its fsync:

    loop     run ── run ── run ─────────── run ──────────── settle the first three
                └──queue──┐                                ▲ one wake-up per batch
    thread                BEGIN IMMEDIATE, three statements, COMMIT | BEGIN IMMEDIATE, …

Laws:

* A write is acknowledged after the COMMIT that holds it, never before.
* Every write is one statement, and so succeeds or fails by itself: its outcome is the number of rows it changed.
* When a whole batch fails for want of room, its writes are tried again one by one: those that fit are kept.
* After any other failure the connection is thrown away, and the next batch begins with a fresh one.
* Nobody waits without end: after `patience` seconds a write is given up with `StoreUnavailable`.
* The file that was opened is the file that is written: one that was removed or replaced meanwhile is an error, for what
  is written to a file without a name is lost.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from hospes.errors import SetupError
from hospes.store.contract import StoreFull, StoreUnavailable
from hospes.store.fairlock import FairLock
from hospes.store.sqlite_file import exists, identity, prepare, translate

_BATCH = 1024  # writes in one transaction at most: bounds the time that other processes wait
_PAGE = 4096  # octets; SQLite's default, which our files have


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteOptions:
    """How the embedded store behaves.

    Args:
        patience: Seconds until a write that waits for its commit is given up; 10 by default.
        max_size: Octets the database may have, in whole pages of 4 KiB; 0, the default, leaves it to the disk.
        before_commit: Called in the writing thread right before each COMMIT; a seam for measurements and slow disks.
    """

    patience: float = 10.0
    max_size: int = 0
    before_commit: Callable[[], None] = _nothing


class _Write:
    """One statement on its way."""

    __slots__ = ("creates", "future", "outcome", "since", "statement", "values")

    def __init__(self, statement: str, values: tuple[object, ...], creates: bool, since: float, future: asyncio.Future[int]):
        self.statement = statement
        self.values = values
        self.creates = creates
        self.since = since
        self.future = future
        self.outcome: int | Exception = 0


class SqliteWriter:
    """Writes, in groups, from a thread of its own that starts with the first write.

    Args:
        path: Absolute path of the database file.
        options: How it behaves.
        loop: The loop on which `run` and `close` are awaited.
    """

    def __init__(self, path: str, options: SqliteOptions, loop: asyncio.AbstractEventLoop) -> None:
        self.commits = 0  # transactions committed so far
        self._path = path
        self._options = options
        self._loop = loop
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._waiting: deque[_Write] = deque()  # oldest first; the loop's
        self._watch: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] = loop.create_future()
        # What follows belongs to the thread.
        self._lock = FairLock(path + "-lock")
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    # On the loop

    def run(self, statement: str, values: tuple[object, ...], *, creates: bool) -> asyncio.Future[int]:
        """Execute one statement durably; the future gives the number of rows it changed, after the commit.

        Args:
            statement: SQL that changes rows.
            values: Its parameters.
            creates: Whether it can add a row; where there is no database yet, only such a statement makes one.
        """
        loop = self._loop
        write = _Write(statement, values, creates, loop.time(), loop.create_future())
        self._waiting.append(write)
        self._queue.put(write)
        if self._watch is None:
            self._watch = loop.call_later(self._options.patience, self._give_up)
        if self._thread is None:
            # A daemon: a program that ends without closing must end; what it was told is durable already.
            self._thread = threading.Thread(target=self._main, name="hospes-store", daemon=True)
            self._thread.start()
        return write.future

    async def close(self) -> None:
        """Finish what is queued, within `patience`, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.wait([self._ended], timeout=self._options.patience)
            self._thread = None
        if self._watch is not None:
            self._watch.cancel()
        for write in self._waiting:
            if not write.future.done():
                write.future.set_exception(StoreUnavailable("the store was closed before the write was done"))
        self._waiting.clear()

    def _give_up(self) -> None:
        """Fail the writes that waited too long; one timer watches over all of them."""
        patience = self._options.patience
        late = self._loop.time() - patience
        waiting = self._waiting
        while waiting and (waiting[0].since <= late or waiting[0].future.done()):
            future = waiting.popleft().future
            if not future.done():
                future.set_exception(StoreUnavailable(f"the store did not commit within {patience:g} s"))
        self._watch = self._loop.call_at(waiting[0].since + patience, self._give_up) if waiting else None

    def _settle(self, batch: list[_Write]) -> None:
        for write in batch:
            future = write.future
            if future.done():  # given up, or its task was cancelled
                continue
            outcome = write.outcome
            if isinstance(outcome, int):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()

    def _set_ended(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    # In the thread

    def _main(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next_batch()
            self._commit(batch)
            self._tell(self._settle, batch)
        self._disconnect()
        self._lock.close()
        self._tell(self._set_ended)

    def _next_batch(self) -> tuple[list[_Write], bool]:
        """Everything that is queued by now, waiting for the first; and whether more will come."""
        batch: list[_Write] = []
        write = self._queue.get()
        try:
            while write is not None:
                if not write.future.done():
                    batch.append(write)
                if len(batch) >= _BATCH:
                    return batch, True
                write = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _tell(self, callback: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *values)

    def _commit(self, batch: list[_Write]) -> None:
        """Do a batch in one transaction and note every write's outcome; raises nothing."""
        if not any(write.creates for write in batch) and not exists(self._path):
            return  # nothing is there to be changed: no rows, and no file for their sake
        try:
            with self._lock:
                self._transact(batch)
        except Exception as error:
            self._fail(batch, error)

    def _transact(self, batch: list[_Write]) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        for write in batch:
            try:
                write.outcome = connection.execute(write.statement, write.values).rowcount
            except sqlite3.Error as error:
                if not connection.in_transaction:  # SQLite rolled everything back: the neighbours failed too
                    raise
                write.outcome = translate(error)
        self._options.before_commit()
        connection.execute("COMMIT")
        self.commits += 1

    def _fail(self, batch: list[_Write], error: Exception) -> None:
        full = isinstance(translate(error), StoreFull)
        self._disconnect()
        if full and len(batch) > 1:
            for write in batch:
                self._commit([write])
            return
        for write in batch:
            write.outcome = error if isinstance(error, SetupError) else translate(error)

    def _connected(self) -> sqlite3.Connection:
        connection = self._connection
        if connection is None:
            connection = prepare(self._path, self._options.patience)
            if self._options.max_size:
                connection.execute(f"PRAGMA max_page_count = {max(1, self._options.max_size // _PAGE)}")
            self._connection = connection
        found = identity(self._path)
        if self._file == (0, 0):
            self._file = found
        if found != self._file:
            raise StoreUnavailable("the store's file was removed or replaced while the program ran; restart it")
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # an open transaction is rolled back
