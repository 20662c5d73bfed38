"""What is written piece by piece."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked
from tests.server.support import WAIT, Peer

from hospes import HttpClient, HttpError
from hospes.compat.simple_http_server import FilterContext, MultipartFile, Request, Response, Session, request_filter, route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.compat.simple_http_server.streaming import MOST, Pieces, Written, sent_early


async def taken(write: Callable[[Pieces], Any]) -> list[bytes]:
    """The pieces that an async function writes."""
    pieces = Pieces()
    work = asyncio.ensure_future(write(pieces))
    if await sent_early(pieces, work, lambda: "early") != "early":
        return []
    return [piece async for piece in pieces]


def test_pieces_come_as_they_are_written() -> None:
    async def write(pieces: Pieces) -> str:
        await pieces.write(b"a")
        pieces.write(b"b")
        await asyncio.sleep(0)
        pieces.write(b"c")
        pieces.close()
        return "ignored"

    assert asyncio.run(taken(write)) == [b"a", b"b", b"c"]


def test_from_a_thread() -> None:
    async def write(pieces: Pieces) -> None:
        def work() -> None:
            for number in range(3):
                pieces.write(bytes([number]))
            pieces.close()

        await asyncio.to_thread(work)

    assert asyncio.run(taken(write)) == [b"\0", b"\1", b"\2"]


def test_who_writes_nothing_answers_by_what_it_returns() -> None:
    async def main() -> None:
        async def plain() -> str:
            await asyncio.sleep(0)
            return "returned"

        async def fails() -> None:
            raise ValueError("failed")

        assert await sent_early(Pieces(), asyncio.ensure_future(plain()), lambda: "early") == "returned"
        with pytest.raises(ValueError, match="failed"):
            await sent_early(Pieces(), asyncio.ensure_future(fails()), lambda: "early")
        await Written(None)

    asyncio.run(main())


def test_a_failure_cuts_the_answer_off() -> None:
    async def write(pieces: Pieces) -> None:
        pieces.write(b"a")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(taken(write))


def test_who_writes_waits_for_a_slow_peer() -> None:
    async def main() -> None:
        written: list[int] = []

        async def write(pieces: Pieces) -> None:
            for number in range(4):
                await pieces.write(b"x" * MOST)
                written.append(number)

        pieces = Pieces()
        work = asyncio.ensure_future(write(pieces))
        await sent_early(pieces, work, lambda: None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert written == [], "the answer has not left"
        taken = [await anext(pieces)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert written == [0, 1], "one may wait, and one be on its way"
        taken += [piece async for piece in pieces]
        assert sum(map(len, taken)) == 4 * MOST

    asyncio.run(main())


def test_when_the_peer_has_gone_the_function_hears_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        heard: list[BaseException] = []
        gone = asyncio.Event()

        async def write(pieces: Pieces) -> None:
            pieces.write(b"a")
            try:
                await gone.wait()
            except asyncio.CancelledError as error:
                heard.append(error)
            try:
                pieces.write(b"b")
            except ConnectionError as error:
                heard.append(error)
                raise

        pieces = Pieces()
        work = asyncio.ensure_future(write(pieces))
        await sent_early(pieces, work, lambda: None)
        assert await anext(pieces) == b"a"
        await pieces.aclose()
        await asyncio.wait([work])
        assert [type(each) for each in heard] == [asyncio.CancelledError, ConnectionError]
        with pytest.raises(ConnectionError, match="the peer has gone"):
            await pieces.room()

    asyncio.run(main())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR and record.name.startswith("hospes")] == []


def test_a_failure_after_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        on = asyncio.Event()

        async def write(pieces: Pieces) -> None:
            pieces.write(b"a")
            pieces.close()
            await on.wait()
            raise ValueError("too late")

        pieces = Pieces()
        work = asyncio.ensure_future(write(pieces))
        await sent_early(pieces, work, lambda: None)
        assert [piece async for piece in pieces] == [b"a"]
        on.set()
        await asyncio.wait([work])
        await asyncio.sleep(0)

    asyncio.run(main())
    assert "ValueError: too late" in caplog.text


def test_a_request_that_is_given_up_before_anything_was_written() -> None:
    async def main() -> None:
        begun = asyncio.Event()
        ended: list[str] = []

        async def write() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("ended")

        pieces = Pieces()
        early = asyncio.ensure_future(sent_early(pieces, asyncio.ensure_future(write()), lambda: None))
        await begun.wait()
        early.cancel()
        with pytest.raises(asyncio.CancelledError):
            await early
        assert ended == ["ended"]
        with pytest.raises(ConnectionError):
            pieces.write(b"a")

    asyncio.run(main())


@pytest.mark.parametrize("on_loop", BOTH)
def test_the_first_piece_leaves_before_the_second_is_written(conf: AppConf, on_loop: bool) -> None:
    read = threading.Event()

    @route("/plain")
    def plain(res: Response) -> None:
        res.set_header("X-A", "1")
        res.write_bytes(b"first")
        assert on_loop or read.wait(WAIT)
        res.write_bytes(b"second")

    @route("/async")
    async def later(res: Response) -> str:
        res.write_bytes(b"first")
        while not read.is_set():
            await asyncio.sleep(0.001)
        await res.write_bytes(b"second")
        return "ignored"

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server:
        for path in ("/async", "/plain"):
            read.clear()
            with Peer(server.server.address[1]) as peer:
                peer.send(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
                seen = b""
                while b"first" not in seen:
                    seen += peer.sock.recv(65536)
                read.set()
                while piece := peer.sock.recv(65536):
                    seen += piece
            assert seen.startswith(b"HTTP/1.1 200 OK")
            assert seen.endswith(b"second\r\n0\r\n\r\n") or b"firstsecond" in seen


@contextmanager
def seen_first(port: int, target: str, head: str = "") -> Iterator[Callable[[], bytes]]:
    """Ask, and read up to the first piece; then gives what reads all the rest."""
    with Peer(port) as peer:
        peer.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n".encode())
        seen = b""
        while b"first" not in seen:
            got = peer.sock.recv(65536)
            assert got, seen
            seen += got
        yield lambda: seen + b"".join(iter(lambda: peer.sock.recv(65536), b""))


@pytest.mark.parametrize("on_loop", BOTH)
@pytest.mark.parametrize("around", [False, True])
def test_a_filter_streams(conf: AppConf, on_loop: bool, around: bool) -> None:
    read = threading.Event()

    async def later() -> None:
        while not read.is_set():
            await asyncio.sleep(0.001)

    if around:

        @request_filter("/**")
        def outer(ctx: FilterContext) -> None:
            ctx.do_chain()

    @request_filter("/async")
    async def writes(ctx: FilterContext) -> None:
        ctx.response.set_header("X-A", "1")
        await ctx.response.write_bytes(b"first")
        await later()
        ctx.do_chain()  # after the answer has begun this does nothing
        await ctx.response.write_bytes(b"second")

    class Writing:
        def __call__(self, ctx: FilterContext) -> None:
            def write(piece: bytes) -> None:
                ctx.response.write_bytes(piece)

            write(b"first")
            assert on_loop or read.wait(WAIT)
            write(b"second")

    request_filter("/plain")(Writing())
    route("/{any}")(lambda: "never")
    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server:
        for path in ("/async", "/plain"):
            read.clear()
            with seen_first(server.server.address[1], path) as rest:
                read.set()
                seen = rest()
            assert seen.startswith(b"HTTP/1.1 200 OK")
            assert b"X-A: 1" in seen or path == "/plain"
            assert seen.endswith(b"second\r\n0\r\n\r\n") or b"firstsecond" in seen


@pytest.mark.parametrize("on_loop", BOTH)
def test_a_filter_that_may_write_and_does_not(conf: AppConf, on_loop: bool) -> None:
    @request_filter("/**")
    def outer(ctx: FilterContext) -> None:
        ctx.do_chain()

    @request_filter("/**")
    async def guards(ctx: FilterContext) -> None:
        if ctx.request.path == "/writes":
            ctx.response.write_bytes(b"filter")
            ctx.response.close()
        elif ctx.request.path == "/fails":
            raise HttpError(402, "pay")
        else:
            await ctx.do_chain()

    @route("/handler")
    def handler(res: Response) -> None:
        res.write_bytes(b"hand")
        res.write_bytes(b"ler")

    route("/text")(lambda: "text")
    with asked(conf, on_loop) as client:
        assert client.get("/writes").content == b"filter"
        assert client.get("/fails").status == 402
        assert client.get("/handler").content == b"handler"
        assert client.get("/text").content == b"text"
        assert client.get("/none").status == 404


@pytest.mark.parametrize("on_loop", BOTH)
def test_who_is_asked_by_head_writes_to_nobody(conf: AppConf, on_loop: bool) -> None:
    through: queue.SimpleQueue[str] = queue.SimpleQueue()

    @route("/plain")
    def plain(res: Response) -> None:
        for _ in range(4):
            res.write_bytes(b"x" * MOST)
        through.put("plain")

    @route("/async")
    async def later(res: Response) -> None:
        for _ in range(4):
            await res.write_bytes(b"x" * MOST)
        through.put("async")

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server, Peer(server.server.address[1]) as peer:
        for path in ("plain", "async"):
            peer.send(f"HEAD /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            seen = b""
            while not seen.endswith(b"\r\n\r\n"):
                seen += peer.sock.recv(65536)
            assert seen.startswith(b"HTTP/1.1 200 OK")
            assert through.get(timeout=WAIT) == path


@pytest.mark.parametrize("on_loop", BOTH)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_while_the_answer_leaves(conf: AppConf, on_loop: bool, method: str, client: HttpClient) -> None:
    """What is changed before the first piece is durable when it leaves, and what is changed after it when the last one does."""
    read = threading.Event()

    @route("/count", method=["GET", "POST"])
    async def count(res: Response, req: Request) -> None:
        session = req.getSession()
        session.set_attribute("before", (session.get_attribute("before") or 0) + 1)
        await res.write_bytes(b"first")
        while not read.is_set():
            await asyncio.sleep(0.001)
        session.set_attribute("after", (session.get_attribute("after") or 0) + 1)

    @route("/found", method=["GET", "POST"])
    async def found(res: Response, req: Request) -> None:
        await res.write_bytes(b"first ")
        try:
            session = req.getSession()
            session.set_attribute("after", (session.get_attribute("after") or 0) + 1)
        except RuntimeError as error:
            await res.write_bytes(str(error).encode())

    @route("/shown")
    def shown(session: Session) -> Any:
        return [session.get_attribute("before"), session.get_attribute("after")]

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server:
        url, port = server.url, server.server.address[1]
        assert "there is no session yet" in client.request(method, url + "/found").text
        read.set()
        answer = client.request(method, url + "/count")
        cookie = f"Cookie: {answer.headers['Set-Cookie'].partition(';')[0]}\r\n"
        assert client.get(url + "/shown").json() == [1, 1]
        read.clear()
        with seen_first(port, "/count", cookie) as rest:
            assert client.get(url + "/shown").json() == [2, 1]
            read.set()
            assert rest().endswith(b"0\r\n\r\n")
        assert client.get(url + "/shown").json() == [2, 2]
        assert client.request(method, url + "/found").text == "first "
        assert client.get(url + "/shown").json() == [2, 3]


@pytest.mark.parametrize("on_loop", BOTH)
def test_an_upload_while_the_answer_leaves(conf: AppConf, on_loop: bool) -> None:
    @route("/up", method="POST")
    async def up(res: Response, file: MultipartFile) -> None:
        await res.write_bytes(b"first ")
        await res.write_bytes(file.content[-4:])

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server, HttpClient() as client:
        answer = client.post(server.url + "/up", files={"file": ("a.bin", b"x" * 3_000_000 + b"last")})
        assert answer.content == b"first last"


@pytest.mark.parametrize("on_loop", BOTH)
def test_an_answer_that_cannot_be_sent_holds_no_thread(conf: AppConf, on_loop: bool, caplog: pytest.LogCaptureFixture) -> None:
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    @route("/status")
    async def status(res: Response) -> None:
        res.status_code = 799
        await wrong(res)

    @route("/cookie")
    async def cookie(res: Response) -> None:
        res.cookies["a"] = "b"
        res.cookies["a"]["path"] = "x; Domain=y"
        await wrong(res)

    async def wrong(res: Response) -> None:
        try:
            await res.write_bytes(b"first")
            await res.write_bytes(b"second")
        except (ConnectionError, asyncio.CancelledError) as error:
            ended.put(type(error).__name__)
            raise

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server, HttpClient() as client:
        for path in ("/status", "/cookie"):
            assert client.get(server.url + path).status == 500
            assert ended.get(timeout=WAIT) in {"ConnectionError", "CancelledError"}
    assert "status 799: an answer's status is 200 to 599" in caplog.text
    assert "never retrieved" not in caplog.text
