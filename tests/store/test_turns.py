"""One visitor, one turn: in order, within a bound, whoever leaves the line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hospes.store import Conflict, Record, StoreUnavailable, Taken
from hospes.store.memory import MemoryStore
from hospes.store.rangelock import RangeLock
from hospes.store.sqlite import SqliteStore
from hospes.store.turns import Turns, TurnTimeout, place_of

ADA, BOB = b"a" * 32, b"b" * 32


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_turns_come_in_the_order_they_were_asked_for() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0)
        order: list[int] = []
        inside = 0

        async def one(number: int) -> None:
            nonlocal inside
            place = await turns.enter(ADA)
            inside += 1
            assert inside == 1
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1
            turns.leave(place)

        await asyncio.gather(*(one(number) for number in range(50)))
        assert order == list(range(50))
        assert turns.out == 0

    asyncio.run(main())


def test_other_visitors_do_not_wait() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0)
        ada = await turns.enter(ADA)
        bob = await turns.enter(BOB)
        assert turns.out == 2
        turns.leave(bob)
        turns.leave(ada)

    asyncio.run(main())


def test_waiting_has_an_end() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 0.01)
        place = await turns.enter(ADA)
        with pytest.raises(TurnTimeout) as caught:
            await turns.enter(ADA)
        assert (caught.value.code, caught.value.headers) == (503, {"Retry-After": "1"})
        turns.leave(place)
        assert turns.out == 0
        turns.leave(await turns.enter(ADA))

    asyncio.run(main())


def test_who_is_cancelled_in_the_line_holds_up_nobody() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0)
        place = await turns.enter(ADA)
        first, second, third = (asyncio.create_task(turns.enter(ADA)) for _ in range(3))
        await settle()
        second.cancel()
        await settle()
        turns.leave(place)
        turns.leave(await first)
        turns.leave(await third)
        assert second.cancelled()
        assert turns.out == 0

    asyncio.run(main())


def test_who_is_cancelled_when_just_called_passes_the_turn_on() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0)
        place = await turns.enter(ADA)
        first, second = (asyncio.create_task(turns.enter(ADA)) for _ in range(2))
        await settle()
        turns.leave(place)
        first.cancel()
        turns.leave(await second)
        assert first.cancelled()
        assert turns.out == 0

    asyncio.run(main())


def test_who_is_cancelled_when_about_to_be_called_is_passed_over() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0)
        place = await turns.enter(ADA)
        first, second = (asyncio.create_task(turns.enter(ADA)) for _ in range(2))
        await settle()
        first.cancel()
        turns.leave(place)
        turns.leave(await second)
        assert first.cancelled()
        assert turns.out == 0

    asyncio.run(main())


def test_two_loops_or_processes_wait_for_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "turns")
        one, other = Turns(MemoryStore(), 10.0, RangeLock(path)), Turns(MemoryStore(), 10.0, RangeLock(path))
        inside = 0
        order: list[str] = []

        async def visit(name: str, turns: Turns) -> None:
            nonlocal inside
            place = await turns.enter(ADA)
            inside += 1
            assert inside == 1
            order.append(name)
            await asyncio.sleep(0)
            inside -= 1
            turns.leave(place)

        await asyncio.gather(*(visit("one", one) for _ in range(20)), *(visit("other", other) for _ in range(20)))
        assert order.count("one") == order.count("other") == 20
        assert "other" in order[:10], "the line of one keeps the other out"
        one.close()
        other.close()

    asyncio.run(main())


def test_who_is_alone_locks_everything_for_a_round(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "turns")
        turns, other = Turns(MemoryStore(), 10.0, RangeLock(path)), RangeLock(path)
        ada = await turns.enter(ADA)
        bob = await turns.enter(BOB)
        turns.leave(bob)
        assert not other.try_enter(bob), "the round has not ended"
        await settle()
        assert other.try_enter(bob)
        assert not other.try_enter(ada), "a turn that lasts longer keeps its own lock"
        bob_later = asyncio.create_task(turns.enter(BOB))
        await settle()
        assert not bob_later.done()
        other.leave(bob)
        turns.leave(await bob_later)
        turns.leave(ada)
        assert other.try_enter(ada), "nobody is alone any more, and everybody has his own lock"
        assert other.try_enter(bob)
        other.close()
        await settle()
        turns.leave(await turns.enter(ADA))
        turns.close()
        assert RangeLock(path).try_enter(ada), "who has closed has nothing"

    asyncio.run(main())


def test_a_turn_is_taken_at_once_or_not_at_all(tmp_path: Path) -> None:
    async def main() -> None:
        store = MemoryStore()
        turns, other = Turns(store, 10.0, RangeLock(str(tmp_path / "turns"))), RangeLock(str(tmp_path / "turns"))
        assert turns.take_now("users", ADA, place_of(ADA)) is None, "the store is not open, and cannot say"
        assert turns.out == 0
        await store.open()
        version = await store.put("users", ADA, b"v")
        held = turns.take_now("users", ADA, place_of(ADA))
        assert held is not None
        assert held.record is not None
        assert held.record.version == version
        assert turns.take_now("users", ADA, place_of(ADA)) is None, "somebody has it"
        turns.give_back(held)
        await settle()
        assert other.try_enter(held.place)
        assert turns.take_now("users", ADA, place_of(ADA)) is None, "another process has it"
        assert turns.out == 0
        other.close()
        held = turns.take_now("users", BOB, place_of(BOB))
        assert held is not None
        assert held.record is None
        turns.give_back(held)
        turns.close()

    asyncio.run(main())


def test_where_many_come_the_file_is_kept_for_a_moment_and_no_longer(tmp_path: Path) -> None:
    async def main() -> None:
        store, path = MemoryStore(), str(tmp_path / "turns")
        await store.open()
        turns, other = Turns(store, 10.0, RangeLock(path)), Turns(store, 10.0, RangeLock(path))
        keys = [bytes([number]) * 32 for number in range(1, 9)]
        for _ in range(3):
            held = [turns.take_now("users", key, place_of(key)) for key in keys]
            stays, *leave = [each for each in held if each is not None]
            assert len(leave) == 7
            for each in leave:
                turns.give_back(each)
            await settle()
            place = await other.enter(keys[5])
            assert turns.take_now("users", keys[5], place_of(keys[5])) is None, "the other one has it"
            blocked = asyncio.ensure_future(other.enter(keys[0]))
            await settle()
            assert not blocked.done(), "a turn that lasts longer has its own lock"
            turns.give_back(stays)
            other.leave(await blocked)
            other.leave(place)
            other.close()
        turns.close()

    asyncio.run(main())


class Counting(RangeLock):
    """Counts how often the file is given up."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.left: list[list[int]] = []
        self.alone = True

    def is_alone(self) -> bool:
        if not self.alone:
            raise OSError("out of order")
        return super().is_alone()

    def leave_all(self, but: Iterable[int]) -> None:
        self.left.append([*but])
        super().leave_all(self.left[-1])


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("how", ["somebody comes", "they are given back", "it takes too long", "it breaks", "it is closed"])
def test_many_turns_that_last_keep_the_file_as_long_as_nobody_else_comes(tmp_path: Path, how: str) -> None:
    async def main() -> None:
        store, path = MemoryStore(), str(tmp_path / "turns")
        await store.open()
        lock = Counting(path)
        turns, other = Turns(store, 10.0, lock), Turns(store, 10.0, RangeLock(path))
        keys = [bytes([number]) * 32 for number in range(1, 9)]
        held = [turns.take_now("users", key) for key in keys]
        for _ in range(5):  # as long as many are given
            await asyncio.sleep(0.002)
            for each in held[:4]:
                assert each is not None
                turns.give_back(each)
            held[:4] = [turns.take_now("users", key) for key in keys[:4]]
        if how == "somebody comes":
            entering = asyncio.ensure_future(other.enter(b"z" * 32))
            await until(lambda: lock.left)
            assert lock.left == [[place_of(key) for key in [*keys[4:], *keys[:4]]]]
            other.leave(await entering)
        elif how == "it breaks":
            lock.alone = False
            await until(lambda: lock.left)
            assert len(lock.left[0]) == 8
        elif how == "it takes too long":
            await until(lambda: lock.left)
            assert len(lock.left[0]) == 8
        elif how == "it is closed":
            turns.close()
            await until(lambda: lock.left)
            assert lock._descriptor < 0, "what is closed stays closed"
            return
        for each in held:
            assert each is not None
            turns.give_back(each)
        await until(lambda: lock.left)
        if how == "they are given back":
            assert lock.left == [[]]
        other.leave(await other.enter(keys[0]))
        other.close()
        turns.close()

    asyncio.run(main())


