"""The contract of turns beyond one machine, over both engines that have them; every store object here stands for a machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from hospes.store import Conflict, Record, Taken, TurnStore, open_store

KEY = b"k" * 32
Program = Callable[..., Awaitable[None]]


@pytest.fixture(params=["valkey", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param).url())


@asynccontextmanager
async def machines(url: str, number: int) -> AsyncIterator[list[TurnStore]]:
    async with AsyncExitStack() as stack:
        stores = list[TurnStore]()
        for _ in range(number):
            store = open_store(url)
            assert isinstance(store, TurnStore)
            await store.open()
            stack.push_async_callback(store.close)
            stores.append(store)
        yield stores


def run(url: str, number: int, program: Program) -> None:
    async def main() -> None:
        async with machines(url, number) as stores:
            await program(*stores)

    asyncio.run(main())


async def taken(store: TurnStore, key: bytes = KEY, wait: float = 10.0) -> Taken:
    turn = await store.take("users", key, wait)
    assert turn is not None
    return turn


def test_a_turn_reads_and_writes_the_record(url: str) -> None:
    async def program(one: TurnStore) -> None:
        turn = await taken(one)
        assert (turn.space, turn.key, turn.record) == ("users", KEY, None)
        version = await one.set_and_release(turn, b"1", expires=9e9)
        turn = await taken(one)
        assert turn.record == Record(b"1", version, 9e9)
        second = await one.set_and_release(turn, b"2")
        assert second != version
        assert await one.get("users", KEY) == Record(b"2", second, None)

    run(url, 1, program)


def test_one_turn_is_out_and_the_next_sees_what_it_wrote(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        turn = await taken(one)
        waiting = asyncio.create_task(taken(other))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await one.set_and_release(turn, b"1")
        turn = await waiting
        assert turn.record is not None
        assert turn.record.value == b"1"
        other.release(turn)

    run(url, 2, program)


def test_a_turn_that_wrote_nothing_is_given_back(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        for _ in range(3):
            one.release(await taken(one))
            turn = await taken(other)
            assert turn.record is None
            other.release(turn)

    run(url, 2, program)


def test_other_records_and_other_spaces_do_not_wait(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        turns = [await taken(one), await taken(other, b"other")]
        session = await other.take("sessions", KEY, 5.0)
        assert session is not None
        one.release(turns[0])
        other.release(turns[1])
        other.release(session)

    run(url, 2, program)


def test_waiting_has_an_end_and_leaves_nothing_behind(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore, third: TurnStore) -> None:
        turn = await taken(one)
        began = asyncio.get_running_loop().time()
        assert await other.take("users", KEY, 0.1) is None
        assert await third.take("users", KEY, 0.0) is None
        assert 0.09 < asyncio.get_running_loop().time() - began < 3.0
        one.release(turn)
        turn = await taken(third, wait=3.0)
        third.release(turn)
        other.release(await taken(other, wait=3.0))

    run(url, 3, program)


def test_who_is_cancelled_holds_up_nobody(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        turn = await taken(one)
        waiting = asyncio.create_task(taken(other))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])
        one.release(turn)
        for turns in range(20):  # cancelled at every step of an undisputed turn too
            hasty = asyncio.create_task(taken(other))
            for _ in range(turns):
                await asyncio.sleep(0)
            hasty.cancel()
            await asyncio.wait([hasty])
            if not hasty.cancelled():
                other.release(hasty.result())
        one.release(await taken(one, wait=3.0))

    run(url, 2, program)


def test_who_wrote_in_between_is_not_overwritten(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        turn = await taken(one)
        await other.put("users", KEY, b"theirs")
        with pytest.raises(Conflict):
            await one.set_and_release(turn, b"mine")
        turn = await taken(other, wait=3.0)
        assert turn.record is not None
        assert turn.record.value == b"theirs"
        other.release(turn)

    run(url, 2, program)


def test_the_turn_of_who_has_gone_is_free_long_before_a_lease_ends(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        await taken(one)
        await one.close()
        began = asyncio.get_running_loop().time()
        other.release(await taken(other))
        assert asyncio.get_running_loop().time() - began < 3.0

    run(url, 2, program)


def test_many_machines_lose_nothing_and_nobody_starves(url: str) -> None:
    worst = 0.0

    async def count(store: TurnStore) -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        for _ in range(20):
            began = loop.time()
            turn = await taken(store, wait=20.0)
            worst = max(worst, loop.time() - began)
            value = int(turn.record.value) if turn.record is not None else 0
            await store.set_and_release(turn, b"%d" % (value + 1))

    async def program(*stores: TurnStore) -> None:
        await asyncio.gather(*(count(store) for store in stores))
        record = await stores[0].get("users", KEY)
        assert record is not None
        assert record.value == b"80"
        assert worst < 5.0

    run(url, 4, program)


def test_a_turn_that_was_given_back_twice_is_let_be(url: str) -> None:
    async def program(one: TurnStore, other: TurnStore) -> None:
        turn = await taken(one)
        one.release(turn)
        theirs = await taken(other)
        one.release(turn)
        assert await one.take("users", KEY, 0.1) is None, "the turn of the other one is still out"
        other.release(theirs)

    run(url, 2, program)
