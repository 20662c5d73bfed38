"""The connection: requests in, answers out, in order, and every way it can end."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import threading
from collections.abc import Iterator

import pytest
from tests.server.support import GET, WAIT, Peer, Serve, answering, echo, plain, request

from hospes.errors import ClientDisconnected, HttpError
from hospes.execution import Driver
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server import Connection
from hospes.server.service import Service
from hospes.wire.reader import EMPTY_LINES


def test_plain_answer_octet_by_octet(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(GET)
        head = peer.until(b"\r\n\r\n")
        assert re.fullmatch(
            rb"HTTP/1\.1 200 OK\r\nServer: hospes\r\n"
            rb"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n"
            rb"X-Content-Type-Options: nosniff\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\n",
            head,
        )
        assert peer.exactly(4) == b"at /"


def test_every_split_of_a_request_gives_the_same(serve: Serve) -> None:
    octets = request("/a", "POST", b"hello")
    with serve(echo) as port, Peer(port) as peer:
        for cut in range(1, len(octets)):
            peer.send(octets[:cut])
            peer.send(octets[cut:])
            assert peer.get().content == b"hello"


def test_a_thousand_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(b"".join(request(f"/{n}") for n in range(1000)))
        assert [peer.get().content for _ in range(1000)] == [b"at /%d" % n for n in range(1000)]
        assert peer.closed()


def test_pipelined_requests_wait_for_one_that_suspends(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/1":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return plain(request)

    with serve(handler) as port, Peer(port) as peer:
        peer.send(b"".join(request(f"/{n}") for n in range(4)))
        assert [peer.get().content for _ in range(4)] == [b"at /%d" % n for n in range(4)]


def test_one_more_request_than_the_limit_is_not_served(serve: Serve) -> None:
    with serve(plain, limits=Limits(requests_per_connection=3)) as port, Peer(port) as peer:
        peer.send(GET * 4)
        assert ["connection" in peer.get().fields for _ in range(3)] == [False, False, True]
        assert peer.closed()


@pytest.mark.parametrize(
    ("head", "connection", "stays"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", None, True),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close", False),
        ("GET / HTTP/1.0\r\n\r\n", "close", False),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", True),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", None, True),
    ],
)
def test_keep_alive(serve: Serve, head: str, connection: str | None, stays: bool) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(head.encode())
        assert peer.get().fields.get("connection") == connection
        if stays:
            peer.send(GET)
            assert peer.get().status == 200
        else:
            assert peer.closed()


@pytest.mark.parametrize("status", [204, 304])
def test_no_content_where_there_may_be_none(serve: Serve, status: int) -> None:
    with serve(answering(lambda: Response("never sent", status))) as port, Peer(port) as peer:
        peer.send(GET * 2)
        assert peer.get().status == status
        assert peer.get().status == status


def test_head_states_the_length_and_sends_nothing(serve: Serve) -> None:
    with serve(answering(lambda: Response("x" * 100))) as port, Peer(port) as peer:
        peer.send(request("/", "HEAD") + GET)
        assert peer.get("HEAD").fields["content-length"] == "100"
        assert len(peer.get().content) == 100


def test_the_answer_of_a_program_keeps_its_fields(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        return Response("x", 201, {"X-One": "1", "Server": "mine", "Content-Length": "99", "Connection": "x-close-not"})

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        got = peer.get()
    assert (got.status, got.fields["x-one"], got.fields["server"], got.content) == (201, "1", "hospes", b"x")


def test_a_handler_may_end_the_connection(serve: Serve) -> None:
    with serve(answering(lambda: Response("x", headers={"Connection": "close"}))) as port, Peer(port) as peer:
        peer.send(GET)
        assert peer.get().fields["connection"] == "close"
        assert peer.closed()


@pytest.mark.parametrize("method", ["BREW", "CONNECT", "OPTIONS", "get"])
def test_any_method_reaches_the_handler(serve: Serve, method: str) -> None:
    seen: list[str] = []

    def handler(request: Request) -> Response:
        seen.append(request.method)
        return Response("no", 405)

    target = {"CONNECT": "x:80", "OPTIONS": "*"}.get(method, "/")
    with serve(handler) as port, Peer(port) as peer:
        peer.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert peer.get().status == 405
    assert seen == [method]


# What the wire refuses.


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", 417),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ],
)
def test_a_refused_request_is_answered_and_the_connection_closed(serve: Serve, octets: bytes, status: int) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(octets)
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (status, "close")
        assert peer.closed()


@pytest.mark.parametrize("count", [EMPTY_LINES - 1, EMPTY_LINES, EMPTY_LINES + 1])
def test_empty_lines_are_counted_although_each_comes_alone(serve: Serve, count: int) -> None:
    with serve(plain) as port, Peer(port) as peer, Peer(port) as other:
        for _ in range(count):
            peer.send(b"\r\n")
            other.send(GET)
            other.get()  # what came before this has been read
        peer.send(GET)
        assert peer.get().status == (200 if count <= EMPTY_LINES else 400)


@pytest.mark.parametrize(
    "smuggler",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 30\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;\nx\r\nabcd\r\n0\r\n\r\n",
    ],
)
def test_nothing_is_processed_behind_a_framing_error(serve: Serve, smuggler: bytes) -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        seen.append(request.path)
        return await echo(request)

    with serve(handler) as port, Peer(port) as peer:
        peer.send(smuggler + request("/smuggled"))
        got = peer.get()
        assert 400 <= got.status <= 501
        assert got.fields["connection"] == "close"
        assert peer.closed()
    assert "/smuggled" not in seen


def test_answers_before_a_framing_error_are_sent(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(GET * 2 + b"nonsense\r\n\r\n")
        assert [peer.get().status for _ in range(3)] == [200, 200, 400]
        assert peer.closed()


def test_limits_of_a_head(serve: Serve) -> None:
    line, field = 100, 60
    limits = Limits(request_line=line, field=field, fields=100, field_count=3)

    def status(octets: bytes) -> int:
        with Peer(port) as peer:
            peer.send(octets)
            return peer.get().status

    def target(size: int) -> bytes:
        return b"GET /" + b"a" * (size - len(b"GET / HTTP/1.1")) + b" HTTP/1.1\r\nHost: x\r\n\r\n"

    def with_field(size: int) -> bytes:
        return b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (size - 3) + b"\r\n\r\n"

    with serve(plain, limits=limits) as port:
        assert [status(target(size)) for size in (line - 1, line, line + 1)] == [200, 200, 414]
        assert [status(with_field(size)) for size in (field - 1, field, field + 1)] == [200, 200, 431]
        assert [status(request("/", "GET", None, *["A: b"] * count)) for count in (1, 2, 3)] == [200, 200, 431]


# Handlers that fail.


def test_an_exception_is_a_bare_500_and_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        raise ValueError("secret")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/x%0Ay?token=1"))
        got = peer.get()
        assert (got.status, b"secret" in got.content) == (500, False)
        peer.send(GET)
        assert peer.get().status == 500
    assert "GET /x%0Ay: the handler failed" in caplog.text
    assert "token" not in caplog.text


def test_an_http_error_that_escapes_is_its_answer(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        raise HttpError(503, "busy", headers={"Retry-After": "5"})

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        got = peer.get()
    assert (got.status, got.fields["retry-after"], got.content) == (503, "5", b"503 busy\n")


@pytest.mark.parametrize("value", [None, "text"])
def test_what_is_no_response_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture, value: object) -> None:
    with serve(lambda request: value) as port, Peer(port) as peer:  # type: ignore[arg-type,return-value]  # what is tested
        peer.send(GET)
        assert peer.get().status == 500
    assert "not a Response" in caplog.text


def test_a_field_that_may_not_be_sent_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        return Response("x", content_type="text/plain\r\nX-Injected: 1")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        got = peer.get()
    assert got.status == 500
    assert "x-injected" not in got.fields


class Broken(Response):
    def lines(self) -> Iterator[tuple[str, str]]:
        raise TypeError("no lines")


@pytest.mark.parametrize("minor", [0, 1])
def test_an_answer_that_cannot_be_written_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture, minor: int) -> None:
    with serve(lambda request: Broken("x", headers={"X-A": "b"})) as port, Peer(port) as peer:
        for _ in range(1 + minor):  # the connection is as good as before
            peer.send(b"GET / HTTP/1.%d\r\nHost: a\r\n\r\n" % minor)
            assert peer.get().status == 500
    assert "no lines" in caplog.text


# Peers that go.


class Waiting:
    """A handler that waits until it is cancelled."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self, request: Request) -> Response:
        self.started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # cleaning up may take a while: it is not cancelled again
            self.cancelled.set()
            raise
        raise AssertionError


