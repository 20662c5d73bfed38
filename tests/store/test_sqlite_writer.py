"""The writer: one commit for many writes, each of them on its own, and nobody waits without end."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hospes.errors import SetupError
from hospes.store import Conflict, StoreFull, StoreUnavailable, sqlite_writer
from hospes.store.sqlite import SqliteStore
from hospes.store.sqlite_file import begin
from hospes.store.sqlite_writer import SqliteOptions


class Gate:
    """A disk that commits when the test says so."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.opened.set()

    def __call__(self) -> None:
        self.reached.set()
        assert self.opened.wait(30)

    def shut(self) -> None:
        self.reached.clear()
        self.opened.clear()

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 30)


def store_at(path: Path, patience: float = 10.0, gate: Gate | None = None, max_size: int = 0) -> SqliteStore:
    return SqliteStore(
        str(path / "a.db"), options=SqliteOptions(patience=patience, max_size=max_size, before_commit=gate or Gate())
    )


def take_time(store: SqliteStore, patience: float) -> None:
    """Change its patience: short only for what is to be given up, and long for what a machine may be slow with."""
    writer = store._writer
    assert writer is not None
    writer._options = replace(writer._options, patience=patience)


async def make_file(path: Path) -> None:
    store = store_at(path)
    await store.open()
    await store.put("users", b"first", b"")
    await store.close()


def test_what_comes_during_a_commit_shares_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        store = store_at(tmp_path, gate=gate)
        await store.open()
        await store.put("users", b"first", b"")
        assert store.commits == 1
        gate.shut()
        second = asyncio.create_task(store.put("users", b"second", b""))
        await gate.until_reached()
        rest = [asyncio.create_task(store.put("users", b"%d" % i, b"")) for i in range(100)]
        await asyncio.sleep(0)
        assert not second.done()
        assert await store.get("users", b"second") is None  # not durable, so not there
        gate.opened.set()
        await asyncio.gather(second, *rest)
        assert store.commits == 3
        assert await store.get("users", b"99") is not None
        await store.close()

    asyncio.run(main())


