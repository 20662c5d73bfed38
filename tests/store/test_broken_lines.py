"""A line to the store's server breaks at every message of a conversation, in every way: nothing hangs, the next one goes through.

A relay stands before a real server, counts the messages of both directions, and breaks the connection after so many: while
it logs in, at BEGIN, at a statement, at COMMIT, at the ROLLBACK of a write that the server refuses, and in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import TypeVar

import pytest
from tests.servers import PostgresServer, ValkeyServer

from hospes.store import Conflict, StoreUnavailable, TurnStore, open_store
from hospes.store.place import parse_place
from hospes.store.redis import RedisStore
from hospes.store.redis_link import RedisOptions

T = TypeVar("T")

KEY = b"k" * 32
_LONG_KEY = bytes(range(256)) * 64  # more than a page of PostgreSQL's index takes, compressed too
_LAST_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Split = Callable[[bytearray, bool], list[bytes]]


class How(Enum):
    """What becomes of the line."""

    CLOSE = "both ends are closed"
    WORDS = "the server says that it stops, and closes"
    HANG = "one way nothing comes through any more, and nobody is told"


_STEPS = {How.CLOSE: 3, How.WORDS: 2, How.HANG: 7}
"""PostgreSQL's conversation has many messages: not at every one of them in every way."""


def by_message(octets: bytearray, is_first: bool) -> list[bytes]:
    """PostgreSQL's messages: a letter, which the very first does not have, and a length."""
    found = list[bytes]()
    while True:
        start = 0 if is_first else 1
        if len(octets) < start + 4:
            return found
        end = start + int.from_bytes(octets[start : start + 4], "big")
        if len(octets) < end:
            return found
        found.append(bytes(octets[:end]))
        del octets[:end]
        is_first = False


def by_arrival(octets: bytearray, is_first: bool) -> list[bytes]:
    """What came together."""
    del is_first
    found = [bytes(octets)]
    octets.clear()
    return found


def error(fields: bytes) -> bytes:
    """A message of PostgreSQL's server."""
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


