"""The one writer of a process: it commits in groups, and a thread of its own waits for the disk.

An fsync costs milliseconds, a statement microseconds. So all writes that came while the last commit ran go into one
transaction and share its fsync. The statements themselves run on the loop, between two of its turns; only what waits (for
another process, for the disk) is the thread's:

    loop     run, run, run → BEGIN IMMEDIATE, three statements ┐   run, run …   settle three → BEGIN IMMEDIATE …
    thread                                                     └──── COMMIT (fsync) ──┘

Why not all of it in the thread: each statement gives up the interpreter's lock, and while the loop is busy a thread gets
it back only after the switch interval, 5 ms. A batch of 64 took 160 ms of that and now takes two such waits. Where
another process has the lock, the thread waits for it and executes the statements too: calling the loop for them was
measured to be slower, and would let a blocked loop block every process.

Laws:

* A write is acknowledged after the COMMIT that holds it, never before; and whoever is told keeps nobody else from it.
* Every write is one statement, and so succeeds or fails by itself: its outcome is the number of rows it changed.
* When a whole batch fails for want of room, its writes are tried again one by one: those that fit are kept.
* After any failure the connection is thrown away, and the next transaction begins with a fresh one.
* Nobody waits without end: after `patience` seconds a write is given up with `StoreUnavailable`.
* The file that was opened is the file that is written: one that was removed or replaced meanwhile is an error, for what
  is written to a file without a name is lost.
* The connection is either the loop's or the thread's: the thread has it from the hand-over of a batch to its return.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from msgspec import Struct

from hospes.errors import SetupError
from hospes.store.contract import Conflict, Record, StoreFull, StoreUnavailable, Told
from hospes.store.fairlock import FairLock
from hospes.store.sqlite_file import begin, exists, identity, prepare, translate

_BATCH = 1024  # writes in one transaction at most: bounds how long the loop and other processes wait for it
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


class Moved(Struct, frozen=True):
    """A record that is as it was, but for its end.

    Args:
        expires: The new one.
    """

    expires: float | None


Effect: TypeAlias = tuple[str, bytes, Record | Moved | None]
"""Space, key, and what there is where a statement has changed a row; None for nothing."""


class _Write:
    """One statement on its way."""

    __slots__ = ("creates", "effect", "future", "gives", "outcome", "since", "statement", "told", "values")

    since: float

    def __init__(self, statement: str, values: tuple[object, ...], effect: Effect | None, creates: bool, gives: int) -> None:
        self.statement = statement
        self.values = values
        self.effect = effect
        self.creates = creates
        self.gives = gives
        self.future: asyncio.Future[int] | None = None
        self.told: Told | None = None
        self.outcome: int | Exception = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.done() if self.future is not None else self.told is None

    def settle(self, outcome: int, failure: Exception | None) -> None:
        """Tell who waits, once."""
        future, told = self.future, self.told
        if future is not None:
            if future.done():
                return
            if failure is None:
                future.set_result(outcome)
            else:
                future.set_exception(failure)
        elif told is not None:
            self.told = None
            told(outcome, failure)


class Watcher(Protocol):
    """Follows what is committed."""

    def look(self) -> bytes:
        """How the database's log index looks; called in the thread, too."""
        ...

    def committed(self, before: bytes, after: bytes, effects: Sequence[Effect | None]) -> None:
        """A transaction was committed, between whose two looks stands what changed a row: called before anybody is told."""
        ...


