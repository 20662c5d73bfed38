"""The server: starting, stopping in order, several at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from tests.golden import check_golden
from tests.server.support import GET, Peer, listens, plain, request

from hospes.errors import SetupError
from hospes.http.content import Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Timeouts
from hospes.server import Server, ServerOptions, Stopped


class Gate:
    """A handler that waits until it is let go; only on one loop."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, request: Request) -> Response:
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return plain(request)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


async def ask(peer: Peer, octets: bytes = GET) -> tuple[int, str | None]:
    def exchange() -> tuple[int, str | None]:
        if octets:
            peer.send(octets)
        got = peer.get()
        return got.status, got.fields.get("connection")

    return await asyncio.to_thread(exchange)


@pytest.mark.parametrize("port", [0, 1, 65535])
def test_a_port(port: int) -> None:
    assert ServerOptions(port=port).port == port


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("port_below", {"port": -1}),
        ("port_above", {"port": 65536}),
        ("port_text", {"port": "8080"}),
        ("tls_of_texts", {"tls": ("cert.pem", "key.pem")}),
        ("limits_of_a_dict", {"limits": {"body": 3}}),
        ("timeouts_of_a_number", {"timeouts": 3}),
        ("access_log_of_text", {"access_log": "access.log"}),
        ("proxies_of_a_list", {"proxies": ["127.0.0.1"]}),
        ("unix_of_text", {"unix": "app.sock"}),
    ],
)
def test_options_that_cannot_be(name: str, given: Any) -> None:
    with pytest.raises(SetupError) as caught:
        ServerOptions(**given)
    check_golden(f"server/{name}", str(caught.value))


def options(**timeouts: float) -> ServerOptions:
    return ServerOptions(port=0, timeouts=Timeouts(**timeouts))


def test_idle_connections_close_at_once() -> None:
    async def test() -> None:
        server = Server(plain, options(drain=30))
        await server.start()
        with Peer(server.address[1]) as used, Peer(server.address[1]) as fresh:
            await ask(used)
            while server.connections < 2:
                await asyncio.sleep(0.001)
            assert await server.stop() == Stopped(0, 0)
            assert used.closed()
            assert fresh.closed()
        assert server.connections == 0

    run(test)


def test_requests_under_way_finish_and_say_close() -> None:
    async def test() -> None:
        gate = Gate()
        server = Server(gate, options(drain=30))
        await server.start()
        with Peer(server.address[1]) as peer, Peer(server.address[1]) as late:
            peer.send(GET)
            late.send(GET[:9])
            await gate.entered.wait()
            while server.connections < 2:
                await asyncio.sleep(0.001)
            stopping = asyncio.ensure_future(server.stop())
            while listens(server.address[1]):
                await asyncio.sleep(0)
            gate.open.set()
            assert await ask(peer, b"") == (200, "close")
            assert await ask(late, GET[9:]) == (200, "close")
            assert await asyncio.to_thread(peer.closed)
            assert await asyncio.to_thread(late.closed)
            peer.sock.close()
            late.sock.close()
            assert await stopping == Stopped(2, 0)

    run(test)


def test_what_is_not_over_in_time_is_cut_off() -> None:
    async def test() -> None:
        gate = Gate()
        server = Server(gate, options(drain=0.05))
        await server.start()
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            await gate.entered.wait()
            assert await server.stop() == Stopped(0, 1)
            assert gate.cancelled == 1
            with pytest.raises(ConnectionError):
                peer.rest()

    run(test)


def test_a_stream_under_way_is_closed_when_it_is_cut_off() -> None:
    async def test() -> None:
        closed = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"tick"
                    await asyncio.sleep(0.01)
            finally:
                await asyncio.sleep(0)
                closed.set()

        server = Server(lambda request: Response(Stream(endless())), options(drain=0.05))
        await server.start()
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            await asyncio.to_thread(peer.until, b"tick")
            assert await server.stop() == Stopped(0, 1)
            assert closed.is_set()

    run(test)


def test_a_handler_that_does_not_heed_its_cancellation(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        entered, end = asyncio.Event(), asyncio.Event()

        async def stubborn(request: Request) -> Response:
            entered.set()
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    continue
            return Response("late")

        server = Server(stubborn, options(drain=0.05))
        await server.start()
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            await entered.wait()
            assert await server.stop() == Stopped(0, 1)
        end.set()
        await asyncio.sleep(0.01)

    run(test)
    assert "1 handlers did not end when they were cancelled" in caplog.text


def test_stop_twice_and_stop_at_once() -> None:
    async def test() -> None:
        gate = Gate()
        server = Server(gate, options(drain=60))
        assert await server.stop() == Stopped(0, 0)
        await server.start()
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            await gate.entered.wait()
            first = asyncio.ensure_future(server.stop())
            await asyncio.sleep(0.01)
            await server.stop(0)
            await first
            await server.stop()
            assert gate.cancelled == 1

    run(test)


def test_a_server_starts_once() -> None:
    async def test() -> None:
        server = Server(plain, options())
        await server.start()
        with pytest.raises(SetupError, match="started already"):
            await server.start()
        await server.stop()

    run(test)


def test_the_port_is_free_after_a_stop() -> None:
    async def test() -> None:
        server = Server(plain, options())
        await server.start()
        port = server.address[1]
        with Peer(port) as peer:
            assert (await ask(peer))[0] == 200
            await server.stop()
            again = Server(plain, ServerOptions(port=port))
            await again.start()
            with Peer(port) as other:
                assert (await ask(other))[0] == 200
            await again.stop()

    run(test)


def test_several_servers_on_one_loop() -> None:
    async def test() -> None:
        servers = [Server(lambda request, n=n: Response(str(n)), options()) for n in range(3)]  # type: ignore[misc]  # n
        for server in servers:
            await server.start()
        for n, server in enumerate(servers):
            with Peer(server.address[1]) as peer:
                peer.send(request())
                assert (await asyncio.to_thread(peer.get)).content == str(n).encode()
        for server in servers:
            await server.stop()

    run(test)


def test_nothing_is_left_on_the_loop() -> None:
    async def test() -> None:
        async def suspends(request: Request) -> Response:
            await asyncio.sleep(0)
            return plain(request)

        server = Server(suspends, options())
        await server.start()
        with Peer(server.address[1]) as peer:
            await ask(peer)
        await server.stop()
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(test)


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:"), ("localhost", "http://")]
)
def test_url(host: str, url: str) -> None:
    async def test() -> None:
        server = Server(plain, ServerOptions(host=host, port=0))
        await server.start()
        assert server.url.startswith(url)
        assert server.url.endswith(str(server.address[1]))
        await server.stop()

    run(test)


def test_defaults() -> None:
    server = Server(plain)
    assert (server.options.host, server.options.port) == ("127.0.0.1", 8080)
    assert server.connections == 0
    assert threading.active_count() >= 1
