"""Where functions run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes.app.threads import LentThread, Threads, lent_thread
from hospes.compat.simple_http_server import (
    FilterContext,
    Response,
    error_message,
    model_binding,
    request_filter,
    route,
)
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.models.model_bindings import ModelBinding
from hospes.compat.simple_http_server.modes import InThreads, OnLoop, finished
from hospes.errors import HttpError
from hospes.execution import PoolSaturated, ThreadPool
from hospes.http.asking import running_loop

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value, WHO.get()


def test_a_value_is_what_it_is() -> None:
    assert finished(3) == 3


def test_what_is_to_be_awaited_has_a_loop_of_its_own() -> None:
    assert running_loop() is None
    WHO.set("me")
    assert finished(later(3)) == (3, "me")
    with pytest.raises(ValueError, match="no"):
        finished(later(ValueError("no")))

    class Awaited:
        def __await__(self) -> Any:
            return later(4).__await__()

    made: Awaitable[Any] = Awaited()
    assert finished(made) == (4, "me")


def test_where_a_loop_runs_it_has_another_one() -> None:
    async def outer() -> Any:
        WHO.set("outer")
        with pytest.raises(ValueError, match="no"):
            finished(later(ValueError("no")))
        return running_loop(), finished(inner())

    async def inner() -> Any:
        return running_loop(), threading.current_thread(), WHO.get()

    loop, (other, thread, who) = asyncio.run(outer())
    assert loop is not other
    assert thread is not threading.current_thread()
    assert who == "outer"


def test_modes() -> None:
    async def main() -> None:
        here = threading.current_thread()
        on_loop, in_threads = OnLoop(), InThreads()
        pool = ThreadPool(1)
        in_threads.threads = Threads(pool)

        async def where() -> Any:
            return threading.current_thread(), running_loop()

        assert await on_loop.call(threading.current_thread) is here
        assert await on_loop.call(where) == (here, running_loop())
        assert await in_threads.call(threading.current_thread) is not here
        thread, loop = await in_threads.call(where)
        assert thread is not here
        assert loop is not running_loop()
        assert await in_threads.call(max, 1, 2) == await on_loop.call(max, 1, 2) == 2
        await pool.close(1)

    asyncio.run(main())


def test_who_writes_holds_nobodys_thread() -> None:
    async def main() -> None:
        on_loop, in_threads = OnLoop(), InThreads()
        pool = ThreadPool(1)
        in_threads.threads = Threads(pool)
        abandoned: list[str] = []
        begun, on = threading.Event(), threading.Event()

        def give_up() -> None:
            abandoned.append("given up")
            on.set()

        def work() -> None:
            begun.set()
            on.wait(10)

        async def cancelled(mode: InThreads) -> None:
            begun.clear()
            on.clear()
            task = asyncio.ensure_future(mode.call_long(work, give_up))
            await asyncio.to_thread(begun.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        def in_pool() -> str:
            return threading.current_thread().name

        assert await on_loop.call_long(threading.current_thread, give_up) is threading.current_thread()
        usual = await in_threads.call_long(in_pool, give_up)
        await cancelled(in_threads)
        lent_thread.set(LentThread())
        WHO.set("apart")
        assert await in_threads.call_long(in_pool, give_up) != usual
        assert await in_threads.call_long(WHO.get, give_up) == "apart"
        with pytest.raises(ZeroDivisionError):
            await in_threads.call_long(lambda: 1 // 0, give_up)
        await cancelled(in_threads)
        assert abandoned == ["given up", "given up"]
        await pool.close(1)

    asyncio.run(main())


class Made:
    """Made by a binding, which notes where."""

    def __init__(self, where: str) -> None:
        self.where = where


class MadeLater(Made):
    """The same, by an async one."""


def declare_functions(where: Callable[[], str]) -> None:
    """One of each kind; each answers with where it runs."""

    @route("/handler")
    def handler() -> str:
        return where()

    @route("/async-handler")
    async def async_handler() -> str:
        return where()

    @request_filter("/filter")
    def filter(ctx: FilterContext) -> None:
        ctx.response.body = where()
        ctx.response.send_response()

    @request_filter("/async-filter")
    async def async_filter(ctx: FilterContext) -> None:
        ctx.response.body = where()
        ctx.response.send_response()

    @error_message(402)
    def error(code: int) -> Any:
        return 200, where()

    @error_message(403)
    async def async_error(code: int) -> Any:
        return 200, where() + " "

    @route("/error")
    def raises() -> None:
        raise HttpError(402)

    @route("/async-error")
    def raises_another() -> None:
        raise HttpError(403)


def declare_objects(where: Callable[[], str]) -> None:
    """Bindings and a class, whose objects note where they were made."""

    @model_binding(Made)
    class Binding(ModelBinding):
        def bind(self) -> Made:
            return Made(where())

    @model_binding(MadeLater)
    class AsyncBinding(ModelBinding):
        async def bind(self) -> MadeLater:
            return MadeLater(where())

    route("/binding")(lambda made=Made(""): made.where)  # noqa: B008 (the README's form)
    route("/async-binding")(lambda made=MadeLater(""): made.where)  # noqa: B008

    class PerRequest:
        def __init__(self) -> None:
            self.where = where()

        @route("/constructor")
        def show(self) -> str:
            return self.where

        @route("/sending-constructor")
        async def send(self, res: Response) -> None:
            res.body = self.where
            res.send_response()

    assert PerRequest is not None


@pytest.mark.parametrize("on_loop", BOTH)
def test_where_each_kind_of_function_runs(conf: AppConf, on_loop: bool) -> None:
    here = threading.current_thread()

    def where() -> str:
        return "loop" if threading.current_thread() is here else "thread"

    declare_functions(where)
    declare_objects(where)
    kinds = ["handler", "filter", "error", "binding"]
    with asked(conf, on_loop) as client:
        for kind in [*kinds, *(f"async-{each}" for each in kinds), "constructor", "sending-constructor"]:
            answer = client.get(f"/{kind}")
            assert (kind, answer.status, answer.text) == (kind, 200, "loop" if on_loop else "thread")


def test_an_error_handler_for_want_of_threads(conf: AppConf) -> None:
    @error_message("503")
    def busy() -> str:
        return "never: there is no thread for it"

    @route("/")
    def home() -> None:
        raise PoolSaturated(50, 1)

    with asked(conf) as client:
        assert client.get("/").json()["code"] == 503
