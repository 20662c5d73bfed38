"""The tables in PostgreSQL: whose they are, how they come to be, how they grow from release to release.

Laws:

* A schema with tables that are not ours is never written to. Ours is what has a table `migration` with our mark on it.
* The rows of `migration` are the migrations done. Each is one transaction, which also adds its row, behind an advisory lock that
  dies with its holder. So a crash leaves the schema before it or after it, and of two processes that start one waits.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, cast

import psycopg
from psycopg import AsyncConnection

from hospes.errors import SetupError
from hospes.store.contract import StoreCorrupt

_MARK: Final = "store of hospes"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE {schema}.migration (number integer PRIMARY KEY, done timestamptz NOT NULL DEFAULT now())",
        f"COMMENT ON TABLE {{schema}}.migration IS '{_MARK}'",
        # Room in every page for the next version of a row: the indexes need no change then.
        """CREATE TABLE {schema}.record (
            space text COLLATE "C" NOT NULL, key bytea NOT NULL, value bytea NOT NULL, version bigint NOT NULL,
            expires double precision, PRIMARY KEY (space, key)
        ) WITH (fillfactor = 80)""",
        "CREATE INDEX record_expires ON {schema}.record (expires) WHERE expires IS NOT NULL",
    ),
)
"""Statement by statement; the n-th entry leads from version n to version n + 1. Entries are only ever added."""

_LOOK = """SELECT to_regnamespace($1) IS NOT NULL, to_regclass($1 || '.migration') IS NOT NULL,
    obj_description(to_regclass($1 || '.migration'), 'pg_class'),
    (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace($1))"""


def advisory_key(*parts: str | bytes) -> int:
    """The number under which PostgreSQL knows a lock: 64 bits of a hash, so that it is one's own; an even one."""
    octets = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return int.from_bytes(hashlib.sha256(octets).digest()[:8], "big", signed=True) & ~1


async def prepare(connection: AsyncConnection[Any], schema: str, name: str) -> None:
    """Bring the schema to this release's version; makes it as needed.

    Args:
        connection: One that commits each statement by itself.
        schema: Name of the schema; a plain name.
        name: What the server is called in errors.

    Raises:
        StoreCorrupt: if the schema is not ours.
        SetupError: if a newer release made it, or it may not be made.
        psycopg.Error: if the server fails.
    """
    try:
        while await _version(connection, schema, name) < len(MIGRATIONS):
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", (advisory_key("hospes migration", schema),))
                version = await _version(connection, schema, name)  # again: another process may have been faster
                if version < len(MIGRATIONS):
                    await _migrate(connection, schema, version)
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"the user of the store at {name} may not use or make the schema {schema}: {error.diag.message_primary}",
            remedy=f"As the database's owner: CREATE SCHEMA {schema} AUTHORIZATION <user>",
        ) from None


async def _migrate(connection: AsyncConnection[Any], schema: str, version: int) -> None:
    cursor = await connection.execute("SELECT to_regnamespace($1) IS NULL", (schema,))
    if (await cursor.fetchone()) == (True,):  # IF NOT EXISTS would ask for the right to make it in any case
        await connection.execute(_in(schema, "CREATE SCHEMA {schema}"))
    for statement in MIGRATIONS[version]:
        await connection.execute(_in(schema, statement))
    await connection.execute(_in(schema, "INSERT INTO {schema}.migration (number) VALUES ($1)"), (version + 1,))


async def _version(connection: AsyncConnection[Any], schema: str, name: str) -> int:
    cursor = await connection.execute(_LOOK, (schema,))
    is_there, has_migration, mark, relations = cast("tuple[bool, bool, str | None, int]", await cursor.fetchone())
    if not is_there or not relations:
        return 0
    if not has_migration or mark != _MARK:
        raise StoreCorrupt(
            f"the schema {schema} in {name} is of some other program",
            remedy="It was left as it is. Name another with ?schema=NAME in the store's URL.",
        )
    cursor = await connection.execute(_in(schema, "SELECT coalesce(max(number), 0) FROM {schema}.migration"))
    (version,) = cast("tuple[int]", await cursor.fetchone())
    if version > len(MIGRATIONS):
        raise SetupError(
            f"the store in {name} was made by a newer release (schema {version}, this one knows {len(MIGRATIONS)})",
            remedy="It was left as it is. Update hospes, or name another with ?schema=NAME in the store's URL.",
        )
    return version


def _in(schema: str, statement: str) -> bytes:
    return statement.replace("{schema}", schema).encode()  # a plain name, which needs no quotes
