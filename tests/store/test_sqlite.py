"""What only the embedded store promises: its file, other processes, power cuts and full disks."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from hospes.errors import SetupError
from hospes.store import Record, StoreUnavailable
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_writer import SqliteOptions

INCREMENT = """
import asyncio, sys
from hospes.store import Conflict
from hospes.store.sqlite import SqliteStore

async def increment(store, times):
    while times:
        record = await store.get("users", b"n")
        value, version = (int(record.value), record.version) if record else (0, 0)
        try:
            await store.compare_and_set("users", b"n", b"%d" % (value + 1), version)
        except Conflict:
            continue
        times -= 1

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    sys.stdin.readline()
    await asyncio.gather(*(increment(store, 200) for _ in range(int(sys.argv[2]))))
    await store.close()

asyncio.run(main())
"""

COUNT = """
import asyncio, sys
from hospes.store.sqlite import SqliteStore

async def count(store, name):
    i = 0
    while True:
        i += 1
        await store.put("users", name, b"%d" % i)
        print(name.decode(), i, flush=True)

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(count(store, b"%d" % i) for i in range(4)))

asyncio.run(main())
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def value_of(store: SqliteStore, key: bytes) -> bytes | None:
    record = await store.get("users", key)
    return record.value if record is not None else None


def run(program: Coroutine[Any, Any, None]) -> None:
    asyncio.run(program)


def test_a_program_that_stores_nothing_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"))
        await store.open()
        assert await store.get("users", b"a") is None
        assert await store.delete("users", b"a") is False
        assert await store.touch("users", b"a", 1.0) is False
        assert await store.sweep(1.0, 1) == 0
        assert [each async for each in store.scan("users")] == []
        assert store.commits == 0
        await store.close()
        assert os.listdir(tmp_path) == []

    run(main())


def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"))
        await store.open()
        version = await store.put("users", b"a", b"1", expires=9e12)
        await store.close()
        assert sorted(os.listdir(tmp_path)) == ["a.db", "a.db-lock"]
        await store.open()
        assert await store.get("users", b"a") == Record(b"1", version, 9e12)
        await store.compare_and_set("users", b"a", b"2", version)
        await store.close()

    run(main())


def test_two_stores_on_one_file_see_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        one, two = SqliteStore(str(tmp_path / "a.db")), SqliteStore(str(tmp_path / "a.db"))
        await one.open()
        await two.open()
        assert await two.get("users", b"a") is None
        for i in range(50):
            await one.put("users", b"a", b"%d" % i)
            assert await value_of(two, b"a") == b"%d" % i
            await asyncio.gather(one.put("users", b"b", b""), two.put("users", b"a", b"two"))
            assert await value_of(one, b"a") == b"two"
        await one.close()
        assert await value_of(two, b"a") == b"two"
        await two.close()

    run(main())


def test_processes_lose_no_increment(tmp_path: Path) -> None:
    peers = [start(INCREMENT, tmp_path / "a.db", 2) for _ in range(2)]
    for peer in peers:
        assert peer.stdin is not None
        peer.stdin.write("go\n")
        peer.stdin.flush()
    for peer in peers:
        with peer:
            assert peer.wait(60) == 0

    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"))
        await store.open()
        assert await value_of(store, b"n") == b"800"
        await store.close()

    run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("lines", [0, 1, 2, 5, 10, 20, 40, 80, 160, 500])
def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "a.db"
    with start(COUNT, path) as peer:
        assert peer.stdout is not None
        told = [peer.stdout.readline() for _ in range(lines)]
        peer.send_signal(signal.SIGKILL)
        told += peer.stdout.read().splitlines()
    acknowledged = dict[str, int]()
    for line in told:
        name, _, number = line.strip().partition(" ")
        if line.endswith("\n") or number:
            acknowledged[name] = int(number)

    async def main() -> None:
        store = SqliteStore(str(path))
        await store.open()
        for name, number in acknowledged.items():
            kept = await value_of(store, name.encode())
            assert kept is not None
            # One more may have been committed whose acknowledgement did not get out.
            assert number <= int(kept) <= number + 1
        await store.put("users", b"after", b"")
        await store.close()

    run(main())
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_a_read_waits_on_the_loop_while_the_file_is_held(tmp_path: Path) -> None:
    """As it is while another process recovers the log of one that was killed."""

    async def main() -> None:
        patient = SqliteStore(str(tmp_path / "a.db"))
        hasty = SqliteStore(str(tmp_path / "a.db"), options=SqliteOptions(patience=0.02))
        maker = SqliteStore(str(tmp_path / "a.db"))
        for store in (patient, hasty, maker):
            await store.open()
        await maker.put("users", b"a", b"1")
        await maker.close()
        holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("DELETE FROM record WHERE key = x'ff'")
        with pytest.raises(StoreUnavailable, match="locked"):
            await hasty.get("users", b"a")
        reading = asyncio.create_task(value_of(patient, b"a"))
        closing = asyncio.create_task(value_of(hasty, b"a"))
        await asyncio.sleep(0)
        assert not reading.done()
        await hasty.close()
        with pytest.raises(SetupError, match="not open"):
            await closing
        holder.close()
        assert await reading == b"1"
        await patient.close()

    run(main())


def test_a_foreign_database_that_comes_later_is_refused_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"))
        await store.open()
        theirs = sqlite3.connect(tmp_path / "a.db")
        theirs.execute("CREATE TABLE theirs (a)")
        theirs.commit()
        theirs.close()
        content = (tmp_path / "a.db").read_bytes()
        with pytest.raises(StoreUnavailable, match="other program"):
            await store.get("users", b"a")
        with pytest.raises(SetupError, match="other program"):
            await store.put("users", b"a", b"")
        await store.close()
        assert (tmp_path / "a.db").read_bytes() == content

    run(main())


def test_damage_below_the_schema_fails_closed(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"))
        await store.open()
        for i in range(100):
            await store.put("users", b"%d" % i, b"v" * 500)
        await store.close()
        content = (tmp_path / "a.db").read_bytes()
        (tmp_path / "a.db").write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        await store.open()
        with pytest.raises(StoreUnavailable, match="damaged"):
            await store.get("users", b"5")
        with pytest.raises(StoreUnavailable, match="damaged"):
            await store.put("users", b"5", b"")
        await store.close()

    run(main())


def test_a_store_refuses_a_file_it_may_not_read(tmp_path: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("platform: root may read everything")
    path = tmp_path / "a.db"
    path.write_bytes(b"\0" * 4096)
    path.chmod(0)

    async def main() -> None:
        with pytest.raises(StoreUnavailable):
            await SqliteStore(str(path)).open()

    run(main())
