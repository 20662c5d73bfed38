"""The head of the log's index: it changes with every commit, whoever commits, and with nothing else."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hospes.store import Conflict, Record
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_file import prepare
from hospes.store.wal_index import WalIndex, is_head, is_next

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="platform: nothing can be told")


def write(path: Path, value: str = "v") -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT OR REPLACE INTO record VALUES ('s', x'00', ?, 1, NULL)", (value.encode(),))
    connection.commit()
    connection.close()


def test_it_changes_with_commits_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = prepare(str(path), 1.0)
    connection.execute("SELECT count(*) FROM record").fetchall()
    index = WalIndex(str(path))
    seen = {index.look()}
    assert all(is_head(each) for each in seen)
    connection.execute("SELECT * FROM record").fetchall()
    assert index.look() in seen
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO record VALUES ('s', x'01', x'02', 1, NULL)")
    assert index.look() in seen, "nobody has committed yet"
    connection.execute("ROLLBACK")
    assert index.look() in seen
    for value in range(20):
        write(path, str(value))
        assert index.look() not in seen
        seen.add(index.look())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    write(path)
    assert index.look() not in seen
    connection.close()
    index.close()
    index.close()
    assert index.look() == b""


def test_without_an_index_nothing_can_be_told(tmp_path: Path) -> None:
    for content in (None, b"", b"short"):
        path = tmp_path / "a.db"
        if content is not None:
            (tmp_path / "a.db-shm").write_bytes(content)
        index = WalIndex(str(path))
        assert index.look() == b""
        index.close()


@pytest.mark.parametrize("octets", [b"", bytes(48), b"\xff" * 48, (3_007_000).to_bytes(4, sys.byteorder) + bytes(44)])
def test_what_is_no_head(octets: bytes) -> None:
    assert not is_head(octets)


def run(path: Path, work: object) -> None:
    async def main() -> None:
        store = SqliteStore(str(path))
        await store.open()
        try:
            await work(store)  # type: ignore[operator]
        finally:
            await store.close()

    asyncio.run(main())


def test_what_was_read_is_recalled_until_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def work(store: SqliteStore) -> None:
        assert store.recall("s", b"\0") is None, "nothing has been read"
        await store.put("s", b"\0", b"one")
        for _ in range(2):
            record = await store.get("s", b"\0")
        assert record is not None
        known = store.recall("s", b"\0")
        assert known is not None
        assert known[0] is not None
        assert known[0].value == b"one"
        assert await store.get("s", b"\1") is None
        assert store.recall("s", b"\1") == (None,), "that there is nothing is known as well"
        assert store.recall("s", b"\2") is None
        await asyncio.to_thread(write, path, "theirs")
        assert store.recall("s", b"\0") is None, "another connection has written"
        record = await store.get("s", b"\0")
        assert record is not None
        assert record.value == b"theirs"
        assert store.recall("s", b"\0") == (record,)
        version = await store.put("s", b"\3", b"x")
        assert store.recall("s", b"\0") == (record,), "we have written ourselves, and know what"
        assert store.recall("s", b"\3") == (Record(b"x", version),)
        await store.compare_and_set("s", b"\3", b"y", version, expires=9e9)
        with pytest.raises(Conflict):
            await store.compare_and_set("s", b"\3", b"z", version)
        known = store.recall("s", b"\3")
        assert known is not None
        assert known[0] is not None
        assert (known[0].value, known[0].expires) == (b"y", 9e9)
        await store.delete("s", b"\3")
        assert store.recall("s", b"\3") == (None,)
        assert store.recall("s", b"\0") == (record,)
        await store.touch("s", b"\0", 9e9)
        assert store.recall("s", b"\0") == (Record(record.value, record.version, 9e9),), "all but its end is as it was"
        version, *_ = await asyncio.gather(store.put("s", b"\3", b"again"), *(store.touch("s", b"\3", 8e9) for _ in range(2)))
        assert store.recall("s", b"\3") == (Record(b"again", version, 8e9),), "in the order in which they were written"
        await asyncio.to_thread(write, path, "theirs")
        assert store.recall("s", b"\3") is None
        await store.get("s", b"\3")
        await store.touch("s", b"\0", 9e9)
        assert store.recall("s", b"\0") is None, "of what was not known nothing is known"
        assert store.recall("s", b"\3") == (Record(b"again", version, 8e9),)
        await store.sweep(8e9, 10)
        assert store.recall("s", b"\0") is None, "which records a sweep has removed nobody knows"

    run(path, work)


class Beset(SqliteStore):
    """A store in which somebody else's commit comes right behind each of ours, before we have looked."""

    besieger = ""
    looks = 0

    def look(self) -> bytes:
        self.looks += 1
        if self.besieger and self.looks % 2 == 0:
            write(Path(self._path), self.besieger)
        return super().look()


