"""The bell: it hears who is called, and comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers import ValkeyServer

from hospes.store.place import parse_place
from hospes.store.redis_bell import Bell
from hospes.store.redis_link import RedisOptions, connection_maker

CHANNEL = "bell"


@asynccontextmanager
async def hung(server: ValkeyServer, quiet: float = 5.0) -> AsyncIterator[tuple[Bell, list[int]]]:
    times = list[int]()
    make = connection_maker(parse_place(server.url()), RedisOptions())
    bell = Bell(make, CHANNEL, quiet, lambda: times.append(1))
    bell.start()
    bell.start()
    try:
        await asyncio.wait_for(bell.listens.wait(), 5.0)
        yield bell, times
    finally:
        await bell.close()
        await bell.close()


def test_who_is_called_hears_it_and_nobody_else(valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with hung(valkey) as (bell, times):
            ada, bob = bell.expect(b"ada"), bell.expect(b"bob")
            for word in ("nobody", "ada", "ada"):
                assert valkey.ask("PUBLISH", CHANNEL, word) == b":1\r\n"
            await asyncio.wait_for(ada, 5.0)
            assert not bob.done()
            bell.forget(b"ada")
            bell.forget(b"ada")
            assert times == [1]

    asyncio.run(main())


def test_when_the_server_comes_back_so_does_the_bell(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with hung(own_valkey) as (bell, times):
            own_valkey.stop()
            while bell.listens.is_set():
                await asyncio.sleep(0.01)
            await asyncio.to_thread(own_valkey.start)
            await asyncio.wait_for(bell.listens.wait(), 5.0)
            called = bell.expect(b"ada")
            own_valkey.ask("PUBLISH", CHANNEL, "ada")
            await asyncio.wait_for(called, 5.0)
            assert times == [1, 1]

    asyncio.run(main())


def test_a_quiet_server_is_asked_and_a_silent_one_is_left(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        async with hung(own_valkey, quiet=0.8) as (bell, times):
            await asyncio.sleep(2.0)
            assert times == [1], "it answers when it is asked"
            own_valkey.freeze()
            try:
                async with asyncio.timeout(20.0):
                    while bell.listens.is_set():
                        await asyncio.sleep(0.01)
            finally:
                own_valkey.thaw()
            await asyncio.wait_for(bell.listens.wait(), 20.0)
            assert times == [1, 1]

    asyncio.run(main())


def test_a_bell_that_was_never_hung_closes(valkey: ValkeyServer) -> None:
    async def main() -> None:
        make = connection_maker(parse_place(valkey.url()), RedisOptions())
        await Bell(make, CHANNEL, 1.0, lambda: None).close()

    asyncio.run(main())
