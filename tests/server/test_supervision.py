"""Timeouts: every state of a connection ends."""

from __future__ import annotations

import asyncio
import math
import select
import socket
from time import monotonic

import pytest
from tests.server.support import GET, Peer, Serve, answering, plain, request

from hospes.http.content import FileContent
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import MiB, Timeouts
from hospes.server.supervision import Supervisor, interval, reset_at_close, unacknowledged

LONG = dict.fromkeys(("header", "body_idle", "write_idle", "keep_alive", "linger"), 30.0)


class FakeConnection:
    def __init__(self, deadline: float, unsent: bool = False) -> None:
        self.deadline = deadline
        self.unsent = unsent
        self.calls: list[str] = []

    def expire(self, now: float) -> None:
        self.calls.append("expire")

    def check_writing(self, now: float) -> None:
        self.calls.append("check")
        raise ValueError("a defect of one connection")


def test_a_look_expires_what_is_due_and_survives_a_defect(caplog: pytest.LogCaptureFixture) -> None:
    late, early, sending = FakeConnection(0.0), FakeConnection(math.inf), FakeConnection(0.0, unsent=True)

    async def run() -> None:
        supervisor = Supervisor(asyncio.get_running_loop(), [late, early, sending], 0.001)
        supervisor.start()
        while len(sending.calls) < 3:
            await asyncio.sleep(0.001)
        supervisor.stop()
        supervisor.stop()

    asyncio.run(run())
    assert set(late.calls) == {"expire"}
    assert early.calls == []
    assert set(sending.calls) == {"check"}
    assert "supervision of a connection failed" in caplog.text


@pytest.mark.parametrize(("shortest", "expected"), [(0.001, 0.02), (0.4, 0.1), (4.0, 1.0), (30.0, 1.0)])
def test_interval(shortest: float, expected: float) -> None:
    assert interval(Timeouts(**{**LONG, "header": shortest})) == pytest.approx(expected)


def test_unacknowledged() -> None:
    assert unacknowledged(None) == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        assert unacknowledged(closed) == 0
    assert unacknowledged(closed) == 0
    reset_at_close(closed)
    reset_at_close(None)
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as sock:
        accepted, _ = listening.accept()
        sock.setblocking(False)
        try:
            while True:
                sock.send(b"x" * 100_000)
        except BlockingIOError:
            pass
        assert unacknowledged(sock) > 0
        accepted.close()


@pytest.mark.parametrize("octets", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\nGET"])
def test_a_head_that_does_not_end_is_408(serve: Serve, octets: bytes) -> None:
    with serve(plain, timeouts=Timeouts(**{**LONG, "header": 0.1})) as port, Peer(port) as peer:
        peer.send(octets)
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (408, "close")
        assert peer.closed()


def test_a_head_that_drips_is_408(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(**{**LONG, "header": 0.2})) as port, Peer(port) as peer:
        start = monotonic()
        peer.send(b"GET / HTTP/1.1\r\nX: ")
        peer.sock.settimeout(0.02)
        while True:
            peer.send(b"a")
            try:
                assert peer.until(b"\r\n").startswith(b"HTTP/1.1 408 ")
                break
            except TimeoutError:
                continue
        assert monotonic() - start >= 0.2


def test_the_time_for_a_head_starts_anew_with_each(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(**{**LONG, "header": 2.0})) as port, Peer(port) as peer:
        for _ in range(3):
            peer.send(GET[:9])
            assert not select.select([peer.sock], [], [], 0.7)[0]
            peer.send(GET[9:])
            assert peer.get().status == 200


@pytest.mark.parametrize("octets", [b"", GET])
def test_an_idle_connection_is_closed_in_silence(serve: Serve, octets: bytes) -> None:
    with serve(plain, timeouts=Timeouts(**{**LONG, "keep_alive": 1.0})) as port, Peer(port) as peer:
        peer.send(octets)
        if octets:
            assert peer.get().status == 200
        assert peer.closed()


def test_a_slow_handler_is_not_the_peers_fault(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(1.5)
        return plain(request)

    with serve(handler, timeouts=Timeouts(header=1.0, keep_alive=1.0)) as port, Peer(port) as peer:
        peer.send(GET)
        assert peer.get().status == 200


@pytest.mark.parametrize("kind", ["bytes", "file", "pipelined", "closing"])
def test_a_peer_that_does_not_read_is_reset(serve: Serve, kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("files") / "big"
    path.write_bytes(b"x" * 20 * MiB)

    def make() -> Response:
        if kind == "file":
            return Response(FileContent(path.open("rb"), 0, 20 * MiB))
        return Response(b"x" * (20 * MiB if kind != "pipelined" else 40_000))

    octets = {"pipelined": GET * 900, "closing": request("/", "GET", None, "Connection: close")}.get(kind, GET)
    with (
        serve(answering(make), timeouts=Timeouts(**{**LONG, "write_idle": 0.3})) as port,
        Peer(port, receive_buffer=4096) as peer,
    ):
        peer.send(octets)
        peer.until(b"\r\n\r\n")
        # Nobody reads. The server's reset is an event that poll() tells of without reading.
        poll = select.poll()
        poll.register(peer.sock, 0)
        events = poll.poll(10_000)
        assert events
        assert events[0][1] & (select.POLLERR | select.POLLHUP)


def test_a_peer_that_reads_slowly_gets_everything(serve: Serve) -> None:
    size = 1_000_000
    with (
        serve(answering(lambda: Response(b"x" * size)), timeouts=Timeouts(**{**LONG, "write_idle": 1.5})) as port,
        Peer(port, receive_buffer=8192) as peer,
    ):
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        peer.send(request("/", "GET", None, "Connection: close"))
        start = monotonic()
        total = 0
        while monotonic() - start < 2.0:
            total += len(peer.sock.recv(4096))
            asyncio.run(asyncio.sleep(0.02))
        assert total < size
        assert total + len(peer.rest()) > size


def test_lingering_ends(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(**{**LONG, "linger": 0.1})) as port, Peer(port) as peer:
        peer.send(b"nonsense\r\n\r\n")
        assert peer.get().status == 400
        assert peer.closed()
        with pytest.raises(ConnectionError):
            peer.flood(b"x" * 1000, 1 << 30)
