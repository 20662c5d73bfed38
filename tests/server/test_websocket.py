"""Websockets over each carrier: octets in, messages out, bounds, timeouts, ends."""

from __future__ import annotations

import asyncio
import select
import threading

import pytest
from tests.server.support import WAIT, Got, Peer, Serve
from tests.server.websockets import BINARY, CLOSE, CONTINUATION, HANDSHAKE, PING, PONG, TEXT, Ear, WebPeer, answering, masked

from hospes.http.request import Request
from hospes.http.response import Response
from hospes.http.websocket import Channel, WebSocketContent, WebSocketOptions
from hospes.limits import Timeouts

QUICK = Timeouts(header=1, keep_alive=1, body_idle=1, write_idle=0.3, linger=0.3, drain=0.3)


def test_the_handshake(serve: Serve) -> None:
    ear = Ear()
    with serve(answering(ear)) as port, WebPeer(port, fields=b"X: y\r\n") as peer:
        fields = peer.answer.fields
        assert peer.answer == Got(101, fields, b"")
        assert fields.pop("date")
        assert fields == {
            "server": "hospes",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        }
        assert ear.next() == "opened"


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ((b"Upgrade: websocket\r\n", b""), 426, "upgrade"),
        ((b"Version: 13", b"Version: 8"), 426, "sec-websocket-version"),
        ((b"Q==", b"=="), 400, "date"),
        ((b"HTTP/1.1", b"HTTP/1.0"), 426, "upgrade"),
    ],
)
def test_handshakes_that_are_refused(serve: Serve, changed: tuple[bytes, bytes], status: int, field: str) -> None:
    with serve(answering(Ear())) as port, Peer(port) as peer:
        peer.send((HANDSHAKE % b"").replace(*changed))
        answer = peer.get()
        assert answer.status == status
        assert field in answer.fields
        if status == 426:
            assert answer.fields["connection"].startswith("Upgrade")


def test_a_websocket_for_a_request_that_asks_for_none_is_a_defect(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    closed: list[BaseException | None] = []

    def handler(request: Request) -> Response:
        response = Response()
        response.status = 101
        response.content = WebSocketContent(Ear())

        async def close(error: BaseException | None) -> None:
            closed.append(error)

        response.content.clean_ups.append(close)
        return response

    with serve(handler) as port, Peer(port) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.get().status == 500
    assert "a websocket is the answer of status 101 to an opening handshake, not of 101 to" in caplog.text
    assert closed == [None]


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 300_000])
def test_echo(serve: Serve, length: int) -> None:
    with serve(answering(Ear(echoes=True))) as port, WebPeer(port) as peer:
        peer.put(TEXT, b"*" * length)
        assert peer.take() == (0x81, b"*" * length)
        peer.put(BINARY, b"\xff" * length)
        assert peer.take() == (0x82, b"\xff" * length)
        peer.put(BINARY, b"\xff" * length, fin=False)
        peer.put(CONTINUATION, b"\xfe" * length)
        assert peer.take() == (0x82, b"\xff" * length + b"\xfe" * length)


def test_octets_behind_the_handshake(serve: Serve) -> None:
    with serve(answering(Ear(echoes=True))) as port, WebPeer(port, behind=masked(TEXT, b"early") + b"\x81") as peer:
        assert peer.take() == (0x81, b"early")
        peer.send(masked(TEXT, b"x")[1:])
        assert peer.take() == (0x81, b"x")


def test_octet_by_octet(serve: Serve) -> None:
    with serve(answering(Ear(echoes=True))) as port, WebPeer(port) as peer:
        for octet in masked(TEXT, "grüezi".encode()) + masked(PING, b"p") + masked(BINARY, bytes(130)):
            peer.send(bytes([octet]))
        assert peer.take() == (0x81, "grüezi".encode())
        assert peer.take() == (0x8A, b"p")
        assert peer.take() == (0x82, bytes(130))


def test_many_messages_at_once_come_in_order(serve: Serve) -> None:
    with serve(answering(Ear(echoes=True))) as port, WebPeer(port) as peer:
        peer.send(b"".join(masked(TEXT, b"%d" % n) for n in range(2000)))
        assert [peer.take()[1] for _ in range(2000)] == [b"%d" % n for n in range(2000)]


def test_what_is_heard(serve: Serve) -> None:
    ear = Ear()
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        for opcode, payload in ((TEXT, b"a"), (BINARY, b"b"), (PING, b"c"), (PONG, b"d"), (CLOSE, b"\x0f\xa0bye")):
            peer.put(opcode, payload)
        assert peer.take() == (0x8A, b"c")
        peer.expect_close(4000)
        assert peer.closed()
        assert [ear.next() for _ in range(6)] == ["opened", "a", b"b", ("ping", b"c"), ("pong", b"d"), ("closed", 4000, "bye")]


