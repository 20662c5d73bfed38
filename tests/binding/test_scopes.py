"""Scopes: the order of cleaning up, failures in it, streams, visitors, generators in tasks of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from tests.binding.making import finish, request

from hospes.binding.scopes import (
    Keeper,
    RequestScope,
    Scope,
    Visitors,
    end_async_generator,
    end_generator,
    never_yielded,
    note_failure,
)
from hospes.errors import HttpError
from hospes.http.content import Stream
from hospes.http.response import Response

place: ContextVar[str] = ContextVar("place", default="nowhere")


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


class Log(list[Any]):
    """Notes who was cleaned up, and with which error."""

    def clean_up(self, name: str, failure: Exception | None = None) -> Any:
        async def clean_up(error: BaseException | None) -> None:
            self.append((name, error))
            if failure is not None:
                raise failure

        return clean_up


def test_the_last_is_cleaned_up_first_whatever_fails() -> None:
    log, scope, error = Log(), Scope(), KeyError("x")
    first, second = ValueError("first"), ValueError("second")
    scope.on_close(log.clean_up("a", first))
    scope.on_close(log.clean_up("b"))
    scope.on_close(log.clean_up("c", second))
    with pytest.raises(ExceptionGroup) as caught:
        run(scope.close(error))
    assert caught.value.exceptions == (second, first)
    assert log == [("c", error), ("b", error), ("a", error)]
    run(scope.close())
    assert len(log) == 3


def test_one_failure_is_raised_as_it_is() -> None:
    log, scope = Log(), Scope()
    scope.on_close(log.clean_up("a", ValueError("only")))
    with pytest.raises(ValueError, match="only"):
        run(scope.close())


def test_a_request_has_one_scope() -> None:
    on = request()
    assert RequestScope.of(on) is RequestScope.of(on)


@pytest.mark.parametrize(("status", "noted"), [(200, False), (404, False), (500, False), (404, True)])
def test_a_request_ends_with_its_answer(status: int, noted: bool) -> None:
    async def scenario() -> None:
        on, log, error = request(), Log(), KeyError("handler")
        RequestScope.of(on).on_close(log.clean_up("a"))
        if noted:
            note_failure(on, error)
        await finish(on, Response("x", status))
        seen = log[0][1]
        if noted:
            assert seen is error
        elif status >= 500:
            assert isinstance(seen, HttpError)
            assert seen.code == status
        else:
            assert seen is None

    run(scenario())


async def pieces(log: list[Any]) -> AsyncIterator[bytes | str]:
    try:
        yield b"1"
        yield b"2"
    finally:
        log.append("source ended")


async def broken() -> AsyncIterator[bytes | str]:
    yield b"1"
    raise KeyError("stream")


def test_a_streamed_answer_keeps_the_scope_until_its_end() -> None:
    async def scenario() -> None:
        on, log = request(), Log()
        RequestScope.of(on).on_close(log.clean_up("a"))
        response = await finish(on, Response(pieces(log)))
        assert isinstance(response.content, Stream)
        got: list[bytes] = []
        async for each in response.content:
            got.append(each)
            assert log == []
        assert got == [b"1", b"2"]
        assert log == ["source ended", ("a", None)]

    run(scenario())


@pytest.mark.parametrize("started", [True, False])
def test_a_stream_that_is_given_up_ends_the_scope_too(started: bool) -> None:
    async def scenario() -> None:
        on, log = request(), Log()
        RequestScope.of(on).on_close(log.clean_up("a"))
        response = await finish(on, Response(pieces(log)))
        assert isinstance(response.content, Stream)
        if started:
            iterator = response.content.source.__aiter__()  # type: ignore[union-attr]  # it is an async one
            await iterator.__anext__()
        await response.content.aclose()
        assert log == (["source ended"] if started else []) + [("a", None)]

    run(scenario())


def test_a_stream_that_fails_tells_the_scope() -> None:
    async def scenario() -> None:
        on, log = request(), Log()
        RequestScope.of(on).on_close(log.clean_up("a"))
        response = await finish(on, Response(broken()))
        assert isinstance(response.content, Stream)
        with pytest.raises(KeyError) as caught:
            async for _ in response.content:
                pass
        assert log == [("a", caught.value)]

    run(scenario())


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def closed_tasks() -> None:
    """Let the tasks run that close visitors."""
    others = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
    await asyncio.gather(*others)


def test_visitors_go_when_they_have_been_idle() -> None:
    async def scenario() -> None:
        clock, log = Clock(), Log()
        visitors = Visitors(10, 100.0, clock)
        first = visitors.enter("a")
        first.on_close(log.clean_up("a"))
        first.users -= 1
        clock.now = 100.0
        assert visitors.enter("b") is visitors.enter("b")
        await closed_tasks()
        assert log == []
        clock.now = 100.5
        visitors.enter("c")
        await closed_tasks()
        assert log == [("a", None)]
        assert len(visitors) == 2

    run(scenario())


@pytest.mark.parametrize(("count", "left"), [(2, 2), (3, 3), (4, 3)])
def test_visitors_are_bounded(count: int, left: int) -> None:
    async def scenario() -> None:
        visitors = Visitors(3, 100.0, Clock())
        for index in range(count):
            visitors.enter(index).users -= 1
        assert len(visitors) == left
        await closed_tasks()

    run(scenario())


def test_visitors_in_use_stay() -> None:
    async def scenario() -> None:
        clock, log = Clock(), Log()
        visitors = Visitors(1, 1.0, clock)
        used = visitors.enter("a")
        used.on_close(log.clean_up("a", ValueError("late")))
        clock.now = 50.0
        visitors.enter("b").users -= 1
        await closed_tasks()
        assert log == []
        assert len(visitors) == 2
        with pytest.raises(ExceptionGroup):
            await visitors.close()
        assert len(visitors) == 0
        assert log == [("a", None)]

    run(scenario())


def generator(log: list[Any], swallow: bool = False, again: bool = False) -> Generator[str, None, None]:
    try:
        yield "object"
    except KeyError as error:
        log.append(error)
        if not swallow:
            raise
    log.append("end")
    if again:
        yield "again"


async def async_generator(log: list[Any], swallow: bool = False, again: bool = False) -> AsyncGenerator[str, None]:
    try:
        yield "object"
    except KeyError as error:
        log.append(error)
        if not swallow:
            raise
    log.append("end")
    if again:
        yield "again"


@pytest.mark.parametrize("swallow", [True, False])
@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
def test_generators_see_the_error(is_async: bool, failed: bool, swallow: bool) -> None:
    async def scenario() -> None:
        log: list[Any] = []
        error = KeyError("x") if failed else None
        if is_async:
            slow = async_generator(log, swallow)
            await slow.__anext__()
            await end_async_generator(slow, error)
        else:
            quick = generator(log, swallow)
            next(quick)
            await end_generator(quick, error)
        assert log == ([error] if failed else []) + (["end"] if swallow or not failed else [])

    run(scenario())


@pytest.mark.parametrize("is_async", [True, False])
def test_generators_that_yield_again_or_fail(is_async: bool) -> None:
    async def end(again: bool, error: BaseException | None) -> None:
        if is_async:
            slow = async_generator([], again=again)
            await slow.__anext__()
            await end_async_generator(slow, error)
        else:
            quick = generator([], again=again)
            next(quick)
            await end_generator(quick, error)

    with pytest.raises(RuntimeError, match=r"generator\(\) yields more than once"):
        run(end(True, None))

    async def failing() -> None:
        async def slow() -> AsyncGenerator[int, None]:
            yield 1
            raise ValueError("in clean-up")

        def quick() -> Generator[int, None, None]:
            yield 1
            raise ValueError("in clean-up")

        if is_async:
            made = slow()
            await made.__anext__()
            await end_async_generator(made, None)
        else:
            started = quick()
            next(started)
            await end_generator(started, None)

    with pytest.raises(ValueError, match="in clean-up"):
        run(failing())


def test_a_keeper_runs_all_of_a_generator_in_one_task() -> None:
    tasks: list[Any] = []

    async def kept() -> AsyncGenerator[str, None]:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(60), asyncio.TaskGroup():
            yield place.get()
        tasks.append(asyncio.current_task())

    async def scenario() -> None:
        context = copy_context()
        place.set("a request")
        keeper = Keeper(kept(), context)
        assert await keeper.made() == "nowhere"
        await keeper.end()
        assert tasks[0] is tasks[1] is not asyncio.current_task()
        inherits = Keeper(kept())
        assert await inherits.made() == "a request"
        await inherits.end()

    run(scenario())


def test_a_keeper_hands_on_what_fails() -> None:
    async def failing() -> AsyncGenerator[str, None]:
        if not place.get():
            yield ""
        raise ValueError("no database")

    async def empty() -> AsyncGenerator[str, None]:
        if not place.get():
            yield ""

    async def scenario() -> None:
        with pytest.raises(ValueError, match="no database"):
            await Keeper(failing()).made()
        with pytest.raises(RuntimeError, match=r"empty\(\) has ended without a yield"):
            await Keeper(empty()).made()

    run(scenario())


def test_who_gives_up_waiting_ends_the_generator() -> None:
    ended: list[str] = []

    async def slow() -> AsyncGenerator[str, None]:
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            ended.append("ended")

    async def scenario() -> None:
        keeper = Keeper(slow())
        waiting = asyncio.ensure_future(keeper.made())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
        assert ended == ["ended"]

    run(scenario())


def test_names_in_errors() -> None:
    assert str(never_yielded(generator([]))) == "the provider generator() has ended without a yield"
