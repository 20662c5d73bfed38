"""What the engine gives an ASGI application as `receive` and `send`: to be used as an AsgiExchange's, also after the answer."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import ExitStack, aclosing
from typing import Any

import anyio
import pytest
from tests.adapters.support import body, start
from tests.server.support import WAIT, Peer, request

from hospes.adapters import from_asgi
from hospes.adapters.asgi import Receive, Scope, Send
from hospes.errors import HttpError
from hospes.server import Server, ServerOptions
from hospes.server.carriers import ENGINE

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from tests.engine.test_asgi import TYPE, exchanged, interrupted, staged


def probing(probe: Callable[[Receive, Send], Awaitable[None]]) -> tuple[list[bytes], list[BaseException]]:
    """Have an application look at what it is given, on both servers; what they answered, and what it raised."""
    raised: list[BaseException] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/script":
            try:
                await probe(receive, send)
            except BaseException as error:
                raised.append(error)
                raise
        else:
            await send(start(200, TYPE))
            await send(body(b"last"))

    with staged(application) as stage:
        said: list[bytes] = []
        for port in stage.ports:
            assert exchanged(port, b"").endswith(b"last")
            said.append(exchanged(port, request("/script")))
    return said, raised


def agreed(probe: Callable[[Receive, Send], Awaitable[None]]) -> bytes:
    """What both servers answered; nothing was raised."""
    said, raised = probing(probe)
    assert not raised
    assert said[0] == said[1]
    return said[0]


def test_they_are_coroutine_functions() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        for each, arguments in ((receive, ()), (send, (start(),))):
            asks = inspect.iscoroutinefunction if hasattr(inspect, "markcoroutinefunction") else asyncio.iscoroutinefunction  # pyright: ignore[reportDeprecated]
            assert asks(each)
            said = each(*arguments)
            assert inspect.iscoroutine(said)
            assert asyncio.iscoroutine(said)
            assert inspect.isawaitable(said)
            assert isinstance(said, Coroutine)
            assert said.__qualname__ == f"AsgiExchange.{'send' if arguments else 'receive'}"
            assert not said.cr_running
            assert not hasattr(said, "other")
            await said
        await send(body(b"done"))

    assert b"done" in agreed(probe)


def test_they_do_nothing_until_they_are_awaited() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        second, first = send(body(b"done")), send(start())
        await first
        await second

    assert b"done" in agreed(probe)


def test_they_are_awaited_once() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        for said in (receive(), send(start()), send(body(b"done", True)), send(body())):
            await said
            with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
                await said

    assert b"done" in agreed(probe)


def test_they_run_in_tasks() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        async with asyncio.timeout(WAIT):
            await asyncio.create_task(send(start()))  # type: ignore[arg-type]
            message = await asyncio.wait_for(receive(), WAIT)
            await asyncio.gather(send(body(b"done", True)), send(body(repr(message).encode())))

    assert b"done" in agreed(probe)


def test_task_groups_and_scopes_of_others() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:  # that insists on coroutines
            group.start_soon(receive)  # type: ignore[arg-type]
            group.start_soon(send, start())  # type: ignore[arg-type]
        with anyio.CancelScope() as scope:
            scope.cancel()
            await receive()
        assert scope.cancelled_caught
        await send(body(b"done"))

    assert b"done" in agreed(probe)


def test_they_can_be_closed_and_thrown_into() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        closed: Any = send(start())
        closed.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await closed
        thrown: Any = receive()
        with pytest.raises(ArithmeticError):
            thrown.throw(ArithmeticError())
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            thrown.throw(ArithmeticError())
        await receive()
        waiting: Any = receive()
        assert waiting.send(None) is not None
        assert not waiting.cr_running
        assert waiting.cr_frame is not None
        with pytest.raises(ArithmeticError):
            waiting.throw(ArithmeticError)
        waiting = receive()
        waiting.send(None)
        waiting.close()
        with pytest.raises(StopIteration):
            next(send(start()).__await__())
        await send(body(b"done"))

    assert b"done" in agreed(probe)


def test_one_that_is_not_awaited_is_warned_of() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        with warnings.catch_warnings(record=True) as caught:  # all threads': no other one is at work
            warnings.simplefilter("always")
            receive()
            send(body(b"never"))
            gc.collect()
        assert [str(each.message) for each in caught] == [
            "coroutine 'AsgiExchange.receive' was never awaited",
            "coroutine 'AsgiExchange.send' was never awaited",
        ]
        await send(start())
        await send(body(b"done"))

    assert b"done" in agreed(probe)


def test_after_the_answer() -> None:
    kept: list[tuple[Receive, Send]] = []
    told: list[object] = []

    async def probe(receive: Receive, send: Send) -> None:
        if kept:
            for old_receive, old_send in kept:
                told.append(await old_receive())
                for message in (start(), {"type": "other"}):
                    with pytest.raises(RuntimeError) as error:
                        await old_send(message)
                    told.append(str(error.value))
                told.append(await old_receive())
        kept.append((receive, send))
        await send(start())
        await send(body(b"done"))

    for _ in range(2):
        assert b"done" in agreed(probe)
    gone = {"type": "http.disconnect"}
    late = [f"the ASGI application sent {what!r} after its answer was complete" for what in ("http.response.start", "other")]
    assert told[:4] == [gone, *late, gone]
    assert told == told[:4] * (len(told) // 4)


def test_an_application_that_goes_on_after_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def probe(receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"done"))
        assert await receive() == {"type": "http.disconnect"}
        await asyncio.sleep(0)
        raise ArithmeticError("late")

    caplog.set_level(logging.ERROR, "hospes.adapters")
    said, raised = probing(probe)
    assert said[0] == said[1]
    assert b"done" in said[0]
    assert [str(each) for each in raised] == ["late", "late"]
    assert [each.getMessage() for each in caplog.records] == [
        "<Request GET /script>: the ASGI application failed after its answer"
    ] * 2


def test_other_kinds_of_applications() -> None:
    async def play(send: Send) -> None:
        await send(start())
        await send(body(b"done"))

    class Waits:
        """Not a coroutine, but awaitable."""

        def __init__(self, send: Send) -> None:
            self.send = send

        def __await__(self) -> Generator[Any, None, None]:
            return play(self.send).__await__()

    kinds: list[tuple[Callable[[Send], Any], bool]] = [(play, True), (Waits, True), (lambda send: None, False)]
    for kind, answers in kinds:

        def application(scope: Scope, receive: Receive, send: Send) -> Any:
            return kind(send)  # noqa: B023  # it is called before the next one is

        with staged(application) as stage:
            said = {exchanged(port, request("/script")) for port in stage.ports for _ in range(2)}
        assert len(said) == 1
        assert (b"done" in said.pop()) is answers


def test_a_peer_that_goes_while_the_application_waits() -> None:
    heard: list[object] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/script":
            await receive()
            heard.append(await receive())
            await send(start())
            with pytest.raises(OSError, match="the peer has gone"):
                await send(body())
        else:
            await send(start())
            await send(body(b"last"))

    with staged(application) as stage:
        for number, port in enumerate(stage.ports, 1):
            exchanged(port, b"")
            with Peer(port) as peer:
                peer.send(request("/script"))
            for _ in range(2):
                exchanged(port, b"")
            with ExitStack() as stack:
                while len(heard) < number:
                    stack.enter_context(Peer(port)).send(request("/last"))
    assert heard == [{"type": "http.disconnect"}] * 2


def test_the_state_of_its_life() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["count"] = [0]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        scope["state"]["count"][0] += 1
        scope["state"]["other"] = 1
        await send(start())
        await send(body(b"%d %d" % (scope["state"]["count"][0], len(scope["state"]))))

    async def run() -> None:
        hosted = from_asgi(application)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOSPES_CARRIER", ENGINE)
            async with hosted.running():
                server = Server(hosted, ServerOptions(port=0))
                await server.start()
                said = await asyncio.to_thread(exchanged, server.address[1], request("/script") * 3)
                await server.stop(0)
        for number in range(1, 5):
            assert b"\r\n\r\n%d 2" % number in said

    asyncio.run(run())


def test_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/script":
            raise KeyboardInterrupt
        await send(start())
        await send(body(b"last"))

    monkeypatch.setenv("HOSPES_CARRIER", ENGINE)
    interrupted(from_asgi(application, lifespan="off"))


def test_what_an_application_refuses_with() -> None:
    async def probe(receive: Receive, send: Send) -> None:
        raise HttpError(418, "short and stout")

    said, raised = probing(probe)
    assert said[0] == said[1]
    assert said[0].startswith(b"HTTP/1.1 418 ")
    assert len(raised) == 2


def test_generators_in_between() -> None:
    async def pieces(receive: Receive) -> AsyncGenerator[bytes]:
        while (message := await receive())["type"] == "http.request":
            yield message["body"] or b"done"
            if not message["more_body"]:
                return

    async def probe(receive: Receive, send: Send) -> None:
        await send(start())
        async with aclosing(pieces(receive)) as each:
            async for piece in each:
                await send(body(piece, True))
        await send(body())

    assert b"done" in agreed(probe)