def test_a_ping_may_be_answered_by_the_program(serve: Serve) -> None:
    ear = Ear(echoes=True)
    ear.answers_pings = True
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.put(PING, b"mine")
        peer.put(TEXT, b"x")
        assert peer.take() == (0x81, b"x")


def test_frames(serve: Serve) -> None:
    ear = Ear(frames=lambda payload: payload != b"b")
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.put(BINARY, b"a", fin=False)
        peer.put(CONTINUATION, b"b", fin=False)
        peer.put(CONTINUATION, b"c")
        heard = [ear.next() for _ in range(5)]
        assert heard == ["opened", (BINARY, b"a", False), (CONTINUATION, b"b", False), (CONTINUATION, b"c", True), b"ac"]


def test_frames_of_the_program(serve: Serve) -> None:
    ear = Ear()
    refused: list[str] = []

    def send(channel: Channel) -> None:
        channel.send_frame(TEXT, b"a", fin=False)
        channel.send_frame(CONTINUATION, b"b")
        channel.send_frame(PING, b"?")
        channel.send_frame(PONG, b"!")
        channel.send(bytearray(b"c"))
        channel.send(memoryview(b"d"))
        for opcode, payload, fin in ((3, b"", True), (PING, bytes(126), True), (PING, b"", False), (CLOSE, b"", True)):
            try:
                channel.send_frame(opcode, payload, fin)
            except ValueError as error:
                refused.append(str(error)[:20])

    ear.on_open = send
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        frames = [peer.take() for _ in range(6)]
    assert frames == [(0x01, b"a"), (0x80, b"b"), (0x89, b"?"), (0x8A, b"!"), (0x82, b"c"), (0x82, b"d")]
    assert refused == ["opcode 3: a frame is", "a control frame is w", "a control frame is w", "a close frame is sen"]


@pytest.mark.parametrize(
    ("octets", "code", "reason"),
    [
        (masked(CONTINUATION, b"x"), 1002, "a continuation continues nothing"),
        (masked(3), 1002, "a frame has a reserved opcode"),
        (masked(TEXT, b"x", rsv=4), 1002, "a message is compressed, which was not agreed on"),
        (b"\x81\x01x", 1002, "a frame is not masked"),
        (masked(TEXT, b"\xff"), 1007, "a text is not UTF-8"),
        (masked(BINARY, bytes(1001)), 1009, "a message is larger than is taken here"),
        (masked(CLOSE, b"\x03\xed"), 1002, "a close has a code that may not be sent"),
        (masked(CLOSE, b"\x03"), 1002, "a close has a code that may not be sent"),
        (masked(CLOSE, b"\x03\xe8\xff"), 1007, "a close has a reason that is not UTF-8"),
    ],
)
def test_breaches_end_it(serve: Serve, octets: bytes, code: int, reason: str) -> None:
    ear = Ear()
    with serve(answering(ear, WebSocketOptions(message=1000, compress=False))) as port, WebPeer(port) as peer:
        peer.send(octets + masked(TEXT, b"behind"))
        peer.expect_close(code, reason)
        assert peer.closed()
        assert [ear.next(), ear.next()] == ["opened", ("closed", code, reason)]


@pytest.mark.parametrize("length", [999, 1000, 1001])
def test_limit_of_a_message(serve: Serve, length: int) -> None:
    with serve(answering(Ear(echoes=True), WebSocketOptions(message=1000, compress=False))) as port, WebPeer(port) as peer:
        peer.put(BINARY, bytes(length))
        if length <= 1000:
            assert peer.take() == (0x82, bytes(length))
        else:
            peer.expect_close(1009, "a message is larger than is taken here")


def test_a_peer_that_goes_without_a_word(serve: Serve) -> None:
    ear = Ear()
    with serve(answering(ear)) as port:
        with WebPeer(port) as peer:
            assert ear.next() == "opened"
        assert ear.next() == ("closed", 1006, "")
        with WebPeer(port) as peer:
            assert ear.next() == "opened"
            peer.reset()
            assert ear.next() == ("closed", 1006, "")


@pytest.mark.parametrize(("code", "echoed"), [(b"", 0), (b"\x03\xe9", 1001), (b"\x0b\xb8late", 3000)])
def test_the_peers_close_is_answered(serve: Serve, code: bytes, echoed: int) -> None:
    ear = Ear()
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.put(CLOSE, code)
        peer.expect_close(echoed)
        assert peer.closed()
        assert [ear.next(), ear.next()] == ["opened", ("closed", echoed or 1005, code[2:].decode())]


