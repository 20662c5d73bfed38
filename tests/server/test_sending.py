"""Streams and files: whole, or visibly broken off; never faster than the peer takes them; always closed."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import struct
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.server.support import GET, WAIT, Peer, Serve, answering, request

from hospes.errors import ClientDisconnected, HttpError
from hospes.execution import Driver
from hospes.http.content import FileContent, Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, MiB, Timeouts
from hospes.server.connection import Connection
from hospes.server.sending import FILE_AT_ONCE, FLUSH, NEAR, SLICE, IncompleteAnswerError, read_file, send_file
from hospes.server.service import Service


class Source:
    """A source of pieces that knows whether it was closed."""

    def __init__(self, *pieces: bytes | str | BaseException) -> None:
        self.pieces = pieces
        self.given = 0
        self.closed = threading.Event()

    async def _run(self) -> AsyncIterator[bytes | str]:
        try:
            for piece in self.pieces:
                if isinstance(piece, BaseException):
                    raise piece
                self.given += 1
                yield piece
        finally:
            self.closed.set()

    def stream(self, length: int | None = None) -> Response:
        return Response(Stream(self._run(), length))


def test_a_stream_goes_out_in_chunks(serve: Serve) -> None:
    source = Source("ä", b"", b"bc", "")
    with serve(answering(source.stream)) as port, Peer(port) as peer:
        peer.send(GET)
        got = peer.get()
        assert (got.fields["transfer-encoding"], got.content) == ("chunked", "äbc".encode())
    assert source.closed.is_set()


def test_the_connection_goes_on_after_a_stream(serve: Serve) -> None:
    with serve(lambda request: Source(request.path).stream()) as port, Peer(port) as peer:
        peer.send(b"".join(request(f"/{n}") for n in range(10)))
        assert [peer.get().content for _ in range(10)] == [b"/%d" % n for n in range(10)]


def test_a_stream_of_known_length(serve: Serve) -> None:
    with serve(answering(lambda: Source(b"abc", b"de").stream(5))) as port, Peer(port) as peer:
        peer.send(GET * 2)
        got = peer.get()
        assert (got.fields["content-length"], got.content) == ("5", b"abcde")
        assert peer.get().content == b"abcde"


def test_a_stream_for_http_1_0_ends_with_the_connection(serve: Serve) -> None:
    with serve(answering(lambda: Source(b"abc", b"de").stream())) as port, Peer(port) as peer:
        peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        got = peer.get()
        assert (got.fields["connection"], got.content) == ("close", b"abcde")


def test_a_stream_longer_than_promised_is_cut(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    source = Source(b"abc", b"def", b"ghi")
    with serve(answering(lambda: source.stream(5))) as port, Peer(port) as peer:
        peer.send(GET)
        assert peer.get().content == b"abcde"
        assert source.closed.wait(WAIT)
    assert source.given == 2
    assert "more than its promised length" in caplog.text


def test_a_stream_shorter_than_promised_does_not_look_complete(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with serve(answering(lambda: Source(b"abc").stream(5))) as port, Peer(port) as peer:
        peer.send(GET)
        with pytest.raises(ConnectionResetError):
            peer.get()
    assert "2 octets before its promised length" in caplog.text


def test_a_stream_that_fails_for_http_1_0_does_not_look_complete(serve: Serve) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * FLUSH
        raise HttpError(500)

    with serve(answering(lambda: Response(Stream(pieces())))) as port, Peer(port) as peer:
        peer.send(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            peer.rest()


def test_a_stream_that_fails_has_no_last_chunk(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    source = Source(b"abc", ValueError("broke"))
    with serve(answering(source.stream)) as port, Peer(port) as peer:
        peer.send(GET)
        with pytest.raises(ConnectionResetError):
            peer.get()
    assert "ValueError: broke" in caplog.text


@pytest.mark.parametrize("error", [HttpError(408), ClientDisconnected("x")])
def test_a_stream_that_fails_by_its_peers_fault_is_no_error(
    serve: Serve, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    source = Source(b"abc", error)
    with serve(answering(source.stream)) as port, Peer(port) as peer:
        peer.send(GET)
        with pytest.raises(ConnectionResetError):
            peer.get()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_pieces_leave_when_they_are_made(serve: Serve) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    go_on = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        loops.append(asyncio.get_running_loop())
        yield b"first"
        await go_on.wait()
        yield b"second"

    with serve(answering(lambda: Response(Stream(events())))) as port, Peer(port) as peer:
        peer.send(GET)
        peer.until(b"first\r\n")
        loops[0].call_soon_threadsafe(go_on.set)
        peer.until(b"second\r\n0\r\n\r\n")


@pytest.mark.parametrize("go", [Peer.reset, Peer.half_close])
def test_a_stream_is_closed_when_its_peer_goes(serve: Serve, go: Callable[[Peer], None]) -> None:
    closed = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.get_running_loop().create_future()
        finally:
            closed.set()

    with serve(answering(lambda: Response(Stream(endless())))) as port, Peer(port) as peer:
        peer.send(GET)
        peer.until(b"first\r\n")
        go(peer)
        assert closed.wait(WAIT)


@pytest.mark.parametrize("status", [200, 204])
def test_a_stream_that_is_not_sent_is_closed_unread(serve: Serve, status: int) -> None:
    closed = threading.Event()

    class Unread:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError

        async def aclose(self) -> None:
            closed.set()
            raise ValueError("closing fails")

    method = "HEAD" if status == 200 else "GET"
    with serve(answering(lambda: Response(Stream(Unread()), status))) as port, Peer(port) as peer:
        peer.send(request("/", method))
        assert peer.get("HEAD").status == status
        assert closed.wait(WAIT)


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_what_was_not_begun_when_its_peer_left_is_closed(serve: Serve, kind: str, tmp_path: Path) -> None:
    closed = threading.Event()
    path = tmp_path / "file"
    path.write_bytes(b"x" * 2 * FILE_AT_ONCE)
    files: list[BinaryIO] = []

    class Unread:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError

        async def aclose(self) -> None:
            closed.set()

    def handler(request: Request) -> Response:
        if kind == "stream":
            return Response(Stream(Unread()))
        files.append(path.open("rb"))
        return Response(FileContent(files[0], 0, 2 * FILE_AT_ONCE))

    connections: list[Connection] = []

    async def run() -> None:
        service = Service(handler, Limits(), Timeouts(), Driver())
        here, there = socket.socketpair()
        connection = Connection(service)
        connections.append(connection)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, here)

        def begin_and_leave() -> None:  # as the loop would call it, outside of a task
            connection.data_received(GET)
            connection.abort()
            left.set()

        left = asyncio.Event()
        asyncio.get_running_loop().call_soon(begin_and_leave)
        await left.wait()
        await service.settle()
        there.close()
        service.driver.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert closed.is_set() if kind == "stream" else files[0].closed


def test_a_slow_reader_keeps_a_stream_waiting(serve: Serve) -> None:
    given = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(320):
            given += 1
            yield b"x" * 65536

    with serve(answering(lambda: Response(Stream(pieces())))) as port, Peer(port) as peer:
        peer.send(GET)
        peer.until(b"\r\n\r\n")
        before = -1
        while given != before:  # until it stands still
            before = given
            threading.Event().wait(0.1)
        assert given < 320
        content = peer.until(b"0\r\n\r\n")
        assert content.count(b"10000\r\n") == 320


def test_a_stream_that_never_waits_leaves_others_their_turn(serve: Serve) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(2_000_000):
            yield b"x" * 64

    def handler(request: Request) -> Response:
        return Response(Stream(pieces())) if request.path == "/endless" else Response("hi")

    with serve(handler) as port, Peer(port) as greedy, Peer(port) as peer:
        greedy.send(request("/endless"))
        greedy.until(b"\r\n\r\n")
        peer.send(GET)
        assert peer.get().content == b"hi"


# Files.


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 20 MiB, no part of which is like another."""
    path = tmp_path_factory.mktemp("files") / "big"
    path.write_bytes(random.Random(0).randbytes(20 * MiB))
    return path


