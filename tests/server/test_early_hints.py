"""Early Hints over real sockets: before the answer, in order, never where they do not belong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest
from tests.server.support import WAIT, Peer, Serve, echo, request

from hospes import App
from hospes.http.content import Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.server import Proxies, ServerOptions, ServingThread

STYLE = "</style.css>; rel=preload; as=style"
CDN = "<https://cdn.example.org>; rel=preconnect"
HINTS = f"HTTP/1.1 103 Early Hints\r\nLink: {STYLE}\r\n\r\n".encode()


def test_they_come_before_the_answer_is_made(serve: Serve) -> None:
    allowed = threading.Event()

    async def handler(request: Request) -> Response:
        request.early_hints(STYLE, CDN)
        await asyncio.to_thread(allowed.wait, WAIT)
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        for _ in range(2):
            peer.send(request())
            assert peer.until(b"\r\n\r\n") == f"HTTP/1.1 103 Early Hints\r\nLink: {STYLE}\r\nLink: {CDN}\r\n\r\n".encode()
            allowed.set()
            got = peer.get()
            assert (got.status, got.content) == (200, b"done")
            assert "link" not in got.fields


def test_after_a_suspension(serve: Serve) -> None:
    allowed = threading.Event()

    async def handler(request: Request) -> Response:
        for _ in range(2):
            await asyncio.sleep(0)
            request.early_hints(STYLE)
        await asyncio.to_thread(allowed.wait, WAIT)
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request())
        assert peer.exactly(2 * len(HINTS)) == 2 * HINTS
        allowed.set()
        assert peer.get().content == b"done"


def test_from_another_thread(serve: Serve) -> None:
    allowed = threading.Event()

    async def handler(request: Request) -> Response:
        def work() -> str:
            request.early_hints(STYLE)
            return str(allowed.wait(WAIT))

        return Response(await asyncio.to_thread(work))

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request())
        assert peer.exactly(len(HINTS)) == HINTS
        allowed.set()
        assert peer.get().content == b"True"


def test_an_answer_at_once_comes_behind_them(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        request.early_hints(STYLE)
        return Response(
            "x" * 100_000 if request.path == "/large" else "done", 404, {"X-A": "1"} if request.path == "/own" else None
        )

    with serve(handler) as port, Peer(port) as peer:
        for path in ("/", "/own", "/large", "/"):
            peer.send(request(path))
            assert peer.exactly(len(HINTS)) == HINTS
            assert peer.get().status == 404
        peer.send(request("/", "HEAD"))
        assert peer.exactly(len(HINTS)) == HINTS
        assert peer.get("HEAD").fields["content-length"] == "4"


def test_behind_the_answers_to_requests_before(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        if request.path in {"/1", "/4"}:
            await asyncio.sleep(0)
        if request.path != "/0":
            request.early_hints(STYLE)
        if request.path in {"/2", "/4"}:
            await asyncio.sleep(0)
        return Response(request.path)

    with serve(handler) as port, Peer(port) as peer:
        peer.send(b"".join(request(f"/{number}") for number in range(6)))
        for number in range(6):
            if number:
                assert peer.exactly(len(HINTS)) == HINTS
            assert peer.get().content == b"/%d" % number


def test_content_is_read_beside_them(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        request.early_hints(STYLE)
        return await echo(request)

    octets = request("/", "POST", b"x" * 1000)
    with serve(handler) as port, Peer(port) as peer:
        for cut in (len(octets), len(octets) - 1, 40):
            peer.send(octets[:cut])
            peer.send(octets[cut:])
            assert peer.exactly(len(HINTS)) == HINTS
            assert peer.get().content == b"x" * 1000


def test_none_to_http_1_0(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        request.early_hints(STYLE)
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        assert peer.rest().startswith(b"HTTP/1.1 200 OK\r\n")


def test_none_once_the_answer_has_begun(serve: Serve) -> None:
    async def pieces(request: Request) -> AsyncIterator[str]:
        for _ in range(3):
            request.early_hints(STYLE)
            yield "piece"
            await asyncio.sleep(0)
            request.early_hints(STYLE)

    def handler(request: Request) -> Response:
        return Response(Stream(pieces(request)))

    with serve(handler) as port, Peer(port) as peer:
        for _ in range(2):
            peer.send(request())
            assert peer.get().content == b"piece" * 3


def test_none_for_a_request_that_is_over(serve: Serve) -> None:
    kept: list[Request] = []

    async def handler(request: Request) -> Response:
        kept.append(request)
        kept[0].early_hints(CDN)
        if request.path == "/second":
            await asyncio.sleep(0)
            kept[0].early_hints(CDN)
            request.early_hints(STYLE)
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/first"))
        assert peer.get().status == 103
        assert peer.get().status == 200
        for path in ("/second", "/second"):
            peer.send(request(path))
            assert peer.exactly(len(HINTS)) == HINTS
            assert peer.get().content == b"done"
    kept[0].early_hints(CDN)  # the server has gone, and its loop


def test_a_peer_that_takes_none_gets_no_half_ones(serve: Serve) -> None:
    link = f"<{'x' * 8000}>"

    async def handler(request: Request) -> Response:
        for _ in range(2000):  # more than any socket's buffers hold
            request.early_hints(link)
            await asyncio.sleep(0)
        return Response("done")

    with serve(handler) as port, Peer(port, receive_buffer=4096) as peer:
        peer.send(request() + request("/next"))
        for _ in range(2):
            hints = 0
            while (got := peer.get()).status == 103:
                assert got.fields == {"link": link}
                hints += 1
            assert got.content == b"done"
            assert hints > 0


def test_many_in_the_first_step(serve: Serve) -> None:
    def handler(request: Request) -> Response:
        for _ in range(2000):
            request.early_hints(f"<{'x' * 8000}>")
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request())
        while (got := peer.get()).status == 103:
            assert len(got.fields["link"]) == 8002
        assert got.content == b"done"


def test_what_is_no_link_is_the_programs_mistake(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        request.early_hints("</a>\r\nSet-Cookie: a=b")
        return Response("done")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request())
        assert peer.get().status == 500
    assert "a link is one line of text" in caplog.text


@pytest.mark.usefixtures("carrier")
def test_in_an_application() -> None:
    allowed = threading.Event()
    app, below = App(store="memory:"), App(store="memory:")
    app.mount("/below", below)

    @app.get("/thread")
    @below.get("/thread")
    def in_thread(request: Request) -> str:
        request.early_hints(STYLE)
        return str(allowed.wait(WAIT))

    @app.get("/loop")
    async def on_loop(request: Request) -> str:
        request.early_hints(STYLE)
        return str(await asyncio.to_thread(allowed.wait, WAIT))

    with app.serving() as server, Peer(server.server.address[1]) as peer:
        for path in ("/thread", "/loop", "/below/thread", "/thread"):
            allowed.clear()
            peer.send(request(path))
            assert peer.exactly(len(HINTS)) == HINTS
            allowed.set()
            assert peer.get().content == b"True"


@pytest.mark.usefixtures("carrier")
def test_behind_a_trusted_proxy() -> None:
    def handler(request: Request) -> Response:
        request.early_hints(STYLE)
        return Response(request.client.host)

    options = ServerOptions(port=0, proxies=Proxies(("127.0.0.1",)))
    with ServingThread(lambda: nullcontext(handler), options) as server, Peer(server.server.address[1]) as peer:
        peer.send(request("/", "GET", None, "X-Forwarded-For: 192.0.2.7"))
        assert peer.exactly(len(HINTS)) == HINTS
        assert peer.get().content == b"192.0.2.7"
