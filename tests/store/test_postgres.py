"""The PostgreSQL store, over a real server: what it commits together, whose locks its turns are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from tests.servers import PostgresServer

from hospes.store import Conflict, Store, StoreFull, StoreUnavailable, TurnStore, open_store
from hospes.store.place import parse_place
from hospes.store.postgres_link import connect, connection_string

KEY = b"k" * 32


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[TurnStore]:
    store = open_store(url)
    assert isinstance(store, TurnStore)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def sql(server: PostgresServer, statement: str) -> list[Any]:
    with psycopg.connect(server.place, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def schema_of(url: str) -> str:
    return url.partition("schema=")[2].partition("&")[0]


def test_writes_that_come_together_are_committed_together(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        async with opened(url) as store:
            await asyncio.gather(*(store.put("users", b"%d" % i, b"") for i in range(64)))
            rows = sql(postgres, f"SELECT count(*), count(DISTINCT xmin::text) FROM {schema_of(url)}.record")
            assert rows == [(64, 1)]

    asyncio.run(main())


def test_writers_of_the_same_rows_do_not_stop_each_other(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        keys = [b"%d" % i for i in range(30)]

        async def write(store: Store, order: list[bytes]) -> None:
            for _ in range(10):
                await asyncio.gather(*(store.put("users", key, b"") for key in order))

        async with opened(url) as one, opened(url) as other:
            await asyncio.gather(write(one, keys), write(other, keys[::-1]))

    asyncio.run(main())


def test_a_write_that_the_server_refuses_fails_alone(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        schema = schema_of(url)
        async with opened(url) as store:
            await store.put("users", KEY, b"1")
            sql(
                postgres,
                f"""CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.value = 'large' THEN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END IF;
                    IF NEW.value = 'odd' THEN RAISE EXCEPTION 'odd'; END IF;
                    RETURN NEW; END $$;
                    CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {schema}.record
                    FOR EACH ROW EXECUTE FUNCTION {schema}.full()""",
            )
            values = (b"a", b"large", b"b", b"odd", b"c")
            outcomes = await asyncio.gather(
                *(store.put("users", b"%d" % i, value) for i, value in enumerate(values)), return_exceptions=True
            )
            assert [type(each) for each in outcomes] == [int, StoreFull, int, StoreUnavailable, int]
            assert {key: record.value async for key, record in store.scan("users")} == {
                b"0": b"a", b"2": b"b", b"4": b"c", KEY: b"1",
            }  # fmt: skip
            turn = await store.take("users", KEY, 5.0)
            assert turn is not None
            with pytest.raises(StoreFull) as full:
                await store.set_and_release(turn, b"large")
            assert "no space" in str(full.value)
            turn = await store.take("users", KEY, 5.0)
            assert turn is not None, "the turn was given back all the same"
            store.release(turn)

    asyncio.run(main())


def test_a_commit_that_fails_is_not_acknowledged(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        schema = schema_of(url)
        async with opened(url) as store:
            await store.put("users", KEY, b"1")
            sql(
                postgres,
                f"""CREATE FUNCTION {schema}.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.value = 'late' THEN RAISE EXCEPTION 'too late'; END IF;
                    IF NEW.value = 'replica' THEN RAISE EXCEPTION 'led' USING ERRCODE = 'read_only_sql_transaction'; END IF;
                    RETURN NEW; END $$;
                    CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON {schema}.record
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.late()""",
            )
            outcomes = await asyncio.gather(
                *(store.put("users", b"%d" % i, value) for i, value in enumerate((b"a", b"late", b"b"))), return_exceptions=True
            )
            assert [type(each) for each in outcomes] == [int, StoreUnavailable, int]
            assert await store.get("users", b"1") is None
            outcomes = await asyncio.gather(
                *(store.put("users", b"%d" % i, value) for i, value in enumerate((b"late", b"replica", b"c"), 10)),
                return_exceptions=True,
            )
            assert [type(each) for each in outcomes] == [StoreUnavailable] * 3
            assert [key async for key, _ in store.scan("users")] == [b"0", b"2", KEY]
            await store.put("users", b"3", b"d")

    asyncio.run(main())


def test_a_read_that_the_server_refuses_is_an_error_and_no_visitor(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        async with opened(url) as store:
            await store.put("users", KEY, b"1")
            sql(postgres, f"ALTER TABLE {schema_of(url)}.record RENAME TO elsewhere")
            outcomes = await asyncio.gather(store.get("users", KEY), store.get("users", b"other"), return_exceptions=True)
            assert [type(each) for each in outcomes] == [StoreUnavailable] * 2
            sql(postgres, f"ALTER TABLE {schema_of(url)}.elsewhere RENAME TO record")
            record = await store.get("users", KEY)
            assert record is not None
            assert record.value == b"1"

    asyncio.run(main())


def test_a_turn_ends_with_its_connection_and_its_writer_is_refused(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        async with opened(url) as one, opened(url) as other:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            locks = "SELECT count(*), min(pid) FROM pg_locks WHERE locktype = 'advisory'"
            ((count, process),) = sql(postgres, locks)
            assert count == 1
            sql(postgres, f"SELECT pg_terminate_backend({process})")
            theirs = await other.take("users", KEY, 5.0)
            assert theirs is not None
            await other.set_and_release(theirs, b"theirs")
            with pytest.raises(Conflict):
                await one.set_and_release(turn, b"mine")
            mine = await one.take("users", KEY, 5.0)
            assert mine is not None
            assert mine.record is not None
            assert mine.record.value == b"theirs"
            one.release(mine)
            while sql(postgres, locks)[0][0]:
                await asyncio.sleep(0.01)

    asyncio.run(main())


def test_nothing_is_left_locked(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        async with opened(url) as one, opened(url) as other:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            assert await other.take("users", KEY, 0.05) is None
            waiting = asyncio.create_task(other.take("users", KEY, 5.0))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.wait([waiting])
            one.release(turn)
            while sql(postgres, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != [(0,)]:
                await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_commit_waits_for_the_disk_whatever_the_roles_default_is(own_postgres: PostgresServer) -> None:
    async def main() -> None:
        sql(own_postgres, "ALTER ROLE postgres SET synchronous_commit = off")
        async with opened(own_postgres.url()) as store:
            await store.put("users", KEY, b"1")
            # The sessions' own settings are not seen from outside; this one is of a connection made in the same way.
            connection = await connect(connection_string(parse_place(own_postgres.place)), "name", durable=True)
            cursor = await connection.execute("SHOW synchronous_commit")
            assert await cursor.fetchone() == ("on",)
            await connection.close()

    asyncio.run(main())