def test_our_close(serve: Serve) -> None:
    ear = Ear(echoes=True)
    problems: list[str] = []

    def close(channel: Channel) -> None:
        for code, reason in ((1005, ""), (4000, "x" * 124)):
            try:
                channel.close(code, reason)
            except ValueError as error:
                problems.append(str(error)[:11])
        channel.close(4001, "enough")
        channel.close(4002, "again")
        assert channel.closed
        try:
            channel.send("late")
        except ConnectionError as error:
            problems.append(str(error))

    ear.on_open = close
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.expect_close(4001, "enough")
        peer.put(TEXT, b"nobody listens")
        peer.put(PING, b"nobody answers")
        peer.put(CLOSE, b"\x0f\xa1")
        assert peer.closed()
        assert [ear.next(), ear.next()] == ["opened", ("closed", 4001, "")]
    assert problems == ["close(1005)", "close(reaso", "the websocket is closed"]


# Timeouts.


def test_the_times_of_http_are_over(serve: Serve) -> None:
    ear = Ear(echoes=True)
    with serve(answering(ear), timeouts=QUICK) as port, WebPeer(port) as peer:
        peer.send(b"\x81\x81mask")
        assert not select.select([peer.sock], [], [], 1.5)[0]  # longer than any of them, and a look more
        peer.send(bytes([ord("x") ^ ord("m")]))
        assert peer.take() == (0x81, b"x")


def test_pings_keep_it_alive(serve: Serve) -> None:
    ear = Ear()
    options = WebSocketOptions(ping_interval=0.3, ping_timeout=1.0, compress=False)
    with serve(answering(ear, options), timeouts=QUICK) as port, WebPeer(port) as peer:
        for _ in range(5):  # longer than one of them may take
            assert peer.take() == (0x89, b"")
            peer.put(PONG)
        assert ear.next() == "opened"
        assert ear.next() == ("pong", b"")


def test_a_ping_that_nothing_follows(serve: Serve) -> None:
    ear = Ear()
    options = WebSocketOptions(ping_interval=0.05, ping_timeout=0.1, compress=False)
    with serve(answering(ear, options), timeouts=QUICK) as port, WebPeer(port) as peer:
        assert peer.take() == (0x89, b"")
        peer.expect_close(1011, "no answer to a ping")
        assert peer.closed()
        assert [ear.next(), ear.next()] == ["opened", ("closed", 1011, "no answer to a ping")]


def test_no_pings(serve: Serve) -> None:
    ear = Ear(echoes=True)
    options = WebSocketOptions(ping_interval=0, ping_timeout=0.05, compress=False)
    with serve(answering(ear, options), timeouts=QUICK) as port, WebPeer(port) as peer:
        assert not select.select([peer.sock], [], [], 0.3)[0]
        peer.put(TEXT, b"x")
        assert peer.take() == (0x81, b"x")


def test_a_close_that_is_not_answered(serve: Serve) -> None:
    ear = Ear()
    ear.on_open = lambda channel: channel.close()
    options = WebSocketOptions(ping_timeout=0.1, compress=False)
    with serve(answering(ear, options), timeouts=QUICK) as port, WebPeer(port) as peer:
        peer.expect_close(1000)
        assert [ear.next(), ear.next()] == ["opened", ("closed", 1006, "")]
        with pytest.raises(ConnectionError):
            peer.closed()


def test_a_breach_is_lingered_for(serve: Serve) -> None:
    """A peer that is in the middle of sending much sees the close and no reset."""
    with serve(answering(Ear(), WebSocketOptions(message=1000, compress=False))) as port, WebPeer(port) as peer:
        peer.send(masked(BINARY, bytes(1 << 20)))
        peer.expect_close(1009, "a message is larger than is taken here")
        assert peer.closed()


# Flow.


def test_a_peer_that_takes_nothing(serve: Serve) -> None:
    ear = Ear()

    async def work(channel: Channel) -> None:
        while not channel.closed:
            channel.send(bytes(1 << 16))
            await asyncio.sleep(0)

    ear.work = work
    handler = answering(ear, WebSocketOptions(queue=1 << 20, compress=False))
    with serve(handler) as port, WebPeer(port, receive_buffer=4096):
        assert ear.next() == "opened"
        assert ear.next() == ("closed", 1008, "too much waits to be taken")


def test_a_slow_peer_is_waited_for(serve: Serve) -> None:
    ear = Ear()

    async def work(channel: Channel) -> None:
        for _ in range(200):
            channel.send(bytes(1 << 16))
            await channel.drain()
            assert channel.waiting < 1 << 18
        channel.close()

    ear.work = work
    with (
        serve(answering(ear, WebSocketOptions(queue=1 << 18, compress=False))) as port,
        WebPeer(port, receive_buffer=4096) as peer,
    ):
        for _ in range(200):
            assert peer.take() == (0x82, bytes(1 << 16))
        peer.expect_close(1000)


