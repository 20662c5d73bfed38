"""The engine as a carrier: its traps, each with a test. What it shares with the other carrier, tests/server covers for both."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.server.support import GET, Peer, plain, request

from hospes.execution import Driver
from hospes.http.content import Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server import Proxies, Server, ServerOptions
from hospes.server.answers import Prefixes
from hospes.wire import parse_date

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from hospes.engine.carrier import EngineCarrier
from hospes.engine.loop import Loop

CLOCK_REALTIME_COARSE = 5


@pytest.fixture(autouse=True, params=[asyncio.SelectorEventLoop, Loop], ids=["asyncio's", "ours"])
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "engine")
    monkeypatch.setattr("asyncio.events.new_event_loop", request.param)  # by which asyncio.run makes one


def serving(handler: Handler, test: Callable[[Server], Awaitable[None]], **limits: int) -> None:
    """Run a test beside a server, on its loop."""

    async def run() -> None:
        server = Server(handler, ServerOptions(port=0, limits=Limits(**limits), timeouts=Timeouts(drain=0.5, linger=0.1)))
        await server.start()
        try:
            await test(server)
        finally:
            await server.stop()

    asyncio.run(run())


def carrier(server: Server) -> EngineCarrier:
    found: object = server._carrier  # pyright: ignore[reportPrivateUsage]
    assert isinstance(found, EngineCarrier)
    return found


def large_forms(server: Server) -> int:
    assert server._service is not None
    return len(server._service.connections)


def get(peer: Peer, octets: bytes = GET) -> Coroutine[Any, Any, bytes]:
    def ask() -> bytes:
        peer.send(octets)
        return peer.get().content

    return asyncio.to_thread(ask)


def test_what_is_unusual_takes_the_large_form_and_gives_it_back() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/stream":
            return Response(Stream(pieces()))
        if request.path == "/cookie":
            return Response("cookie", cookies={"a": "b"})
        return Response(await request.read() or b"-")

    async def pieces() -> Any:
        yield b"stream"

    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            for octets, content in (
                (GET, b"-"),
                (request("/", "POST", b"small"), b"small"),
                (request("/", "POST", b"x" * 300_000), b"x" * 300_000),
                (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
                (b"\r\n" + GET, b"-"),
                (request("/stream"), b"stream"),
                (request("/cookie"), b"cookie"),
                (b"GET http://x/ HTTP/1.1\r\nHost: y\r\n\r\n", b"-"),
            ):
                assert await get(peer, octets) == content
                for _ in range(3):
                    await asyncio.sleep(0)
                assert (server.connections, large_forms(server)) == (1, 0)

    serving(handler, test)


def test_requests_count_over_both_forms() -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            await get(peer)
            await get(peer, b"\r\n" + GET)
            await get(peer)
            peer.send(GET)
            got = await asyncio.to_thread(peer.get)
            assert got.fields["connection"] == "close"
            assert await asyncio.to_thread(peer.closed)

    serving(plain, test, requests_per_connection=4)


def test_an_answer_to_another_connection_does_not_get_into_this_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Callable[[Response | None, BaseException | None], None]] = []
    adopt = Driver._adopt

    def keep(self: Driver, seat: Any, coroutine: Any, awaited: Any, context: Any, done: Any) -> Any:
        """The handler is forgotten: the test answers in its place, in the middle of another connection's request."""
        waiting.append(done)
        monkeypatch.setattr(Driver, "_adopt", adopt)
        return adopt(self, seat, coroutine, awaited, context, lambda answer, failure: None)

    monkeypatch.setattr(Driver, "_adopt", keep)
    forever: list[asyncio.Future[None]] = []

    def handler(request: Request) -> Response | Awaitable[Response]:
        if request.path == "/wait":
            forever.append(asyncio.get_running_loop().create_future())
            return wait(forever[-1])
        if request.path == "/wake":
            waiting.pop()(Response("woken"), None)
        return plain(request)

    async def wait(future: asyncio.Future[None]) -> Response:
        await future
        return Response("never")

    async def test(server: Server) -> None:
        with Peer(server.address[1]) as one, Peer(server.address[1]) as other:
            one.send(request("/wait") + request("/behind"))
            while not waiting:
                await asyncio.sleep(0)
            other.send(request("/1") + request("/wake") + request("/2"))
            assert [(await asyncio.to_thread(other.get)).content for _ in range(3)] == [b"at /1", b"at /wake", b"at /2"]
            assert [(await asyncio.to_thread(one.get)).content for _ in range(2)] == [b"woken", b"at /behind"]
        for future in forever:
            future.set_result(None)

    serving(handler, test)


