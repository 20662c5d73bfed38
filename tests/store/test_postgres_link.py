"""Connections to PostgreSQL: what is refused at the start, and that no error repeats a password."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from tests.golden import check_golden
from tests.servers import PostgresServer

from hospes.errors import SetupError
from hospes.store import Conflict, StoreFull, StoreUnavailable, open_store
from hospes.store.place import parse_place
from hospes.store.postgres_link import PostgresOptions, connect, connection_string, translate


async def use(url: str) -> None:
    store = open_store(url)
    await store.open()
    try:
        await store.put("users", b"a", b"1")
        assert await store.get("users", b"a") is not None
    finally:
        await store.close()


def refusal(url: str) -> str:
    with pytest.raises(SetupError) as refused:
        asyncio.run(use(url))
    return str(refused.value)


def test_options_are_looked_at() -> None:
    with pytest.raises(ValueError, match="PostgresOptions"):
        PostgresOptions(patience=0.0)


def test_what_libpq_is_told() -> None:
    place = parse_place("postgresql://ada:s%40crt@h:1/shop?sslmode=require&connect_timeout=9")
    told = psycopg.conninfo.conninfo_to_dict(connection_string(place))
    assert told == {
        "connect_timeout": "9", "host": "h", "port": "1", "dbname": "shop", "user": "ada", "password": "s@crt",
        "sslmode": "require",
    }  # fmt: skip


def test_a_server_that_forgets_is_refused_unless_that_is_wanted() -> None:
    server = PostgresServer("fsync=off")
    try:
        server.start()
        check_golden("store/postgres_forgets", refusal(server.url()))
        asyncio.run(use(server.url("&durable=no")))
    finally:
        server.remove()


def test_who_is_not_let_in_is_told_so_without_the_password(postgres: PostgresServer) -> None:
    for url in (
        postgres.url().replace("/postgres?", "/missing?"),
        postgres.url().replace("postgres@", "nobody:secret@"),
    ):
        text = refusal(url)
        assert "does not let us in" in text
        assert "secret" not in text


def test_a_server_that_is_not_there(postgres: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match="no answer from the store at postgresql:///postgres"):
        asyncio.run(use(postgres.url("&patience=0.1").replace(str(postgres.folder), "/nowhere")))


def test_a_server_that_takes_no_writes(own_postgres: PostgresServer) -> None:
    async def main() -> None:
        store = open_store(own_postgres.url())
        await store.open()
        await store.put("users", b"a", b"1")
        set_read_only(own_postgres, "on")
        with pytest.raises(StoreUnavailable, match="read-only"):
            await asyncio.gather(store.put("users", b"a", b"2"), store.put("users", b"b", b"2"))
        assert await store.get("users", b"a") is not None
        set_read_only(own_postgres, "off")
        await store.put("users", b"a", b"2")
        await store.close()

    asyncio.run(main())


def set_read_only(server: PostgresServer, how: str) -> None:
    with psycopg.connect(server.place, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {how}".encode())
        connection.execute("SELECT pg_reload_conf()")
    while True:
        with psycopg.connect(server.place, autocommit=True) as connection:
            if connection.execute("SHOW default_transaction_read_only").fetchone() == (how,):
                return


def test_names_of_errors() -> None:
    assert isinstance(translate(psycopg.errors.DiskFull("could not extend file")), StoreFull)
    unavailable = translate(psycopg.errors.SyntaxError("wrong\nLINE 1: the statement with its values"))
    assert isinstance(unavailable, StoreUnavailable)
    assert "LINE" not in str(unavailable)
    conflict = Conflict()
    assert translate(conflict) is conflict


def test_a_replica_is_not_a_store(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    signal_file = Path(own_postgres.data) / "standby.signal"
    signal_file.touch()
    own_postgres.start()
    with pytest.raises(StoreUnavailable, match="is a replica"):
        asyncio.run(connect(own_postgres.place, "a server", durable=True))


def test_a_machine_that_vanished_is_found_out(postgres: PostgresServer) -> None:
    async def main() -> None:
        connection = await connect(postgres.place, "a server", durable=True)
        cursor = await connection.execute("SELECT name, setting, source FROM pg_settings WHERE name LIKE 'tcp_%' ORDER BY name")
        assert {(name, source) for name, _, source in await cursor.fetchall()} == {
            ("tcp_keepalives_count", "session"),
            ("tcp_keepalives_idle", "session"),
            ("tcp_keepalives_interval", "session"),
            ("tcp_user_timeout", "session"),
        }
        await connection.close()

    asyncio.run(main())


def test_what_was_under_way_when_the_connection_broke(postgres: PostgresServer) -> None:
    async def main() -> None:
        url = postgres.url()
        schema = url.partition("schema=")[2]
        store = open_store(url)
        await store.open()
        await store.put("users", b"a", b"1")
        with psycopg.connect(postgres.place) as lock, psycopg.connect(postgres.place, autocommit=True) as killer:
            lock.execute(f"LOCK TABLE {schema}.record IN ACCESS EXCLUSIVE MODE".encode())
            read, write = asyncio.ensure_future(store.get("users", b"a")), asyncio.ensure_future(store.put("users", b"a", b"2"))
            waiting = b"SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while len(found := killer.execute(waiting).fetchall()) < 2:
                await asyncio.sleep(0.01)
            for (process,) in found:
                killer.execute("SELECT pg_terminate_backend(%s)", (process,))
            with pytest.raises(StoreUnavailable, match="the connection to the store at postgresql:///postgres broke"):
                await write
            lock.rollback()
        assert await read is not None, "a read is sent again"
        await store.close()

    asyncio.run(main())
