"""The store's server stops, hangs and comes back, under traffic: bounded waiting, clear errors, nothing lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.servers import Server

from hospes import App, User
from hospes.store import Conflict, Store, StoreUnavailable, TurnStore, open_store

KEY = b"k" * 32


@pytest.fixture(params=["own_valkey", "own_postgres"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = open_store(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def slow(server: Server, patience: str) -> str:
    return server.url(f"&patience={patience}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_restart_under_traffic_loses_nothing_that_was_acknowledged(server: Server, how: signal.Signals) -> None:
    acknowledged, doubtful = 0, 0
    going = True

    async def traffic(store: Store, key: bytes) -> None:
        nonlocal acknowledged, doubtful
        while going:
            try:
                record = await store.get("users", key)
                value, version = (int(record.value), record.version) if record is not None else (0, 0)
                await store.compare_and_set("users", key, b"%d" % (value + 1), version)
                acknowledged += 1
            except (StoreUnavailable, Conflict):  # a conflict with one's own write, which did happen
                doubtful += 1
                await asyncio.sleep(0.01)

    async def main() -> None:
        nonlocal going
        async with opened(slow(server, "20")) as store:
            async with asyncio.TaskGroup() as group:  # whoever meets another error than these two ends the test
                for number in range(8):
                    group.create_task(traffic(store, b"%d" % number))
                while acknowledged < 50:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(server.stop, how)
                before = acknowledged
                await asyncio.sleep(0.1)
                await asyncio.to_thread(server.start)
                while acknowledged < before + 50:
                    await asyncio.sleep(0.01)
                going = False
            total = sum([int(record.value) async for _, record in store.scan("users")])
            assert acknowledged <= total <= acknowledged + doubtful

    asyncio.run(asyncio.wait_for(main(), 120))


def test_a_server_that_hangs_is_waited_for_so_long_and_no_longer(server: Server) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with opened(slow(server, "1.5")) as store:
            assert isinstance(store, TurnStore)
            await store.put("users", KEY, b"1")
            turn = await store.take("users", KEY, 5.0)
            assert turn is not None
            server.freeze()
            try:
                began = loop.time()
                outcomes = await asyncio.gather(
                    store.get("users", KEY),
                    store.put("users", b"other", b"2"),
                    store.take("users", b"other", 5.0),
                    store.set_and_release(turn, b"2"),
                    return_exceptions=True,
                )
                assert [type(each) for each in outcomes] == [StoreUnavailable] * 4
                assert loop.time() - began < 10.0
            finally:
                server.thaw()
            until = loop.time() + 20.0
            while True:
                try:
                    record = await store.get("users", KEY)
                    break
                except StoreUnavailable:
                    assert loop.time() < until
            assert record is not None
            assert record.value in (b"1", b"2")

    asyncio.run(main())


def test_an_idle_connection_that_the_server_closed_is_not_a_visitors_problem(server: Server) -> None:
    async def main() -> None:
        async with opened(server.url()) as store:
            await store.put("users", KEY, b"1")
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            version = await store.put("users", KEY, b"2")
            await store.compare_and_set("users", KEY, b"3", version)

    asyncio.run(main())


def test_a_turn_outlives_its_servers_restart_or_is_refused(server: Server) -> None:
    async def main() -> None:
        url = server.url()
        async with opened(url) as one, opened(url) as other:
            assert isinstance(one, TurnStore)
            assert isinstance(other, TurnStore)
            await one.put("users", KEY, b"1")
            turn = await one.take("users", KEY, 5.0)
            assert turn is not None
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            await other.put("users", KEY, b"theirs")
            with pytest.raises(Conflict):
                await one.set_and_release(turn, b"mine")
            turn = await other.take("users", KEY, 10.0)
            assert turn is not None
            assert turn.record is not None
            assert turn.record.value == b"theirs"
            other.release(turn)

    asyncio.run(main())


def test_opening_without_a_server_says_which(server: Server) -> None:
    url = slow(server, "1")
    server.stop()

    async def main() -> None:
        with pytest.raises(StoreUnavailable, match=r"the store at (redis|postgresql)://"):
            await open_store(url).open()

    asyncio.run(main())


def test_a_visitor_is_told_to_come_back_and_is_known_when_he_does(server: Server) -> None:
    app = App(store=slow(server, "2"))

    @app.get("/")
    def home(user: User) -> str:
        user["n"] = user.get("n", 0) + 1
        return str(user["n"])

    with app.test() as client:
        assert client.get("/").text == "1"
        assert client.get("/").text == "2"
        server.stop()
        answer = client.get("/")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "Set-Cookie" not in answer.headers
        server.start()
        for _ in range(20):
            answer = client.get("/")
            if answer.status == 200:
                break
        assert answer.text == "3"
