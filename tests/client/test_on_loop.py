"""The link on a loop: names, addresses, back-pressure, cancelling."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.client.support import WAIT, Peer, Script, always, answer, once, serving

from hospes.client import (
    AddressRefused,
    AsyncHttpClient,
    ClientLimits,
    ClientOptions,
    ClientTimeout,
    ClientTimeouts,
    ConnectError,
    ResolveError,
    addresses,
)
from hospes.client.on_loop import AHEAD, PIECES_PER_TURN
from hospes.http import Request, Response
from hospes.limits import KiB, MiB


def named(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Let these names have these addresses; the others have none."""

    def look_up(host: str, port: int) -> list[str]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return names[host]

    monkeypatch.setattr(addresses, "look_up", look_up)


async def fetch(url: str, options: ClientOptions | None = None) -> bytes:
    async with AsyncHttpClient(options or ClientOptions()) as client:
        return (await client.get(url)).content


def test_a_name_and_its_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, here=["127.0.0.2", "127.0.0.1"])
    with Script(always(answer(b"hi"))) as server:
        assert asyncio.run(fetch(server.url.replace("127.0.0.1", "here"))) == b"hi"


def test_content_in_the_smallest_pieces_leaves_the_loop_its_turns() -> None:
    chunks = 4_096
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def main(url: str) -> tuple[bytes, int]:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        content = await fetch(url)
        counting.cancel()
        return content, turns

    with Script(once(head + b"1\r\nx\r\n" * chunks + b"0\r\n\r\n")) as server:
        content, turns = asyncio.run(main(server.url))
    assert content == b"x" * chunks
    assert turns >= chunks // PIECES_PER_TURN


def test_names_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, empty=[])
    with pytest.raises(ResolveError, match="Name or service not known"):
        asyncio.run(fetch("http://nowhere/"))
    with pytest.raises(ConnectError, match="no address"):
        asyncio.run(fetch("http://empty/"))


def test_a_resolver_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(addresses, "look_up", lambda host, port: over.wait(WAIT))

    async def ask() -> str:
        try:
            await fetch("http://slow/", ClientOptions(timeouts=ClientTimeouts(connect=0.1)))
        except ClientTimeout as error:
            return error.step
        finally:
            over.set()  # the loop waits for its threads when it ends
        return ""

    assert asyncio.run(ask()) == "resolve"


@pytest.mark.parametrize("host", ["127.0.0.1", "private", "both"])
def test_private_addresses_are_refused_on_demand(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    named(monkeypatch, private=["10.0.0.1"], both=["8.8.8.8", "127.0.0.1"])
    with Script(always(answer(b"hi"))) as server:
        with pytest.raises(AddressRefused, match="not public"):
            asyncio.run(fetch(server.url.replace("127.0.0.1", host), ClientOptions(public_only=True)))
        assert server.connections == 0


def test_many_at_once_over_few_connections() -> None:
    async def ask(url: str) -> list[bytes]:
        async with AsyncHttpClient(ClientOptions(limits=ClientLimits(connections=4))) as client:
            return [each.content for each in await asyncio.gather(*(client.get(url) for _ in range(160)))]

    with Script(always(answer(b"hi"))) as server:
        assert asyncio.run(ask(server.url)) == [b"hi"] * 160
        assert server.connections <= 4


def test_waiting_for_a_connection_ends() -> None:
    async def ask(url: str) -> str:
        async with AsyncHttpClient(ClientOptions(limits=ClientLimits(connections=1))) as client:
            first = asyncio.create_task(client.request("GET", url))
            await asyncio.sleep(0)
            with pytest.raises(ClientTimeout) as caught:
                await client.get(url, timeout=0.1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        return caught.value.step

    with Script(lambda peer: peer.gone()) as server:
        assert asyncio.run(ask(server.url)) == "wait"


def test_a_reader_in_no_hurry_holds_the_server_up() -> None:
    sent = 0
    stuck = threading.Event()

    def play(peer: Peer) -> None:
        nonlocal sent
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KiB)
        peer.sock.settimeout(0.5)
        try:
            while sent < 64 * MiB:
                sent += peer.sock.send(bytes(64 * KiB))
        except TimeoutError:
            stuck.set()

    async def ask(url: str) -> int:
        async with AsyncHttpClient() as client, client.stream("GET", url) as response:
            pieces = aiter(response)
            await anext(pieces)
            assert await asyncio.to_thread(stuck.wait, WAIT)
            return response.received

    with Script(play) as server:
        assert asyncio.run(ask(server.url)) <= AHEAD
        assert sent < 32 * MiB


def test_cancelled_calls_give_their_connection_back() -> None:
    async def ask(url: str) -> None:
        async with AsyncHttpClient(ClientOptions(limits=ClientLimits(connections=1))) as client:
            for _ in range(3):
                call = asyncio.create_task(client.request("GET", url))
                await asyncio.to_thread(asked.acquire, timeout=WAIT)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call

    def play(peer: Peer) -> None:
        peer.request()
        asked.release()
        peer.gone()

    asked = threading.Semaphore(0)
    with Script(play) as server:
        asyncio.run(ask(server.url))
        assert server.connections == 3


def test_content_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(300 * KiB))
    threads: set[str] = set()

    def plain() -> Iterator[bytes]:
        threads.add(threading.current_thread().name)
        yield b"ab"

    async def asynchronous() -> AsyncIterator[bytes]:
        await asyncio.sleep(0)
        yield b"cd"

    async def echo(request: Request) -> Response:
        return Response(await request.read())

    async def ask(url: str) -> None:
        async with AsyncHttpClient() as client:
            assert (await client.post(url, content=plain())).content == b"ab"
            assert (await client.post(url, content=asynchronous())).content == b"cd"
            assert (await client.post(url, content=path)).content == path.read_bytes()
            assert (await client.put(url, files={"a": path})).content.count(path.read_bytes()) == 1

    with serving(echo) as url:
        asyncio.run(ask(url))
    assert threads
    assert threading.current_thread().name not in threads


def test_a_client_that_nobody_closed() -> None:
    async def ask(url: str) -> bytes:
        return (await AsyncHttpClient().get(url)).content

    with Script(always(answer(b"hi"))) as server:
        assert asyncio.run(ask(server.url)) == b"hi"
        gc.collect()  # an unclosed socket would be a ResourceWarning here


def test_one_loop_only() -> None:
    client = AsyncHttpClient()

    async def ask(url: str) -> bytes:
        return (await client.get(url)).content

    async def ask_and_close(url: str) -> bytes:
        async with client:
            return await ask(url)

    with Script(always(answer(b"hi"))) as server, asyncio.Runner() as runner:
        runner.run(ask(server.url))
        with pytest.raises(RuntimeError, match="another loop"):
            asyncio.run(ask(server.url))
        assert runner.run(ask_and_close(server.url)) == b"hi"
        assert asyncio.run(ask_and_close(server.url)) == b"hi"
