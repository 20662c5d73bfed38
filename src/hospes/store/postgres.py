"""The store in a PostgreSQL server, shared by machines; their turns too.

Every act is one statement. Reads go over one connection, writes over another, which commits in groups (see `postgres_link`).

A turn here is an advisory lock of the reading connection's session. Why not a row with a lease: the lock costs no write, needs no
clock, and is free the moment its holder's connection is gone, however it went. Why of a connection for all turns, and not one for
each: a turn is held while a handler runs, and a server has some hundred connections. So nobody waits inside the server, where he
would keep the others waiting; he tries again. A lock has a porch (see `hospes.store.rangelock`): who waits stands there, and who
has just left the room cannot come in before him.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8

from hospes.store.contract import Clock, Conflict, Record, StoreUnavailable, Taken
from hospes.store.line import Line, check_process
from hospes.store.place import Place
from hospes.store.postgres_link import (
    PostgresOptions,
    ReadLink,
    Statement,
    WriteLink,
    connect,
    connection_string,
    promptly,
    translate,
)
from hospes.store.postgres_schema import advisory_key, prepare

_GET: Final = "SELECT value, version, expires FROM {schema}.record WHERE space = $1 AND key = $2"
_SCAN: Final = """SELECT key, value, version, expires FROM {schema}.record
    WHERE space = $1 AND key >= $2 AND (expires IS NULL OR expires > $3) ORDER BY key LIMIT 100"""
_PUT: Final = """INSERT INTO {schema}.record AS record (space, key, value, version, expires) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (space, key)
    DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires"""
_ADD: Final = _PUT + " WHERE record.expires <= $6"  # one whose end has come is not there
_REPLACE: Final = """UPDATE {schema}.record SET value = $3, version = $4, expires = $5
    WHERE space = $1 AND key = $2 AND version = $7 AND (expires IS NULL OR expires > $6)"""
_DELETE: Final = "DELETE FROM {schema}.record WHERE space = $1 AND key = $2 AND (expires IS NULL OR expires > $3)"
_TOUCH: Final = "UPDATE {schema}.record SET expires = $3 WHERE space = $1 AND key = $2 AND (expires IS NULL OR expires > $4)"
_SWEEP: Final = """DELETE FROM {schema}.record WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {schema}.record WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))"""

_OUTSIDE, _ON_PORCH, _INSIDE = 0, 1, 2
_ENTER: Final = """SELECT CASE WHEN NOT pg_try_advisory_lock($1) THEN 0 WHEN NOT pg_try_advisory_lock($2) THEN 1
    WHEN pg_advisory_unlock($1) THEN 2 ELSE 2 END"""
_ENTER_FROM_PORCH: Final = """SELECT CASE WHEN NOT pg_try_advisory_lock($2) THEN 1
    WHEN pg_advisory_unlock($1) THEN 2 ELSE 2 END"""
_LEAVE: Final = "SELECT pg_advisory_unlock($1)"
_TEXTS: Final = (_GET, _SCAN, _PUT, _ADD, _REPLACE, _DELETE, _TOUCH, _SWEEP, _ENTER, _ENTER_FROM_PORCH, _LEAVE)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.01  # seconds between two tries of who waits for a turn


class PostgresStore:
    """A store in a PostgreSQL database: a `TurnStore`.

    Args:
        place: The server and the database.
        clock: Tells the time in seconds since the epoch; `time.time` by default.
        options: How it behaves.

    Raises:
        SetupError: if the place has a parameter that libpq does not know.
    """

    def __init__(
        self,
        place: Place,
        clock: Clock = time.time,
        options: PostgresOptions = PostgresOptions(),  # noqa: B008 (frozen)
    ) -> None:
        self._name = place.name
        self._conninfo = connection_string(place)
        self._clock = clock
        self._options = options
        self._texts = {text: text.replace("{schema}", options.schema).encode() for text in _TEXTS}
        self._process = 0  # which may use the store; 0: it is not open
        self._reader: Line[Sequence[Statement]] | None = None
        self._writer: Line[Statement] | None = None

    async def open(self) -> None:
        """Connect, and bring the schema to this release's version.

        Raises:
            SetupError: if the server does not let us in, may forget, or the schema is of another program or a newer release.
            StoreUnavailable: if the server does not answer.
        """
        options, name = self._options, self._name
        writer = Line(WriteLink(self._conninfo, options, name), options.patience, name)
        reader = Line(ReadLink(self._conninfo, options, name), options.patience, name)
        try:
            await writer.open()
            await self._prepare()
            await reader.open()
        except BaseException:
            await writer.close()
            await reader.close()
            raise
        self._writer, self._reader, self._process = writer, reader, os.getpid()

    async def close(self) -> None:
        """Finish what is under way and disconnect; a second call does nothing."""
        if not self._process:
            return
        writer, reader = self._open_writer(), self._open_reader()
        self._process = 0
        await writer.close()
        await reader.close()

    async def check(self) -> None:
        """Read something."""
        await self.get("", b"")

    async def get(self, space: str, key: bytes) -> Record | None:
        """The record, or None."""
        (rows,) = await self._open_reader().ask((self._get(space, key),), again=True)
        return self._record(rows)

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        """Write whatever was there before; gives the new version.

        Raises:
            StoreFull: if there is no room.
        """
        version = _new_version()
        await self._write(_PUT, space, key, value, Int8(version), _end(expires))
        return version

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        """Write if the record still has this version; gives the new version.

        Raises:
            Conflict: if it has another.
            StoreFull: if there is no room.
        """
        new, now = _new_version(), self._clock()
        values = value, Int8(new), _end(expires), float(now)
        if version == 0:
            changed = await self._write(_ADD, space, key, *values)
        else:
            changed = await self._write(_REPLACE, space, key, *values, Int8(version))
        if not changed:
            raise Conflict
        return new

    async def delete(self, space: str, key: bytes) -> bool:
        """Remove the record; False when it was not there."""
        return await self._write(_DELETE, space, key, float(self._clock())) > 0

    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        """Move the record's end; False when it was not there."""
        return await self._write(_TOUCH, space, key, _end(expires), float(self._clock())) > 0

    async def sweep(self, now: float, limit: int) -> int:
        """Remove at most `limit` records whose end had come at `now`, the oldest first; gives how many."""
        swept: int = await self._open_writer().ask(Statement(self._texts[_SWEEP], (float(now), Int8(limit))))
        return swept

    async def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
        """Every record of a space, by ascending key."""
        start = b""
        while True:
            statement = Statement(self._texts[_SCAN], (space, start, float(self._clock())))
            (rows,) = await self._open_reader().ask((statement,), again=True)
            for key, value, version, expires in rows:
                yield key, Record(value, version, expires)
            if not rows:
                return
            start = rows[-1][0] + b"\0"  # the next key there can be

    async def take(self, space: str, key: bytes, wait: float) -> Taken | None:
        """Wait for the turn at a record and read it; None if the turn did not come within `wait` seconds.

        Raises:
            StoreUnavailable: if the server is away.
        """
        reader, loop = self._open_reader(), asyncio.get_running_loop()
        deadline = loop.time() + wait
        get, locks = self._get(space, key), self._locks(space, key)
        where, pause = _OUTSIDE, _FIRST_PAUSE
        try:
            while True:
                enter = Statement(self._texts[_ENTER_FROM_PORCH if where == _ON_PORCH else _ENTER], locks)
                # The lock first and then the read, in a statement of its own: it sees what was committed before the lock.
                ((where,),), rows = await reader.ask((enter, get), again=True)
                if where == _INSIDE:
                    return Taken(space, key, b"held", self._record(rows))
                left = deadline - loop.time()
                if left <= 0:
                    break
                await asyncio.sleep(min(left, pause))
                pause = min(2 * pause, _LONGEST_PAUSE)
        except BaseException:
            self._unlock(*locks)  # cancelled or given up while the server may have done it
            raise
        if where == _ON_PORCH:
            self._unlock(locks[0])
        return None

    def release(self, taken: Taken) -> None:
        """Give the turn back, some time soon."""
        self._unlock(self._locks(taken.space, taken.key)[1])

    async def set_and_release(self, taken: Taken, value: bytes, *, expires: float | None = None) -> int:
        """Write the record, if it still is as it was taken, and give the turn back.

        Raises:
            Conflict: if somebody wrote it in between.
            StoreFull: if there is no room.
        """
        version = taken.record.version if taken.record is not None else 0
        try:
            return await self.compare_and_set(taken.space, taken.key, value, version, expires=expires)
        finally:
            self.release(taken)

    async def _prepare(self) -> None:
        schema, name, patience = self._options.schema, self._name, self._options.patience
        try:
            async with asyncio.timeout(patience):
                connection = await connect(self._conninfo, name, self._options.durable)
                try:
                    await promptly(connection, prepare(connection, schema, name))
                finally:
                    await connection.close()
        except TimeoutError:
            raise StoreUnavailable(f"the store at {name} did not answer within {patience:g} s") from None
        except psycopg.Error as error:
            raise translate(error) from error

    async def _write(self, text: str, space: str, key: bytes, *values: Any) -> int:
        order = space.encode() + b"\0" + key
        changed: int = await self._open_writer().ask(Statement(self._texts[text], (space, key, *values), order))
        return changed

    def _get(self, space: str, key: bytes) -> Statement:
        return Statement(self._texts[_GET], (space, key))

    def _record(self, rows: list[tuple[bytes, int, float | None]]) -> Record | None:
        if not rows:
            return None
        value, version, expires = rows[0]
        if expires is not None and expires <= self._clock():
            return None
        return Record(value, version, expires)

    def _locks(self, space: str, key: bytes) -> tuple[Int8, Int8]:
        """The porch's and the room's."""
        porch = advisory_key("hospes turn", self._options.schema, space, key)
        return Int8(porch), Int8(porch + 1)

    def _unlock(self, *locks: Int8) -> None:
        if self._reader is not None and self._process:
            self._reader.ask(tuple(Statement(self._texts[_LEAVE], (lock,)) for lock in locks), again=True)

    def _open_reader(self) -> Line[Sequence[Statement]]:
        check_process(self._process)
        assert self._reader is not None
        return self._reader

    def _open_writer(self) -> Line[Statement]:
        check_process(self._process)
        assert self._writer is not None
        return self._writer


def _new_version() -> int:
    return secrets.randbits(62) + 1  # drawn, not counted: a record made anew never repeats one


def _end(expires: float | None) -> float | None:
    return None if expires is None else float(expires)
