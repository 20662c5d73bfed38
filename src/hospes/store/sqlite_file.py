"""The database file: whose it is, how it comes to be, how it grows from release to release.

Laws:

* What is not ours is never written to. It is looked at through a read-only connection of SQLite and never by opening the
  file ourselves: closing any descriptor of a file drops every POSIX lock the process holds on it, SQLite's included.
* Ours is what carries our `application_id`; so does, for the moment of its making, a database without any table.
* `user_version` counts the migrations done. Each migration is one transaction that also moves the count, so a crash
  leaves the file before it or after it.
* The file is readable and writable by its owner only (0600); SQLite gives its sidecars the same mode.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from urllib.parse import quote

from hospes.errors import SetupError
from hospes.store.contract import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

APPLICATION_ID = 0x686F7370  # "hosp"; at offset 68 of the file, where file(1) looks too

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # With row ids, not without: values may be kilobytes, and an index of such rows would spill them to other pages.
        """CREATE TABLE record (
            space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL, expires REAL,
            PRIMARY KEY (space, key)
        )""",
        "CREATE INDEX record_expires ON record (expires) WHERE expires IS NOT NULL",
    ),
)
"""Statement by statement; the n-th entry leads from version n to version n + 1. Entries are only ever added."""

_SMALLEST = 512  # octets of a database that is not empty: SQLite's smallest page
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_busy(error: Exception) -> bool:
    """Whether waiting may help: somebody holds the database for a moment (recovery, a foreign tool)."""
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def translate(error: Exception) -> StoreError:
    """The contract's name for what went wrong in SQLite or in the operating system; an error of the contract stays."""
    if isinstance(error, StoreError):
        return error
    code = _primary_code(error)
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return StoreFull(f"there is no room left for the store: {error}")
    if code in _DAMAGED:
        return StoreUnavailable(f"the store's file is damaged, restore it from a backup: {error}")
    return StoreUnavailable(f"the store failed: {error}")


def _primary_code(error: Exception) -> int:
    # Errors that Python's module raises itself have no code; extended codes keep the primary one in the low octet.
    return int(getattr(error, "sqlite_errorcode", -1)) & 0xFF


def connect(path: str, mode: str, wait: float = 0.0) -> sqlite3.Connection:
    """A connection that never creates the file and leaves transactions to us.

    Args:
        path: Absolute path of the file.
        mode: "ro" or "rw".
        wait: Seconds to wait inside SQLite for somebody else's lock.
    """
    # One thread uses it at a time, not always the one that made it.
    uri = f"file:{quote(path)}?mode={mode}"
    return sqlite3.connect(uri, timeout=wait, isolation_level=None, check_same_thread=False, uri=True, cached_statements=16)


def begin(connection: sqlite3.Connection, wait: float) -> None:
    """Begin to write, after waiting at most `wait` seconds for somebody else's transaction.

    Raises:
        sqlite3.OperationalError: if that did not end, see `is_busy`.
    """
    if wait:
        connection.execute(f"PRAGMA busy_timeout = {round(wait * 1000)}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        if wait:
            connection.execute("PRAGMA busy_timeout = 0")


def exists(path: str) -> bool:
    """Whether there is a file with something in it; an empty one holds nothing that could be read."""
    try:
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False


def identity(path: str) -> tuple[int, int]:
    """Which file this name means now; another one when it was removed or replaced."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def schema_version(connection: sqlite3.Connection, path: str) -> int:
    """How many migrations the database has had; 0 when it has no table yet.

    Raises:
        StoreCorrupt: if it is damaged or not ours.
        SetupError: if a newer release made it.
    """
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if _primary_code(error) not in _DAMAGED:
            raise
        raise _damaged(path, str(error)) from error
    if application == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID or version < 1:
        raise StoreCorrupt(
            f"the file {path} is a database of some other program",
            remedy="It was left as it is. Name another file in the store's URL.",
        )
    if version > len(MIGRATIONS):
        raise SetupError(
            f"the store's file {path} was made by a newer release (schema {version}, this one knows {len(MIGRATIONS)})",
            remedy="It was left as it is. Update hospes, or name another file in the store's URL.",
        )
    return int(version)


def _damaged(path: str, how: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"the store's file {path} is damaged or no database: {how}",
        remedy="It was left as it is. Restore it from a backup, or name another file in the store's URL.",
    )


def is_current(path: str) -> bool:
    """Whether the file has today's schema, or does not exist yet; raises what `check` raises."""
    return check(path) in (0, len(MIGRATIONS))


def check(path: str) -> int:
    """Look at the file without writing to it; gives its schema's version, 0 when there is none.

    Raises:
        SetupError: if its folder is missing, or it is damaged, foreign or too new.
        StoreUnavailable: if it cannot be read.
    """
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise SetupError(f"the store's folder {folder} does not exist", remedy="Create it, or name another in the store's URL.")
    if os.path.isdir(path):
        raise SetupError(f"the store's file {path} is a folder", remedy="Name a file in the store's URL.")
    if not exists(path):
        return 0
    if os.stat(path).st_size < _SMALLEST:
        raise _damaged(path, "it is too short")  # SQLite takes a file of one octet for an empty one, and writes over it
    try:
        connection = connect(path, "ro", wait=5.0)
        try:
            return schema_version(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translate(error) from error


def prepare(path: str, wait: float) -> sqlite3.Connection:
    """A connection for writing to a database with today's schema; makes the file, or migrates it, as needed.

    Args:
        path: Absolute path of the file.
        wait: Seconds to wait for somebody else's lock.

    Raises:
        SetupError: as `check` does; and if the file system does not carry write-ahead logging.
        sqlite3.Error: if SQLite fails.
        OSError: if the file cannot be made.
    """
    if check(path) == 0:
        _make_private(path)
    connection = connect(path, "rw", wait)
    try:
        (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal != "wal":
            raise SetupError(
                f"the file system of {path} does not carry SQLite's write-ahead log",
                remedy="Put the store on a local disk.",
            )
        connection.execute("PRAGMA synchronous = FULL")  # acknowledged is durable: an fsync for every commit
        connection.execute("PRAGMA fullfsync = ON")  # on macOS fsync alone stops at the drive's cache
        connection.execute("PRAGMA journal_size_limit = 67108864")  # a burst does not keep its disk space for ever
        _migrate(connection, path)
        connection.execute("PRAGMA busy_timeout = 0")  # from here on `begin` says who may wait
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
    except FileExistsError:  # empty, made by somebody else
        os.chmod(path, 0o600)


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    while schema_version(connection, path) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = schema_version(connection, path)  # again: another process may have been faster
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
