"""Requests that are given up: who is cancelled lets go of everything, once, and only when the handler has come to its end."""

from __future__ import annotations

import asyncio
import threading
from io import BytesIO
from typing import Any

import pytest
from tests.app.support import PATIENCE, asked, made, until
from tests.app.test_endpoint import KINDS, declare, finisher
from tests.server.support import Peer
from tests.server.support import request as octets

from hospes import App, CallNext, HttpError, Request, Response
from hospes.http.content import FileContent


class Waiting:
    """A handler that waits until it is told to go on, or cancelled."""

    def __init__(self, kind: str, log: list[Any]) -> None:
        self.app = App()
        self.log = log
        self.entered = threading.Event()
        self.gate = threading.Event()
        if kind == "filtered":
            self.app.filter(self.through)
        self.app.get("/")(self.plain if kind in {"pool", "filtered"} else self.coroutine)

    async def through(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    async def coroutine(self, request: Request) -> str:
        request.finish_with(finisher(self.log, "first"))
        request.finish_with(finisher(self.log, "second", ValueError("cleaning up failed")))
        self.entered.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            self.log.append("left")
        return ""

    def plain(self, request: Request) -> Response:
        request.finish_with(finisher(self.log, "first"))
        request.finish_with(finisher(self.log, "second", ValueError("cleaning up failed")))
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        self.log.append("left")
        return Response(FileContent(BytesIO(), 0, 0))


@pytest.mark.parametrize("kind", ["async", "pool", "filtered"])
def test_who_is_cancelled_lets_go(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of everything, whatever fails in it; and only when the handler has come to its end."""
    log: list[Any] = []
    waiting = Waiting(kind, log)

    async def main() -> None:
        async with asked(waiting.app) as ask:
            task = asyncio.create_task(ask(made()))
            await until(waiting.entered.is_set)
            task.cancel()
            await asyncio.sleep(0.01)
            waiting.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert log == ["left", ("second", None), ("first", None)]
    assert "cleaning up after a cancelled request failed" in caplog.text


@pytest.mark.parametrize("kind", ["async", "pool", "filtered"])
def test_a_peer_that_leaves_lets_go(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    log: list[Any] = []
    waiting = Waiting(kind, log)
    with waiting.app.serving() as server:
        with Peer(int(server.url.rpartition(":")[2])) as peer:
            peer.send(octets("/"))
            assert waiting.entered.wait(PATIENCE)
        while server.server.connections:
            pass
        assert kind == "async" or log == []
        waiting.gate.set()
    assert log == ["left", ("second", None), ("first", None)]


def test_cancelled_a_second_time_while_letting_go() -> None:
    app, log = App(), list[Any]()
    entered, letting_go = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def handler(request: Request) -> None:
        async def slow(response: Response | None) -> None:
            letting_go.set()
            await asyncio.sleep(PATIENCE)

        request.finish_with(finisher(log, "first"))
        request.finish_with(slow)
        entered.set()
        await asyncio.sleep(PATIENCE)

    async def main() -> None:
        async with asked(app) as ask:
            task = asyncio.create_task(ask(made()))
            await entered.wait()
            task.cancel()
            await letting_go.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert log == [("first", None)]


@pytest.mark.parametrize("kind", KINDS)
def test_cancelled_while_it_is_finished(kind: str) -> None:
    """What was answered is closed, and the finishers that are left let go."""
    app, log, file = App(), list[Any](), BytesIO()
    entered: list[int] = []

    def handler(request: Request) -> Response:
        async def slow(response: Response | None) -> None:
            entered.append(1)
            await asyncio.sleep(PATIENCE)

        request.finish_with(finisher(log, "first"))
        request.finish_with(slow)
        return Response(FileContent(file, 0, 0))

    declare(app, kind, handler)

    async def main() -> None:
        async with asked(app) as ask:
            task = asyncio.create_task(ask(made()))
            await until(lambda: entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert log == [("first", None)]
    assert file.closed


def test_cancelled_while_an_error_handler_answers() -> None:
    app, log = App(), list[Any]()
    entered = asyncio.Event()

    @app.get("/")
    async def handler(request: Request) -> None:
        request.finish_with(finisher(log, "first"))
        raise HttpError(404)

    @app.error(404)
    async def slow() -> None:
        entered.set()
        await asyncio.sleep(PATIENCE)

    async def main() -> None:
        async with asked(app) as ask:
            task = asyncio.create_task(ask(made()))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert log == [("first", None)]


def test_cancelled_before_a_thread_came_to_it() -> None:
    log: list[Any] = []
    waiting = Waiting("pool", log)
    waiting.app.threads = 1

    async def main() -> None:
        async with asked(waiting.app) as ask:
            first = asyncio.create_task(ask(made()))
            await until(waiting.entered.is_set)
            second = asyncio.create_task(ask(made()))
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert log == []
            first.cancel()
            waiting.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(main())
    assert log.count("left") == 1


def test_a_coroutine_that_is_thrown_away_awaits_nothing() -> None:
    """Where the loop has gone, nothing can be awaited any more."""
    app, log = App(), list[Any]()

    @app.get("/")
    async def handler(request: Request) -> None:
        request.finish_with(finisher(log, "first"))
        await asyncio.get_running_loop().create_future()

    async def main() -> Any:
        async with app.started() as handler:
            coroutine: Any = handler(made())
            coroutine.send(None)
            return coroutine

    asyncio.run(main()).close()
    assert log == []
