"""The embedded store: one SQLite file, shared by every worker of a machine.

Reads run at once, on the loop, through a connection of their own: a record in the page cache takes some ten
microseconds, less than a hop to a thread and back. In write-ahead mode they wait for no writer, and because each is a
transaction of its own it sees every commit that was acknowledged before, whichever process made it. Writes go to the
writing thread (see `sqlite_writer`), which gathers them. What the file is made of stands in `sqlite_file`.

What was read is believed until somebody has committed, which a look at the log's index tells (see `wal_index`): so a visitor who
comes again costs no read, and a change by any process is seen by all at once. Our own commit, where it can be told that nobody
else's came with it, leaves what it did not change as it was, and what it wrote need not be read.

The file is made by the first write that has something to keep: a program that stores nothing leaves nothing behind.
A store belongs to the process that opened it: SQLite's handles do not survive a fork.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import time
import weakref
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

from hospes.errors import SetupError
from hospes.store.contract import Clock, Record, StoreUnavailable, Told
from hospes.store.sqlite_file import connect, exists, is_busy, is_current, prepare, schema_version, translate
from hospes.store.sqlite_writer import Effect, Moved, SqliteOptions, SqliteWriter
from hospes.store.wal_index import WalIndex, is_head, is_next

_GET = "SELECT value, version, expires FROM record WHERE space = ? AND key = ?"
_SCAN = """SELECT key, value, version, expires FROM record
    WHERE space = ? AND key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT 100"""
_PUT = """INSERT INTO record (space, key, value, version, expires) VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, key)
    DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires"""
_ADD = _PUT + " WHERE record.expires <= ?"  # one whose end has come is not there
_REPLACE = """UPDATE record SET value = ?, version = ?, expires = ?
    WHERE space = ? AND key = ? AND version = ? AND (expires IS NULL OR expires > ?)"""
_DELETE = "DELETE FROM record WHERE space = ? AND key = ? AND (expires IS NULL OR expires > ?)"
_TOUCH = "UPDATE record SET expires = ? WHERE space = ? AND key = ? AND (expires IS NULL OR expires > ?)"
_SWEEP = "DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE expires <= ? ORDER BY expires LIMIT ?)"

_MOST_KNOWN = 8 << 20  # octets of what was read and is believed
_ENTRY = 400  # octets that an entry takes beside its value, about
_RETRY = 0.005  # seconds between two tries of a read that somebody's recovery of the file keeps waiting


def _size(key: bytes, record: Record | None) -> int:
    return _ENTRY + len(key) + (len(record.value) if record is not None else 0)


class SqliteStore:
    """A store in one file of this machine.

    Args:
        path: The file; a relative path begins at the working directory of `open`.
        clock: Tells the time in seconds since the epoch; `time.time` by default.
        options: How it behaves.
    """

    def __init__(self, path: str, clock: Clock = time.time, options: SqliteOptions = SqliteOptions()) -> None:  # noqa: B008 (frozen)
        self._named = path
        self._path = ""
        self._clock = clock
        self._options = options
        self._process = 0  # which may use the store; 0: it is not open
        self._reader: sqlite3.Cursor | None = None  # one for all reads: none is left half-way
        self._writer: SqliteWriter | None = None
        self._index: WalIndex | None = None
        self._as_of = b""  # how the index looked when all that is known was read; b"": nothing is
        self._known: dict[tuple[str, bytes], tuple[Record | None]] = {}
        self._size = 0  # of what is known, in octets
        self._versions = count(1)

    @property
    def commits(self) -> int:
        """How many transactions were committed since `open`."""
        return self._writer.commits if self._writer is not None else 0

    async def open(self) -> None:
        """Look at the file, if there is one, and bring it to today's schema.

        Raises:
            SetupError: if its folder is missing, or it is damaged, of another program, or of a newer release.
            StoreUnavailable: if it cannot be read.
        """
        self._path = os.path.realpath(self._named)  # noqa: ASYNC240 (once, at start)
        try:
            if not is_current(self._path):
                (await asyncio.to_thread(prepare, self._path, self._options.patience)).close()
        except (sqlite3.Error, OSError) as error:
            raise translate(error) from error
        self._writer = SqliteWriter(self._path, self._options, asyncio.get_running_loop(), self)
        if hasattr(os, "register_at_fork"):
            _forget_in_children(self)
        # Counted from a number that is drawn in each process, and not by record: so a record that was deleted and made anew never
        # repeats a version, and no statement needs RETURNING, which the SQLite of some systems does not have yet (3.35).
        self._versions = count(secrets.randbits(62) + 1)
        self._process = os.getpid()

    async def close(self) -> None:
        """Finish the writes under way and let go of the file; a second call does nothing."""
        if not self._process:
            return
        writer = self._open_writer()
        self._process = 0
        await writer.close()
        if self._reader is not None:
            self._reader.connection.close()
            self._reader = None
        if self._index is not None:
            self._index.close()
            self._index = None
        self._forget(b"")

    async def check(self) -> None:
        """Read something, and see that the file is still the one that was opened."""
        await self._read(_GET, ("", b""))
        self._open_writer().check_file()

    async def get(self, space: str, key: bytes) -> Record | None:
        """The record, or None."""
        as_of = self._seen()
        rows = await self._read(_GET, (space, key))
        record = Record(*rows[0]) if rows else None
        if as_of and as_of == self._as_of:
            self._know(space, key, record)
        return record if record is None or record.expires is None or record.expires > self._clock() else None

    def recall(self, space: str, key: bytes) -> tuple[Record | None] | None:
        """What `get` would give, if it was read before and nobody has written since; else None."""
        index = self._index
        if index is None:
            return None
        now = index.look()
        if not now or (now != self._as_of and not self._seen()):
            return None
        known = self._known.get((space, key))
        if known is None or (record := known[0]) is None or record.expires is None or record.expires > self._clock():
            return known
        return (None,)

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        """Write whatever was there before; gives the new version.

        Raises:
            StoreFull: if there is no room.
        """
        version = next(self._versions)
        effect = space, key, Record(value, version, expires)
        await self._open_writer().run(_PUT, (space, key, value, version, expires), effect, creates=True)
        return version

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        """Write if the record still has this version; gives the new version.

        Raises:
            Conflict: if it has another.
            StoreFull: if there is no room.
        """
        new = next(self._versions)
        statement, values = self._setting(space, key, value, version, new, expires)
        effect = space, key, Record(value, new, expires)
        return await self._open_writer().run(statement, values, effect, creates=version == 0, gives=new)

    def begin_set(self, space: str, key: bytes, value: bytes, version: int, told: Told, *, expires: float | None = None) -> None:
        """As `compare_and_set`, begun at once; see `PromptStore`."""
        new = next(self._versions)
        statement, values = self._setting(space, key, value, version, new, expires)
        effect = space, key, Record(value, new, expires)
        self._open_writer().begin(statement, values, effect, told, creates=version == 0, gives=new)

    def _setting(
        self, space: str, key: bytes, value: bytes, version: int, new: int, expires: float | None
    ) -> tuple[str, tuple[object, ...]]:
        if version == 0:
            return _ADD, (space, key, value, new, expires, self._clock())
        return _REPLACE, (value, new, expires, space, key, version, self._clock())

    async def delete(self, space: str, key: bytes) -> bool:
        """Remove the record; False when it was not there."""
        return await self._open_writer().run(_DELETE, (space, key, self._clock()), (space, key, None), creates=False) > 0

    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        """Move the record's end; False when it was not there."""
        effect = space, key, Moved(expires)
        return await self._open_writer().run(_TOUCH, (expires, space, key, self._clock()), effect, creates=False) > 0

    async def sweep(self, now: float, limit: int) -> int:
        """Remove at most `limit` records whose end had come at `now`, the oldest first; gives how many."""
        return await self._open_writer().run(_SWEEP, (now, limit), None, creates=False)

    async def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
        """Every record of a space, by ascending key.

        It reads in short pages, so that neither the loop nor a checkpoint of the log waits for the reader.
        """
        start = b""
        while rows := await self._read(_SCAN, (space, start, self._clock())):
            for key, value, version, expires in rows:
                yield key, Record(value, version, expires)
            start = rows[-1][0] + b"\0"  # the next key there can be
            await asyncio.sleep(0)

    def forget(self) -> None:
        """Believe nothing any more; for a fork, whose own reads and writes are refused."""
        self._forget(b"")
        self._index = None

    def look(self) -> bytes:
        """How the log's index looks; b"" where nothing can be told."""
        return self._index.look() if self._index is not None else b""

    def committed(self, before: bytes, after: bytes, effects: Sequence[Effect | None]) -> None:
        """Carry over what is known across a commit of ours, if nobody else's came between."""
        if before != self._as_of or None in effects or not is_next(before, after):
            return
        self._as_of = after
        for effect in effects:
            assert effect is not None
            space, key, record = effect
            if isinstance(record, Moved):
                (known,) = self._known.get((space, key), (None,))
                if known is None:
                    continue  # it is to be read
                record = Record(known.value, known.version, record.expires)
            self._know(space, key, record)

    def _seen(self) -> bytes:
        """How the index looks now, if all that is known is as of then; b"" where nothing can be told."""
        index = self._index
        if index is None:
            return b""
        now = index.look()
        if now == self._as_of:
            return now
        if self._writer is not None and self._writer.is_committing:
            return b""  # it may be our own commit, of which we shall hear
        self._forget(now if is_head(now) else b"")
        return self._as_of

    def _forget(self, as_of: bytes) -> None:
        self._as_of, self._size = as_of, 0
        self._known.clear()

    def _know(self, space: str, key: bytes, record: Record | None) -> None:
        before = self._known.pop((space, key), None)
        self._size += _size(key, record) - (_size(key, before[0]) if before is not None else 0)
        if self._size > _MOST_KNOWN:
            self._forget(self._as_of)
        else:
            self._known[space, key] = (record,)

    def _open_writer(self) -> SqliteWriter:
        self._check_process()
        assert self._writer is not None
        return self._writer

    def _check_process(self) -> None:
        process = os.getpid()
        if process == self._process:
            return
        if self._process:
            raise SetupError(
                f"the store was opened in process {self._process} and is used in its fork {process}",
                remedy="Open it after the fork, in each process.",
            )
        raise SetupError("the store is not open", remedy="Await its open() first.")

    async def _read(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        """Every row of a query; while somebody recovers the file it waits here, on the loop, and not inside SQLite."""
        self._check_process()
        tries = int(self._options.patience / _RETRY)
        while True:
            try:
                reader = self._reader or self._open_reader()
                # All rows at once: a query left half-way would keep its transaction, and with it an old state.
                return reader.execute(statement, values).fetchall() if reader is not None else []
            except (sqlite3.Error, OSError) as error:
                if not is_busy(error) or not tries:
                    raise translate(error) from error
            tries -= 1
            await asyncio.sleep(_RETRY)
            self._check_process()

    def _open_reader(self) -> sqlite3.Cursor | None:
        """The connection for reads, or None as long as there is no database with a table in it."""
        if not exists(self._path):
            return None
        connection = connect(self._path, "rw")
        try:
            if schema_version(connection, self._path):
                self._reader = connection.cursor()
                self._index = WalIndex(self._path)
                self._open_writer().know_file()
        except SetupError as error:  # it came after open() had looked; a visitor's request is no place for this one
            raise StoreUnavailable(error.problem) from error
        finally:
            if self._reader is None:
                connection.close()
        return self._reader


def _forget_in_children(store: SqliteStore) -> None:
    found = weakref.ref(store)  # the registration is for ever, the store is not

    def forget() -> None:
        store = found()
        if store is not None:
            store.forget()

    os.register_at_fork(after_in_child=forget)