class Relay:
    """Passes on what a client and a server say, until it is to break; connections after that one are whole.

    Args:
        connect: Connects to the server.
        split: Parts what one side says into messages.
    """

    def __init__(self, connect: Connect, split: Split) -> None:
        self.port = 0
        self.passed = 0
        """Messages of both directions."""
        self.connections = 0
        self.has_broken = False
        self.greeting = b""
        """What every new connection is told before it is closed; b"" to connect."""
        self.is_deaf = False
        """Whether new connections are taken and not answered."""
        self._connect = connect
        self._split = split
        self._limit = -1
        self._how = How.CLOSE
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def break_after(self, messages: int, how: How) -> None:
        """Break the line when so many more have passed."""
        self._limit, self._how = self.passed + messages, how

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            if self.greeting:
                await reader.read(1)
                writer.write(self.greeting)
            elif self.is_deaf:
                await asyncio.Event().wait()
            else:
                await self._relay(reader, writer)
        if self.greeting:
            writer.close()
        else:
            writer.transport.abort()
        self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._connect()
        ways = [
            asyncio.ensure_future(self._pass(reader, far_writer, writer, is_first=True)),
            asyncio.ensure_future(self._pass(far_reader, writer, writer, is_first=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            far_writer.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: asyncio.StreamWriter, *, is_first: bool
    ) -> None:
        octets = bytearray()
        while said := await source.read(65536):
            octets += said
            for message in self._split(octets, is_first):
                is_first = False
                if self.passed == self._limit:
                    await self._break(source, client)
                    return
                self.passed += 1
                sink.write(message)
            await sink.drain()

    async def _break(self, source: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._limit, self.has_broken = -1, True
        if self._how is How.HANG:
            while await source.read(65536):
                pass
        elif self._how is How.WORDS:
            client.write(error(_LAST_WORDS))
            client.close()
            await client.wait_closed()


class Place:
    """A server behind a relay."""

    def __init__(self, server: ValkeyServer | PostgresServer) -> None:
        self.server = server
        is_postgres = isinstance(server, PostgresServer)
        self._url = server.url()
        self.ways = list(How) if is_postgres else [How.CLOSE, How.HANG]
        self.least = 60 if is_postgres else 10  # messages that a conversation has at the least

    def relay(self) -> Relay:
        server = self.server
        if isinstance(server, PostgresServer):
            path = f"{server.folder}/.s.PGSQL.5432"
            return Relay(lambda: asyncio.open_unix_connection(path), by_message)
        return Relay(lambda: asyncio.open_connection("127.0.0.1", server.port), by_arrival)

    def store(self, relay: Relay, patience: float) -> TurnStore:
        """The store in the server, behind the relay."""
        server = self.server
        if isinstance(server, PostgresServer):
            _, _, schema = self._url.partition("&schema=")
            place = f"postgresql://postgres@127.0.0.1:{relay.port}/postgres?sslmode=disable&gssencmode=disable"
            store = open_store(f"{place}&schema={schema}&patience={patience}")
            assert isinstance(store, TurnStore)
            return store
        url, _, prefix = self._url.partition("?prefix=")
        options = RedisOptions(patience=patience, lease=1.0, prefix=prefix)  # who listens learns of a silence in two leases
        return RedisStore(parse_place(url.replace(f":{server.port}/", f":{relay.port}/")), options=options)


@pytest.fixture(params=["valkey", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.getfixturevalue(request.param))


async def converse(store: TurnStore, key: bytes, acknowledged: list[bytes]) -> None:
    """Write alone, together with what is refused, and by a turn; notes what of the key was acknowledged."""
    await store.put("users", key, b"1")
    acknowledged.append(b"1")
    writes = store.put("users", key, b"2"), store.put("users", _LONG_KEY, b""), store.put("users", b"other", b"2")
    mine, _, _ = await asyncio.gather(*writes, return_exceptions=True)
    if isinstance(mine, BaseException):
        raise mine
    acknowledged.append(b"2")
    turn = await store.take("users", key, 5.0)
    assert turn is not None
    await store.set_and_release(turn, b"3")
    acknowledged.append(b"3")


async def until_it_works(act: Callable[[], Awaitable[T]]) -> T:
    """Try again as long as the store is away; the test's timeout ends that."""
    while True:
        try:
            return await act()
        except StoreUnavailable:
            await asyncio.sleep(0.01)


async def break_once(place: Place, messages: int, how: How) -> bool:
    """Have a conversation whose line breaks after so many messages; False where it was over before."""
    async with place.relay() as relay, asyncio.timeout(100.0):
        key = f"{how.name} {messages}".encode()
        store = place.store(relay, 1.0 if how is How.HANG else 10.0)
        relay.break_after(messages, how)
        await until_it_works(store.open)
        acknowledged = [b""]
        try:
            with suppress(StoreUnavailable, Conflict):
                await converse(store, key, acknowledged)
            if not relay.has_broken:
                return False
            found = await until_it_works(lambda: store.get("users", key))
            assert (found.value if found is not None else b"") >= acknowledged[-1]
            await until_it_works(lambda: store.put("users", key, b"4"))
            turn = await until_it_works(lambda: store.take("users", key, 10.0))
            assert turn is not None
            assert turn.record is not None
            assert turn.record.value == b"4"
            store.release(turn)
        finally:
            await store.close()
        return True


@pytest.mark.parametrize("how", How)
def test_a_line_that_breaks_at_any_message_is_made_anew(place: Place, how: How) -> None:
    if how not in place.ways:
        return

    async def main() -> int:
        messages, step = 0, 1 if place.least == 10 else _STEPS[how]
        while True:
            tries = range(messages, messages + 8 * step, step)
            have_broken = await asyncio.gather(*(break_once(place, each, how) for each in tries))
            if not all(have_broken):
                return tries[have_broken.index(False)]
            messages += 8 * step

    assert asyncio.run(main()) > place.least


def test_a_server_that_is_starting_up_is_waited_for(postgres: PostgresServer) -> None:
    place = Place(postgres)

    async def main() -> None:
        async with place.relay() as relay, asyncio.timeout(40.0):
            store = place.store(relay, 10.0)
            relay.greeting = error(_STARTING)
            opening = asyncio.ensure_future(store.open())
            while relay.connections < 2:
                await asyncio.sleep(0.01)
            relay.greeting = b""
            await opening
            await store.put("users", KEY, b"1")
            relay.greeting = error(_STARTING)
            relay.break_after(0, How.WORDS)
            with pytest.raises(StoreUnavailable):
                await store.put("users", KEY, b"2")
            writing, before = asyncio.ensure_future(store.put("users", KEY, b"3")), relay.connections
            while relay.connections < before + 2:
                await asyncio.sleep(0.01)
            relay.greeting = b""
            await writing
            await store.close()

    asyncio.run(main())


def test_a_server_that_takes_connections_and_says_nothing_is_waited_for_so_long(place: Place) -> None:
    async def main() -> None:
        async with place.relay() as relay, asyncio.timeout(40.0):
            relay.is_deaf = True
            with pytest.raises(StoreUnavailable, match="did not answer"):
                await place.store(relay, 0.1).open()
            relay.is_deaf = False
            store = place.store(relay, 0.5)
            await until_it_works(store.open)
            relay.is_deaf = True
            relay.break_after(0, How.CLOSE)
            with pytest.raises(StoreUnavailable):
                await store.put("users", KEY, b"1")
            with pytest.raises(StoreUnavailable, match="did not answer within"):
                await store.put("users", KEY, b"2")
            relay.is_deaf = False
            await until_it_works(lambda: store.put("users", KEY, b"3"))
            await store.close()

    asyncio.run(main())