def test_a_peer_that_takes_nothing_for_too_long(serve: Serve) -> None:
    ear = Ear()

    async def work(channel: Channel) -> None:
        try:
            while True:
                channel.send(bytes(1 << 20))
                await channel.drain()
        except ConnectionError as error:
            ear.heard.put(str(error))

    ear.work = work
    handler = answering(ear, WebSocketOptions(queue=1 << 26, compress=False))
    with serve(handler, timeouts=QUICK) as port, WebPeer(port, receive_buffer=4096):
        assert ear.next() == "opened"
        assert {ear.next(), ear.next()} == {("closed", 1006, ""), "the websocket is closed"}


def test_a_receiver_that_pauses_holds_the_peer_up(serve: Serve) -> None:
    ear = Ear()
    resumed = threading.Event()

    async def work(channel: Channel) -> None:
        channel.pause()
        await asyncio.get_running_loop().run_in_executor(None, resumed.wait)
        channel.resume()

    ear.work = work
    options = WebSocketOptions(ping_interval=0.05, ping_timeout=0.05, compress=False)
    with serve(answering(ear, options), timeouts=QUICK) as port, WebPeer(port) as peer:
        assert ear.next() == "opened"
        peer.send(masked(TEXT, b"1"))
        flooded = peer.flood(masked(BINARY, bytes(1 << 16)), 1 << 26, patience=0.3)
        assert flooded < 1 << 26
        assert ear.heard.qsize() <= 1
        resumed.set()
        assert ear.next() == "1"
        assert ear.next() == bytes(1 << 16)


def test_the_program_ends_with_the_peer(serve: Serve) -> None:
    ear = Ear()
    ended = threading.Event()

    async def work(channel: Channel) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    ear.work = work
    with serve(answering(ear), timeouts=QUICK) as port:
        with WebPeer(port):
            assert ear.next() == "opened"
        assert ear.next() == ("closed", 1006, "")
        assert ended.wait(20)


def test_a_program_that_fails(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear()

    async def work(channel: Channel) -> None:
        raise LookupError("mine")

    ear.work = work
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        peer.expect_close(1011)
        assert peer.closed()
        assert [ear.next(), ear.next()] == ["opened", ("closed", 1011, "")]
    assert "LookupError: mine" in caplog.text


@pytest.mark.parametrize("where", ["opened", "message", "ping", "closed"])
def test_a_receiver_that_fails(serve: Serve, where: str, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Ear):
        def __getattribute__(self, name: str) -> object:
            if name == where:

                def fail(*_: object) -> None:
                    self.heard.put("failed")
                    raise LookupError("mine")

                return fail
            return super().__getattribute__(name)

    ear = Failing()
    with serve(answering(ear)) as port, WebPeer(port) as peer:
        if where == "closed":
            peer.put(CLOSE)
            peer.expect_close(0)
        else:
            peer.put(PING)
            peer.put(TEXT, b"x")
            frame = peer.take()
            assert (frame if frame[0] == 0x88 else peer.take()) == (0x88, b"\x03\xf3")
        assert peer.closed()
        while ear.next() != "failed":
            pass
    assert "LookupError: mine" in caplog.text


# Stopping.


def test_a_stop_says_goodbye(serve: Serve) -> None:
    ear = Ear()
    peer: WebPeer
    with serve(answering(ear), drain=WAIT) as port:
        peer = WebPeer(port)
        assert ear.next() == "opened"

        def answer() -> None:
            peer.expect_close(1001, "the server stops")
            peer.put(CLOSE, b"\x03\xe9")
            assert peer.closed()

        thread = threading.Thread(target=answer)
        thread.start()
    thread.join()
    peer.sock.close()
    assert ear.next() == ("closed", 1001, "")


def test_a_stop_ends_what_does_not_end(serve: Serve) -> None:
    ear = Ear()
    cancelled = threading.Event()

    async def work(channel: Channel) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    ear.work = work
    with serve(answering(ear)) as port:
        peer = WebPeer(port)
        assert ear.next() == "opened"
    assert cancelled.is_set()
    assert ear.next() == ("closed", 1006, "")
    peer.sock.close()


def test_cleaning_up_comes_last(serve: Serve) -> None:
    ear = Ear()

    def handler(request: Request) -> Response:
        response = answering(ear)(request)
        assert isinstance(response, Response)
        assert isinstance(response.content, WebSocketContent)

        async def clean_up(error: BaseException | None) -> None:
            ear.heard.put(("cleaned up", error))

        response.content.clean_ups.append(clean_up)
        return response

    with serve(handler) as port:
        with WebPeer(port) as peer:
            peer.put(CLOSE)
            peer.expect_close(0)
        assert [ear.next() for _ in range(3)] == ["opened", ("closed", 1005, ""), ("cleaned up", None)]
