"""Large content on its way to its reader: whatever that does, the engine's shortcut gives what the portable carrier gives."""

from __future__ import annotations

import asyncio
import queue
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import pytest
from tests.server.support import CARRIERS, WAIT, Got, Peer

from hospes.errors import HttpError
from hospes.http.content import HIGH_WATER, ContentReader
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import KiB, Limits, Timeouts
from hospes.server.intake import DROPPED

Core: Any = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

PIECES = [100, 1, HIGH_WATER + 7, HIGH_WATER, HIGH_WATER - 1, 2 * HIGH_WATER + 9, 70_000, 3]
"""Octets that are sent at once; the next ones when these have been read."""
SIZE = sum(PIECES)
OCTETS = bytes(range(251)) * (SIZE // 251 + 1)

color: ContextVar[str] = ContextVar("color", default="none")

Say = Callable[[int], None]
"""Tells the peer how many octets have come so far: then it may go on."""
Program = Callable[[ContentReader, Say], Coroutine[Any, Any, object]]


async def takes_all(content: ContentReader, say: Say) -> object:
    task, size, same = asyncio.current_task(), 0, True
    color.set("blue")
    async for piece in content:
        same = same and OCTETS.startswith(piece, size) and asyncio.current_task() is task and color.get() == "blue"
        size += len(piece)
        say(size)
    return size, same, content.ended, content.buffered


async def does_other_things_between(content: ContentReader, say: Say) -> object:
    size = 0
    async with asyncio.timeout(WAIT):
        async for piece in content:
            await asyncio.sleep(0)
            size += len(piece)
            say(size)
            await asyncio.to_thread(color.get)
    return size


async def is_cancelled_while_it_waits(content: ContentReader, say: Say) -> object:
    task, size, times = asyncio.current_task(), 0, 0
    assert task is not None
    async for piece in content:
        size += len(piece)
        while size > 100 and times < 3:  # before more is sent
            times += 1
            asyncio.get_running_loop().call_soon(task.cancel)
            with suppress(asyncio.CancelledError):
                await anext(aiter(content))
                return "a piece that was not sent"
            task.uncancel()
        say(size)
    return size, times


async def cancels_itself(content: ContentReader, say: Say) -> object:
    task, size, times = asyncio.current_task(), 0, 0
    assert task is not None
    async for piece in content:
        size += len(piece)
        if size > 100 and times < 2:
            times += 1
            task.cancel("enough")
            with suppress(asyncio.CancelledError):
                await anext(aiter(content))
                return "a piece that was not sent"
            task.uncancel()
        say(size)
    return size, times


async def runs_out_of_time(content: ContentReader, say: Say) -> object:
    size, times = 0, 0
    async for piece in content:
        size += len(piece)
        while size > 100 and times < 2:  # before more is sent
            times += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(aiter(content))
                    return "a piece that was not sent"
        say(size)
    return size, times


async def fails(content: ContentReader, say: Say) -> object:
    size = 0
    async for piece in content:
        size += len(piece)
        say(size)
        if size == SIZE - 3:
            raise ValueError("no more of it")
    return size


async def stops_and_reads_the_rest(content: ContentReader, say: Say) -> object:
    size = 0
    async for piece in content:
        size += len(piece)
        say(size)
        if size > HIGH_WATER:
            break
    while piece := await content.read(30_000):
        size += len(piece)
        say(size)
    return size


async def lets_others_read(content: ContentReader, say: Say) -> object:
    size = 0
    pieces = aiter(content)
    while size < SIZE:
        size += len(await anext(pieces))
        say(size)
        if size < SIZE:
            size += len(await asyncio.create_task(cast("Coroutine[Any, Any, bytes]", anext(pieces))))
            say(size)
    return size


async def has_two_readers(content: ContentReader, say: Say) -> object:
    said: list[str] = []
    size = 0
    async for piece in content:
        size += len(piece)
        if size == 101:
            other = asyncio.create_task(content.read(1))

            async def third() -> None:
                try:
                    await anext(aiter(content))
                except RuntimeError as error:
                    said.append(str(error))

            await asyncio.sleep(0)
            await third()
            say(size)
            size += len(await other)
        else:
            say(size)
    return size, said


EXPECTED: dict[Program, object] = {
    takes_all: (SIZE, True, True, 0),
    does_other_things_between: SIZE,
    is_cancelled_while_it_waits: (SIZE, 3),
    cancels_itself: (SIZE, 2),
    runs_out_of_time: (SIZE, 2),
    fails: "ValueError: no more of it",
    stops_and_reads_the_rest: SIZE,
    lets_others_read: SIZE,
    has_two_readers: (SIZE, ["this request's content is being read by two tasks at once; let one of them read it"]),
}


def head(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size


def answering(program: Program, said: queue.Queue[int]) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        content = cast(ContentReader, request.content)
        content.limit = None
        try:
            return Response(repr(await program(content, said.put)))
        except ValueError as error:
            return Response(repr(f"ValueError: {error}"))

    return handler


@pytest.mark.parametrize("program", EXPECTED, ids=lambda program: program.__name__)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_whatever_the_reader_does(program: Program, carrier: str) -> None:
    said: queue.Queue[int] = queue.Queue()
    with CARRIERS[carrier](answering(program, said)) as port, Peer(port) as peer:
        peer.send(head(SIZE))
        sent = 0
        for size in PIECES:
            peer.send(OCTETS[sent : sent + size])
            sent += size
            while sent < SIZE and said.get(timeout=WAIT) < sent:
                pass
        assert peer.get().content.decode() == repr(EXPECTED[program])


@pytest.mark.parametrize("carrier", CARRIERS)
def test_requests_behind_it_are_answered(carrier: str) -> None:
    """Wherever the content ends in what is received."""
    size = 3 * HIGH_WATER
    whole = head(size) + OCTETS[:1] * size
    with CARRIERS[carrier](answering(takes_all, queue.Queue())) as port:
        for behind in (b"", head(2) + b"ab", head(HIGH_WATER + 1) + bytes(HIGH_WATER + 1)):
            with Peer(port) as peer:
                peer.send(whole + behind + head(0))
                answers = [peer.get().content for _ in range(3 if behind else 2)]
                assert answers[0].startswith(b"(%d," % size)
                assert answers[-1].startswith(b"(0")


async def gives_fields(request: Request) -> Response:
    return Response(b"with fields", status=201, headers={"X-A": "b"})


async def sets_a_cookie(request: Request) -> Response:
    return Response("with a cookie", cookies={"a": "b"})


async def has_no_content(request: Request) -> Response:
    return Response(status=204)


async def streams(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return Response(pieces())


async def gives_much(request: Request) -> Response:
    return Response(bytes(3 * HIGH_WATER))


async def says_a_length(request: Request) -> Response:
    return Response("which it may not", headers={"Content-Length": "9"})


async def raises(request: Request) -> Response:
    raise HttpError(418, "A teapot")


@pytest.mark.parametrize("answer", [gives_fields, sets_a_cookie, has_no_content, streams, gives_much, says_a_length, raises])
def test_whatever_the_answer_is(answer: Callable[[Request], Awaitable[Response]]) -> None:
    """It is the same on both carriers, with a request behind it or without, and the connection goes on, or not, after it."""

    async def handler(request: Request) -> Response:
        size = len(await cast(ContentReader, request.content).read())
        return Response(str(size)) if size == 2 else await answer(request)

    size = 3 * HIGH_WATER
    given: list[list[tuple[int, dict[str, str], bytes]]] = []
    for carrier in CARRIERS:
        found: list[tuple[int, dict[str, str], bytes]] = []
        with CARRIERS[carrier](handler) as port:
            for fields, behind in ((b"", b""), (b"", head(2) + b"ab"), (b"Connection: close\r\n", b""), (b"", b"\r\n")):
                with Peer(port) as peer:
                    peer.send(head(size)[:-2] + fields + b"\r\n" + bytes(size) + behind)
                    found.append(_but_its_date(peer.get()))
                    if len(behind) > 2:
                        found.append(_but_its_date(peer.get()))
                    if not fields:
                        peer.send(head(size) + bytes(size))
                        found.append(_but_its_date(peer.get()))
                        peer.half_close()
                    assert peer.closed()
        given.append(found)
    assert given[0] == given[1]
    assert len(given[0]) == 8


def _but_its_date(got: Got) -> tuple[int, dict[str, str], bytes]:
    return got.status, {name: value for name, value in got.fields.items() if name != "date"}, got.content


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_reader_is_given_no_more_at_once_than_may_wait(carrier: str) -> None:
    most: list[int] = []

    async def handler(request: Request) -> Response:
        content = cast(ContentReader, request.content)
        content.limit = None
        async for piece in content:
            most.append(len(piece) + content.buffered)
            if len(most) % 8 == 0:
                await asyncio.sleep(0)  # so that others are there when it comes back
        return Response(str(content.received))

    size = 64 * HIGH_WATER
    with CARRIERS[carrier](handler) as port, Peer(port) as peer:
        peer.send(head(size) + bytes(size))
        assert peer.get().content.decode() == str(size)
    assert max(most) <= 2 * HIGH_WATER


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_limits(carrier: str, more: int) -> None:
    async def handler(request: Request) -> Response:
        content = cast(ContentReader, request.content)
        return Response(str(sum([len(piece) async for piece in content])))

    size = 300 * KiB
    with CARRIERS[carrier](handler, limits=Limits(body=size)) as port, Peer(port) as peer:
        peer.send(head(size + more))
        with suppress(ConnectionError):  # it is refused before all of it is there
            peer.send(bytes(size + more))
        got = peer.get()
        assert (got.status, got.content[:6]) == ((200, b"%d" % (size + more)) if more <= 0 else (413, got.content[:6]))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("more", [-1, 0, 1, 64 * KiB])
def test_what_nobody_reads(carrier: str, more: int) -> None:
    """The connection is kept, or not, by the content's length alone."""

    async def handler(request: Request) -> Response:
        return Response("no")

    size = DROPPED + more
    with CARRIERS[carrier](handler) as port:
        for at_once in (0, 1000, 70_000, size):
            with Peer(port) as peer:
                peer.send(head(size) + bytes(at_once))
                assert (peer.get().fields.get("connection") == "close") == (more > 0)
                if more <= 0:
                    peer.send(bytes(size - at_once) + head(0))
                    assert peer.get().content == b"no"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_peer_that_is_too_slow(carrier: str) -> None:
    said: queue.Queue[int] = queue.Queue()

    async def program(content: ContentReader, say: Say) -> object:
        try:
            return await takes_all(content, say)
        except Exception as error:
            return str(error)

    timeouts = Timeouts(body_idle=1.5, body_rate=1e9)
    with CARRIERS[carrier](answering(program, said), timeouts=timeouts) as port, Peer(port) as peer:
        peer.send(head(SIZE))
        sent = 0
        while not select.select([peer.sock], [], [], 0.01)[0]:  # at no time does nothing come for as long as body_idle
            peer.send(OCTETS[sent : sent + 100])
            sent += 100
        assert sent < SIZE
        assert peer.get().content.decode() == repr("408 The request's content comes too slowly")


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def pull(content: ContentReader) -> Coroutine[Any, Any, bytes]:
    pieces: AsyncIterator[bytes] = Core.Pieces(content)
    assert aiter(pieces) is pieces
    return cast("Coroutine[Any, Any, bytes]", anext(pieces))


def test_pieces_are_of_a_content() -> None:
    with pytest.raises(TypeError, match="pieces are of a ContentReader"):
        Core.Pieces(object())


@in_loop
async def test_a_pull_is_a_coroutine() -> None:
    content = ContentReader.of(b"abc")
    pulling = pull(content)
    assert asyncio.iscoroutine(pulling)
    assert await asyncio.create_task(pulling) == b"abc"
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        await pulling
    with pytest.raises(StopAsyncIteration):
        await pull(content)
    content = ContentReader(None, None, None)
    content.feed(b"ab")
    content.fail(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await pull(content)


@in_loop
async def test_a_pull_that_is_given_up() -> None:
    for give_up in (_close, partial(_throw_into, KeyError("a")), partial(_throw_into, KeyError)):
        content = ContentReader(None, None, None)
        pulling = pull(content)
        pulling.send(None)
        waited = content.wanted
        give_up(pulling)
        assert (waited, content.wanted) == (True, False)
        content.feed(b"ab")
        assert await pull(content) == b"ab"
        fresh = pull(content)
        give_up(fresh)
        with pytest.raises(RuntimeError):
            await fresh


def _close(pulling: Coroutine[Any, Any, bytes]) -> None:
    pulling.close()


def _throw_into(error: Any, pulling: Coroutine[Any, Any, bytes]) -> None:
    with pytest.raises(KeyError):
        pulling.throw(error)
