"""Connections to PostgreSQL: one for reads and turns, which waits for no disk, one for writes, which commits in groups.

An fsync costs milliseconds, a statement microseconds. So all writes that came while the last commit ran go into one transaction
and share its fsync, while reads go on beside them. Both kinds send a whole batch before they look at the first answer.

Laws:

* A write is acknowledged after the COMMIT that holds it, never before.
* When a batch of writes fails, its writes are tried again one by one: one that fails fails alone.
* After any failure of the reading connection it is thrown away, and the turns it held with it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, TransactionStatus

from hospes.errors import SetupError
from hospes.store.contract import StoreError, StoreFull, StoreUnavailable
from hospes.store.place import Place

R = TypeVar("R")
T = TypeVar("T")

_SECONDS = 5  # for a connection to one address; the line's patience bounds all of it
_REFUSED = (
    psycopg.errors.InvalidAuthorizationSpecification,
    psycopg.errors.InvalidPassword,
    psycopg.errors.InvalidCatalogName,
    psycopg.errors.InsufficientPrivilege,
)
_FULL = (psycopg.errors.DiskFull,)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresOptions:
    """How the PostgreSQL store behaves.

    Args:
        patience: Seconds until an operation is given up while the server is away or slow; 5 by default.
        schema: The schema that has its tables; "hospes" by default. A plain name: lower-case letters, digits and _.
        durable: Whether a server that may forget what it acknowledged is refused; True by default.

    Raises:
        ValueError: if `patience` is not positive.
    """

    patience: float = 5.0
    schema: str = "hospes"
    durable: bool = True

    def __post_init__(self) -> None:
        if not self.patience > 0:
            raise ValueError(f"PostgresOptions(patience={self.patience!r}): it is a positive number of seconds")


class Statement(NamedTuple):
    """SQL with its values.

    Args:
        text: With $1, $2 and so on.
        values: For those.
        order: Writes of one transaction are executed in this order, so that two processes do not lock two rows crosswise.
    """

    text: bytes
    values: tuple[Any, ...]
    order: bytes = b""


def connection_string(place: Place) -> str:
    """What libpq is told.

    Raises:
        SetupError: if the place has a parameter that libpq does not know.
    """
    named: dict[str, Any] = {
        "host": place.host,
        "port": place.port or "",
        "dbname": place.path,
        "user": place.user,
        "password": place.password,
    }
    given = {name: value for name, value in named.items() if value != ""}
    try:
        return make_conninfo("", **{"connect_timeout": _SECONDS, **given, **place.parameters})
    except psycopg.Error:  # whose text may repeat what nobody is to read
        raise SetupError(
            f"the store's URL {place.name} has a parameter that PostgreSQL's library does not know",
            remedy="See https://www.postgresql.org/docs/current/libpq-connect.html for those it does.",
        ) from None


def translate(error: Exception) -> StoreError:
    """The contract's name for what went wrong; an error of the contract stays."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, _FULL):
        return StoreFull(f"there is no room left in the store: {_first_line(error)}")
    return StoreUnavailable(f"the store failed: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]  # what follows repeats the statement


async def promptly(connection: AsyncConnection[Any], work: Coroutine[Any, Any, T]) -> T:
    """Have work done with a connection, so that it can be cancelled at once.

    psycopg would ask the server to stop a statement, and wait for its word; but it may be the server that is silent. So the
    connection is cut, and who waits for it reads its end.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not connection.closed:
            with suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
                line.shutdown(socket.SHUT_RDWR)
        await asyncio.wait([task])
        task.exception()  # it has one: the connection broke
        raise


async def connect(conninfo: str, name: str, durable: bool) -> AsyncConnection[Any]:
    """A connection that commits each statement by itself and loses nothing.

    Args:
        conninfo: As `connection_string` gives it.
        name: What the server is called in errors.
        durable: Whether a server that may forget what it acknowledged is refused.

    Raises:
        StoreUnavailable: if the server is away.
        SetupError: if it does not let us in, or may forget.
    """
    try:
        connection = await AsyncConnection[Any].connect(conninfo, autocommit=True, cursor_factory=AsyncRawCursor)
    except psycopg.Error as error:
        raise _not_connected(error, name) from None
    try:
        connection.prepare_threshold = 2
        await promptly(connection, _check_server(connection, name, durable))
    except psycopg.Error as error:  # it lets us in, and stops at this moment
        await connection.close()
        raise _not_connected(error, name) from None
    except BaseException:
        await connection.close()
        raise
    return connection


def _not_connected(error: psycopg.Error, name: str) -> Exception:
    text = " ".join(str(error).split())
    # libpq gives no code for what went wrong while connecting; the server's own words are in the operator's language.
    is_refused = isinstance(error, _REFUSED) or ("FATAL" in text and any(word in text for word in _WORDS))
    if is_refused:
        return SetupError(
            f"the store's server {name} does not let us in: {text}", remedy="Correct the store's URL, or the server."
        )
    return StoreUnavailable(f"no answer from the store at {name}: {text}")


_WORDS = ("password authentication failed", "pg_hba.conf", "does not exist", "permission denied", "no password supplied")


# A machine of ours that vanishes closes nothing. The server finds out after 25 s, in place of two hours, and its turns are free.
_KEEPALIVES: Final = """SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '25000', false)"""


async def _check_server(connection: AsyncConnection[Any], name: str, durable: bool) -> None:
    await connection.execute(_KEEPALIVES)
    cursor = await connection.execute(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()"
    )
    fsync, commit, is_replica = cast("tuple[str, str, bool]", await cursor.fetchone())
    if is_replica:
        raise StoreUnavailable(f"the store's server {name} is a replica, which takes no writes")
    if commit == "off":
        await connection.execute("SET synchronous_commit = on")
    if durable and fsync == "off":
        raise SetupError(
            f"the store's server {name} may forget what it acknowledged when its machine loses power: fsync is off",
            remedy="Set `fsync = on` there; or, if visitors may be forgotten, add ?durable=no to the store's URL.",
        )


class _Link(ABC, Generic[R]):
    """What both connections have in common."""

    def __init__(self, conninfo: str, options: PostgresOptions, name: str) -> None:
        self._conninfo = conninfo
        self._options = options
        self._name = name
        self._connection: AsyncConnection[Any] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        connection = self._connection
        if connection is None or connection.closed:
            return False
        try:
            # A server that has gone has said so, if we look: first its last words, and then that there are no more.
            connection.pgconn.consume_input()
            connection.pgconn.consume_input()
        except psycopg.Error:
            return False
        return connection.pgconn.status == ConnStatus.OK

    async def connect(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: if the server is away.
            SetupError: if it does not let us in, or may forget.
        """
        await self.disconnect()
        self._connection = await connect(self._conninfo, self._name, self._options.durable)

    async def run(self, requests: Sequence[R]) -> list[Any]:
        """Carry out requests; whoever is cancelled here waits for nobody.

        Raises:
            StoreUnavailable: if the connection broke.
        """
        assert self._connection is not None
        return await promptly(self._connection, self._run(self._connection, requests))

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    @abstractmethod
    async def _run(self, connection: AsyncConnection[Any], requests: Sequence[R]) -> list[Any]:
        """Carry them out over this connection."""

    def _broke(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the connection to the store at {self._name} broke: {_first_line(error)}")


class ReadLink(_Link[Sequence[Statement]]):
    """Reads and turns; a `Link` for a line, whose requests are several statements each."""

    async def _run(self, connection: AsyncConnection[Any], requests: Sequence[Sequence[Statement]]) -> list[Any]:
        """Execute the statements in order; an outcome is a list of rows for each statement of the request.

        Raises:
            StoreUnavailable: if the connection broke.
        """
        cursors = list[list[Any]]()
        try:
            async with connection.pipeline():
                for request in requests:
                    cursors.append([await connection.execute(each.text, each.values, binary=True) for each in request])
            return [[await cursor.fetchall() for cursor in each] for each in cursors]
        except psycopg.Error as error:
            is_broken = connection.broken or connection.closed
            await self.disconnect()  # with every turn it has: what it holds is not known any more
            if is_broken:
                raise self._broke(error) from error
            return [translate(error)] * len(requests)


class WriteLink(_Link[Statement]):
    """Writes; a `Link` for a line, whose requests are one statement each."""

    async def _run(self, connection: AsyncConnection[Any], requests: Sequence[Statement]) -> list[Any]:
        """Execute the statements durably; an outcome is the number of rows that a statement changed.

        Raises:
            StoreUnavailable: if the connection broke.
        """
        try:
            return await _commit(connection, requests)
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise self._broke(error) from error
            if connection.info.transaction_status != TransactionStatus.IDLE:
                try:
                    await connection.rollback()
                except psycopg.Error:  # a server that shuts down says so first, and closes then
                    await self.disconnect()
                    raise self._broke(error) from error
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self.disconnect()  # it has become a replica
                return [translate(error)] * len(requests)
            if len(requests) == 1:
                return [translate(error)]
        outcomes = list[Any]()
        for request in requests:
            outcomes += await self._run(connection, [request])
        return outcomes


async def _commit(connection: AsyncConnection[Any], requests: Sequence[Statement]) -> list[Any]:
    places = sorted(range(len(requests)), key=lambda i: requests[i].order)
    cursors = dict[int, Any]()
    async with connection.pipeline():
        await connection.execute("BEGIN")
        for i in places:
            cursors[i] = await connection.execute(requests[i].text, requests[i].values, binary=True)
        end = await connection.execute("COMMIT")
    assert end.statusmessage == "COMMIT"
    return [cursors[i].rowcount for i in range(len(requests))]