class SqliteWriter:
    """Writes in groups. Its thread starts with the first write.

    Args:
        path: Absolute path of the database file.
        options: How it behaves.
        loop: The loop on which `run` and `close` are called.
        watcher: Follows what is committed.
    """

    def __init__(self, path: str, options: SqliteOptions, loop: asyncio.AbstractEventLoop, watcher: Watcher) -> None:
        self.commits = 0  # transactions committed so far
        self.is_committing = False  # a batch is in the thread: `committed` has yet to be called
        self._watcher = watcher
        self._looks = b"", b""  # of the last transaction, inside and after
        self._path = path
        self._options = options
        self._loop = loop
        self._queue: deque[_Write] = deque()  # not yet in a batch
        self._waiting: deque[_Write] = deque()  # not yet acknowledged, oldest first; the watch goes by it
        self._watch: asyncio.TimerHandle | None = None
        self._busy = False  # a batch is under way, or about to be
        self._idle: asyncio.Future[None] | None = None  # somebody waits for the end of all batches
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] = loop.create_future()
        self._jobs: SimpleQueue[tuple[list[_Write], bool] | None] = SimpleQueue()
        self._lock = FairLock(path + "-lock")
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    # On the loop

    def run(
        self, statement: str, values: tuple[object, ...], effect: Effect | None, *, creates: bool, gives: int = 0
    ) -> asyncio.Future[int]:
        """Execute one statement durably; the future gives the number of rows it changed, after the commit.

        Args:
            statement: SQL that changes rows.
            values: Its parameters.
            effect: What there is if it has changed a row; None where that is not known.
            creates: Whether it can add a row; where there is no database yet, only such a statement makes one.
            gives: What the future gives in place of the number of rows; where there were none, it fails with `Conflict`.
        """
        write = _Write(statement, values, effect, creates, gives)
        write.future = future = self._loop.create_future()
        self._put(write)
        return future

    def begin(
        self, statement: str, values: tuple[object, ...], effect: Effect | None, told: Told, *, creates: bool, gives: int
    ) -> None:
        """As `run`, for who is told: in the call that settles the whole batch, so that he costs no callback of the loop."""
        write = _Write(statement, values, effect, creates, gives)
        write.told = told
        self._put(write)

    def _put(self, write: _Write) -> None:
        loop = self._loop
        write.since = loop.time()
        self._queue.append(write)
        self._waiting.append(write)
        if self._watch is None:
            self._watch = loop.call_later(self._options.patience, self._give_up)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start)  # behind whatever else this turn of the loop wants to write

    async def close(self) -> None:
        """Finish what is queued, within `patience`, and end the thread."""
        until = self._loop.time() + self._options.patience
        if self._busy:
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=self._options.patience)
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.wait([self._ended], timeout=max(0.0, until - self._loop.time()))
            self._thread = None
        if self._watch is not None:
            self._watch.cancel()
        waiting, self._waiting = self._waiting, deque()
        self._settle(iter(waiting), "the store was closed before the write was done")

    def _start(self) -> None:
        """Begin a batch of all that is queued."""
        batch = self._take()
        if not batch:
            self._busy = False
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
        elif self._connection is None and self._changes_nothing(batch):
            self._finish(batch)  # no rows, and no file for their sake
        else:
            if self._thread is None:
                # A daemon: a program that ends without closing must end; what it was told is durable already.
                self._thread = threading.Thread(target=self._main, name="hospes-store", daemon=True)
                self._thread.start()
            self.is_committing = True
            self._jobs.put((batch, self._began(batch)))

    def _take(self) -> list[_Write]:
        batch: list[_Write] = []
        while self._queue and len(batch) < _BATCH:
            write = self._queue.popleft()
            if not write.is_over:  # neither given up nor its task cancelled
                batch.append(write)
        return batch

    def _changes_nothing(self, batch: list[_Write]) -> bool:
        if self._file != (0, 0) or any(write.creates for write in batch):
            return False
        try:
            return not exists(self._path)
        except OSError:
            return False  # the thread will meet it, and say so

    def _began(self, batch: list[_Write]) -> bool:
        """Do all of a batch but its COMMIT, if that can be done without waiting."""
        if self._connection is None:
            return False
        try:
            if not self._lock.try_enter():
                return False
            try:
                self._apply(batch, wait=0.0)
            except BaseException:
                self._disconnect()
                self._lock.leave()
                raise
        except Exception:
            return False  # the thread begins anew and meets the same error, if it is one that stays
        return True

    def _finish(self, batch: list[_Write]) -> None:
        if self.is_committing:
            self.is_committing = False
            (before, after), self._looks = self._looks, (b"", b"")
            self._watcher.committed(
                before, after, [write.effect for write in batch if write.outcome and type(write.outcome) is int]
            )
        try:
            self._settle(iter(batch))
        finally:
            while self._waiting and self._waiting[0].is_over:
                self._waiting.popleft()
            self._loop.call_soon(self._start)  # behind the tasks just woken: what they write next comes along

    def _settle(self, writes: Iterator[_Write], problem: str = "") -> None:
        """Tell all who wait for these writes what became of them, or the problem."""
        try:
            for write in writes:
                outcome = write.outcome
                if problem:
                    write.settle(0, StoreUnavailable(problem))
                elif not isinstance(outcome, int):
                    write.settle(0, outcome)
                elif write.gives and not outcome:
                    write.settle(0, Conflict())
                else:
                    write.settle(write.gives or outcome, None)
        except BaseException:
            self._loop.call_soon(self._settle, writes, problem)  # the others
            raise

    def _give_up(self) -> None:
        """Fail the writes that waited too long; one timer watches over all of them."""
        patience = self._options.patience
        late = self._loop.time() - patience
        waiting = self._waiting
        over: list[_Write] = []
        while waiting and (waiting[0].since <= late or waiting[0].is_over):
            over.append(waiting.popleft())
        self._watch = self._loop.call_at(waiting[0].since + patience, self._give_up) if waiting else None
        self._settle(iter(over), f"the store did not commit within {patience:g} s")

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    # In the thread

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, began = job
            self._complete(batch, began)
            self._tell(self._finish, batch)
        self._disconnect()
        self._lock.close()
        self._tell(self._end)

    def _tell(self, callback: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *values)

    def _complete(self, batch: list[_Write], began: bool = False) -> None:
        """Bring a batch to its end, whatever that is; raises nothing."""
        try:
            if not began:
                self._lock.enter()
            try:
                if not began:
                    self._apply(batch, wait=self._options.patience)
                self._options.before_commit()
                assert self._connection is not None
                self._connection.execute("COMMIT")
                self._looks = self._looks[0], self._watcher.look()
                self.commits += 1
            finally:
                self._lock.leave()
        except Exception as error:
            self._disconnect()
            self._fail(batch, error)

    def _fail(self, batch: list[_Write], error: Exception) -> None:
        if len(batch) > 1 and isinstance(translate(error), StoreFull):
            for write in batch:
                self._complete([write])
            return
        for write in batch:
            write.outcome = error if isinstance(error, SetupError) else translate(error)

    # In either, by whoever has the connection

    def _apply(self, batch: list[_Write], wait: float) -> None:
        """Begin a transaction and execute every statement of a batch in it."""
        connection = self._connected()
        begin(connection, wait)
        if wait:
            batch[:] = [write for write in batch if not write.is_over]  # who was given up meanwhile is not surprised later
        self._looks = self._watcher.look(), b""
        for write in batch:
            try:
                write.outcome = connection.execute(write.statement, write.values).rowcount
            except sqlite3.Error as error:
                if not connection.in_transaction:  # SQLite rolled everything back: the neighbours failed too
                    raise
                write.outcome = translate(error)
            except (OverflowError, UnicodeError) as error:  # a value that SQLite cannot hold: the caller's mistake alone
                write.outcome = error

    def know_file(self) -> None:
        """The file that is there now is the one that was opened, here or for reading."""
        if self._file == (0, 0):
            self._file = identity(self._path)

    def check_file(self) -> None:
        """See that the file is still the one that was written.

        Raises:
            StoreUnavailable: if it was removed or replaced.
        """
        if self._file != (0, 0) and identity(self._path) != self._file:
            raise StoreUnavailable("the store's file was removed or replaced while the program ran; restart it")

    def _connected(self) -> sqlite3.Connection:
        self.check_file()
        connection = self._connection
        if connection is None:
            connection = self._connection = prepare(self._path, self._options.patience)
            self.know_file()
            if self._options.max_size:
                connection.execute(f"PRAGMA max_page_count = {max(1, self._options.max_size // _PAGE)}")
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # an open transaction is rolled back
