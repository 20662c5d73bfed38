"""The connection to Redis: servers that would break the contract are refused at the start, errors have the contract's names."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.exceptions as errors
import trustme
from tests.golden import check_golden
from tests.servers import ValkeyServer

from hospes.errors import SetupError
from hospes.store import Conflict, StoreFull, StoreUnavailable, TurnStore, open_store
from hospes.store.redis_link import RedisOptions, _check_server, translate


async def use(url: str) -> None:
    store = open_store(url)
    await store.open()
    try:
        await store.put("users", b"a", b"1")
        assert await store.get("users", b"a") is not None
    finally:
        await store.close()


def refusal(url: str) -> str:
    with pytest.raises(SetupError) as refused:
        asyncio.run(use(url))
    return str(refused.value)


@pytest.mark.parametrize("wrong", [{"patience": 0.0}, {"lease": -1.0}, {"prefix": ""}])
def test_options_are_looked_at(wrong: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match="RedisOptions"):
        RedisOptions(**wrong)  # type: ignore[arg-type]  # that is the point


def test_a_server_that_forgets_is_refused_unless_that_is_wanted(own_valkey: ValkeyServer) -> None:
    own_valkey.ask("CONFIG", "SET", "appendonly", "no")
    text = refusal(own_valkey.url())
    check_golden("store/redis_forgets", text.replace(str(own_valkey.port), "6379"))
    asyncio.run(use(own_valkey.url("&durable=no")))


@pytest.mark.parametrize("policy", ["everysec", "no"])
def test_a_server_that_acknowledges_first_is_refused_unless_that_is_wanted(own_valkey: ValkeyServer, policy: str) -> None:
    own_valkey.ask("CONFIG", "SET", "appendfsync", policy)
    text = refusal(own_valkey.url())
    check_golden(f"store/redis_fsync_{policy}", text.replace(str(own_valkey.port), "6379"))
    for durable in ("second", "no"):
        asyncio.run(use(own_valkey.url(f"&durable={durable}")))
    own_valkey.ask("CONFIG", "SET", "appendonly", "no")
    assert "forgets what it acknowledged" in refusal(own_valkey.url("&durable=second"))


def test_a_server_that_does_not_say_when_it_writes_is_refused_unless_that_is_wanted(own_valkey: ValkeyServer) -> None:
    own_valkey.ask("ACL", "SETUSER", "ada", "on", "nopass", "~*", "&*", "+@all", "-config|get")
    place = f"redis://ada:x@127.0.0.1:{own_valkey.port}/0"
    check_golden("store/redis_fsync_unknown", refusal(place).replace(str(own_valkey.port), "6379"))
    asyncio.run(use(f"{place}?durable=second"))


def test_a_server_that_throws_away_is_refused_unless_that_is_wanted(own_valkey: ValkeyServer) -> None:
    own_valkey.ask("CONFIG", "SET", "maxmemory", "100000000")
    asyncio.run(use(own_valkey.url()))
    own_valkey.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    text = refusal(own_valkey.url())
    check_golden("store/redis_throws_away", text.replace(str(own_valkey.port), "6379"))
    asyncio.run(use(own_valkey.url("&durable=no")))


def test_passwords(own_valkey: ValkeyServer) -> None:
    own_valkey.ask("CONFIG", "SET", "requirepass", "s@cret")
    right = own_valkey.url().replace("127.0.0.1", ":s%40cret@127.0.0.1")
    asyncio.run(use(right))
    for wrong in (right.replace("s%40cret", "secret"), own_valkey.url()):
        text = refusal(wrong)
        assert "secret" not in text
        assert "s@cret" not in text
        assert "redis://127.0.0.1" in text


def test_a_password_that_changes_under_way_is_an_outage(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        store = open_store(own_valkey.url())
        await store.open()
        await store.put("users", b"a", b"1")
        own_valkey.ask("CONFIG", "SET", "requirepass", "secret")
        own_valkey.stop()
        await asyncio.to_thread(own_valkey.start)
        own_valkey.ask("CONFIG", "SET", "requirepass", "")
        await store.put("users", b"a", b"2")
        await store.close()

    asyncio.run(main())


def test_a_replica_is_waited_for_until_it_leads(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        store = open_store(own_valkey.url("&patience=1"))
        await store.open()
        await store.put("users", b"a", b"1")
        own_valkey.ask("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreUnavailable):
            await store.put("users", b"a", b"2")
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            await store.put("users", b"a", b"2")
        own_valkey.ask("REPLICAOF", "NO", "ONE")
        while True:
            try:
                await store.put("users", b"a", b"3")
                break
            except StoreUnavailable:
                continue
        await store.close()
        own_valkey.ask("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreUnavailable, match="is a replica"):
            await open_store(own_valkey.url("&patience=1")).open()

    asyncio.run(main())


def test_a_user_without_the_right_commands_is_told_so(own_valkey: ValkeyServer) -> None:
    own_valkey.ask("ACL", "SETUSER", "ada", "on", "nopass", "~*", "&*", "+@all", "-info")
    text = refusal(own_valkey.url().replace("127.0.0.1", "ada:x@127.0.0.1"))
    assert "refuses a command" in text
    assert "docs/guide/stores.md" in text


def test_a_user_needs_no_more_than_the_guide_says(own_valkey: ValkeyServer) -> None:
    guide = (Path(__file__).parents[2] / "docs/guide/stores.md").read_text("utf-8")
    rules = guide[guide.index("`~hospes:*") + 1 :].partition("`")[0].split()
    own_valkey.ask("ACL", "SETUSER", "ada", "on", "nopass", *rules)
    place = f"redis://ada:x@127.0.0.1:{own_valkey.port}/0"

    async def main() -> None:
        store = open_store(place)
        assert isinstance(store, TurnStore)
        await store.open()
        await store.put("users", b"a", b"1", expires=9e9)
        assert await store.touch("users", b"a", None)
        turn = await store.take("users", b"a", 5.0)
        assert turn is not None
        await store.set_and_release(turn, b"2")
        assert [key async for key, _ in store.scan("users")] == [b"a"]
        assert await store.sweep(9e10, 10) == 0
        assert await store.delete("users", b"a")
        await store.close()

    asyncio.run(main())
    assert "refuses" in refusal(f"{place}?prefix=other:")


def test_a_cluster_is_refused() -> None:
    server = ValkeyServer("--cluster-enabled", "yes")
    try:
        server.start()
        assert "is part of a cluster" in refusal(server.url())
    finally:
        server.remove()


def test_another_database_is_another_store(valkey: ValkeyServer) -> None:
    async def main() -> None:
        url = valkey.url()
        other = open_store(url.replace("/0?", "/1?"))
        await use(url)
        await other.open()
        assert await other.get("users", b"a") is None
        await other.close()

    asyncio.run(main())
    assert "DB index is out of range" in refusal(valkey.url().replace("/0?", "/99?"))


@asynccontextmanager
async def encrypted(port: int, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """TLS in front of a server, as the managed ones have it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, behind[1]), pump(behind[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)  # its connections end with their peers


def test_tls_is_verified(valkey: ValkeyServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))

    async def main() -> None:
        async with encrypted(valkey.port, authority.issue_cert("127.0.0.1")) as port:
            url = valkey.url("&patience=2").replace("redis:", "rediss:").replace(str(valkey.port), str(port))
            await use(f"{url}&ca={file}".replace("patience=2", "patience=20"))
            with pytest.raises(StoreUnavailable, match=r"no answer from the store at rediss://.*certificate"):
                await use(url)
        async with encrypted(valkey.port, authority.issue_cert("elsewhere.example")) as port:
            url = valkey.url("&patience=2").replace("redis:", "rediss:").replace(str(valkey.port), str(port))
            with pytest.raises(StoreUnavailable, match="certificate"):
                await use(f"{url}&ca={file}")

    asyncio.run(main())