def test_a_commit_of_somebody_else_right_behind_ours_is_seen(tmp_path: Path) -> None:
    async def main() -> None:
        store = Beset(str(tmp_path / "a.db"))
        await store.open()
        await store.put("s", b"\0", b"one")
        for _ in range(2):
            await store.get("s", b"\0")
        for number in range(5):
            store.besieger = f"theirs {number}"
            await store.put("s", b"\0", b"ours")
            assert store.recall("s", b"\0") is None
            record = await store.get("s", b"\0")
            assert record is not None
            assert record.value == store.besieger.encode()
        store.besieger = ""
        await store.get("s", b"\0")
        await store.put("s", b"\1", b"ours")
        assert store.recall("s", b"\0") is not None
        await store.close()

    asyncio.run(main())


def test_what_is_recalled_is_what_there_is_whoever_writes(tmp_path: Path) -> None:
    """Two stores, as of two processes, and a stranger: whatever one recalls between any two of their acts is in the file."""
    path, chance = tmp_path / "a.db", random.Random(11)

    async def main() -> None:
        stores = [SqliteStore(str(path)) for _ in range(2)]
        for store in stores:
            await store.open()
        await stores[0].put("s", b"\0", b"first")
        looking = sqlite3.connect(path)
        recalled = 0
        for number in range(600):
            store, key = chance.choice(stores), bytes([chance.randrange(4)])
            act = chance.randrange(8)
            if act < 3:
                await store.get("s", key)
            elif act < 5:
                await asyncio.gather(*(store.put("s", bytes([each]), b"%d" % number) for each in range(chance.randrange(1, 4))))
            elif act == 5:
                await store.delete("s", key)
            elif act == 6:
                write(path, f"theirs {number}")
            else:
                await store.touch("s", key, chance.choice([None, 8e9, 9e9]))
            found = looking.execute("SELECT key, value, expires FROM record WHERE space = 's'").fetchall()
            rows = {key: (value, expires) for key, value, expires in found}
            for each in stores:
                for key in map(bytes, ([0], [1], [2], [3])):
                    known = each.recall("s", key)
                    if known is not None:
                        recalled += 1
                        assert ((known[0].value, known[0].expires) if known[0] is not None else None) == rows.get(key)
        assert recalled > 600
        looking.close()
        for store in stores:
            await store.close()

    asyncio.run(main())


def test_one_commit_is_told_from_two(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = prepare(str(path), 1.0)
    write(path)
    index = WalIndex(str(path))
    first = index.look()
    write(path)
    second = index.look()
    write(path)
    assert is_next(first, second)
    assert is_next(second, index.look())
    assert not is_next(first, index.look())
    assert not is_next(first, first)
    assert not is_next(b"", second)
    assert not is_next(first, b"")
    connection.close()
    index.close()


def test_what_is_over_is_not_there_although_it_is_known(tmp_path: Path) -> None:
    now = 1000.0

    async def main() -> None:
        nonlocal now
        store = SqliteStore(str(tmp_path / "a.db"), lambda: now)
        await store.open()
        await store.put("s", b"k", b"v", expires=1010.0)
        for _ in range(2):
            await store.get("s", b"k")
        known = store.recall("s", b"k")
        assert known is not None
        assert known[0] is not None
        now = 1010.0
        assert store.recall("s", b"k") == (None,)
        assert await store.get("s", b"k") is None
        await store.close()
        assert store.recall("s", b"k") is None

    asyncio.run(main())


def test_what_is_known_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.store.sqlite._MOST_KNOWN", 3_000)

    async def work(store: SqliteStore) -> None:
        for number in range(20):
            await store.put("s", bytes([number]), b"x" * 200)
        for _ in range(2):
            for number in range(20):
                assert await store.get("s", bytes([number])) is not None
        recalled = [number for number in range(20) if store.recall("s", bytes([number])) is not None]
        assert 0 < len(recalled) < 5

    run(tmp_path / "a.db", work)


def test_another_process_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    program = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    connection.execute("UPDATE record SET value = ?, version = version + 1", (line.strip().encode(),))
    print("done", flush=True)
"""

    async def work(store: SqliteStore) -> None:
        await store.put("s", b"k", b"v")
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(50):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            known = store.recall("s", b"k")
            record = known[0] if known is not None else await store.get("s", b"k")
            assert record is not None
            assert record.value == str(number).encode()
            await store.get("s", b"k")
            assert store.recall("s", b"k") is not None
        process.stdin.close()
        process.stdout.close()
        assert process.wait(20) == 0

    run(path, work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: there is no fork")
def test_a_fork_recalls_nothing(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> None:
        await store.put("s", b"k", b"v")
        for _ in range(2):
            await store.get("s", b"k")
        assert store.recall("s", b"k") is not None
        child = os.fork()
        if child == 0:
            os._exit(0 if store.recall("s", b"k") is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    run(tmp_path / "a.db", work)


def test_locks_outlive_the_look(tmp_path: Path) -> None:
    """Closing a descriptor of the file would drop SQLite's own locks: then another one to close would take it from us."""
    path = tmp_path / "a.db"

    async def work(store: SqliteStore) -> None:
        await store.put("s", b"k", b"v")
        for _ in range(2):
            await store.get("s", b"k")
        program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM record').fetchall(); c.close()"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, str(path)], check=True)
        assert (tmp_path / "a.db-shm").exists(), "the other process believed to be the last one"
        await store.put("s", b"k", b"w")
        record = await store.get("s", b"k")
        assert record is not None
        assert record.value == b"w"

    run(path, work)