def test_a_write_that_begins_at_once_where_the_store_can(tmp_path: Path) -> None:
    async def main() -> None:
        told: asyncio.Queue[tuple[int, Exception | None]] = asyncio.Queue()

        def tell(version: int, failure: Exception | None) -> None:
            told.put_nowait((version, failure))

        for store, can in ((SqliteStore(str(tmp_path / "a.db")), True), (MemoryStore(), False)):
            await store.open()
            turns = Turns(store, 10.0)
            held = await turns.take("users", ADA)
            assert turns.is_prompt is can
            if can:
                turns.write_soon(held, b"one", 9e9, tell)
            assert told.empty(), "it is not durable yet"
            version, failure = await told.get() if can else (await turns.write(held, b"one", 9e9), None)
            assert failure is None
            turns.give_back(held)
            assert await store.get("users", ADA) == Record(b"one", version, 9e9)
            if can:
                turns.write_soon(held, b"two", None, tell)
                version, failure = await told.get()
                assert version == 0
                assert isinstance(failure, Conflict)
            await store.close()

    asyncio.run(main())


def test_waiting_for_another_process_has_an_end_and_leaves_the_porch(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "turns")
        one, late, third = (
            Turns(MemoryStore(), 10.0, RangeLock(path)),
            Turns(MemoryStore(), 0.01, RangeLock(path)),
            Turns(MemoryStore(), 10.0, RangeLock(path)),
        )
        place = await one.enter(ADA)
        with pytest.raises(TurnTimeout):
            await late.enter(ADA)
        assert late.out == 0
        waiting = asyncio.create_task(third.enter(ADA))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
        one.leave(place)
        for turns in (third, late, one):
            turns.leave(await turns.enter(ADA))
            turns.close()

    asyncio.run(main())


