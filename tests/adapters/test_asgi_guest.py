"""A handler as an ASGI application: its life, content both ways, peers that go."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.adapters.support import on_loop

from hospes import App
from hospes.adapters import to_asgi
from hospes.adapters.asgi import Message
from hospes.errors import HttpError
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits


class Host:
    """A host in a few lines: what it is to receive, and what it was sent."""

    def __init__(self, *messages: Message) -> None:
        self.queue: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        for each in messages:
            self.queue.put_nowait(each)

    async def receive(self) -> Message:
        return await self.queue.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def content(self) -> bytes:
        return b"".join(each["body"] for each in self.sent if each["type"] == "http.response.body")


def scope(path: str = "/", method: str = "GET", *fields: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"example.org"), *fields],
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 80),
        **more,
    }


def piece(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def ask(handler: Handler, asked: dict[str, Any], *messages: Message, **options: Any) -> Host:
    async def work() -> Host:
        host = Host(*messages)
        await to_asgi(handler, **options)(asked, host.receive, host.send)
        return host

    return on_loop(work)


async def echo(request: Request) -> Response:
    return Response(await request.read())


def test_an_answer_at_once() -> None:
    host = ask(lambda request: Response(f"{request.path} {request.client.host}"), scope("/café"))
    assert host.sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"16"),
            ],
        },
        {"type": "http.response.body", "body": "/café 192.0.2.7".encode()},
    ]


def test_content_in_pieces() -> None:
    host = ask(echo, scope("/", "POST", (b"content-length", b"4")), piece(b"ab", True), piece(b"", True), piece(b"cd"))
    assert host.content == b"abcd"
    host = ask(echo, scope("/", "POST", (b"transfer-encoding", b"chunked")), piece(b"ab", True), piece(b""))
    assert host.content == b"ab"


@pytest.mark.parametrize(("limit", "status"), [(3, 413), (4, 200), (5, 200)])
def test_the_limit_of_content(limit: int, status: int) -> None:
    host = ask(echo, scope("/", "POST", (b"transfer-encoding", b"chunked")), piece(b"abcd"), limits=Limits(body=limit))
    assert host.status == status


def test_content_is_not_asked_for_before_somebody_reads() -> None:
    async def work() -> None:
        host = Host(piece(b"x"))
        asked = scope("/", "POST", (b"content-length", b"1"))

        async def handler(request: Request) -> Response:
            for _ in range(3):
                await asyncio.sleep(0)
            assert host.queue.qsize() == 1
            return Response(await request.read())

        await to_asgi(handler)(asked, host.receive, host.send)
        assert host.content == b"x"

    on_loop(work)


def test_a_stream() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.sleep(0)
        yield b"2"

    def handler(request: Request) -> Response:
        stream = Stream(numbers())
        stream.trailers = [("X-Sum", "3")]
        return Response(stream)

    host = ask(handler, scope())
    assert [each.get("body") for each in host.sent[1:]] == [b"1", b"2", b""]
    host = ask(handler, scope(extensions={"http.response.trailers": {}}))
    assert host.sent[0]["trailers"]
    assert host.sent[-1] == {"type": "http.response.trailers", "headers": [(b"x-sum", b"3")]}
    host = ask(handler, scope(method="HEAD"))
    assert host.content == b""


def test_a_file() -> None:
    def handler(request: Request) -> Response:
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(b"0123456789")
        response = Response()
        response.content = FileContent(file, 2, 5 if request.path == "/" else 50)
        return response

    assert ask(handler, scope()).content == b"23456"
    with pytest.raises(RuntimeError, match="a file ended 42 octets before its promised length"):
        ask(handler, scope("/short"))


def test_failures() -> None:
    def busy(request: Request) -> Response:
        raise HttpError(503, "busy")

    def defect(request: Request) -> Response:
        raise LookupError("a secret")

    assert ask(busy, scope()).status == 503
    host = ask(defect, scope())
    assert (host.status, b"secret" in host.content) == (500, False)
    assert ask(echo, scope("/", "GET", (b"host", b"again"))).status == 400


def test_a_failure_in_the_middle_reaches_the_host() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        yield b"1"
        raise LookupError("defect")

    with pytest.raises(LookupError):
        ask(lambda request: Response(Stream(numbers())), scope())


def test_a_peer_that_goes_cancels_the_handler() -> None:
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("handler")
        return Response()

    assert ask(handler, scope(), piece(b""), GONE).sent == []
    assert ended == ["handler"]


def test_a_peer_that_goes_ends_the_stream() -> None:
    ended: list[str] = []

    async def forever() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            ended.append("stream")

    ask(lambda request: Response(Stream(forever())), scope(), piece(b""), GONE)
    assert ended == ["stream"]

    async def work() -> None:
        host = Host()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise OSError("gone")

        await to_asgi(lambda request: Response(Stream(forever())))(scope(), host.receive, send)

    on_loop(work)
    assert ended == ["stream", "stream"]


def test_a_peer_that_goes_while_it_sends() -> None:
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            return Response(await request.read())
        finally:
            ended.append("handler")

    assert ask(handler, scope("/", "POST", (b"content-length", b"4")), piece(b"ab", True), GONE).sent == []
    assert ended == ["handler"]


# Its life.


def living(log: list[str], fails: str = "") -> Any:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Handler]:
        if fails == "start":
            raise LookupError("no database")
        log.append("begins")
        yield lambda request: Response("alive")
        log.append("ends")
        if fails == "stop":
            raise LookupError("still busy")

    return opened


LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0"}}


def test_the_hosts_lifespan() -> None:
    async def work() -> None:
        log: list[str] = []
        application = to_asgi(opened=living(log))
        host = Host({"type": "lifespan.startup"})
        life = asyncio.ensure_future(application(LIFESPAN, host.receive, host.send))
        while not host.sent:
            await asyncio.sleep(0)
        asked = Host()
        await application(scope(), asked.receive, asked.send)
        assert (asked.content, log) == (b"alive", ["begins"])
        host.queue.put_nowait({"type": "lifespan.shutdown"})
        await life
        assert log == ["begins", "ends"]
        assert host.sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]

    on_loop(work)


@pytest.mark.parametrize(("fails", "message"), [("start", "no database"), ("stop", "still busy")])
def test_a_life_that_fails_is_told(fails: str, message: str) -> None:
    async def work() -> None:
        host = Host({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
        with pytest.raises(LookupError):
            await to_asgi(opened=living([], fails))(LIFESPAN, host.receive, host.send)
        kind = {"start": "startup", "stop": "shutdown"}[fails]
        assert host.sent[-1] == {"type": f"lifespan.{kind}.failed", "message": message}

    on_loop(work)


def test_a_host_without_lifespan() -> None:
    log: list[str] = []
    application = to_asgi(opened=living(log))

    async def work() -> None:
        hosts = [Host() for _ in range(3)]
        await asyncio.gather(*(application(scope(), each.receive, each.send) for each in hosts))
        assert [each.content for each in hosts] == [b"alive"] * 3

    on_loop(work)
    on_loop(work)  # another loop: it begins anew
    assert log[0] == "begins"
    assert log.count("begins") == 2


def test_a_start_that_fails_is_tried_again() -> None:
    async def work() -> None:
        application = to_asgi(opened=living([], "start"))
        for _ in range(2):
            host = Host()
            with pytest.raises(LookupError):
                await application(scope(), host.receive, host.send)

    on_loop(work)


def test_an_app() -> None:
    app = App(store="memory:")
    app.get("/hello/{name}")(lambda name: f"Hello, {name}")

    async def work() -> None:
        host = Host()
        await app.asgi()(scope("/hello/you"), host.receive, host.send)
        assert host.content == b"Hello, you"

    on_loop(work)


def test_other_scopes() -> None:
    async def work() -> None:
        host = Host()
        with pytest.raises(
            ValueError, match="the scope 'udp' is none that hospes knows: it answers http, websocket and lifespan"
        ):
            await to_asgi(echo)({"type": "udp"}, host.receive, host.send)

    on_loop(work)


def test_a_handler_or_what_opens_one() -> None:
    for arguments in ({}, {"handler": echo, "opened": living([])}):
        with pytest.raises(TypeError, match="give a handler, or opened=…, which opens one"):
            to_asgi(**arguments)


HINTS: dict[str, Any] = {"http.response.early_hint": {}}


@pytest.mark.parametrize("waits", [False, True])
def test_early_hints_where_the_host_offers_them(waits: bool) -> None:
    async def handler(request: Request) -> Response:
        request.early_hints("</a>; rel=preload", "</\u20ac>")
        if waits:
            await asyncio.to_thread(request.early_hints, "</b>")
        return Response("done")

    host = ask(handler, scope(extensions=HINTS))
    hints = [each["links"] for each in host.sent if each["type"] == "http.response.early_hint"]
    assert hints == [[b"</a>; rel=preload", "</\u20ac>".encode()], [b"</b>"]][: 1 + waits]
    assert [each["type"] for each in host.sent[len(hints) :]] == ["http.response.start", "http.response.body"]
    assert [each["type"] for each in ask(handler, scope()).sent] == ["http.response.start", "http.response.body"]


def test_early_hints_once_the_answer_has_begun() -> None:
    async def pieces(request: Request) -> AsyncIterator[str]:
        yield "a"
        request.early_hints("</a>")
        yield "b"

    host = ask(lambda request: Response(Stream(pieces(request))), scope(extensions=HINTS))
    assert host.content == b"ab"
    assert "http.response.early_hint" not in [each["type"] for each in host.sent]


def test_early_hints_to_a_peer_that_has_gone() -> None:
    tried: list[str] = []

    class Deaf(Host):
        async def send(self, message: Message) -> None:
            tried.append(message["type"])
            raise OSError

    async def work() -> None:
        host = Deaf()

        def handler(request: Request) -> Response:
            request.early_hints("</a>")
            return Response("done")

        await to_asgi(handler)(scope(extensions=HINTS), host.receive, host.send)

    on_loop(work)
    assert tried == ["http.response.early_hint", "http.response.start"]