@pytest.mark.parametrize("go", [Peer.reset, Peer.half_close])
def test_a_handler_is_cancelled_when_its_peer_goes(serve: Serve, go: object) -> None:
    handler = Waiting()
    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        assert handler.started.wait(WAIT)
        go(peer)  # type: ignore[operator]  # Peer.reset or Peer.half_close
        assert handler.cancelled.wait(WAIT)


def test_requests_before_a_half_close_are_answered(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(GET * 200)
        peer.half_close()
        assert peer.rest().count(b"HTTP/1.1 200 OK") == 200


def test_a_handler_that_begins_to_wait_after_a_half_close_is_cancelled(serve: Serve) -> None:
    handler = Waiting()

    def first(request: Request) -> object:
        return plain(request) if request.path == "/" else handler(request)

    with serve(first) as port, Peer(port) as peer:  # type: ignore[arg-type]  # object instead of the union
        peer.send(GET * 100 + request("/wait") + GET)
        peer.half_close()
        assert peer.rest().count(b"HTTP/1.1 200 OK") == 100
        assert handler.cancelled.wait(WAIT)


def test_a_half_close_inside_a_head_is_answered_400(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHo")
        peer.half_close()
        assert peer.get().status == 400
        assert peer.closed()


def test_a_peer_that_goes_in_silence_is_closed(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.half_close()
        assert peer.closed()


def test_a_reader_of_content_learns_that_the_peer_has_gone(serve: Serve) -> None:
    seen: list[BaseException] = []
    done = threading.Event()

    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except BaseException as error:
            seen.append(error)
            try:
                await request.reader.read()
            except ClientDisconnected as again:
                seen.append(again)
            done.set()
            raise
        raise AssertionError

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 10") + b"abc")
        peer.half_close()
        assert done.wait(WAIT)
    assert [type(error) for error in seen] == [asyncio.CancelledError, ClientDisconnected]


@pytest.mark.parametrize("octets", [b"", b"GET / HT", request("/", "POST", None, "Content-Length: 9") + b"x", GET * 50])
def test_resets_do_no_harm(serve: Serve, octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with serve(echo) as port:
        for _ in range(20):
            peer = Peer(port)
            peer.send(octets)
            peer.reset()
        with Peer(port) as peer:
            peer.send(GET)
            assert peer.get().status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# Back-pressure on requests.


def test_pipelined_octets_behind_a_slow_request_wait_in_the_peers_machine(serve: Serve) -> None:
    go_on = asyncio.Event()
    loops: queue.Queue[asyncio.AbstractEventLoop] = queue.Queue()
    begun = False

    async def handler(request: Request) -> Response:
        nonlocal begun
        if not begun:
            begun = True
            loops.put(asyncio.get_running_loop())
            await go_on.wait()
        return plain(request)

    with serve(handler, limits=Limits(requests_per_connection=10**6)) as port, Peer(port) as peer:
        peer.send(GET)
        loop = loops.get(timeout=WAIT)
        one = request("/" + "x" * 4000)
        sent = peer.flood(one * 16, 64 << 20, patience=0.2)
        assert sent < 32 << 20
        loop.call_soon_threadsafe(go_on.set)
        for _ in range(1 + sent // len(one)):
            assert peer.get().status == 200


def test_stalled_peers_do_not_hold_up_a_good_one(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        return Response(b"x" * (1 << 20)) if request.path == "/big" else plain(request)

    with serve(handler) as port:
        stalled = [Peer(port, receive_buffer=4096) for _ in range(100)]
        for n, each in enumerate(stalled):
            each.send(request("/big") * 50 if n % 2 else b"GET / HTTP/1.1\r\nX:")
        with Peer(port) as peer:
            for _ in range(50):
                peer.send(GET)
                assert peer.get().content == b"at /"
        for each in stalled:
            each.reset()


# The answer that closes is seen.


def test_a_refusal_reaches_a_peer_that_goes_on_sending(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(linger=5)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 8000000"))
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (200, "close")
        for _ in range(100):
            peer.send(b"x" * 80_000)
        peer.half_close()
        assert peer.closed()


def test_lingering_is_bounded(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(linger=0.1)) as port, Peer(port) as peer:
        peer.send(b"nonsense\r\n\r\n")
        assert peer.get().status == 400
        assert peer.closed()
        with pytest.raises(ConnectionError):
            peer.flood(b"x" * 1000, 1 << 30)


def test_lingering_is_bounded_in_octets(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(linger=60)) as port, Peer(port) as peer:
        peer.send(b"nonsense\r\n\r\n")
        with pytest.raises(ConnectionError):
            peer.flood(b"x" * 100_000, 1 << 30)


def test_a_connection_that_comes_after_it_was_abandoned_is_aborted() -> None:
    class Aborted(asyncio.Transport):
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    async def run() -> None:
        driver = Driver()
        connection = Connection(Service(plain, Limits(), Timeouts(), driver))
        connection.abandon()
        transport = Aborted()
        connection.connection_made(transport)
        assert transport.aborted
        connection.abort()
        connection.connection_lost(None)
        driver.close()

    asyncio.run(run())


def test_what_comes_behind_broken_content_is_not_looked_at(serve: Serve) -> None:
    broken = threading.Event()

    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except HttpError:
            broken.set()
            await asyncio.sleep(0.05)
        return Response("late")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Transfer-Encoding: chunked") + b"nonsense\r\n")
        assert broken.wait(WAIT)
        peer.send(GET)
        assert peer.get().fields["connection"] == "close"
        assert peer.closed()
