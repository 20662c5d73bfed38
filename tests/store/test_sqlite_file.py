"""The database file: what is not ours stays as it is, and a migration happens wholly or not at all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import struct
from pathlib import Path

import pytest

from hospes.errors import SetupError
from hospes.store import Record, StoreCorrupt, StoreFull, StoreUnavailable, sqlite_file
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_file import APPLICATION_ID, MIGRATIONS, begin, check, is_busy, prepare, schema_version, translate

NEXT = (*MIGRATIONS, ("CREATE TABLE extra (a)", "INSERT INTO extra VALUES (1)"))


def make(path: Path) -> None:
    prepare(str(path), 1.0).close()


def opened(path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(path))
        await store.open()
        await store.close()

    asyncio.run(main())


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()


def test_a_new_file_is_private_and_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert check(str(path)) == 0
    assert os.listdir(tmp_path) == []
    connection = prepare(str(path), 1.0)
    connection.execute("INSERT INTO record VALUES ('users', x'00', x'01', 1, NULL)")
    for name in os.listdir(tmp_path):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600, name
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()
    assert check(str(path)) == len(MIGRATIONS)
    assert struct.unpack(">I", path.read_bytes()[68:72]) == (APPLICATION_ID,)


def test_an_empty_file_is_adopted_and_made_private(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch(0o644)
    assert check(str(path)) == 0
    make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert check(str(path)) == len(MIGRATIONS)


def test_a_creation_that_died_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")  # as far as the other one came
    connection.close()
    assert path.stat().st_size > 0
    assert check(str(path)) == 0
    make(path)
    assert check(str(path)) == len(MIGRATIONS)


@pytest.mark.parametrize("content", [b"x", b"hello, this is no database\n" * 1000, b"SQLite format 3\0", b"\0" * 8192])
def test_what_is_no_database_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"damaged(.|\n)*left as it is"):
        opened(path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.db"]


def test_a_damaged_schema_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make(path)
    content = path.read_bytes()
    content = content[:100] + b"\xff" * 100 + content[200:]
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="damaged"):
        opened(path)
    assert path.read_bytes() == content


def test_a_file_that_was_cut_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make(path)
    content = path.read_bytes()[:1000]
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="damaged"):
        opened(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    foreign(path)
    content = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="some other program"):
        opened(path)
    with pytest.raises(StoreCorrupt):
        prepare(str(path), 1.0)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.db"]


def test_a_newer_schema_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(SetupError, match=r"newer release(.|\n)*Update hospes"):
        opened(path)
    assert path.read_bytes() == content


def test_places_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"folder .*missing does not exist"):
        opened(tmp_path / "missing" / "a.db")
    with pytest.raises(SetupError, match="is a folder"):
        opened(tmp_path)


def test_a_migration_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"

    async def write() -> int:
        store = SqliteStore(str(path))
        await store.open()
        version = await store.put("users", b"a", b"1")
        await store.close()
        return version

    async def read() -> Record | None:
        store = SqliteStore(str(path))
        await store.open()
        try:
            return await store.get("users", b"a")
        finally:
            await store.close()

    version = asyncio.run(write())
    monkeypatch.setattr(sqlite_file, "MIGRATIONS", NEXT)
    assert check(str(path)) == len(NEXT) - 1
    assert asyncio.run(read()) == Record(b"1", version)
    assert check(str(path)) == len(NEXT)


def test_a_migration_that_breaks_off_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    make(path)
    monkeypatch.setattr(sqlite_file, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE extra (a)", "no SQL at all")))
    with pytest.raises(StoreUnavailable, match="syntax"):
        opened(path)
    monkeypatch.undo()
    assert check(str(path)) == len(MIGRATIONS)
    monkeypatch.setattr(sqlite_file, "MIGRATIONS", NEXT)
    opened(path)
    assert check(str(path)) == len(NEXT)


def test_a_foreign_transaction_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    ours = prepare(str(path), 1.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for wait in (0.0, 0.01):
        with pytest.raises(sqlite3.OperationalError) as refused:
            begin(ours, wait)
        assert is_busy(refused.value)
    other.execute("COMMIT")
    begin(ours, 0.0)
    assert ours.in_transaction
    ours.close()
    other.close()


def test_a_database_without_a_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one on a file system that has no shared memory: SQLite then stays in another mode."""
    real = sqlite_file.connect
    monkeypatch.setattr(sqlite_file, "connect", lambda *_: real(":memory:", "memory"))
    path = tmp_path / "a.db"
    path.touch()
    with pytest.raises(SetupError, match=r"write-ahead log(.|\n)*local disk"):
        prepare(str(path), 1.0)


def error_with(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


def test_errors_get_the_contracts_names() -> None:
    assert isinstance(translate(error_with(sqlite3.SQLITE_FULL)), StoreFull)
    assert "damaged" in translate(error_with(sqlite3.SQLITE_CORRUPT)).reason
    assert isinstance(translate(error_with(sqlite3.SQLITE_IOERR_FSYNC)), StoreUnavailable)
    assert isinstance(translate(OSError(28, "No space left on device")), StoreFull)
    assert isinstance(translate(OSError(5, "Input/output error")), StoreUnavailable)
    own = StoreFull("own")
    assert translate(own) is own


def test_schema_version_of_an_empty_database() -> None:
    connection = sqlite3.connect(":memory:")
    assert schema_version(connection, "memory") == 0
    connection.close()
