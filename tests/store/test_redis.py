"""The Redis store, over a real Valkey: round trips, leases, memory that is full, and what the server may do by itself."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.servers import ValkeyServer
from tests.users.support import ask, cookie_of, count, finish, serve

from hospes.errors import SetupError
from hospes.http import Response
from hospes.store import Conflict, Record, StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from hospes.store.place import parse_place
from hospes.store.redis import RedisStore
from hospes.store.redis_link import RedisOptions
from hospes.users import Visitors

KEY = b"k" * 32
NAME = KEY.decode()


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def prefix_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["prefix"][0]


@asynccontextmanager
async def opened(url: str, lease: float = 5.0, clock: Clock | None = None) -> AsyncIterator[RedisStore]:
    options = RedisOptions(prefix=prefix_of(url), lease=lease)
    store = RedisStore(parse_place(url), clock or time.time, options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def test_a_changed_request_is_two_round_trips(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with Visitors.at(valkey.url()) as visitors:
            store = visitors._opened()[0].store
            assert isinstance(store, RedisStore)
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            await serve(visitors, cookie, count)
            trips, scripts = store.trips, scripts_run(valkey)
            for _ in range(10):
                await serve(visitors, cookie, count)
            assert store.trips - trips == 20
            assert scripts_run(valkey) - scripts == 20, "and the server agrees"

    asyncio.run(main())


def test_who_only_reads_waits_for_one_round_trip(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with Visitors.at(valkey.url()) as visitors:
            store = visitors._opened()[0].store
            assert isinstance(store, RedisStore)
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            await serve(visitors, cookie)
            trips = store.trips
            for _ in range(10):
                await serve(visitors, cookie)  # gives its turn back together with what the next one asks for
            assert store.trips - trips == 10

    asyncio.run(main())


def scripts_run(valkey: ValkeyServer) -> int:
    """How many scripts the server was asked for."""
    lines = valkey.ask("INFO", "commandstats").decode().split("\r\n")
    return next(int(line.split("calls=")[1].split(",")[0]) for line in lines if line.startswith("cmdstat_evalsha:"))


def test_requests_of_one_turn_of_the_loop_travel_together(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with opened(valkey.url()) as store:
            before = store.trips
            await asyncio.gather(*(store.get("users", b"%d" % i) for i in range(100)))
            assert store.trips - before == 1

    asyncio.run(main())


def test_a_turn_is_not_written_to_the_servers_file(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url, 1.5) as one, opened(url, 1.5) as other:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            await one.set_and_release(turn, b"1")
            before = valkey.figure("aof_current_size")
            for _ in range(2):
                turn = await one.take("users", KEY, 5.0)
                assert turn is not None
                waiting = asyncio.create_task(other.take("users", KEY, 5.0))
                await asyncio.sleep(0.7)  # long enough to be renewed
                one.release(turn)
                turn = await waiting
                assert turn is not None
                other.release(turn)
            await one.get("users", KEY)
            assert valkey.figure("aof_current_size") == before
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            await one.set_and_release(turn, b"2")
            assert valkey.figure("aof_current_size") > before

    asyncio.run(main())


def test_a_long_turn_is_renewed(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url, 1.5) as one, opened(url, 1.5) as other:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            assert await other.take("users", KEY, 2.5) is None
            await one.set_and_release(turn, b"1")
            turn = await other.take("users", KEY, 5.0)
            assert turn is not None
            other.release(turn)

    asyncio.run(main())


def test_a_lease_that_ran_out_while_its_holder_worked_is_refused_and_not_lost(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url) as one, opened(url) as other, opened(url) as third:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            valkey.ask("DEL", f"{prefix_of(url)}t:users:{NAME}")  # as when the machine was away for longer than a lease
            theirs = await other.take("users", KEY, 5.0)
            assert theirs is not None
            await other.put("users", KEY, b"theirs")
            with pytest.raises(Conflict):
                await one.set_and_release(turn, b"mine")
            assert await third.take("users", KEY, 0.1) is None, "who lost his turn gives nobody else's back"
            other.release(theirs)
            last = await third.take("users", KEY, 5.0)
            assert last is not None
            assert last.record is not None
            assert last.record.value == b"theirs"
            third.release(last)

    asyncio.run(main())


def test_who_waits_is_called_in_the_order_in_which_he_came(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        order = list[int]()

        async def one(number: int, store: RedisStore) -> None:
            turn = await store.take("users", KEY, 10.0)
            assert turn is not None
            order.append(number)
            store.release(turn)

        async with opened(url) as first, opened(url) as a, opened(url) as b, opened(url) as c:
            turn = await first.take("users", KEY, 5.0)
            assert turn is not None
            tasks = list[asyncio.Task[None]]()
            for number, store in enumerate((a, b, c)):
                tasks.append(asyncio.create_task(one(number, store)))
                while int(valkey.ask("LLEN", f"{prefix_of(url)}q:users:{NAME}")[1:]) <= number:
                    await asyncio.sleep(0.005)
            first.release(turn)
            await asyncio.gather(*tasks)
        assert order == [0, 1, 2]

    asyncio.run(main())


def test_who_waits_and_dies_is_passed_over(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url) as one, opened(url) as other:
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            valkey.ask("RPUSH", f"{prefix_of(url)}q:users:{NAME}", "0123456789abcdef:7")
            waiting = asyncio.create_task(other.take("users", KEY, 5.0))
            while int(valkey.ask("LLEN", f"{prefix_of(url)}q:users:{NAME}")[1:]) < 2:
                await asyncio.sleep(0.005)
            one.release(turn)
            began = time.monotonic()
            turn = await waiting
            assert turn is not None
            assert time.monotonic() - began < 2.0
            other.release(turn)

    asyncio.run(main())


def test_after_a_lease_ran_out_the_first_in_the_queue_comes_first(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        name = f"{prefix_of(url)}t:users:{NAME}"
        async with opened(url) as first, opened(url) as other:
            valkey.ask("SET", name, "0123456789abcdef:1", "PX", "60000")  # of somebody who died
            waiting = asyncio.create_task(first.take("users", KEY, 10.0))
            while not int(valkey.ask("LLEN", f"{prefix_of(url)}q:users:{NAME}")[1:]):
                await asyncio.sleep(0.005)
            valkey.ask("DEL", name)
            assert await other.take("users", KEY, 0.0) is None
            turn = await waiting
            assert turn is not None
            first.release(turn)
            turn = await other.take("users", KEY, 5.0)
            assert turn is not None
            other.release(turn)

    asyncio.run(main())


def test_when_memory_is_full_writes_are_refused_and_reads_go_on(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with Visitors.at(own_valkey.url()) as visitors, opened(own_valkey.url()) as store:
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            await store.put("users", KEY, b"1")
            own_valkey.ask("CONFIG", "SET", "maxmemory", "1")
            for write in (store.put("users", KEY, b"2"), store.compare_and_set("users", b"new", b"2", 0)):
                with pytest.raises(StoreFull) as full:
                    await write
                assert full.value.code == 507
            record = await store.get("users", KEY)
            assert record is not None
            assert record.value == b"1"
            assert await store.get("users", b"new") is None
            user, _ = await serve(visitors, cookie)
            assert user == {"n": 1}
            request = ask(cookie)
            count(await visitors.take(request))
            with pytest.raises(StoreFull):
                await finish(request, Response())
            own_valkey.ask("CONFIG", "SET", "maxmemory", "0")
            user, _ = await serve(visitors, cookie, count)
            assert user == {"n": 2}

    asyncio.run(main())


def test_when_its_file_may_not_grow_writes_are_refused_and_reads_go_on(own_valkey: ValkeyServer) -> None:
    if sys.platform != "linux":
        pytest.skip("platform: elsewhere a limit of another process cannot be set")
    own_valkey.ask("CONFIG", "SET", "appendfsync", "everysec")  # with `always` it ends itself, which is an outage

    def limit(octets: int) -> None:
        assert own_valkey.process is not None
        resource.prlimit(own_valkey.process.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))

    async def main() -> None:
        async with Visitors.at(own_valkey.url("&durable=second")) as visitors:
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)

            async def until(refused: bool) -> None:
                """The server finds out by writing, and looks again every second."""
                for _ in range(1000):
                    request = ask(cookie)
                    count(await visitors.take(request))
                    try:
                        await finish(request, Response())
                        is_refused = False
                    except StoreFull:
                        is_refused = True
                    if is_refused is refused:
                        return
                    await asyncio.sleep(0.02)
                pytest.fail("the server never noticed")

            limit(1)
            await until(refused=True)
            before, _ = await serve(visitors, cookie)
            await until(refused=True)
            user, _ = await serve(visitors, cookie)
            assert user == before, "it is read, and not changed"
            limit(resource.RLIM_INFINITY)
            await until(refused=False)
            user, _ = await serve(visitors, cookie)
            assert user["n"] == before["n"] + 1

    asyncio.run(main())


def test_who_comes_first_to_a_server_that_hangs_does_not_wait_for_ever(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = own_valkey.url()
        store = RedisStore(parse_place(url), options=RedisOptions(prefix=prefix_of(url), patience=1.0))
        await store.open()
        own_valkey.freeze()
        try:
            with pytest.raises(StoreUnavailable, match="did not answer within"):
                await store.take("users", KEY, 5.0)
        finally:
            own_valkey.thaw()
        await store.close()

    asyncio.run(main())


def test_the_server_ends_records_a_day_after_their_end(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        clock = Clock(1000.0)

        def life() -> int:
            return int(valkey.ask("PTTL", f"{prefix_of(url)}r:users:{NAME}")[1:])

        async with opened(url, clock=clock) as store:
            version = await store.put("users", KEY, b"1", expires=1100.0)
            assert 86_490_000 < life() <= 86_500_000
            version = await store.compare_and_set("users", KEY, b"2", version, expires=1100.0)
            assert 86_490_000 < life() <= 86_500_000, "the same end needs no other life"
            await store.touch("users", KEY, 500.0)
            assert 86_390_000 < life() <= 86_400_000
            await store.put("users", KEY, b"3", expires=1e12)
            assert life() == -1
            assert await store.get("users", KEY) == Record(b"3", (await record(store)).version, 1e12)
            await store.put("users", KEY, b"3", expires=1100.0)
            await store.touch("users", KEY, None)
            assert life() == -1
            await store.put("users", KEY, b"3", expires=1100.0)
            await store.put("users", KEY, b"3")
            assert life() == -1
            assert await store.sweep(9e12, 10) == 0

    asyncio.run(main())


async def record(store: RedisStore) -> Record:
    found = await store.get("users", KEY)
    assert found is not None
    return found


def test_what_the_server_ended_is_swept_from_the_indexes_too(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url, clock=Clock(1000.0)) as store:
            for i in range(1100):
                await store.put("users", b"%04d" % i, b"", expires=1100.0)
            valkey.ask("DEL", *(f"{prefix_of(url)}r:users:{i:04d}" for i in range(600)))
            assert [key async for key, _ in store.scan("users")] == [b"%04d" % i for i in range(600, 1100)]
            assert await store.sweep(2000.0, 450) == 450
            assert await store.sweep(2000.0, 10_000) == 50
            assert valkey.ask("EXISTS", f"{prefix_of(url)}e", f"{prefix_of(url)}k:users") == b":0\r\n"

    asyncio.run(main())


def test_a_space_may_have_any_name(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with opened(valkey.url(), clock=Clock(1000.0)) as store:
            for space in ("a:b", "a", "ä %"):
                await store.put(space, b"b:c", space.encode(), expires=1100.0)
            for space in ("a:b", "a", "ä %"):
                assert [(key, each.value) async for key, each in store.scan(space)] == [(b"b:c", space.encode())]
            assert await store.sweep(2000.0, 10) == 3

    asyncio.run(main())


def test_scripts_that_somebody_flushed_are_loaded_again(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with opened(valkey.url()) as store:
            version = await store.put("users", KEY, b"1")
            valkey.ask("SCRIPT", "FLUSH")
            outcomes = await asyncio.gather(
                store.compare_and_set("users", KEY, b"2", version), store.get("users", KEY), store.delete("users", b"other")
            )
            assert isinstance(outcomes[1], Record)
            assert outcomes[2] is False
            assert (await record(store)).value == b"2"

    asyncio.run(main())


def test_a_damaged_record_is_an_error_and_no_visitor(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url) as store:
            valkey.ask("SET", f"{prefix_of(url)}r:users:{NAME}", "short")
            with pytest.raises(StoreError, match="damaged") as damaged:
                await store.get("users", KEY)
            assert damaged.value.code == 500
            valkey.ask("RPUSH", f"{prefix_of(url)}r:users:other", "a list")
            with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
                await store.get("users", b"other")
            with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
                await store.put("users", b"other", b"1")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("command", "error", "text"),
    [
        (("SET", "2"), SetupError, "newer release"),
        (("SET", "hello"), StoreCorrupt, "some other program"),
        (("SET", "0"), StoreCorrupt, "some other program"),
        (("RPUSH", "1"), SetupError, "refuses a command"),
    ],
)
def test_what_is_not_ours_is_refused(valkey: ValkeyServer, command: tuple[str, str], error: type[SetupError], text: str) -> None:
    async def main() -> None:
        url = valkey.url()
        valkey.ask(command[0], f"{prefix_of(url)}schema", command[1])
        with pytest.raises(error, match=text):
            async with opened(url):
                pass

    asyncio.run(main())


def test_a_newer_release_that_comes_meanwhile_is_not_written_over(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        async with opened(url) as store:
            await store.put("users", KEY, b"1")
            valkey.ask("SET", f"{prefix_of(url)}schema", "2")
            with pytest.raises(StoreUnavailable, match="HOSPES schema 2"):
                await store.put("users", KEY, b"2")
            assert (await record(store)).value == b"1"

    asyncio.run(main())


def test_giving_back_after_the_close_is_too_late_and_harmless(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with opened(valkey.url()) as store:
            turn = await store.take("users", KEY, 5.0)
            assert turn is not None
        store.release(turn)

    asyncio.run(main())
