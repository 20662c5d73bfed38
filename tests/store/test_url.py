"""URLs name engines; what names none is refused with what would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.store import open_store
from hospes.store.memory import MemoryStore
from hospes.store.postgres import PostgresStore
from hospes.store.redis import RedisStore
from hospes.store.sqlite import SqliteStore


def stored_in(url: str) -> None:
    async def main() -> None:
        store = open_store(url)
        assert isinstance(store, SqliteStore)
        await store.open()
        await store.put("users", b"a", b"1")
        await store.close()

    asyncio.run(main())


def test_a_relative_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored_in("sqlite:///hospes.db")
    assert (tmp_path / "hospes.db").is_file()


@pytest.mark.parametrize(("written", "name"), [("a.db", "a.db"), ("a%20b%3Fc%23d.db", "a b?c#d.db"), ("%C3%A9%25.db", "é%.db")])
def test_an_absolute_file(tmp_path: Path, written: str, name: str) -> None:
    stored_in(f"SQLite:///{tmp_path}/{written}")
    assert (tmp_path / name).is_file()


def test_nothing_happens_before_open(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/missing/folder/a.db")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("url", ["memory:", "memory://", "MEMORY:"])
def test_memory(url: str) -> None:
    assert isinstance(open_store(url), MemoryStore)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hospes.db",
        "mysql://user:secret@host/0",
        "redis:",
        "redis:///0",
        "redis://user:secret@host/name",
        "redis://user:secret@host:port/0",
        "redis://user:secret@host/0?prefix=",
        "redis://user:secret@host/0?secret=1",
        "redis://user:secret@host/0?durable=secret",
        "redis://user:secret@host/0?patience=0",
        "rediss://user:secret@host/0?patience=-1",
        "postgresql://user:secret@host:99999/database",
        "postgres://user:secret@host/database?schema=Secret",
        "postgres://user:secret@host/database?durable=",
        "postgres://user:secret@host/database?durable=second",
        "postgres://user:secret@host/database?patience=secret",
        "sqlite",
        "sqlite:",
        "sqlite:hospes.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://hospes.db",
        "sqlite:///hospes.db?mode=ro",
        "sqlite:///hospes.db#top",
        "sqlite:///a%00b",
        "memory:name",
        "memory:///name",
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(SetupError) as refused:
        open_store(url)
    assert "sqlite:///hospes.db" in refused.value.remedy
    assert "memory:" in refused.value.remedy
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host?durable=second",
        "rediss://u:p@host:1/15?ca=/a.pem&prefix=a:&durable=no&patience=0.5",
        "REDIS://[::1]/",
    ],
)
def test_redis(url: str) -> None:
    assert isinstance(open_store(url), RedisStore)


@pytest.mark.parametrize(
    "url", ["postgresql:///", "postgres://u:p@h:1/d?schema=a_1&durable=no&patience=60", "postgresql://h/d?sslmode=verify-full"]
)
def test_postgres(url: str) -> None:
    assert isinstance(open_store(url), PostgresStore)


def test_a_parameter_that_nobody_knows() -> None:
    with pytest.raises(SetupError, match="has a parameter that PostgreSQL's library does not know") as refused:
        open_store("postgresql://user:secret@host/database?colour=secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("package", "extra"), [("redis", "redis"), ("psycopg", "postgres")])
def test_a_package_that_is_not_installed(package: str, extra: str) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None
from hospes.errors import SetupError
from hospes.store import open_store
try:
    open_store("{"redis" if extra == "redis" else "postgresql"}://host/0")
except SetupError as error:
    print(error)
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    check_golden(f"store/no_{package}", shown)


def test_a_refusal_says_what_there_is() -> None:
    with pytest.raises(SetupError) as refused:
        open_store("mysql://user:secret@host/0")
    check_golden("store/no_engine", str(refused.value))


def test_a_path_is_no_url(tmp_path: Path) -> None:
    given: Any = tmp_path / "hospes.db"
    with pytest.raises(SetupError) as refused:
        open_store(given)
    check_golden("store/no_text", str(refused.value).replace(type(given).__name__, "Path"))
