"""A call to servers that do not behave, over both clients: slow, broken, greedy, gone."""

from __future__ import annotations

import gzip
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.client.support import WAIT, Make, Peer, Script, answer, once

from hospes.client import (
    Body,
    ClientOptions,
    ClientTimeout,
    ClientTimeouts,
    DecodeError,
    ReadError,
    SendError,
    Upload,
)
from hospes.limits import KiB, MiB


def slowly(octets: bytes) -> Callable[[Peer], object]:
    def play(peer: Peer) -> None:
        peer.request()
        for octet in octets:
            peer.send(bytes([octet]))
            time.sleep(0.02)
        peer.gone()

    return play


@pytest.mark.parametrize(
    "octets", [answer(b"a" * 1_000), b"HTTP/1.1 103 X\r\n\r\n" * 1_000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000]
)
def test_an_answer_drop_by_drop_is_bounded_as_a_whole(make: Make, octets: bytes) -> None:
    with Script(slowly(octets)) as server, make() as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeout) as caught:
            client.request("GET", server.url, timeout=1)
        assert time.monotonic() - began < 10
        assert caught.value.step == "read"


def test_no_answer_in_time(make: Make) -> None:
    with Script(lambda peer: peer.gone()) as server, make(ClientOptions(timeouts=ClientTimeouts(read=0.1))) as client:
        with pytest.raises(ClientTimeout) as caught:
            client.request("GET", server.url)
        assert caught.value.step == "read"


def test_a_stream_may_take_its_time_but_not_stand_still(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(8):
            peer.send(b"a")
            time.sleep(0.2)
        peer.gone()

    with Script(play) as server, make(ClientOptions(timeouts=ClientTimeouts(read=0.3))) as client:
        with pytest.raises(ClientTimeout) as caught:
            client.stream("GET", server.url, timeout=1)
        assert caught.value.step == "read"


def test_a_server_that_does_not_take_the_request(make: Make) -> None:
    over = threading.Event()
    with Script(lambda peer: (peer.request(), over.wait(WAIT))) as server:
        with make(ClientOptions(timeouts=ClientTimeouts(write=0.2))) as client, pytest.raises(ClientTimeout) as caught:
            client.request("POST", server.url, body=Body(content=bytes(64 * MiB)))
        over.set()
    assert caught.value.step == "send"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: secret\0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x00" * 200,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 200_000,
    ],
)
def test_an_answer_that_is_none(make: Make, octets: bytes) -> None:
    with Script(once(octets)) as server, make() as client:
        with pytest.raises(ReadError) as caught:
            client.request("POST", server.url + "/x?secret=1")
        assert caught.value.step == "read"
        assert caught.value.url == server.url + "/x"
        assert "secret" not in str(caught.value)


def test_an_early_answer_counts(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"too much", "413 Content Too Large", "Connection: close"))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.gone()

    with Script(play) as server, make() as client:
        response = client.request("POST", server.url, body=Body(content=bytes(256 * KiB)))
        assert (response.status, response.content) == (413, b"too much")


def test_cut_off_while_sending(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Script(play) as server, make() as client, pytest.raises((SendError, ReadError)):
        client.request("POST", server.url, body=Body(content=itertools.repeat(bytes(64 * KiB), 10_000)))


def test_what_the_programs_content_raises_is_its_own(make: Make) -> None:
    class MineError(Exception):
        pass

    def generate() -> Any:
        yield b"a"
        raise MineError

    def late() -> Any:
        yield b"a"
        raise TimeoutError("mine")

    with Script(lambda peer: peer.gone()) as server, make() as client:
        with pytest.raises(MineError):
            client.request("POST", server.url, body=Body(content=generate()))
        with pytest.raises(TimeoutError, match="mine"):
            client.request("PUT", server.url, body=Body(content=late()))


def test_content_of_another_length_than_told(make: Make) -> None:
    with Script(lambda peer: peer.gone()) as server, make() as client:
        for content in ([b"ab"], [b"abcd"]):
            with pytest.raises(SendError) as caught:
                client.request("POST", server.url, body=Body(content=Upload(content, length=3)))
            assert caught.value.step == "send"


def test_a_reset_in_place_of_an_answer(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Script(play) as server, make() as client, pytest.raises(ReadError, match="Connection reset by peer"):
        client.request("POST", server.url)


def test_a_server_that_takes_much_but_in_its_own_time(make: Make) -> None:
    content = bytes(16 * MiB)

    def play(peer: Peer) -> None:
        peer.request()
        time.sleep(0.1)
        taken = 0
        while taken < len(content) - 65_536:  # the head may have brought some of it along
            taken += len(peer.sock.recv(1 << 20))
        peer.send(answer(b"taken"))
        peer.gone()

    with Script(play) as server, make() as client:
        assert client.request("POST", server.url, body=Body(content=content)).content == b"taken"


def test_a_server_that_takes_a_little_now_and_then(make: Make) -> None:
    """It makes progress, so `write` does not end it; the time for the whole call does."""
    over = threading.Event()

    def play(peer: Peer) -> None:
        while not over.wait(0.01) and peer.sock.recv(64 * KiB):
            pass

    options = ClientOptions(timeouts=ClientTimeouts(write=1.5, total=2.5))
    began = time.monotonic()
    with Script(play) as server:
        with make(options) as client, pytest.raises(ClientTimeout) as caught:
            client.request("POST", server.url, body=Body(content=bytes(64 * MiB)))
        over.set()
    assert caught.value.step == "send"
    assert 2.4 < time.monotonic() - began < 20


@pytest.mark.parametrize("streamed", [False, True])
def test_content_that_decodes_to_nothing_has_an_end(make: Make, streamed: bool) -> None:
    """A server that never stops, and is never silent."""
    empty = gzip.compress(b"") * 1_000

    def play(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while True:
                peer.send(b"%x\r\n%s\r\n" % (len(empty), empty))

    with Script(play) as server, make() as client:
        ask: Callable[[str, str], object] = client.stream if streamed else client.request
        with pytest.raises(DecodeError) as caught:
            ask("GET", server.url)
        assert str(caught.value).endswith("the content is not gzip: it goes on and on, and decodes to nothing")
