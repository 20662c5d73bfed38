"""What is written piece by piece."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH
from tests.server.support import WAIT, Peer

from hospes.compat.simple_http_server import Response, route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.compat.simple_http_server.streaming import MOST, Pieces, Written, sent_early


async def taken(write: Callable[[Pieces], Any]) -> list[bytes]:
    """The pieces that an async function writes."""
    pieces = Pieces()
    work = asyncio.ensure_future(write(pieces))
    if await sent_early(pieces, work, lambda: "early") != "early":
        return []
    return [piece async for piece in pieces.stream()]


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
        assert written == [0], "one may wait, and one be on its way"
        assert sum([len(piece) async for piece in pieces.stream()]) == 4 * MOST

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
        stream = pieces.stream()
        assert await anext(stream) == b"a"
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator
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
        assert [piece async for piece in pieces.stream()] == [b"a"]
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
