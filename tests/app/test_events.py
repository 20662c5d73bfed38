"""Events: their octets, heartbeats, and sources that are closed."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app.support import PATIENCE, made

from hospes import Event, EventStream
from hospes.http.content import Stream


@pytest.mark.parametrize(
    ("event", "octets"),
    [
        (Event("a"), b"data: a\n\n"),
        (Event(""), b"data: \n\n"),
        (Event("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (Event({"a": 1}), b'data: {"a":1}\n\n'),
        (Event(None), b"data: null\n\n"),
        (Event("\u00e9", event="e", id="7", retry=3), "event: e\nid: 7\nretry: 3\ndata: \u00e9\n\n".encode()),
        (Event("x", retry=0), b"retry: 0\ndata: x\n\n"),
    ],
)
def test_octets(event: Event, octets: bytes) -> None:
    assert event.encode() == octets


@given(st.text())
def test_an_event_never_spills_into_the_next(text: str) -> None:
    octets = Event(text).encode()
    assert octets.endswith(b"\n\n")
    assert b"\n\n" not in octets[:-1]
    assert b"\r" not in octets


@pytest.mark.parametrize("arguments", [{"event": "a\nb"}, {"event": "a\rb"}, {"id": "a\0"}, {"id": "a\nb"}, {"retry": -1}])
def test_what_is_no_event(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Event"):
        Event("x", **arguments)


def test_what_is_no_stream() -> None:
    with pytest.raises(TypeError, match="async generator"):
        EventStream([Event("x")])  # type: ignore[arg-type]

    async def source() -> AsyncIterator[str]:
        yield ""

    with pytest.raises(ValueError, match="heartbeat"):
        EventStream(source(), heartbeat=0)


def opened(source: Any, heartbeat: float = PATIENCE) -> Stream:
    response = EventStream(source, heartbeat).respond(made())
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert isinstance(response.content, Stream)
    return response.content


def test_a_source_that_ends() -> None:
    async def source() -> AsyncIterator[object]:
        yield "a"
        yield {"b": 1}
        yield Event("c", event="last")

    async def main() -> None:
        stream = opened(source())
        pieces = [piece async for piece in stream]
        assert pieces == [b"data: a\n\n", b'data: {"b":1}\n\n', b"event: last\ndata: c\n\n"]
        await stream.aclose()

    asyncio.run(main())


def test_silence_is_broken_by_comments() -> None:
    async def main() -> None:
        go_on = asyncio.Event()

        async def source() -> AsyncIterator[str]:
            await go_on.wait()
            yield "a"

        stream = opened(source(), heartbeat=0.001)
        pieces = aiter(stream)
        assert [await anext(pieces), await anext(pieces)] == [b":\n\n", b":\n\n"]
        go_on.set()
        while (piece := await anext(pieces)) == b":\n\n":
            pass
        assert piece == b"data: a\n\n"
        await stream.aclose()

    asyncio.run(main())


def test_the_source_runs_in_one_task_and_may_enter_what_it_likes() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    tasks: set[object] = set()

    async def source() -> AsyncIterator[str]:
        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                for each in "ab":
                    variable.set(variable.get() + 1)
                    tasks.add(asyncio.current_task())
                    yield f"{each}{variable.get()}"
        finally:
            tasks.add(asyncio.current_task())

    async def main() -> None:
        stream = opened(source())
        assert [piece async for piece in stream] == [b"data: a1\n\n", b"data: b2\n\n"]
        await stream.aclose()

    asyncio.run(main())
    assert len(tasks) == 1


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_closing_closes_the_source(taken: int) -> None:
    """Also one that has not begun, if it is more than a generator."""
    log: list[str] = []

    class Source:
        def __init__(self) -> None:
            self.left = ["a", "b", "c"]

        def __aiter__(self) -> Source:
            return self

        async def __anext__(self) -> str:
            log.append("asked")
            return self.left.pop(0)

        async def aclose(self) -> None:
            log.append("closed")

    async def main() -> None:
        stream = opened(Source())
        pieces = aiter(stream)
        for _ in range(taken):
            await anext(pieces)
        await stream.aclose()
        await stream.aclose()

    asyncio.run(main())
    assert "closed" in log
    assert log.count("asked") <= taken + 1


def test_a_source_is_one_event_ahead_at_the_most() -> None:
    given_out: list[int] = []

    async def source() -> AsyncIterator[str]:
        for each in range(10):
            given_out.append(each)
            yield str(each)

    async def main() -> None:
        stream = opened(source())
        pieces = aiter(stream)
        await anext(pieces)
        for _ in range(5):
            await asyncio.sleep(0)
        assert given_out == [0, 1]
        await stream.aclose()

    asyncio.run(main())


def test_a_source_that_waits_is_closed() -> None:
    log: list[str] = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async def main() -> None:
        stream = opened(source())
        pieces = aiter(stream)
        await anext(pieces)
        await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(main())
    assert log == ["closed"]


def test_a_source_that_fails() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"
        raise KeyError("source")

    async def main() -> None:
        stream = opened(source())
        pieces = aiter(stream)
        assert await anext(pieces) == b"data: a\n\n"
        with pytest.raises(KeyError, match="source"):
            await anext(pieces)
        await stream.aclose()

    asyncio.run(main())


def test_a_source_that_fails_in_closing() -> None:
    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            raise KeyError("closing")

    async def main() -> None:
        stream = opened(source())
        await anext(aiter(stream))
        with pytest.raises(KeyError, match="closing"):
            await stream.aclose()

    asyncio.run(main())


def test_a_source_that_is_cancelled_by_itself() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"
        raise asyncio.CancelledError

    async def main() -> None:
        stream = opened(source())
        pieces = aiter(stream)
        await anext(pieces)
        with pytest.raises(RuntimeError, match="was cancelled"):
            await anext(pieces)
        await stream.aclose()

    asyncio.run(main())


def test_data_without_a_json_form() -> None:
    async def source() -> AsyncIterator[object]:
        yield object()

    async def main() -> None:
        stream = opened(source())
        with pytest.raises(TypeError):
            await anext(aiter(stream))
        await stream.aclose()

    asyncio.run(main())


def test_a_source_that_cannot_be_closed() -> None:
    class Source:
        def __aiter__(self) -> Source:
            return self

        async def __anext__(self) -> str:
            raise StopAsyncIteration

    async def main() -> None:
        await opened(Source()).aclose()
        stream = opened(Source())
        assert [piece async for piece in stream] == []

    asyncio.run(main())