def test_a_lock_that_cannot_be_had_is_a_store_that_is_away(tmp_path: Path) -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0, RangeLock(str(tmp_path / "missing" / "turns")))
        with pytest.raises(StoreUnavailable, match="the file that keeps visitors' turns cannot be used"):
            await turns.enter(ADA)
        assert turns.out == 0

    asyncio.run(main())


class Breaking(RangeLock):
    """Taken by somebody, and then out of order."""

    def is_alone(self) -> bool:
        return False

    def try_enter(self, place: int) -> bool:
        return False

    def try_porch(self, place: int) -> bool:
        raise OSError("out of order")


def test_a_lock_that_breaks_while_somebody_waits_is_one_too() -> None:
    async def main() -> None:
        turns = Turns(MemoryStore(), 10.0, Breaking(""))
        with pytest.raises(StoreUnavailable, match="out of order"):
            await turns.enter(ADA)
        assert turns.out == 0

    asyncio.run(main())


class Shared(MemoryStore):
    """A store that parts turns, as one that machines share: a `TurnStore`."""

    def __init__(self) -> None:
        super().__init__()
        self.out: list[bytes] = []
        self.log: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.fault: Exception | None = None

    async def take(self, space: str, key: bytes, wait: float) -> Taken | None:
        if self.fault is not None:
            raise self.fault
        try:
            async with asyncio.timeout(wait):
                await self.free.wait()
        except TimeoutError:
            return None
        self.log.append("take")
        self.out.append(key)
        return Taken(space, key, b"token", await self.get(space, key))

    def release(self, taken: Taken) -> None:
        self.log.append("release")
        self.out.remove(taken.key)

    async def set_and_release(self, taken: Taken, value: bytes, *, expires: float | None = None) -> int:
        self.log.append("write")
        self.out.remove(taken.key)
        version = taken.record.version if taken.record is not None else 0
        return await self.compare_and_set(taken.space, taken.key, value, version, expires=expires)


async def shared() -> Shared:
    store = Shared()
    await store.open()
    return store


def test_a_store_that_parts_turns_reads_and_writes_on_the_same_way() -> None:
    async def main() -> None:
        store = await shared()
        turns = Turns(store, 10.0)
        held = await turns.take("users", ADA)
        assert held.record is None
        await turns.write(held, b"1", 9e9)
        turns.give_back(held)
        held = await turns.take("users", ADA)
        assert held.record is not None
        assert (held.record.value, held.record.expires) == (b"1", 9e9)
        turns.give_back(held)
        assert store.log == ["take", "write", "take", "release"]
        assert (store.out, turns.out) == ([], 0)

    asyncio.run(main())


def test_one_of_this_process_asks_the_store_at_a_time() -> None:
    async def main() -> None:
        store = await shared()
        turns = Turns(store, 10.0)

        async def one() -> None:
            held = await turns.take("users", ADA)
            assert store.out == [ADA]
            await asyncio.sleep(0)
            turns.give_back(held)

        await asyncio.gather(*(one() for _ in range(20)))
        assert (store.out, turns.out) == ([], 0)

    asyncio.run(main())


def test_both_lines_together_have_one_bound() -> None:
    async def main() -> None:
        store = await shared()
        turns = Turns(store, 0.1)
        store.free.clear()
        began = asyncio.get_running_loop().time()
        outcomes = await asyncio.gather(*(turns.take("users", ADA) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [TurnTimeout] * 3
        assert asyncio.get_running_loop().time() - began < 2.0
        assert turns.out == 0

    asyncio.run(main())


def test_when_the_store_fails_the_line_goes_on() -> None:
    async def main() -> None:
        store = await shared()
        turns = Turns(store, 10.0)
        store.fault = StoreUnavailable("away")
        with pytest.raises(StoreUnavailable):
            await turns.take("users", ADA)
        store.fault = None
        store.free.clear()
        waiting = asyncio.create_task(turns.take("users", ADA))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
        store.free.set()
        turns.give_back(await turns.take("users", ADA))
        assert turns.out == 0

    asyncio.run(main())


def test_a_write_without_a_shared_turn_is_a_compare_and_set() -> None:
    async def main() -> None:
        store = MemoryStore()
        await store.open()
        turns = Turns(store, 10.0)
        held = await turns.take("users", ADA)
        await turns.write(held, b"1", None)
        turns.give_back(held)
        held = await turns.take("users", ADA)
        await store.put("users", ADA, b"theirs")
        with pytest.raises(Conflict):
            await turns.write(held, b"mine", None)
        turns.give_back(held)
        assert turns.out == 0

    asyncio.run(main())