def test_on_a_slow_disk_64_writers_share_commits(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"), options=SqliteOptions(before_commit=lambda: time.sleep(0.005)))
        await store.open()

        async def visitor(i: int) -> None:
            version = 0
            for n in range(10):
                version = await store.compare_and_set("users", b"%d" % i, b"%d" % n, version)

        await asyncio.gather(*(visitor(i) for i in range(64)))
        assert 64 * 10 / store.commits >= 16
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("count", [1023, 1024, 1025])
def test_a_batch_has_a_bound(tmp_path: Path, count: int) -> None:
    async def main() -> None:
        store = store_at(tmp_path)
        await store.open()
        await store.put("users", b"first", b"")
        await asyncio.gather(*(store.put("users", b"%d" % i, b"") for i in range(count)))
        assert store.commits == (2 if count <= 1024 else 3)
        await store.close()

    asyncio.run(main())


def test_a_cancelled_write_is_dropped_and_harms_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        store = store_at(tmp_path, gate=gate)
        await store.open()
        await store.put("users", b"first", b"")
        gate.shut()
        under_way = asyncio.create_task(store.put("users", b"under way", b""))
        await gate.until_reached()
        queued = asyncio.create_task(store.put("users", b"queued", b""))
        neighbour = asyncio.create_task(store.put("users", b"neighbour", b""))
        await asyncio.sleep(0)
        under_way.cancel()
        queued.cancel()
        gate.opened.set()
        await neighbour
        assert under_way.cancelled()
        assert queued.cancelled()
        assert await store.get("users", b"under way") is not None
        assert await store.get("users", b"queued") is None
        assert await store.get("users", b"neighbour") is not None
        await store.close()

    asyncio.run(main())


def test_patience_ends(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        store = store_at(tmp_path, patience=1.0, gate=gate)
        await make_file(tmp_path)
        await store.open()
        gate.shut()
        late = asyncio.create_task(store.put("users", b"late", b""))
        await gate.until_reached()
        queued = asyncio.create_task(store.put("users", b"queued", b""))
        for each in (late, queued):
            with pytest.raises(StoreUnavailable, match="within 1 s"):
                await each
        take_time(store, 30)
        gate.opened.set()
        await store.put("users", b"again", b"")
        assert await store.get("users", b"late") is not None  # it was on its way
        assert await store.get("users", b"queued") is None  # it had not begun
        await store.close()

    asyncio.run(main())


def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        store = store_at(tmp_path, gate=gate)
        await store.open()
        await store.put("users", b"first", b"")
        gate.shut()
        writes = [asyncio.create_task(store.put("users", b"a", b""))]
        await gate.until_reached()
        writes.append(asyncio.create_task(store.put("users", b"b", b"")))
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(closing, *writes)
        await store.open()
        assert [key async for key, _ in store.scan("users")] == [b"a", b"b", b"first"]
        await store.close()

    asyncio.run(main())


def test_closing_waits_no_longer_than_patience(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        store = store_at(tmp_path, gate=gate)
        await make_file(tmp_path)
        await store.open()
        gate.shut()
        stuck = asyncio.create_task(store.put("users", b"stuck", b""))
        await gate.until_reached()
        take_time(store, 0.05)
        await store.close()
        with pytest.raises(StoreUnavailable):
            await stuck
        gate.opened.set()

    asyncio.run(main())


class Told:
    """Who is told what became of his writes."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, int, type[Exception] | None]] = []
        self.raises: dict[str, BaseException] = {}

    def of(self, name: str) -> Callable[[int, Exception | None], None]:
        def told(version: int, failure: Exception | None) -> None:
            assert asyncio.current_task() is None
            self.outcomes.append((name, version, type(failure) if failure is not None else None))
            if name in self.raises:
                raise self.raises[name]

        return told


def test_who_is_told_is_told_after_the_commit_and_once(tmp_path: Path) -> None:
    async def main() -> None:
        gate, told = Gate(), Told()
        store = store_at(tmp_path, gate=gate)
        await store.open()
        version = await store.put("users", b"first", b"")
        gate.shut()
        store.begin_set("users", b"new", b"1", 0, told.of("new"))
        store.begin_set("users", b"first", b"1", version + 1, told.of("stale"))
        store.begin_set("users", b"first", b"2", version, told.of("first"))
        await gate.until_reached()
        assert not told.outcomes
        gate.opened.set()
        await store.put("users", b"behind", b"")
        new, first = await store.get("users", b"new"), await store.get("users", b"first")
        assert new is not None
        assert first is not None
        assert told.outcomes == [("new", new.version, None), ("stale", 0, Conflict), ("first", first.version, None)]
        assert first.value == b"2"
        await store.close()

    asyncio.run(main())


def test_what_one_who_is_told_raises_keeps_nobody_from_being_told(tmp_path: Path) -> None:
    async def main() -> None:
        told, reported = Told(), list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reported.append(report["exception"]))
        told.raises = {"b": LookupError("mine")}
        store = store_at(tmp_path)
        await store.open()
        for name in "abc":
            store.begin_set("users", name.encode(), b"", 0, told.of(name))
        await store.put("users", b"d", b"")
        await store.put("users", b"e", b"")
        assert [name for name, *_ in told.outcomes] == ["a", "b", "c"]
        assert reported == [told.raises["b"]]
        await store.close()

    asyncio.run(main())


def test_who_is_told_waits_no_longer_than_patience(tmp_path: Path) -> None:
    async def main() -> None:
        gate, told = Gate(), Told()
        store = store_at(tmp_path, patience=1.0, gate=gate)
        await make_file(tmp_path)
        await store.open()
        gate.shut()
        store.begin_set("users", b"late", b"", 0, told.of("late"))
        await gate.until_reached()
        store.begin_set("users", b"queued", b"", 0, told.of("queued"))
        with pytest.raises(StoreUnavailable):
            await store.put("users", b"behind", b"")
        take_time(store, 30)
        gate.opened.set()
        await store.put("users", b"again", b"")
        assert told.outcomes == [("late", 0, StoreUnavailable), ("queued", 0, StoreUnavailable)]
        assert await store.get("users", b"queued") is None
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("is_stuck", [False, True])
def test_who_is_told_is_told_before_the_store_is_closed(tmp_path: Path, is_stuck: bool) -> None:
    async def main() -> None:
        gate, told = Gate(), Told()
        store = store_at(tmp_path, patience=0.05 if is_stuck else 10.0, gate=gate)
        await make_file(tmp_path)
        await store.open()
        if is_stuck:
            gate.shut()
        store.begin_set("users", b"a", b"", 0, told.of("a"))
        await store.close()
        assert [failure for _, _, failure in told.outcomes] == [StoreUnavailable if is_stuck else None]
        gate.opened.set()

    asyncio.run(main())


def test_a_loop_that_is_gone_hurts_nobody(tmp_path: Path) -> None:
    gate = Gate()
    store = store_at(tmp_path, gate=gate)

    async def main() -> None:
        await store.open()
        await store.put("users", b"first", b"")
        gate.shut()
        writing = asyncio.create_task(store.put("users", b"a", b""))
        await gate.until_reached()
        writing.cancel()

    asyncio.run(main())
    thread = next(each for each in threading.enumerate() if each.name == "hospes-store")
    gate.opened.set()
    assert store._writer is not None
    store._writer._jobs.put(None)
    thread.join(30)
    assert not thread.is_alive()


def test_a_full_store_refuses_what_has_no_room_and_reads_on(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_at(tmp_path, max_size=32 * 4096)
        await store.open()
        big = b"v" * 20_000
        await store.put("users", b"small", b"1")
        for i in range(5):  # 25 pages or so
            await store.put("users", b"%d" % i, big)
        with pytest.raises(StoreFull):
            await store.put("users", b"too big", big * 4)
        assert await store.get("users", b"0") is not None
        assert await store.get("users", b"too big") is None
        # One batch, in which some find room and some do not.
        outcomes = await asyncio.gather(
            store.put("users", b"small", b"2"),
            store.put("users", b"too big", big * 4),
            store.compare_and_set("users", b"small", b"3", 0),
            store.put("users", b"tiny", b"1"),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [int, StoreFull, Conflict, int]
        assert await store.delete("users", b"0") is True
        assert await store.put("users", b"again", big)
        await store.close()

    asyncio.run(main())


def test_a_transaction_lost_for_want_of_room_is_tried_one_by_one(tmp_path: Path) -> None:
    """As on a disk that is full at the COMMIT: what fits by itself is kept."""
    failures = 2

    def full() -> None:
        nonlocal failures
        if failures:
            failures -= 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"), options=SqliteOptions(before_commit=full))
        await store.open()
        outcomes = await asyncio.gather(*(store.put("users", b"%d" % i, b"") for i in range(4)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [StoreFull, int, int, int]
        assert [key async for key, _ in store.scan("users")] == [b"1", b"2", b"3"]
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError(5, "I/O"), RuntimeError("bug")])
def test_a_commit_that_fails_fails_all_of_it_and_the_next_works(tmp_path: Path, error: Exception) -> None:
    errors = list[Exception]()

    def fail() -> None:
        if errors:
            raise errors.pop()

    async def main() -> None:
        store = SqliteStore(str(tmp_path / "a.db"), options=SqliteOptions(before_commit=fail))
        await store.open()
        await store.put("users", b"first", b"")
        errors.append(error)
        outcomes = await asyncio.gather(*(store.put("users", b"%d" % i, b"") for i in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [StoreUnavailable] * 3
        assert await store.get("users", b"0") is None
        await store.put("users", b"next", b"")
        await store.close()

    asyncio.run(main())


def test_another_transaction_is_waited_for_off_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_at(tmp_path)
        await store.open()
        await store.put("users", b"first", b"")
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(store.put("users", b"a", b""))
        for _ in range(10):
            await asyncio.sleep(0)
        assert await store.get("users", b"first") is not None  # the loop goes on
        assert not write.done()
        other.execute("COMMIT")
        other.close()
        await write
        await store.close()

    asyncio.run(main())


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_what_was_given_up_while_another_had_the_database_does_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free = threading.Event()

    def begin_when_free(connection: sqlite3.Connection, wait: float) -> None:
        if not wait:
            raise sqlite3.OperationalError("database is locked")
        assert is_free.wait(30)
        begin(connection, wait)

    async def main() -> None:
        await make_file(tmp_path)
        told, store = Told(), store_at(tmp_path, patience=1.0)
        await store.open()
        await store.put("users", b"a", b"")
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_writer, "begin", begin_when_free)
            store.begin_set("users", b"given up", b"", 0, told.of("given up"))
            with pytest.raises(StoreUnavailable):
                await store.put("users", b"given up as well", b"")
            take_time(store, 30)
            is_free.set()
            assert store._writer is not None
            while store._writer.is_committing:
                await asyncio.sleep(0.001)
        await store.put("users", b"b", b"")
        assert [key async for key, _ in store.scan("users")] == [b"a", b"b", b"first"]
        assert [failure for *_, failure in told.outcomes] == [StoreUnavailable]
        await store.close()

    asyncio.run(main())


def test_a_file_that_is_removed_or_replaced_is_noticed(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_at(tmp_path)
        await store.open()
        version = await store.put("users", b"a", b"")
        reader = store_at(tmp_path)  # which has not written anything yet
        await reader.open()
        assert await reader.get("users", b"a") is not None
        for name in os.listdir(tmp_path):
            os.unlink(tmp_path / name)
        for each in (store, reader, store, reader):
            for write in (
                each.put("users", b"a", b""),
                each.compare_and_set("users", b"a", b"", version),
                each.touch("users", b"a", None),
                each.delete("users", b"a"),
            ):
                with pytest.raises(StoreUnavailable, match="removed or replaced"):
                    await write
        assert not (tmp_path / "a.db").exists()
        await store.close()
        await reader.close()

    asyncio.run(main())


def test_a_value_that_does_not_fit_fails_alone(tmp_path: Path) -> None:
    async def main() -> None:
        store = store_at(tmp_path)
        await store.open()
        outcomes = await asyncio.gather(
            store.put("users", b"a", b""),
            store.put("\ud800", b"b", b""),
            store.compare_and_set("users", b"c", b"", 2**70),
            store.put("users", b"d", [1]),  # type: ignore[arg-type]  # the mistake under test
            store.put("users", b"e", b""),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [int, UnicodeEncodeError, OverflowError, StoreUnavailable, int]
        await store.close()

    asyncio.run(main())


def test_a_folder_that_vanishes_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def main() -> None:
        store = store_at(folder)
        await store.open()
        folder.rmdir()
        folder.touch()  # so that looking for the file is an error and not just in vain
        for call in (store.put("users", b"a", b""), store.delete("users", b"a"), store.get("users", b"a")):
            with pytest.raises((StoreUnavailable, SetupError)):
                await call
        await store.close()

    asyncio.run(main())