def file_answer(path: Path, offset: int, length: int, opened: list[BinaryIO]) -> Callable[[Request], Response]:
    def handler(request: Request) -> Response:
        file = path.open("rb")
        opened.append(file)
        return Response(FileContent(file, offset, length), content_type="application/x-test")

    return handler


@pytest.mark.parametrize("length", [0, 1, FILE_AT_ONCE - 1, FILE_AT_ONCE, FILE_AT_ONCE + 1, SLICE + 1, 10 * MiB])
def test_a_part_of_a_file(serve: Serve, big: Path, length: int) -> None:
    opened: list[BinaryIO] = []
    with serve(file_answer(big, 5, length, opened)) as port, Peer(port) as peer:
        peer.send(GET * 2)
        for _ in range(2):
            got = peer.get()
            assert (got.fields["content-length"], got.fields["content-type"]) == (str(length), "application/x-test")
            assert got.content == big.read_bytes()[5 : 5 + length]
    assert all(file.closed for file in opened)


def test_a_file_is_not_sent_for_head(serve: Serve, big: Path) -> None:
    opened: list[BinaryIO] = []
    with serve(file_answer(big, 0, MiB, opened)) as port, Peer(port) as peer:
        peer.send(request("/", "HEAD"))
        assert peer.get("HEAD").fields["content-length"] == str(MiB)
    assert opened[0].closed


