"""The contract, over every engine: what users and sessions rely on holds whichever engine a URL names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hospes.errors import HttpError, SetupError
from hospes.store import Conflict, Record, Store, StoreCorrupt, StoreFull, StoreUnavailable, open_store


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Bench:
    """A fresh engine for one test."""

    def __init__(self, url: str) -> None:
        self.clock = Clock(1000.0)
        self.url = url

    def make(self) -> Store:
        return open_store(self.url, self.clock)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        store = self.make()
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def run(self, program: Callable[[Store], Awaitable[None]]) -> None:
        async def main() -> None:
            async with self.opened() as store:
                await program(store)

        asyncio.run(main())


@pytest.fixture(params=["memory", "sqlite", "valkey", "postgres"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "memory":
        return Bench("memory:")
    if request.param == "sqlite":
        return Bench(f"sqlite:///{tmp_path}/store.db")
    return Bench(request.getfixturevalue(request.param).url())


def test_what_is_not_there_is_none(bench: Bench) -> None:
    async def program(store: Store) -> None:
        assert await store.get("users", b"a") is None
        assert await store.delete("users", b"a") is False
        assert await store.touch("users", b"a", 2000.0) is False
        assert await store.sweep(9e9, 10) == 0
        assert [each async for each in store.scan("users")] == []
        assert await store.get("users", b"a") is None

    bench.run(program)


def test_looking_whether_it_is_there_changes_nothing(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await store.check()
        await store.put("users", b"a", b"v")
        await store.check()
        assert [key async for key, _ in store.scan("users")] == [b"a"]

    bench.run(program)


@pytest.mark.parametrize("key", [b"", b"\0", b"\0\0", b"a", bytes(range(256)), b"k" * 1000])
@pytest.mark.parametrize("value", [b"", b"\0", b"v", bytes(range(256)) * 100, b"x" * 1_000_000])
def test_octets_come_back_as_they_were(bench: Bench, key: bytes, value: bytes) -> None:
    async def program(store: Store) -> None:
        version = await store.put("users", key, value, expires=1500.25)
        assert version > 0
        assert await store.get("users", key) == Record(value, version, 1500.25)
        version = await store.put("users", key, value)
        assert await store.get("users", key) == Record(value, version, None)

    bench.run(program)


def test_spaces_and_keys_do_not_mix(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await store.put("users", b"a", b"1")
        await store.put("sessions", b"a", b"2")
        await store.put("users", b"ab", b"3")
        assert await store.delete("sessions", b"a") is True
        assert await store.delete("sessions", b"a") is False
        assert [(key, record.value) async for key, record in store.scan("users")] == [(b"a", b"1"), (b"ab", b"3")]
        assert await store.get("sessions", b"a") is None

    bench.run(program)


def test_compare_and_set(bench: Bench) -> None:
    async def program(store: Store) -> None:
        first = await store.compare_and_set("users", b"a", b"1", 0)
        with pytest.raises(Conflict):
            await store.compare_and_set("users", b"a", b"x", 0)
        second = await store.compare_and_set("users", b"a", b"2", first, expires=1500.0)
        assert second not in (0, first)
        for stale in (first, 0, second + 1):
            with pytest.raises(Conflict):
                await store.compare_and_set("users", b"a", b"x", stale)
        with pytest.raises(Conflict):
            await store.compare_and_set("users", b"other", b"x", second)
        assert await store.get("users", b"a") == Record(b"2", second, 1500.0)
        assert await store.get("users", b"other") is None

    bench.run(program)


def test_a_version_never_comes_twice(bench: Bench) -> None:
    async def program(store: Store) -> None:
        seen = set[int]()
        for _ in range(20):
            seen.add(await store.put("users", b"a", b"same"))
            await store.delete("users", b"a")
            seen.add(await store.compare_and_set("users", b"a", b"same", 0))
        assert len(seen) == 40
        assert 0 not in seen

    bench.run(program)


def test_a_touch_keeps_value_and_version(bench: Bench) -> None:
    async def program(store: Store) -> None:
        version = await store.put("users", b"a", b"1", expires=1500.0)
        assert await store.touch("users", b"a", 3000.0) is True
        assert await store.get("users", b"a") == Record(b"1", version, 3000.0)
        assert await store.touch("users", b"a", None) is True
        assert await store.get("users", b"a") == Record(b"1", version, None)

    bench.run(program)


@pytest.mark.parametrize(("now", "there"), [(1499.0, True), (1500.0, False), (1501.0, False)])
def test_a_record_ends_in_time(bench: Bench, now: float, there: bool) -> None:
    async def program(store: Store) -> None:
        old = await store.put("users", b"a", b"1", expires=1500.0)
        bench.clock.now = now
        assert (await store.get("users", b"a") is not None) is there
        assert ([key async for key, _ in store.scan("users")] == [b"a"]) is there
        assert await store.touch("users", b"a", 1500.0) is there
        if there:
            with pytest.raises(Conflict):
                await store.compare_and_set("users", b"a", b"2", 0)
            await store.compare_and_set("users", b"a", b"2", old)
        else:
            with pytest.raises(Conflict):
                await store.compare_and_set("users", b"a", b"2", old)
            await store.compare_and_set("users", b"a", b"2", 0)
        record = await store.get("users", b"a")
        assert record is not None
        assert record.value == b"2"
        assert await store.delete("users", b"a") is True

    bench.run(program)


def test_an_ended_record_is_not_deleted_but_swept(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await store.put("users", b"a", b"1", expires=1500.0)
        bench.clock.now = 1500.0
        assert await store.delete("users", b"a") is False
        assert await store.sweep(1499.0, 10) == 0
        assert await store.sweep(1500.0, 10) == 1
        assert await store.sweep(1500.0, 10) == 0

    bench.run(program)


def test_a_sweep_takes_the_oldest_up_to_its_limit(bench: Bench) -> None:
    async def program(store: Store) -> None:
        for i in (3, 1, 4, 0, 2):
            await store.put("users", b"%d" % i, b"", expires=1100.0 + i)
        await store.put("users", b"stays", b"")
        await store.put("users", b"moved", b"", expires=1100.0)
        await store.touch("users", b"moved", 5000.0)
        assert await store.sweep(2000.0, 2) == 2
        assert sorted([key async for key, _ in store.scan("users")]) == [b"2", b"3", b"4", b"moved", b"stays"]
        assert await store.sweep(2000.0, 3) == 3
        assert await store.sweep(2000.0, 1) == 0
        assert [key async for key, _ in store.scan("users")] == [b"moved", b"stays"]

    bench.run(program)


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_a_scan_gives_everything_once_in_order(bench: Bench, count: int) -> None:
    async def program(store: Store) -> None:
        keys = [b"", b"\0", b"\0\0", b"\xff", *(b"%d" % i for i in range(count - 4))]
        await asyncio.gather(*(store.put("users", key, b"v" + key) for key in keys))
        found = [(key, record.value) async for key, record in store.scan("users")]
        assert found == [(key, b"v" + key) for key in sorted(keys)]

    bench.run(program)


def test_a_scan_allows_writes_meanwhile(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await asyncio.gather(*(store.put("users", b"%03d" % i, b"") for i in range(300)))
        seen = list[bytes]()
        async for key, _ in store.scan("users"):
            seen.append(key)
            await store.delete("users", key)
            if len(seen) == 1:
                await store.delete("users", b"299")
        assert seen == [b"%03d" % i for i in range(299)]

    bench.run(program)


def test_writers_at_the_same_time_lose_nothing(bench: Bench) -> None:
    async def increment(store: Store, times: int) -> None:
        while times:
            record = await store.get("users", b"n")
            value, version = (int(record.value), record.version) if record is not None else (0, 0)
            try:
                await store.compare_and_set("users", b"n", b"%d" % (value + 1), version)
            except Conflict:
                continue
            times -= 1

    async def program(store: Store) -> None:
        await asyncio.gather(*(increment(store, 20) for _ in range(8)))
        record = await store.get("users", b"n")
        assert record is not None
        assert record.value == b"160"

    bench.run(program)


def test_a_failing_neighbour_fails_alone(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await store.put("users", b"taken", b"")
        outcomes = await asyncio.gather(
            *(store.compare_and_set("users", b"taken" if i % 3 == 0 else b"%d" % i, b"", 0) for i in range(30)),
            return_exceptions=True,
        )
        assert [isinstance(each, Conflict) for each in outcomes] == [i % 3 == 0 for i in range(30)]
        assert len([key async for key, _ in store.scan("users")]) == 21

    bench.run(program)


def test_a_store_that_is_not_open_says_so(bench: Bench) -> None:
    async def use(store: Store) -> None:
        for call in (
            store.get("users", b"a"),
            store.put("users", b"a", b""),
            store.compare_and_set("users", b"a", b"", 0),
            store.delete("users", b"a"),
            store.touch("users", b"a", None),
            store.sweep(0.0, 1),
            anext(store.scan("users")),
        ):
            with pytest.raises(SetupError, match="not open"):
                await call

    async def main() -> None:
        store = bench.make()
        await store.close()
        await use(store)
        await store.open()
        await store.put("users", b"a", b"1")
        await store.close()
        await store.close()
        await use(store)
        await store.open()
        assert await store.get("users", b"a") is not None
        await store.close()

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_may_not_use_it(bench: Bench) -> None:
    async def program(store: Store) -> None:
        await store.put("users", b"a", b"1")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.get("users", b"a").send(None)  # a coroutine, driven by hand
            except SetupError as error:
                code = 0 if "fork" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert await store.get("users", b"a") is not None
        assert await store.put("users", b"a", b"2")

    bench.run(program)


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreUnavailable("away"), 503), (StoreFull("full"), 507), (Conflict(), 409)],
    ids=lambda each: type(each).__name__,
)
def test_errors_are_answers_that_keep_the_reason_from_the_visitor(error: StoreUnavailable, code: int) -> None:
    assert isinstance(error, HttpError)
    assert error.code == code
    assert (error.message, error.explain) == ("", "")
    assert str(error) == f"{code} {error.reason}"
    assert ("Retry-After" in error.headers) is (code == 503)


def test_corruption_is_found_at_the_start() -> None:
    assert issubclass(StoreCorrupt, SetupError)
