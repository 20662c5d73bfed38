"""The large form: it begins in the middle of a connection, and what it leaves behind is nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import tempfile
import threading
from contextlib import suppress
from typing import Any

import pytest
from tests.server.support import CARRIERS, GET, Peer, Serve, plain, request

from hospes.http.content import FileContent, Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import KiB, MiB, Timeouts
from hospes.server.sending import NEAR

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from hospes.engine.guest import Guest


@pytest.fixture
def serve() -> Serve:
    return CARRIERS["engine"]


def test_a_file_goes_out_by_the_kernel_in_one_piece_with_what_is_around_it(serve: Serve) -> None:
    content = bytes(range(256)) * 20_000

    def handler(request: Request) -> Response:
        if request.path != "/file":
            return plain(request)
        file: Any = tempfile.TemporaryFile()  # noqa: SIM115  # the carrier closes it
        file.write(content)
        file.flush()
        return Response(FileContent(file, 1, len(content) - 2))

    with serve(handler) as port, Peer(port, receive_buffer=8192) as peer:
        peer.send(request("/a") + request("/file") + request("/b"))
        assert peer.get().content == b"at /a"
        assert peer.get().content == content[1:-1]
        assert peer.get().content == b"at /b"


def test_a_peer_that_goes_while_a_file_is_sent(serve: Serve) -> None:
    files: list[Any] = []

    def handler(request: Request) -> Response:
        if request.path == "/":
            return plain(request)
        files.append(tempfile.TemporaryFile())  # noqa: SIM115  # the carrier closes it
        files[-1].truncate(64 << 20)
        return Response(FileContent(files[-1], 0, 64 << 20))

    with serve(handler) as port:
        with Peer(port, receive_buffer=8192) as peer:
            peer.send(request("/file"))
            peer.until(b"\r\n\r\n")
            peer.reset()
        with Peer(port) as peer:
            peer.send(GET)
            assert peer.get().content == b"at /"
    assert [each.closed for each in files] == [True]


def test_what_is_left_of_a_file_is_seen(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """By it the supervision sees that a peer takes octets; and little of the file waits in the kernel."""
    size = 24 * MiB
    transports: list[Any] = []
    made = Guest.__init__

    def make(self: Guest, service: Any, transport: Any, *rest: Any) -> None:
        made(self, service, transport, *rest)
        transports.append(transport)

    def answer(_: Request) -> Response:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the carrier closes it
        file.truncate(size)
        return Response(FileContent(file, 0, size))

    monkeypatch.setattr(Guest, "__init__", make)
    with serve(answer) as port, Peer(port, receive_buffer=64 * KiB) as peer:
        peer.send(GET)
        peer.until(b"\r\n\r\n")
        (transport,) = transports
        assert transport.get_extra_info("peername") == peer.sock.getsockname()
        with socket.socket(fileno=os.dup(transport.fileno())) as same:
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * NEAR
        taken, seen = 0, set[int]()
        while taken < size:
            taken += len(peer.exactly(min(4 * MiB, size - taken)))
            left = transport.get_write_buffer_size()
            assert 0 <= left <= size - taken
            seen.add(left)
        assert len(seen) > 3
        assert transport.get_write_buffer_size() == 0


def test_a_request_that_waits_while_earlier_answers_are_not_taken(serve: Serve) -> None:
    """Two things at once: octets stay behind, and the handler of the next request has begun."""
    size = 4 << 20

    async def handler(request: Request) -> Response:
        if request.path == "/large":
            return Response(b"x" * size)
        await asyncio.sleep(0.01)
        return plain(request)

    with serve(handler) as port, Peer(port, receive_buffer=4096) as peer:
        peer.send(request("/large") + request("/a") + request("/large") + request("/b"))
        assert len(peer.get().content) == size
        assert peer.get().content == b"at /a"
        assert len(peer.get().content) == size
        assert peer.get().content == b"at /b"


def test_a_slow_reader_is_dropped(serve: Serve) -> None:
    with (
        serve(lambda request: Response(b"x" * (32 << 20)), timeouts=Timeouts(write_idle=0.2)) as port,
        Peer(port, receive_buffer=4096) as peer,
    ):
        peer.send(GET)
        peer.until(b"\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                threading.Event().wait(0.05)  # the time of the supervision; nothing is read
                peer.sock.send(b"x")


def test_nothing_of_it_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    living = 0
    made = 0

    class Counted(Guest):
        __slots__ = ()

        def __init__(self, *arguments: Any) -> None:
            nonlocal living, made
            living, made = living + 1, made + 1
            super().__init__(*arguments)

        def __del__(self) -> None:
            nonlocal living
            living -= 1

    monkeypatch.setattr("hospes.engine.carrier.Guest", Counted)

    async def pieces() -> Any:
        yield b"a"

    with serve(lambda request: Response(Stream(pieces()))) as port:
        with Peer(port) as peer:
            for _ in range(5):
                peer.send(GET)
                assert peer.get().content == b"a"
        with Peer(port) as peer:
            peer.send(b"nonsense\r\n\r\n")
            assert peer.get().status == 400
            assert peer.closed()
    gc.collect()
    assert (made, living) == (6, 0)