def test_names_of_errors() -> None:
    assert isinstance(translate(errors.OutOfMemoryError("command not allowed")), StoreFull)
    assert isinstance(translate(errors.ResponseError("MISCONF Errors writing to the AOF file")), StoreFull)
    assert isinstance(translate(errors.ResponseError("ERR")), StoreUnavailable)
    conflict = Conflict()
    assert translate(conflict) is conflict


def test_a_server_that_still_loads_is_not_there_yet() -> None:
    with pytest.raises(StoreUnavailable, match="still loads"):
        _check_server(b"# Persistence\r\nloading:1\r\naof_enabled:1\r\n", True, "name")


def test_what_was_under_way_when_the_server_died(own_valkey: ValkeyServer) -> None:
    async def main() -> None:
        store = open_store(own_valkey.url("&patience=20"))
        await store.open()
        await store.put("users", b"a", b"1")
        own_valkey.freeze()
        read, write = asyncio.ensure_future(store.get("users", b"a")), asyncio.ensure_future(store.put("users", b"a", b"2"))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await asyncio.to_thread(own_valkey.start)
        assert await read is not None, "a read is sent again"
        with pytest.raises(StoreUnavailable, match=r"the connection to the store at redis://.* broke"):
            await write
        await store.close()

    asyncio.run(main())
