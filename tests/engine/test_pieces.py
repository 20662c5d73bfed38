"""Requests that come in pieces, and those that are a connection's last: in the small form as long as they are usual."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from tests.server.support import GET, Peer, request

from hospes import App, JSONBody
from hospes.limits import Timeouts
from hospes.server import Server, ServerOptions

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from tests.engine.test_direct import both
from tests.engine.test_map import post

LAST = "Connection: close"


def app() -> App:
    app = App()

    @app.get("/")
    async def home() -> str:
        return "home"

    @app.get("/large/{size:int}")
    async def large(size: int) -> str:
        return "x" * size

    @app.get("/later")
    async def later() -> str:
        await asyncio.sleep(0)
        return "later"

    @app.post("/echo")
    async def echo(data: Annotated[dict[str, Any], JSONBody]) -> dict[str, Any]:
        return data

    @app.post("/raw")
    async def raw(data: bytes) -> bytes:
        return data

    return app


def beside(test: Callable[[Server], Awaitable[None]], **timeouts: float) -> None:
    """Run a test beside an engine, on its loop."""

    async def run() -> None:
        async with app().started() as handler:
            server = Server(handler, ServerOptions(port=0, timeouts=Timeouts(drain=0.5, **timeouts)))
            await server.start()
            try:
                await test(server)
            finally:
                await server.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", "engine")
        asyncio.run(run())


def large_forms(server: Server) -> int:
    assert server._service is not None
    return len(server._service.connections)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("octets", [GET, post("/echo", b'{"a": [1, 2]}'), request("/later") + post("/raw", b"raw") + GET])
def test_cut_at_every_octet(octets: bytes) -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as whole:
            whole.send(octets + request("/", "GET", None, LAST))
            expected = (await asyncio.to_thread(whole.rest)).count(b"HTTP/1.1 200")
        for cut in range(1, len(octets)):
            with Peer(server.address[1]) as peer:
                peer.send(octets[:cut])
                await turns(2)
                peer.send(octets[cut:] + request("/", "GET", None, LAST))
                assert (await asyncio.to_thread(peer.rest)).count(b"HTTP/1.1 200") == expected

    beside(test)


@pytest.mark.parametrize(
    ("octets", "cut", "content"),
    [
        (GET, 9, b"home"),
        (GET, len(GET) - 1, b"home"),
        (post("/echo", b'{"a":1}'), -3, b'{"a":1}'),
        (post("/echo", b"{}"), 30, b"{}"),
    ],
)
def test_one_piece_and_the_rest_stay_in_the_small_form(
    octets: bytes, cut: int, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hospes.engine.carrier.interval", lambda timeouts: 60.0)  # what a look finds begun is the large form's

    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            peer.send(octets[:cut])
            while not server.connections:
                await asyncio.sleep(0)
            await turns()
            assert large_forms(server) == 0
            peer.send(octets[cut:])
            assert (await asyncio.to_thread(peer.get)).content == content
            peer.send(GET)
            assert (await asyncio.to_thread(peer.get)).content == b"home"

    beside(test)


def test_many_pieces_are_the_large_forms() -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            for octet in range(3):
                peer.send(GET[octet : octet + 1])
                while large_forms(server) == 0 and octet == 2:
                    await asyncio.sleep(0)
                await turns(20)
            peer.send(GET[3:])
            assert (await asyncio.to_thread(peer.get)).content == b"home"

    beside(test)


def test_content_that_a_function_reads_by_itself_is_not_waited_for() -> None:
    async def test(server: Server) -> None:
        octets = post("/raw", b"x" * 100, "Content-Type: text/plain")
        with Peer(server.address[1]) as peer:
            peer.send(octets[:-10])
            while not large_forms(server):
                await asyncio.sleep(0)
            peer.send(octets[-10:])
            assert (await asyncio.to_thread(peer.get)).content == b"x" * 100

    beside(test)


@pytest.mark.parametrize("octets", [GET[:10], post("/echo", b'{"a":1}')[:-3]])
def test_a_peer_that_sends_a_beginning_and_ends(octets: bytes) -> None:
    """Both carriers say the same of it."""
    answers: list[bytes] = []
    with both(app) as ports:
        for port in ports:
            with Peer(port) as peer:
                peer.send(octets)
                peer.half_close()
                answers.append(peer.rest().partition(b"Date")[0])
    assert answers[0] == answers[1]


def test_a_beginning_without_an_end_is_a_408() -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            peer.send(GET[:-2])
            assert (await asyncio.to_thread(peer.get)).status == 408

    beside(test, header=0.2)


def test_beginnings_are_dropped_when_the_server_is_aborted() -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            peer.send(GET[:-2])
            while not server.connections:
                await asyncio.sleep(0)
            await turns()
            await server.stop(0)
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(peer.rest)

    beside(test)


@pytest.mark.parametrize("path", ["/", "/later", "/nowhere", "/large/20000", "/large/300000", "/large/3000000"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_last_request_is_answered_as_by_the_portable_carrier(path: str, method: str) -> None:
    answers: list[bytes] = []
    with both(app) as ports:
        for port in ports:
            with Peer(port, receive_buffer=8192) as peer:
                peer.send(GET + request(path, method, None, LAST))
                answers.append(b"".join(line for line in peer.rest().splitlines(True) if not line.startswith(b"Date")))
    assert answers[0] == answers[1]
    assert answers[0].count(b"Connection: close\r\n") == 1


def test_what_comes_behind_a_last_request_is_not_answered() -> None:
    with both(app) as ports:
        for port in ports:
            with Peer(port) as peer:
                peer.send(request("/", "GET", None, LAST) + GET)
                assert peer.rest().count(b"HTTP/1.1 200") == 1


def test_a_connection_that_has_ended_leaves_no_descriptor() -> None:
    async def test(server: Server) -> None:
        for _ in range(50):
            with Peer(server.address[1]) as peer:
                peer.send(request("/", "GET", None, LAST))
                assert (await asyncio.to_thread(peer.rest)).endswith(b"home")
        assert server.connections == 0
        with socket.create_connection(("127.0.0.1", server.address[1])):
            while not server.connections:
                await asyncio.sleep(0)

    beside(test)


@pytest.mark.parametrize("size", [60_000, 64 * 1024, 64 * 1024 + 1, 200_000, 256 * 1024, 256 * 1024 + 1, 600_000])
def test_content_larger_than_what_is_received_at_once(size: int) -> None:
    async def test(server: Server) -> None:
        start = b'{"a":"'
        head = len(post("/echo", start)) - len(start)
        for whole in {size, size + head}:  # of the content, and with its head
            content = start + b"x" * (whole - len(start) - 2 - (head if whole == size else 0)) + b'"}'
            with Peer(server.address[1]) as peer:
                octets = post("/echo", content) + request("/", "GET", None, LAST)
                sending = asyncio.to_thread(peer.send, octets)
                _, answers = await asyncio.gather(sending, asyncio.to_thread(peer.rest))
                assert answers.count(b"HTTP/1.1 200") == 2
                assert content in answers
                assert answers.endswith(b"home")

    beside(test)
