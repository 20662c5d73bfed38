"""A time limit: what takes too long is cancelled and answered, and lets go of what it has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from hospes import App, TimeLimit


def test_what_takes_too_long_is_cancelled() -> None:
    app, log = App(store="memory:"), list[str]()
    app.filter("/slow", TimeLimit(0.01))
    app.filter("/quick", TimeLimit(60))

    @app.get("/slow")
    @app.get("/quick")
    async def handler(wait: float = 0) -> str:
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return "in time"

    with app.test() as client:
        answer = client.get("/slow?wait=60")
        assert (answer.status, answer.json()["detail"]) == (503, "This took too long: It was stopped after 0.01 seconds.")
        assert client.get("/quick").text == "in time"
    assert log == ["cancelled"]


def test_a_plain_handler_is_waited_for() -> None:
    app, begun, go_on, log = App(store="memory:"), threading.Event(), threading.Event(), list[str]()
    app.filter(TimeLimit(0.5))

    @app.get("/")
    def handler() -> str:
        begun.set()
        go_on.wait(20)
        log.append("through")
        return "late"

    async def scene() -> None:
        async with app.test() as client:
            asking = asyncio.ensure_future(client.get("/"))
            await asyncio.to_thread(begun.wait, 20)
            await asyncio.sleep(0.6)  # its time is over by then: it began before the handler did
            assert not asking.done()
            go_on.set()
            assert (await asking).status == 503

    asyncio.run(scene())
    assert log == ["through"]


def test_a_handlers_own_time_is_its_own() -> None:
    app = App(store="memory:")
    app.filter(TimeLimit(60))

    @app.get("/")
    async def handler() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            return "mine"
        return ""

    with app.test() as client:
        assert client.get("/").text == "mine"


def test_a_stream_has_begun() -> None:
    app = App(store="memory:")
    app.filter(TimeLimit(0.5))

    @app.get("/")
    async def handler() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.6)
        yield "b"

    with app.test() as client:
        assert client.get("/").text == "ab"


def test_a_timeout_that_is_raised_inside_passes() -> None:
    async def inside(request: object) -> None:
        raise TimeoutError("another one")

    with pytest.raises(TimeoutError, match="another one"):
        asyncio.run(TimeLimit(60)(None, inside))  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_what_is_no_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="a positive number of seconds"):
        TimeLimit(seconds)
