"""A handler's first step in C keeps the laws of hospes.execution.driver, and what it makes is what Python would make."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tests.server.support import CARRIERS, GET, Peer, Serve, plain, request

from hospes.execution import ThreadPool
from hospes.http.content import FileContent
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.server.sending import FILE_AT_ONCE

core = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")


@pytest.fixture
def serve() -> Serve:
    return CARRIERS["engine"]


@pytest.mark.parametrize(
    "octets", [GET, request("/a%20b?c=d", "HEAD"), request("/", "POST", b"hello"), request("/", "POST", b"")]
)
def test_a_request_is_what_request_would_make(serve: Serve, octets: bytes) -> None:
    seen: list[Request] = []

    async def handler(request: Request) -> Response:
        twin = Request(request.head, request.content, request.connection)
        assert [name for name in Request.__slots__ if request.has(name)] == [name for name in Request.__slots__ if twin.has(name)]
        for name in Request.__slots__:
            if twin.has(name):
                assert getattr(request, name) is getattr(twin, name) or getattr(request, name) == getattr(twin, name)
        await request.read()
        seen.append(request)
        return plain(request)

    with serve(handler) as port, Peer(port) as peer:
        peer.send(octets)
        assert peer.get("HEAD" if octets.startswith(b"HEAD") else "GET").status == 200
    assert type(seen[0]) is Request
    assert type(seen[0].head) is core.Head
    assert seen[0].connection.client.host == "127.0.0.1"
    assert seen[0].connection.server.port == port
    assert seen[0].connection.limits == Limits()


def test_a_context_is_never_the_next_requests(serve: Serve) -> None:
    name: ContextVar[str] = ContextVar("name")

    async def handler(request: Request) -> Response:
        before = name.get("nobody")
        name.set(request.path)
        if request.path == "/wait":
            await asyncio.sleep(0)
        return Response(f"{before} {name.get()}")

    with serve(handler) as port, Peer(port) as peer:
        for path in ("/a", "/wait", "/b"):
            peer.send(request(path))
            assert peer.get().content == f"nobody {path}".encode()


def test_the_task_of_the_first_step_goes_on(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        before = asyncio.current_task()
        async with asyncio.timeout(20):
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            await asyncio.sleep(0)
        assert asyncio.current_task() is before
        return Response("same")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET * 3)
        assert [peer.get().content for _ in range(3)] == [b"same"] * 3


def test_a_handler_may_cancel_itself_before_its_first_await(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        task = asyncio.current_task()
        assert task is not None
        if request.path == "/cancel":
            task.cancel()
            await asyncio.sleep(20)
        assert not task.cancelling()
        return Response("alive")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/cancel"))
        assert peer.get().status == 500
    with serve(handler) as port, Peer(port) as peer:
        peer.send(request("/"))
        assert peer.get().content == b"alive"


def test_a_timeout_ends_a_handler(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(20)
        except TimeoutError:
            return Response("too late")
        return Response("never")

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        assert peer.get().content == b"too late"


def test_awaitables_of_every_kind(serve: Serve) -> None:
    class Later:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield from asyncio.sleep(0).__await__()
            return Response("later")

    async def soon() -> Response:
        await asyncio.sleep(0)
        return Response("soon")

    def handler(request: Request) -> Response | Awaitable[Response]:
        if request.path == "/later":
            return Later()
        if request.path == "/future":
            future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            future.set_result(Response("future"))
            return future
        return asyncio.ensure_future(soon())

    with serve(handler) as port, Peer(port) as peer:
        for path in ("/later", "/future", "/soon"):
            peer.send(request(path))
            assert peer.get().content == path[1:].encode()


def test_a_job_of_the_pool_answers_without_a_task(serve: Serve) -> None:
    pool = ThreadPool(1)

    async def close() -> Response:
        return Response(str(await pool.close()))

    def handler(request: Request) -> Awaitable[Response]:
        if request.path == "/close":
            return close()
        return pool.submit(copy_context(), lambda: Response(f"thread {request.path}"))

    with serve(handler) as port, Peer(port) as peer:
        peer.send(b"".join(request(f"/{n}") for n in range(3)) + request("/close"))
        assert [peer.get().content for _ in range(4)] == [b"thread /0", b"thread /1", b"thread /2", b"True"]


@pytest.mark.parametrize("value", [None, "text", 3, object()])
def test_what_is_no_response_is_a_500(serve: Serve, value: object) -> None:
    async def handler(request: Request) -> Response:
        return value  # type: ignore[return-value]  # the mistake under test

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET)
        assert peer.get().status == 500


def test_a_response_of_a_kind_of_its_own_is_sent(serve: Serve) -> None:
    class Mine(Response):
        pass

    with serve(lambda request: Mine("mine", headers={"X-A": "b"})) as port, Peer(port) as peer:
        peer.send(GET)
        got = peer.get()
        assert (got.content, got.fields["x-a"]) == (b"mine", "b")


@pytest.mark.parametrize("status", [200, 201, 204, 205, 304, 404])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("content", [b"", b"text", b"x" * 20_000])
def test_answers_are_octet_for_octet_those_of_the_portable_carrier(status: int, method: str, content: bytes) -> None:
    """Those with fields of their own too; but for the date."""
    responses: list[dict[str, Any]] = [
        {},
        {"headers": {"X-A": "b", "Content-Length": "7"}},
        {"cookies": {"a": "b"}},
        {"content_type": "text/x"},
        {"headers": {"X-Content-Type-Options": "other"}},
    ]

    def handler(request: Request) -> Response:
        return Response(content, status, **responses[int(request.path[1:])])

    answers = []
    for carrier in ("engine", "portable"):
        with CARRIERS[carrier](handler) as port, Peer(port) as peer:
            peer.send(b"".join(request(f"/{n}", method) for n in range(len(responses))))
            peer.send(request("/0", method, None, "Connection: close"))
            answers.append(re.sub(rb"Date: [^\r]+", b"", peer.rest()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("length", [0, 1, FILE_AT_ONCE - 1, FILE_AT_ONCE, FILE_AT_ONCE + 1])
def test_files_of_any_size(serve: Serve, tmp_path: Path, length: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * length + b"bc")
    files: list[BinaryIO] = []

    def handler(request: Request) -> Response:
        files.append(path.open("rb"))
        return Response(FileContent(files[-1], 1, length), headers={"ETag": '"a"'})

    with serve(handler) as port, Peer(port) as peer:
        peer.send(GET + request("/", "HEAD") + GET)
        for method in ("GET", "HEAD", "GET"):
            got = peer.get(method)
            assert (got.status, got.fields["etag"]) == (200, '"a"')
            assert got.fields.get("content-length") == (str(length) if length or method == "GET" else None)
            assert got.content == (path.read_bytes()[1 : length + 1] if method == "GET" else b"")
    assert all(each.closed for each in files)