def test_an_event_of_a_connection_that_has_gone_finds_nobody() -> None:
    calls: list[str] = []
    servers: list[Server] = []
    entered = threading.Event()
    go = threading.Event()

    def handler(request: Request) -> Response:
        calls.append(request.path)
        if request.path == "/hold":
            entered.set()
            go.wait(20)
        if request.path in {"/a", "/b"}:  # whichever comes first: both lie in one batch of events
            carrier(servers[0]).abort()
        return plain(request)

    async def test(server: Server) -> None:
        def send() -> None:
            entered.wait(20)
            one.send(request("/a"))
            other.send(request("/b"))
            go.set()

        servers.append(server)
        with Peer(server.address[1]) as hold, Peer(server.address[1]) as one, Peer(server.address[1]) as other:
            for peer in (one, other):
                await get(peer)
            with ThreadPoolExecutor(2) as pool:
                answered = pool.submit(hold.send, request("/hold"))
                ready = pool.submit(send)
                while not (answered.done() and ready.done()):
                    await asyncio.sleep(0.001)
            while server.connections:
                await asyncio.sleep(0)
            assert len({"/a", "/b"} & set(calls)) == 1
        with Peer(server.address[1]) as peer:
            assert await get(peer) == b"at /"

    serving(handler, test)


def test_many_pipelined_requests_do_not_keep_others_waiting() -> None:
    order: list[str] = []
    entered, go = threading.Event(), threading.Event()

    def handler(request: Request) -> Response:
        order.append(request.path)
        if len(order) == 1:
            entered.set()
            go.wait(20)
        return plain(request)

    async def test(server: Server) -> None:
        def load() -> None:
            with Peer(server.address[1]) as greedy, Peer(server.address[1]) as modest:
                greedy.send(request("/greedy") * 900)
                entered.wait(20)
                modest.send(request("/modest"))
                go.set()
                assert modest.get().content == b"at /modest"
                assert [greedy.get().content for _ in range(900)] == [b"at /greedy"] * 900

        await asyncio.to_thread(load)

    serving(handler, test)
    assert order.index("/modest") <= 3 * 64


def test_what_waits_behind_a_request_is_bounded() -> None:
    entered = asyncio.Event()
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        entered.set()
        await go.wait()
        return plain(request)

    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            await entered.wait()
            peer.sock.setblocking(False)
            sent = quiet = 0
            many = GET * 1000
            while quiet < 50 and sent < 64 << 20:
                try:
                    sent += peer.sock.send(many[sent % len(GET) :])
                    quiet = 0
                except BlockingIOError:
                    quiet += 1
                await asyncio.sleep(0)
            assert sent < 32 << 20  # what the kernel holds, and 64 KiB and a piece here
            go.set()
            peer.sock.settimeout(20)
            answers = sent // len(GET) + 1
            for _ in range(min(answers, 990)):
                assert (await asyncio.to_thread(peer.get)).status == 200

    serving(handler, test)


def test_a_defect_ends_its_connection_and_not_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[dict[str, Any]] = []
    head = Prefixes.head

    def fail(self: Prefixes, status: int, content_type: str) -> bytes:
        monkeypatch.setattr(Prefixes, "head", head)
        raise RuntimeError("a defect")

    async def test(server: Server) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        monkeypatch.setattr(Prefixes, "head", fail)
        with Peer(server.address[1]) as peer, Peer(server.address[1]) as other:
            peer.send(GET)
            assert await asyncio.to_thread(peer.closed)
            assert await get(other) == b"at /"

    serving(plain, test)
    assert [str(each["exception"]) for each in reported] == ["a defect"]


def test_the_date_is_that_of_the_answer() -> None:
    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            seconds: set[int] = set()
            while len(seconds) < 2:
                before = int(time.clock_gettime(CLOCK_REALTIME_COARSE))  # which is late by a tick, or more
                peer.send(GET)
                date = parse_date((await asyncio.to_thread(peer.get)).fields["date"])
                assert date is not None
                assert before <= date <= time.time()
                seconds.add(date)

    serving(plain, test, requests_per_connection=1_000_000)


def test_a_server_that_is_not_started_holds_no_descriptor_and_a_stopped_one_leaves_none() -> None:
    def descriptors() -> int:
        gc.collect()  # what tests before this one have left must not go in the meantime
        return len(os.listdir("/proc/self/fd"))

    async def run() -> None:
        before = descriptors()
        server = Server(plain, ServerOptions(port=0))
        assert descriptors() == before  # nothing that a fork would share
        await server.start()
        with Peer(server.address[1]) as peer:
            await get(peer)
            await server.stop()
        assert descriptors() == before
        selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        assert len(selector.get_map()) == 1  # the loop's own

    asyncio.run(run())


