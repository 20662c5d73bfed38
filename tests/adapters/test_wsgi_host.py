"""WSGI applications over real sockets, over each carrier: uploads, streams, files, peers that go, threads that are all busy."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator

import pytest
from tests.adapters.support import WAIT, ask, made
from tests.adapters.wsgi_support import returning
from tests.server.support import Peer, Serve, request

from hospes.adapters import from_wsgi
from hospes.adapters.wsgi import Environ, StartResponse
from hospes.errors import HttpError


def echo(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Gives back what it gets, piece by piece."""
    start_response("200 OK", [("X-Path", environ["PATH_INFO"])])
    while piece := environ["wsgi.input"].read(65_536):
        yield piece


def test_content_both_ways(serve: Serve) -> None:
    content = bytes(range(256)) * 4096
    with serve(from_wsgi(echo)) as port, Peer(port) as peer:
        peer.send(request("/caf%C3%A9", "POST", content))
        got = peer.get()
        assert (got.status, got.content, got.fields["x-path"].encode("latin-1")) == (200, content, "/café".encode())
        peer.send(request("/a", "POST", None, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n")
        assert peer.get().content == b"abc"
        peer.send(request("/b", "HEAD"))
        assert peer.get("HEAD").status == 200
        peer.send(request("/", "POST", None, "Content-Length: 5", "Expect: 100-continue"))
        assert peer.get().status == 100
        peer.send(b"hello")
        assert peer.get().content == b"hello"


def test_pipelined_requests(serve: Serve) -> None:
    with serve(from_wsgi(returning(lambda: [b"hi"]))) as port, Peer(port) as peer:
        peer.send(request("/a") * 3)
        assert [peer.get().content for _ in range(3)] == [b"hi"] * 3


def test_a_large_file(serve: Serve) -> None:
    content = b"0123456789" * 50_000

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(content)
        file.seek(0)
        start_response("200 OK", [])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    with serve(from_wsgi(application)) as port, Peer(port) as peer:
        peer.send(request())
        assert peer.get().content == content


def test_a_peer_that_goes_ends_the_stream(serve: Serve) -> None:
    closed = threading.Event()

    def flood(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 65_536
        finally:
            closed.set()

    with serve(from_wsgi(flood)) as port:
        with Peer(port, receive_buffer=65_536) as peer:
            peer.send(request())
            peer.exactly(100_000)
        assert closed.wait(WAIT)


def test_a_peer_that_goes_while_its_content_is_read(serve: Serve) -> None:
    failed = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except ConnectionResetError:
            failed.set()
            raise
        return []

    with serve(from_wsgi(application)) as port:
        with Peer(port) as peer:
            peer.send(request("/", "POST", None, "Content-Length: 5") + b"ab")
        assert failed.wait(WAIT)


def test_what_fails_is_a_bare_500_or_an_aborted_connection(serve: Serve) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/late":
            start_response("200 OK", [])
            yield b"begun"
        raise LookupError("a secret")

    with serve(from_wsgi(application)) as port:
        with Peer(port) as peer:
            peer.send(request("/"))
            got = peer.get()
            assert (got.status, b"secret" in got.content) == (500, False)
        with Peer(port) as peer:
            peer.send(request("/late"))
            with pytest.raises(ConnectionResetError):
                peer.rest()


def test_an_exit_ends_a_request_and_no_server(serve: Serve) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/exit":
            sys.exit(3)
        start_response("200 OK", [])
        return stream() if environ["PATH_INFO"] == "/stream" else [b"served"]

    def stream() -> Iterator[bytes]:
        yield b"begun"
        sys.exit(3)

    with serve(from_wsgi(application)) as port:
        with Peer(port) as peer:
            peer.send(request("/exit"))
            assert peer.get().status == 500
            peer.send(request("/"))
            assert peer.get().content == b"served"
        with Peer(port) as peer:
            peer.send(request("/stream"))
            with pytest.raises(ConnectionResetError):
                peer.rest()
        with Peer(port) as peer:
            peer.send(request("/"))
            assert peer.get().content == b"served"


def test_when_all_threads_are_busy_a_request_waits_within_bounds(serve: Serve) -> None:
    began, go = threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        began.set()
        go.wait(WAIT)
        start_response("200 OK", [])
        return [b"done"]

    with serve(from_wsgi(application, threads=1, queue=0.5)) as port, Peer(port) as first, Peer(port) as second:
        first.send(request())
        assert began.wait(WAIT)
        second.send(request())
        got = second.get()
        assert (got.status, got.fields["retry-after"]) == (503, "1")
        go.set()
        assert first.get().content == b"done"


@pytest.mark.parametrize("limit", [4, 5, 6])
def test_the_limit_of_content(limit: int) -> None:
    hosted = from_wsgi(returning(lambda: [b"x"]), body_limit=limit)
    if limit >= 5:
        assert ask(hosted, made("/", "POST", b"12345")).status == 200
    else:
        with pytest.raises(HttpError) as error:
            ask(hosted, made("/", "POST", b"12345"))
        assert error.value.code == 413


def test_a_loop_of_its_own_each_time() -> None:
    hosted = from_wsgi(returning(lambda: [b"x"]))
    assert [ask(hosted).content for _ in range(2)] == [b"x", b"x"]
