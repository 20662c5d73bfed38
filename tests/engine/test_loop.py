"""The loop that lets an engine wait: whatever is there for the loop ends the waiting, and other loops serve as well."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.events import _set_running_loop as set_running_loop  # what loops say when they run
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from tests.server.support import GET, Peer, plain

from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Timeouts
from hospes.server import Server, ServerOptions

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from hospes.engine._core import Engine
from hospes.engine.carrier import EngineCarrier
from hospes.engine.loop import Loop, Turns


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "engine")


@pytest.fixture
def loop() -> Generator[Loop]:
    made = Loop()
    yield made
    made.close()


@contextmanager
def serving(loop: asyncio.AbstractEventLoop, handler: Handler) -> Generator[Server]:
    async def start() -> Server:
        server = Server(handler, ServerOptions(port=0, timeouts=Timeouts(drain=0.5, linger=0.1)))
        await server.start()
        return server

    server = loop.run_until_complete(start())
    try:
        yield server
    finally:
        loop.run_until_complete(server.stop())


@contextmanager
def warm(loop: Loop, handler: Handler) -> Generator[Server]:
    """Serve, after a first answer: what is made once is made by then, and the loop has nothing to do."""
    asked = False

    def handle(request: Request) -> Any:
        nonlocal asked
        asked, first = True, not asked
        return Response("warm") if first else handler(request)

    with serving(loop, handle) as server:
        assert answered(loop, server) == [b"warm"]
        loop.run_until_complete(asyncio.sleep(0.001))
        yield server


def engine_of(server: Server) -> Engine:
    carrier: object = server._carrier  # pyright: ignore[reportPrivateUsage]
    assert isinstance(carrier, EngineCarrier)
    return carrier._engine  # pyright: ignore[reportPrivateUsage]


def answered(loop: asyncio.AbstractEventLoop, *servers: Server) -> list[bytes]:
    """What the servers answer, while the loop runs."""

    def ask(server: Server) -> bytes:
        with Peer(server.address[1]) as peer:
            peer.send(GET)
            return peer.get().content

    async def all_of_them() -> list[bytes]:
        return [await asyncio.to_thread(ask, server) for server in servers]

    return loop.run_until_complete(all_of_them())


def running(loop: asyncio.AbstractEventLoop, call: Callable[[], bool]) -> bool:
    """What a call gives that the loop makes, as it does when it waits."""
    set_running_loop(loop)
    try:
        return call()
    finally:
        set_running_loop(None)


# What ends a turn, by the engine itself. A turn that did not end would wait for ever.


def turn(loop: Loop, handler: Callable[[], object], timers: list[Any]) -> bool:
    """One turn that begins when requests are there, and without a bound; the handler has to end it."""

    async def handle(request: Request) -> Response:
        handler()
        return Response("done")

    with warm(loop, handle) as server, Peer(server.address[1]) as peer:
        peer.send(GET)
        foreign = running(loop, lambda: engine_of(server).turn(None, timers))
        assert peer.get().content == b"done"
        return foreign


def test_a_handle_that_waits_ends_a_turn(loop: Loop) -> None:
    said: list[str] = []
    assert not turn(loop, lambda: loop.call_soon(said.append, "soon"), [])
    assert said == ["soon"]  # when the loop ran to stop the server


def test_a_timer_that_has_become_the_next_ends_a_turn(loop: Loop) -> None:
    timers = [2.0]
    assert not turn(loop, lambda: timers.insert(0, 1.0), timers)
    assert not turn(loop, timers.clear, timers)
    assert not turn(loop, lambda: timers.append(1.0), timers)


@pytest.mark.parametrize("count", [63, 64, 65])
def test_many_timers_end_a_turn_though_the_next_one_is_the_same(loop: Loop, count: int) -> None:
    timers: list[Any] = [1.0]

    def ask_again(peer: Peer) -> None:
        peer.get()
        peer.send(GET)

    async def handle(request: Request) -> Response:
        if len(timers) == 1:
            timers.extend([2.0] * count)
        else:
            timers.insert(0, 0.5)
        return Response("done")

    with warm(loop, handle) as server, Peer(server.address[1]) as peer, ThreadPoolExecutor() as thread:
        peer.send(GET)
        second = thread.submit(ask_again, peer)
        assert not running(loop, lambda: engine_of(server).turn(None, timers))
        assert timers[0] == (0.5 if count <= 64 else 1.0)
        second.result()
        loop.run_until_complete(asyncio.sleep(0.001))
        assert peer.get().content == b"done"


def test_what_is_left_ends_a_turn(loop: Loop) -> None:
    said: list[str] = []

    async def handle(request: Request) -> Response:
        engine_of(server).leave()
        said.append("left")
        return Response("done")

    with warm(loop, handle) as server, Peer(server.address[1]) as peer:
        peer.send(GET)
        assert not running(loop, lambda: engine_of(server).turn(None, []))
    assert said == ["left"]


def test_a_time_that_is_over_ends_a_turn(loop: Loop) -> None:
    with warm(loop, plain) as server:
        assert not engine_of(server).turn(0.001, [])
        assert not engine_of(server).turn(-1, [])


def test_a_descriptor_of_the_loops_own_ends_a_turn(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    said: list[bytes] = []
    with ours, theirs, warm(loop, plain) as server:
        ours.setblocking(False)
        loop.add_reader(ours, lambda: said.append(ours.recv(1)))
        theirs.send(b"a")
        assert running(loop, lambda: engine_of(server).turn(None, []))
        assert engine_of(server).turn(0, [])
        assert said == []  # the loop calls it, and not the engine
        loop.run_until_complete(asyncio.sleep(0.001))
        assert said == [b"a"]
        loop.remove_reader(ours)


def test_what_is_there_comes_before_what_happens(loop: Loop) -> None:
    order: list[str] = []

    async def handle(request: Request) -> Response:
        order.append("a request")
        return Response("done")

    with warm(loop, handle) as server, Peer(server.address[1]) as peer:
        peer.send(GET)
        loop.call_soon(order.append, "a handle")
        loop.run_until_complete(asyncio.sleep(0.001))
        assert peer.get().content == b"done"
    assert order == ["a handle", "a request"]


# The loop.


def test_a_handlers_timers_handles_and_threads_are_heard(loop: Loop) -> None:
    async def handle(request: Request) -> Response:
        running = asyncio.get_running_loop()
        came = [asyncio.Event() for _ in range(3)]
        running.call_later(0.001, came[0].set)
        running.call_soon(came[1].set)
        running.run_in_executor(None, running.call_soon_threadsafe, came[2].set)
        for each in came:
            await each.wait()
        async with asyncio.timeout(20):
            await asyncio.sleep(0.001)
        return Response("heard")

    with serving(loop, handle) as server:
        assert answered(loop, server) == [b"heard"]


def test_stop_is_heard_in_a_turn(loop: Loop) -> None:
    async def handle(request: Request) -> Response:
        loop.stop()
        return Response("stopped")

    with serving(loop, handle) as server, Peer(server.address[1]) as peer:
        peer.send(GET)
        loop.run_forever()
        assert peer.get().content == b"stopped"


def test_stop_without_an_engine(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_interrupts_a_handler_ends_the_loop(loop: Loop, error: type[BaseException]) -> None:
    def handle(request: Request) -> Response:
        raise error

    with serving(loop, handle) as server, Peer(server.address[1]) as peer:
        peer.send(GET)
        with pytest.raises(error):
            loop.run_forever()


def test_a_signal_is_heard_while_the_engine_waits(loop: Loop) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with serving(loop, plain):
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)  # again and again: the first may come before the waiting
            with pytest.raises(KeyboardInterrupt):
                loop.run_forever()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_a_signal_by_the_loops_own_way(loop: Loop) -> None:
    with serving(loop, plain):
        loop.add_signal_handler(signal.SIGUSR2, loop.stop)
        loop.call_later(0.001, os.kill, os.getpid(), signal.SIGUSR2)
        loop.run_forever()
        assert loop.remove_signal_handler(signal.SIGUSR2)


def test_one_engine_waits_and_another_is_watched(loop: Loop) -> None:
    with serving(loop, lambda request: Response("second")) as second:
        with serving(loop, lambda request: Response("first")) as first:
            assert answered(loop, first, second, first) == [b"first", b"second", b"first"]
        assert answered(loop, second) == [b"second"]
        with serving(loop, lambda request: Response("third")) as third:
            assert answered(loop, third, second) == [b"third", b"second"]


def test_the_engine_that_waits_may_go_first(loop: Loop) -> None:
    first, second = serving(loop, lambda request: Response("first")), serving(loop, lambda request: Response("second"))
    with first as going, second as staying:
        loop.run_until_complete(going.stop())
        assert answered(loop, staying) == [b"second"]


def test_a_loop_to_be_debugged_calls_the_engine_itself(loop: Loop) -> None:
    loop.set_debug(True)
    loop.slow_callback_duration = 20
    with serving(loop, plain) as server:
        assert not loop.end_turns(engine_of(server))
        assert len(answered(loop, server)) == 1


def test_a_loop_that_keeps_its_handles_otherwise_calls_the_engine_itself() -> None:
    class Other:
        _ready = ()
        _scheduled: tuple[()] = ()

        def get_debug(self) -> bool:
            return False

    turns = Turns()
    loop: Any = Other()
    engine: Any = None
    assert not turns.begin(loop, engine)
    turns.close()


def test_what_fails_in_a_turn_is_reported(loop: Loop) -> None:
    class Failing:
        polling = False

        def begin_turns(self, foreign: int, handles: object) -> None:
            pass

        def turn(self, timeout: float | None, timers: list[Any]) -> bool:
            raise ValueError("for the test")

    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: told.append(context))
    failing: Any = Failing()
    assert loop.begin_turns(failing)
    loop.run_until_complete(asyncio.sleep(0))
    assert loop.end_turns(failing)
    assert str(told[0]["exception"]) == "for the test"
    assert told[0]["message"] == "a turn of the engine failed"


def test_a_loop_that_a_program_brings() -> None:
    uvloop = pytest.importorskip("uvloop", reason="platform: uvloop is not installed")
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    try:
        with serving(loop, lambda request: Response("uvloop")) as server:
            assert answered(loop, server) == [b"uvloop"]
    finally:
        loop.close()


def test_a_loop_inside_of_the_loop_waits_for_itself(loop: Loop) -> None:
    """As programs do it that make asyncio take a second one."""
    said: list[str] = []

    async def handle(request: Request) -> Response:
        while getattr(loop, "_ready"):  # noqa: B009 (what the step outside is to run yet must not be run by the one inside)
            await asyncio.sleep(0)
        loop.call_later(0, said.append, "a timer")
        step: Callable[[], Awaitable[None]] = getattr(loop, "_run_once")  # noqa: B009
        loop.call_soon(said.append, "inside")
        step()
        return Response("done")

    with serving(loop, handle) as server:
        assert answered(loop, server) == [b"done"]
    assert said == ["inside", "a timer"]