@pytest.mark.parametrize("length", [100, MiB])
def test_a_file_that_is_too_short(serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, length: int) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"x" * 10)
    opened: list[BinaryIO] = []
    with serve(file_answer(path, 0, length, opened)) as port, Peer(port) as peer:
        peer.send(GET)
        if length <= FILE_AT_ONCE:
            assert peer.get().status == 500
        else:
            with pytest.raises(ConnectionResetError):
                peer.get()
    assert opened[0].closed
    assert "before its promised length" in caplog.text


def test_a_half_close_does_not_end_a_file(serve: Serve, big: Path) -> None:
    with serve(file_answer(big, 0, 20 * MiB, [])) as port, Peer(port) as peer:
        peer.send(GET)
        peer.half_close()
        assert peer.get().content == big.read_bytes()
        assert peer.closed()


def test_a_reset_closes_the_file(serve: Serve, big: Path) -> None:
    opened: list[BinaryIO] = []
    with serve(file_answer(big, 0, 20 * MiB, opened)) as port:
        peer = Peer(port, receive_buffer=8192)
        peer.send(GET)
        peer.until(b"\r\n\r\n")
        peer.reset()
        with Peer(port) as other:
            other.send(request("/", "HEAD"))
            other.get("HEAD")
    assert all(file.closed for file in opened)


def test_reading_a_small_part_closes_the_file() -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # read_file closes it
    file.write(b"hello")
    assert read_file(FileContent(file, 1, 3)) == b"ell"
    assert file.closed


class Copied:
    """An outlet of a transport that the kernel cannot send files to."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = asyncio.Transport()
        self.sent = self.held = 0
        self.blocked = False
        self.written: list[bytes] = []

    def put(self, octets: bytes) -> None:
        self.written.append(octets)

    def flush(self) -> None:
        self.held = 0

    async def room(self) -> None:
        await asyncio.sleep(0)


class Ended(asyncio.Transport):
    """A transport to some peer, which writes down the options of its socket."""

    def __init__(self, peer: object, is_closed: bool) -> None:
        super().__init__()
        self.options: list[tuple[int, int, bytes]] = []
        self._told = {"peername": peer, "socket": self}
        self._is_closed = is_closed

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._told.get(name, default)

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        if self._is_closed:
            raise OSError
        self.options.append((level, option, value))


@pytest.mark.parametrize(
    ("peer", "size", "is_near"),
    [
        (("127.0.0.1", 5), NEAR + 1, True),
        (("127.9.8.7", 5), NEAR + 1, True),
        (("::1", 5, 0, 0), NEAR + 1, True),
        (("::ffff:127.0.0.1", 5, 0, 0), NEAR + 1, True),
        (("127.0.0.1", 5), NEAR, False),
        (("::11", 5, 0, 0), NEAR + 1, False),
        (("12.7.0.1", 5), NEAR + 1, False),
        (("", 0), NEAR + 1, False),
        ("", NEAR + 1, False),
        (None, NEAR + 1, False),
    ],
)
@pytest.mark.parametrize("is_closed", [False, True])
def test_little_waits_for_a_peer_on_this_machine(big: Path, peer: object, size: int, is_near: bool, is_closed: bool) -> None:
    outlet = Copied()
    outlet.transport = transport = Ended(peer, is_closed)

    class Loop(asyncio.SelectorEventLoop):
        async def sendfile(self, *args: object, **kwargs: object) -> int:
            raise NotImplementedError

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(send_file(outlet, b"head", FileContent(big.open("rb"), 0, size)))
    expected = [(socket.SOL_SOCKET, socket.SO_SNDBUF, struct.pack("i", NEAR))]
    assert transport.options == (expected if is_near and not is_closed else [])
    assert outlet.sent == size


def test_a_file_is_copied_where_the_kernel_cannot_send_it(big: Path) -> None:
    outlet = Copied()

    class Loop(asyncio.SelectorEventLoop):
        async def sendfile(self, *args: object, **kwargs: object) -> int:
            raise NotImplementedError

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(send_file(outlet, b"head", FileContent(big.open("rb"), 3, SLICE * 2 + 5)))
        with pytest.raises(IncompleteAnswerError):
            runner.run(send_file(outlet, b"head", FileContent(big.open("rb"), os.stat(big).st_size, 5)))
    assert outlet.written[0] == b"head"
    assert b"".join(outlet.written[1:4]) == big.read_bytes()[3 : 3 + SLICE * 2 + 5]
    assert outlet.sent == SLICE * 2 + 5
    assert FLUSH <= SLICE


def test_trailers_of_a_stream(serve: Serve) -> None:
    def trailed() -> Response:
        stream = Stream(_pieces(b"a", b"b"))
        stream.trailers = [("X-Sum", "1")]
        return Response(stream)

    async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    with serve(answering(trailed)) as port, Peer(port) as peer:
        peer.send(GET)
        peer.until(b"1\r\nb\r\n0\r\nX-Sum: 1\r\n\r\n")
