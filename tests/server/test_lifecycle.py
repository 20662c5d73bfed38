"""The life of a server: signals, and threads of host programs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import trustme
from tests.server.support import GET, WAIT, Peer, listens, plain

from hospes.errors import SetupError
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Timeouts
from hospes.server import Server, ServerOptions, ServingThread, Tls, serve


def opened() -> AbstractAsyncContextManager[Handler]:
    """The plain handler, which needs no opening."""
    return nullcontext(plain)


PROGRAM = """
import asyncio, sys, time
from hospes.http.response import Response
from hospes.limits import Timeouts
from hospes.server import ServerOptions, serve

async def waits(request):
    print("waiting", flush=True)
    await asyncio.sleep(60)

def blocks(request):
    print("waiting", flush=True)
    while True:
        time.sleep(0.01)

handler = {"plain": lambda request: Response("hi"), "waits": waits, "blocks": blocks}[sys.argv[1]]
def ready(server):
    print(server.address[1], flush=True)
try:
    sys.exit(asyncio.run(serve(handler, ServerOptions(port=0, timeouts=Timeouts(drain=float(sys.argv[2]))), ready=ready)))
except KeyboardInterrupt:
    sys.exit(99)
"""


class Program:
    """A server in a process of its own."""

    def __init__(self, handler: str, drain: float = 60) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM, handler, str(drain)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=WAIT)
        return self.process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(number: signal.Signals) -> None:
    program = Program("plain")
    with Peer(program.port) as peer:
        peer.send(GET)
        assert peer.get().status == 200
        program.process.send_signal(number)
        assert program.end() == (0, "")
        assert peer.closed()


def test_the_drain_time_ends() -> None:
    program = Program("waits", drain=0.1)
    with Peer(program.port) as peer:
        peer.send(GET)
        assert program.line() == "waiting"
        program.process.send_signal(signal.SIGTERM)
        assert program.end() == (0, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once(number: signal.Signals, status: int) -> None:
    program = Program("waits")
    with Peer(program.port) as peer:
        peer.send(GET)
        assert program.line() == "waiting"
        program.process.send_signal(number)
        while listens(program.port):  # until the first has been heard
            pass
        program.process.send_signal(number)
        assert program.end() == (status, "")


def test_ctrl_c_works_while_a_handler_blocks_the_loop() -> None:
    program = Program("blocks", drain=0.1)
    with Peer(program.port) as peer:
        peer.send(GET)
        assert program.line() == "waiting"
        while program.process.poll() is None:
            program.process.send_signal(signal.SIGINT)
            threading.Event().wait(0.05)
        assert program.end()[0] in {99, -2, 130}


def test_handlers_of_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> int:
        return await serve(plain, ServerOptions(port=0), ready=lambda server: os.kill(os.getpid(), signal.SIGTERM))

    assert asyncio.run(run()) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_within_the_process() -> None:
    async def waits(request: Request) -> Response:
        os.kill(os.getpid(), signal.SIGTERM)
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
        raise AssertionError

    def ready(server: Server) -> None:
        peers.append(Peer(server.address[1]))
        peers[0].send(GET)

    peers: list[Peer] = []
    assert asyncio.run(serve(waits, ServerOptions(port=0), ready=ready)) == 143
    peers[0].sock.close()


def test_impatience_while_the_loop_is_blocked() -> None:
    def blocks(request: Request) -> Response:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError

    def ready(server: Server) -> None:
        peers.append(Peer(server.address[1]))
        peers[0].send(GET)

    peers: list[Peer] = []
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(serve(blocks, ServerOptions(port=0), ready=ready))
    peers[0].sock.close()


def test_serving_on_a_loop_that_runs_already_and_cancelling_it() -> None:
    async def run() -> None:
        ready = asyncio.Event()
        servers: list[Server] = []

        def take(server: Server) -> None:
            servers.append(server)
            ready.set()

        task = asyncio.ensure_future(serve(plain, ServerOptions(port=0), ready=take, signals=False))
        await ready.wait()

        def ask() -> int:
            with Peer(servers[0].address[1]) as peer:
                peer.send(GET)
                return peer.get().status

        assert await asyncio.to_thread(ask) == 200
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not listens(servers[0].address[1])

    asyncio.run(run())


def test_a_program_asks_to_stop() -> None:
    async def run() -> None:
        stop = asyncio.Event()
        servers: list[Server] = []

        def take(server: Server) -> None:
            servers.append(server)
            stop.set()

        assert await serve(plain, ServerOptions(port=0), ready=take, stop=stop) == 0
        assert not listens(servers[0].address[1])

    asyncio.run(run())


def test_outside_of_the_main_thread_no_signals_are_taken() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    async def run() -> None:
        ready = asyncio.Event()
        task = asyncio.ensure_future(serve(plain, ServerOptions(port=0), ready=lambda server: ready.set()))
        await ready.wait()
        seen.append(signal.getsignal(signal.SIGINT))
        task.cancel()
        await asyncio.wait((task,))

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join(WAIT)
    assert seen == [before]


def test_a_setup_error_comes_out_of_serve_and_of_a_threads_start() -> None:
    with ServingThread(opened, ServerOptions(port=0)) as thread:
        taken = ServerOptions(port=thread.server.address[1])
        with pytest.raises(SetupError, match="cannot listen"):
            asyncio.run(serve(plain, taken))
        with pytest.raises(SetupError, match="cannot listen"):
            ServingThread(opened, taken).start()


def test_a_thread_starts_and_stops() -> None:
    thread = ServingThread(opened, ServerOptions(port=0, timeouts=Timeouts(drain=0.1)))
    thread.stop()
    thread.start()
    with Peer(thread.server.address[1]) as peer:
        peer.send(GET)
        assert peer.get().status == 200
        assert thread.url == f"http://127.0.0.1:{thread.server.address[1]}"
        thread.stop()
        thread.stop()
        assert peer.closed()
    assert "hospes-server" not in [each.name for each in threading.enumerate()]


def test_a_thread_opens_what_answers_and_closes_it_in_one_task_of_its_own() -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def watched() -> AsyncIterator[Handler]:
        task = asyncio.current_task()
        seen.extend([threading.current_thread().name, "opened"])
        try:
            yield plain
        finally:
            assert asyncio.current_task() is task
            seen.extend([listens(port), "closed"])

    thread = ServingThread(watched, ServerOptions(port=0))
    with pytest.raises(RuntimeError, match="no server yet"):
        _ = thread.url
    assert seen == []
    with thread:
        port = thread.server.address[1]
        with Peer(port) as peer:
            peer.send(GET)
            assert peer.get().status == 200
    assert seen == ["hospes-server", "opened", False, "closed"]


def test_what_opening_raises_comes_out_of_a_threads_start() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[Handler]:
        if threading.current_thread().name == "hospes-server":
            raise KeyError("no database")
        yield plain

    with pytest.raises(KeyError, match="no database"):
        ServingThread(broken, ServerOptions(port=0)).start()


def test_what_closing_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[Handler]:
        yield plain
        raise KeyError("no database")

    with ServingThread(broken, ServerOptions(port=0)):
        pass
    assert "the server's thread failed" in caplog.text


def test_a_thread_whose_loop_is_blocked_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.server.lifecycle._JOIN", 0.05)
    entered, go_on = threading.Event(), threading.Event()

    def blocks(request: Request) -> Response:
        entered.set()
        assert go_on.wait(WAIT)
        return plain(request)

    thread = ServingThread(lambda: nullcontext(blocks), ServerOptions(port=0))
    thread.start()
    with Peer(thread.server.address[1]) as peer:
        peer.send(GET)
        assert entered.wait(WAIT)
        with pytest.raises(TimeoutError, match="blocks its loop"):
            thread.stop(drain=0.05)
        go_on.set()
        thread.stop()


def test_a_hang_up_has_the_certificate_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    issued = trustme.CA().issue_cert("localhost")
    file = tmp_path / "both.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(file))

    async def run() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()

        async def hang_up_twice() -> None:
            await ready.wait()
            os.kill(os.getpid(), signal.SIGHUP)
            while len(caplog.messages) < 1:
                await asyncio.sleep(0.001)
            file.write_text("no certificate")
            os.kill(os.getpid(), signal.SIGHUP)
            while len(caplog.messages) < 2:
                await asyncio.sleep(0.001)
            stop.set()

        options, hanging_up = ServerOptions(port=0, tls=Tls(str(file))), asyncio.create_task(hang_up_twice())
        assert await serve(plain, options, ready=lambda server: ready.set(), stop=stop) == 0
        await hanging_up

    before = signal.getsignal(signal.SIGHUP)
    asyncio.run(run())
    assert signal.getsignal(signal.SIGHUP) is before
    assert caplog.messages[0] == "certificate and key have been read again"
    assert caplog.messages[1].startswith(f"the certificate stays as it was: Tls(cert={str(file)!r}")


def test_a_hang_up_is_left_alone_where_nothing_is_to_be_read() -> None:
    async def run() -> None:
        stop = asyncio.Event()

        def ready(server: Server) -> None:
            assert signal.getsignal(signal.SIGHUP) is before
            stop.set()

        assert await serve(plain, ServerOptions(port=0), ready=ready, stop=stop) == 0

    before = signal.getsignal(signal.SIGHUP)
    asyncio.run(run())
