"""Content on its way in: limits, back-pressure, 100 Continue, timeouts, and what nobody reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from time import monotonic
from typing import ClassVar

import pytest
from tests.server.support import GET, WAIT, Peer, Serve, echo, plain, request

from hospes.errors import HttpError
from hospes.http.bell import Bell
from hospes.http.content import HIGH_WATER, LOW_WATER, ContentReader, Pieces, Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server.intake import DROPPED, WHOLE, Intake
from hospes.server.supervision import NEVER
from hospes.wire import CONTINUE, RequestHead, RequestReader


class FakePeer:
    """A connection that writes down what it is asked."""

    bell: ClassVar = Bell
    pieces_of: ClassVar = Pieces

    def __init__(self) -> None:
        self.deadline = 0.0
        self.answering = False
        self.asked: list[str | bytes] = []

    def send(self, octets: bytes) -> None:
        self.asked.append(octets)

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")


def begin(octets: bytes, limit: int = 1000, timeouts: Timeouts | None = None) -> tuple[FakePeer, RequestReader, Intake]:
    peer, reader = FakePeer(), RequestReader(Limits())
    reader.receive(octets)
    head = reader.next()
    assert isinstance(head, RequestHead)
    return peer, reader, Intake(peer, reader, head, limit, timeouts or Timeouts())


def test_complete_content_is_there_at_once() -> None:
    _, _, intake = begin(request("/", "POST", b"abc") + GET)
    assert intake.complete
    assert asyncio.run(intake.content.read()) == b"abc"


def test_content_over_the_limit_stays_on_the_wire_until_the_limit_is_known() -> None:
    _, _, intake = begin(request("/", "POST", b"abc"), limit=2)
    assert not intake.complete
    intake.content.limit = None
    assert asyncio.run(intake.content.read()) == b"abc"


def test_nothing_is_taken_before_somebody_reads() -> None:
    _, reader, intake = begin(request("/", "POST", None, "Content-Length: 5") + b"ab")
    reader.receive(b"c")
    intake.take()
    assert (intake.content.received, reader.buffered) == (0, 3)


def test_continue_is_asked_for_once() -> None:
    peer, reader, intake = begin(request("/", "POST", None, "Content-Length: 5", "Expect: 100-continue"))
    intake.want_content()
    intake.want_content()
    assert peer.asked.count(CONTINUE) == 1
    reader.receive(b"abcde")
    intake.take()
    assert intake.complete


@pytest.mark.parametrize("answering", [False, True])
def test_continue_is_not_asked_for_when_content_came_or_the_answer_began(answering: bool) -> None:
    peer, reader, intake = begin(request("/", "POST", None, "Content-Length: 5", "Expect: 100-continue"))
    peer.answering = answering
    if not answering:
        reader.receive(b"a")
    intake.want_content()
    assert CONTINUE not in peer.asked


def test_a_reader_that_is_behind_fills_up_and_no_more() -> None:
    size = 4 * HIGH_WATER
    peer, reader, intake = begin(request("/", "POST", None, f"Content-Length: {size}"), limit=size)

    async def read() -> int:
        first = asyncio.ensure_future(intake.content.read(1))
        await asyncio.sleep(0)
        reader.receive(b"x" * size)
        intake.take()
        assert intake.full
        assert HIGH_WATER <= intake.content.buffered < HIGH_WATER + 65536
        total = len(await first)
        peer.asked.clear()
        while piece := await intake.content.read(1 << 20):
            total += len(piece)
            assert intake.content.buffered <= HIGH_WATER + 65536
        return total

    assert asyncio.run(read()) == size
    assert "resume" in peer.asked
    assert LOW_WATER < HIGH_WATER


@pytest.mark.parametrize(("size", "is_same"), [(WHOLE - 1, True), (WHOLE, True), (WHOLE + 1, False)])
def test_content_that_comes_alone_is_given_on_as_it_is(size: int, is_same: bool) -> None:
    peer, reader, intake = begin(request("/", "POST", None, f"Content-Length: {size + 1}"), limit=size + 1)

    async def read() -> None:
        first = asyncio.ensure_future(anext(aiter(intake.content)))
        await asyncio.sleep(0)
        assert peer.deadline != NEVER
        piece = b"x" * size
        assert intake.pour(piece) is is_same
        if is_same:
            assert (reader.buffered, peer.deadline) == (0, NEVER)
            assert await first is piece
            assert not intake.pour(b"yz")  # which the wire has to part
            assert intake.pour(b"y")
            assert (intake.complete, intake.content.ended) == (True, True)
        first.cancel()

    asyncio.run(read())


def test_what_comes_alone_fills_up_and_no_more() -> None:
    size = 4 * HIGH_WATER
    peer, _, intake = begin(request("/", "POST", None, f"Content-Length: {size}"), limit=size)

    async def read() -> None:
        assert not intake.pour(b"x")  # nobody reads yet
        first = asyncio.ensure_future(intake.content.read(1))
        await asyncio.sleep(0)
        peer.asked.clear()
        assert intake.pour(b"x" * (HIGH_WATER - 1))
        assert "pause" not in peer.asked
        assert intake.pour(b"x")
        assert peer.asked == ["pause"]
        assert await first == b"x"
        assert len(await intake.content.read(HIGH_WATER)) == HIGH_WATER - 2
        assert peer.asked == ["pause", "resume"]

    asyncio.run(read())


def test_the_end_of_content_is_found_when_there_is_room() -> None:
    size = 2 * HIGH_WATER
    _, _, intake = begin(request("/", "POST", None, f"Content-Length: {size}"), limit=size)

    async def read() -> None:
        first = asyncio.ensure_future(intake.content.read(1))
        await asyncio.sleep(0)
        assert intake.pour(b"x" * HIGH_WATER)
        assert intake.pour(b"x" * HIGH_WATER)
        assert not intake.complete
        assert await first == b"x"
        assert len(await intake.content.read()) == size - 1
        assert intake.complete

    asyncio.run(read())


def test_whoever_waits_goes_on_in_the_call_that_brings_octets() -> None:
    peer, _, intake = begin(request("/", "POST", None, "Content-Length: 9"))
    seen: list[bytes] = []

    async def read() -> None:
        async def take() -> None:
            while piece := await intake.content.read(9):
                seen.append(piece)

        def bring() -> None:
            for piece in (b"abc", b"def", b"ghi"):
                assert peer.deadline != NEVER  # it is waited for again
                assert intake.pour(piece)
                seen.append(b".")

        taking = asyncio.create_task(take())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(bring)
        await taking

    asyncio.run(read())
    assert seen == [b"abc", b".", b"def", b".", b".", b"ghi"]  # the end is told in a turn of its own


def test_content_that_broke_off_takes_nothing() -> None:
    _, _, intake = begin(request("/", "POST", None, "Content-Length: 9"))

    async def read() -> None:
        first = asyncio.ensure_future(intake.content.read(1))
        await asyncio.sleep(0)
        intake.expire()
        assert not intake.pour(b"x")
        with pytest.raises(HttpError):
            await first

    asyncio.run(read())


def test_what_is_droppable() -> None:
    def left(octets: bytes, streams: bool = False) -> bool:
        return begin(octets, limit=1 << 30)[2].droppable(streams)

    def counted(count: int) -> bytes:
        return request("/", "POST", None, f"Content-Length: {count}")

    assert [left(counted(DROPPED + more)) for more in (-1, 0, 1)] == [True, True, False]
    assert not left(counted(DROPPED + 1) + b"x")  # whatever has come by chance
    assert left(request("/", "POST", b"abc"))
    assert left(request("/", "POST", None, "Transfer-Encoding: chunked"))
    assert not left(request("/", "POST", None, "Content-Length: 3", "Expect: 100-continue"))


def test_what_a_stream_may_still_read_is_no_reason_to_close() -> None:
    _, _, intake = begin(request("/", "POST", None, f"Content-Length: {2 * DROPPED}"), limit=1 << 30)
    assert not intake.droppable(streams=True)
    intake.want_content()
    assert intake.droppable(streams=True)


def test_content_that_breaks_off_ends_the_intake() -> None:
    peer, reader, intake = begin(request("/", "POST", None, "Transfer-Encoding: chunked"))
    intake.want_content()
    reader.receive(b"nonsense\r\n")
    intake.take()
    assert intake.broken
    assert not intake.droppable(False)
    assert peer.asked[-1] == "pause"
    intake.take()
    intake.want_content()
    with pytest.raises(HttpError) as caught:
        asyncio.run(intake.content.read())
    assert caught.value.code == 400


def test_too_little_in_too_long_is_408() -> None:
    _, reader, intake = begin(request("/", "POST", None, "Content-Length: 5"), timeouts=Timeouts(body_idle=1e-9, body_rate=1e12))
    intake.want_content()
    reader.receive(b"a")
    intake.take()
    assert intake.broken


def test_the_clock_starts_anew_only_when_somebody_waits() -> None:
    peer, _, intake = begin(request("/", "POST", None, "Content-Length: 5"))
    intake.restart_clock()
    assert peer.deadline == 0.0
    intake.want_content()
    peer.deadline = 0.0
    intake.restart_clock()
    assert peer.deadline > monotonic()


# Over sockets.


def test_limit_of_content(serve: Serve) -> None:
    def status(octets: bytes) -> int:
        with Peer(port) as peer:
            peer.send(octets)
            return peer.get().status

    def chunked(size: int) -> bytes:
        return request("/", "POST", None, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)

    with serve(echo, limits=Limits(body=1000)) as port:
        assert [status(request("/", "POST", b"x" * size)) for size in (999, 1000, 1001)] == [200, 200, 413]
        assert [status(chunked(size)) for size in (999, 1000, 1001)] == [200, 200, 413]


def test_a_route_may_lift_the_limit(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        request.reader.limit = None
        return Response(str(len(await request.read())))

    with serve(handler, limits=Limits(body=10)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", b"x" * 300_000))
        assert peer.get().content == b"300000"


def test_expect_continue(serve: Serve) -> None:
    with serve(echo) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 3", "Expect: 100-continue"))
        assert peer.until(b"\r\n\r\n") == CONTINUE
        peer.send(b"abc")
        assert peer.get().content == b"abc"
        peer.send(GET)
        assert peer.get().status == 200


def test_expect_continue_answered_without_asking_closes(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 3", "Expect: 100-continue"))
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (200, "close")
        assert peer.closed()


@pytest.mark.parametrize(("size", "stays"), [(0, True), (100, True), (DROPPED, True), (DROPPED + 1, False)])
def test_unread_content_is_dropped_within_bounds(serve: Serve, size: int, stays: bool) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, f"Content-Length: {size}"))
        assert ("connection" in peer.get().fields) is not stays
        if stays:
            peer.send(b"x" * size + GET)
            assert peer.get().content == b"at /"
        else:
            assert peer.closed()


@pytest.mark.parametrize(("size", "stays"), [(1000, True), (2 * DROPPED, False)])
def test_unread_chunks_are_dropped_within_bounds(serve: Serve, size: int, stays: bool) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Transfer-Encoding: chunked"))
        assert "connection" not in peer.get().fields
        peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) + GET)
        if stays:
            assert peer.get().content == b"at /"
        else:
            assert peer.closed()


def test_a_framing_error_in_content_that_nobody_reads_is_not_answered_twice(serve: Serve) -> None:
    with serve(plain) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Transfer-Encoding: chunked") + b"nonsense\r\n" + GET)
        assert peer.get().status == 200
        assert peer.closed()


def test_unread_content_that_does_not_come_ends_the_connection(serve: Serve) -> None:
    with serve(plain, timeouts=Timeouts(linger=0.1)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 10"))
        assert peer.get().status == 200
        assert peer.closed()


def test_a_handler_sees_the_wires_error_and_its_answer_is_the_last(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except HttpError as error:
            return Response("seen", error.code)
        raise AssertionError

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Transfer-Encoding: chunked") + b"nonsense\r\n" + GET)
        got = peer.get()
        assert (got.status, got.content, got.fields["connection"]) == (400, b"seen", "close")
        assert peer.closed()


def test_a_stalled_body_is_408(serve: Serve) -> None:
    with serve(echo, timeouts=Timeouts(body_idle=0.1)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 10") + b"abc")
        got = peer.get()
        assert (got.status, got.fields["connection"]) == (408, "close")
        assert peer.closed()


def test_a_body_that_drips_is_408(serve: Serve) -> None:
    with serve(echo, timeouts=Timeouts(body_idle=0.2, body_rate=10_000)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, "Content-Length: 1000000"))
        peer.sock.settimeout(0.05)
        dripped = 0
        while True:
            peer.send(b"x")
            dripped += 1
            try:
                assert peer.until(b"\r\n").startswith(b"HTTP/1.1 408 ")
                break
            except TimeoutError:
                continue
        assert dripped < 400  # of a million


def test_a_handler_that_does_not_read_is_no_fault_of_the_peer(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response(str(len(await request.read())))

    with serve(handler, timeouts=Timeouts(body_idle=0.1)) as port, Peer(port) as peer:
        peer.send(request("/", "POST", b"x" * 1_000_000))
        assert peer.get().content == b"1000000"


def test_memory_is_bounded_while_a_handler_waits(serve: Serve) -> None:
    go_on = threading.Event()
    most: list[int] = []

    async def handler(request: Request) -> Response:
        reader: ContentReader = request.reader
        total = len(await reader.read(1))
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        async for piece in reader:
            most.append(reader.buffered)
            total += len(piece)
        return Response(str(total))

    size = 16 << 20
    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/", "POST", None, f"Content-Length: {size}"))
        sent = peer.flood(b"x" * 65536, size, patience=0.3)
        assert sent < size
        go_on.set()
        peer.flood(b"x" * 65536, size - sent)
        assert peer.get().content == str(size).encode()
    # Reading stops when there is enough; what came last may be all that a carrier reads at once.
    assert max(most) <= HIGH_WATER + (256 << 10)


def test_chunks_of_20_mib_stream_through(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            async for piece in request.reader:
                yield piece

        request.reader.limit = None
        return Response(Stream(pieces()))

    count = 320
    with serve(handler) as port, Peer(port) as peer:

        def send() -> None:
            peer.send(request("/", "POST", None, "Transfer-Encoding: chunked"))
            for n in range(count):
                peer.send(b"10000\r\n" + bytes([n % 256]) * 65536 + b"\r\n")
            peer.send(b"0\r\n\r\n" + GET)

        sender = threading.Thread(target=send)
        sender.start()
        content = peer.get().content
        sender.join(WAIT)
        assert content == b"".join(bytes([n % 256]) * 65536 for n in range(count))
        assert peer.get().status == 200


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_head_that_came_another_way(more: int) -> None:
    """What came with it is there before anybody waits; whether the rest may be dropped depends on the length alone."""
    size = DROPPED + more
    peer, reader = FakePeer(), RequestReader(Limits())
    reader.receive(request("/", "POST", None, f"Content-Length: {size}"))
    head = reader.next()
    assert isinstance(head, RequestHead)
    intake = Intake(peer, RequestReader(Limits()), head, 1 << 30, Timeouts())
    intake.begin(size, b"x" * 10)
    assert (intake.content.buffered, intake.content.begun, peer.asked) == (10, False, [])
    assert intake.droppable(streams=False) == (more <= 0)
