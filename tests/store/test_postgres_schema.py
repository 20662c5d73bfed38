"""The tables: made once, by whoever comes first, whole or not at all; what is not ours is left as it is."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.golden import check_golden
from tests.servers import PostgresServer

from hospes.errors import SetupError
from hospes.store import StoreCorrupt, StoreUnavailable, open_store
from hospes.store.postgres_schema import MIGRATIONS, advisory_key

ROOT = Path(__file__).parents[2]

DYING = """
import asyncio, sys
from hospes.store import open_store, postgres_schema
first, *rest = postgres_schema.MIGRATIONS
postgres_schema.MIGRATIONS = (first, ("CREATE TABLE {schema}.half (n int)", "SELECT pg_sleep(600)"))
asyncio.run(open_store(sys.argv[1]).open())
"""


def sql(server: PostgresServer, statement: str) -> list[Any]:
    with psycopg.connect(server.place, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def schema_of(url: str) -> str:
    return url.partition("schema=")[2].partition("&")[0]


async def use(url: str) -> None:
    store = open_store(url)
    await store.open()
    try:
        await store.put("users", b"a", b"1")
    finally:
        await store.close()


def test_many_that_start_at_once_make_it_once(postgres: PostgresServer) -> None:
    url = postgres.url()

    async def main() -> None:
        await asyncio.gather(*(use(url) for _ in range(6)))

    asyncio.run(main())
    assert sql(postgres, f"SELECT number FROM {schema_of(url)}.migration") == [(i + 1,) for i in range(len(MIGRATIONS))]


def test_a_migration_is_done_once_and_keeps_the_records(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.url()
    asyncio.run(use(url))
    more = (*MIGRATIONS, ("ALTER TABLE {schema}.record ADD COLUMN colour text", "UPDATE {schema}.record SET colour = 'red'"))
    monkeypatch.setattr("hospes.store.postgres_schema.MIGRATIONS", more)
    for _ in range(2):
        asyncio.run(use(url))
    assert sql(postgres, f"SELECT colour FROM {schema_of(url)}.record") == [("red",)]
    assert len(sql(postgres, f"SELECT * FROM {schema_of(url)}.migration")) == len(more)


def test_a_migration_that_fails_leaves_the_schema_before_it(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.url()
    asyncio.run(use(url))
    more = (*MIGRATIONS, ("CREATE TABLE {schema}.half (n int)", "SELECT nonsense"))
    with monkeypatch.context() as patch:
        patch.setattr("hospes.store.postgres_schema.MIGRATIONS", more)
        with pytest.raises(StoreUnavailable, match="nonsense"):
            asyncio.run(use(url))
    assert sql(postgres, f"SELECT to_regclass('{schema_of(url)}.half')") == [(None,)]
    asyncio.run(use(url))


def test_a_process_that_dies_in_a_migration_leaves_the_schema_before_it(postgres: PostgresServer) -> None:
    url = postgres.url()
    schema = schema_of(url)
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
    child = subprocess.Popen([sys.executable, "-c", DYING, url], cwd=ROOT)
    try:
        while not (found := sql(postgres, sleeping)):
            assert child.poll() is None
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    sql(postgres, f"SELECT pg_terminate_backend({found[0][0]})")  # the server would notice when the statement ends
    asyncio.run(use(url))
    assert sql(postgres, f"SELECT to_regclass('{schema}.half')") == [(None,)]
    assert sql(postgres, f"SELECT count(*) FROM {schema}.migration") == [(len(MIGRATIONS),)]


def test_another_programs_schema_is_left_as_it_is(postgres: PostgresServer) -> None:
    sql(postgres, "CREATE SCHEMA theirs; CREATE TABLE theirs.record (n int); CREATE TABLE theirs.migration (n int)")
    url = f"{postgres.place}&schema=theirs"
    with pytest.raises(StoreCorrupt) as refused:
        asyncio.run(use(url))
    check_golden("store/postgres_foreign", str(refused.value))
    sql(postgres, "DROP TABLE theirs.migration")
    with pytest.raises(StoreCorrupt):
        asyncio.run(use(url))
    assert sql(postgres, "SELECT count(*) FROM pg_class WHERE relnamespace = 'theirs'::regnamespace") == [(1,)]


def test_a_newer_releases_schema_is_left_as_it_is(postgres: PostgresServer) -> None:
    url = postgres.url()
    asyncio.run(use(url))
    sql(postgres, f"INSERT INTO {schema_of(url)}.migration (number) VALUES (99)")
    with pytest.raises(SetupError) as refused:
        asyncio.run(use(url))
    check_golden("store/postgres_newer", str(refused.value))


def test_who_may_not_make_a_schema_is_told_what_to_do(postgres: PostgresServer) -> None:
    sql(postgres, "CREATE ROLE guest LOGIN")
    url = f"{postgres.place.replace('postgres@', 'guest@')}&schema=guests"
    with pytest.raises(SetupError) as refused:
        asyncio.run(use(url))
    check_golden("store/postgres_not_allowed", str(refused.value))
    sql(postgres, "CREATE SCHEMA guests AUTHORIZATION guest")
    asyncio.run(use(url))


def test_keys_of_locks() -> None:
    keys = {advisory_key("a", "bc"), advisory_key("ab", "c"), advisory_key("a", b"bc\0"), advisory_key("abc")}
    assert len(keys) == 4
    assert all(-(2**63) <= key < 2**63 and key % 2 == 0 for key in keys)