def test_being_out_of_descriptors_is_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: Server) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken: list[int] = []
        with Peer(server.address[1]) as first, Peer(server.address[1]) as second:
            await get(first)
            await get(second)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 3, hard))
            try:
                with Peer(server.address[1]) as late:
                    while True:
                        try:
                            taken.append(os.dup(0))
                        except OSError:
                            break
                    late.send(GET)
                    while not caplog.records:
                        await asyncio.sleep(0)
                    for each in taken:
                        os.close(each)
                    assert (await asyncio.to_thread(late.get)).status == 200
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with caplog.at_level("WARNING", "hospes.server"):
        serving(plain, test)
    assert [record.getMessage() for record in caplog.records] == [
        "accepting waits: the system gives no more connections (Too many open files)"
    ]


def test_an_idle_connection_is_small() -> None:
    count = 200

    async def test(server: Server) -> None:
        def open_all() -> list[Peer]:
            peers = [Peer(server.address[1]) for _ in range(count)]
            for peer in peers:
                peer.send(GET)
                assert peer.get().status == 200
            return peers

        for peer in await asyncio.to_thread(open_all):
            peer.sock.close()
        while server.connections:
            await asyncio.sleep(0)
        engine = carrier(server)._engine  # pyright: ignore[reportPrivateUsage]
        tracemalloc.start()
        try:
            peers = await asyncio.to_thread(open_all)
            engine.expire(time.monotonic() + 2, 1000)
            taken = sum(
                each.size
                for each in tracemalloc.take_snapshot().statistics("filename")
                if "server/support" not in each.traceback[0].filename and "socket.py" not in each.traceback[0].filename
            )
        finally:
            tracemalloc.stop()
        assert server.connections == count
        assert taken / count < 400
        for peer in peers:
            peer.sock.close()

    serving(plain, test)


def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        engine = carrier(server)._engine  # pyright: ignore[reportPrivateUsage]
        with Peer(server.address[1]) as peer:
            await get(peer)
            engine.expire(time.monotonic() + 900, 1000)
            assert await get(peer) == b"at /"
            engine.expire(time.monotonic() + 1000, 1000)
            assert await asyncio.to_thread(peer.closed)

    serving(plain, test)


@pytest.mark.parametrize("size", [16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 300_000, 8 << 20])
def test_answers_of_any_size_arrive_in_order(size: int) -> None:
    def handler(request: Request) -> Response:
        return Response(request.path.encode() * (size // len(request.path)))

    async def test(server: Server) -> None:
        with Peer(server.address[1]) as peer:
            peer.send(b"".join(request(f"/{n}") for n in range(8)))
            for n in range(8):
                assert (await asyncio.to_thread(peer.get)).content == b"/%d" % n * (size // 2)

    serving(handler, test)


def test_a_peer_that_reads_slowly_gets_every_octet_and_holds_up_its_own_requests_only() -> None:
    begun: list[str] = []

    def handler(request: Request) -> Response:
        begun.append(request.path)
        return Response(b"x" * (1 << 20))

    async def test(server: Server) -> None:
        with Peer(server.address[1], receive_buffer=4096) as slow, Peer(server.address[1]) as other:
            slow.send(request("/slow") * 60)
            assert len(await get(other)) == 1 << 20
            for _ in range(20):
                await asyncio.sleep(0)
            assert begun.count("/slow") < 60
            for _ in range(60):
                assert len((await asyncio.to_thread(slow.get)).content) == 1 << 20

    serving(handler, test)


def test_what_a_proxy_has_told_holds_for_the_connection() -> None:
    async def test() -> None:
        server = Server(
            lambda request: Response(f"{request.client.host} {request.connection.server.port}"),
            ServerOptions(port=0, proxies=Proxies(("127.0.0.1",), "none", protocol=True)),
        )
        await server.start()
        try:
            with Peer(server.address[1]) as peer:
                told = b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 443\r\n"
                assert await get(peer, told + GET) == b"192.0.2.7 443"
                # An idle connection lets go of what its requests share; then it takes its large form.
                carrier(server)._engine.expire(time.monotonic() + 5, 3600.0)  # pyright: ignore[reportPrivateUsage]
                assert await get(peer) == b"192.0.2.7 443"
                assert await get(peer, b"\r\n" + GET) == b"192.0.2.7 443"
        finally:
            await server.stop(drain=0.1)

    asyncio.run(test())
