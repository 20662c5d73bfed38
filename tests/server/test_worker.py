"""A worker's side of the line, from within this process; with a foreman it is tested in test_foreman.py."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Generator

import pytest
from tests.server.support import WAIT

from hospes.http.response import Response
from hospes.server.worker import VARIABLE, Worker


@pytest.fixture
def line() -> Generator[tuple[socket.socket, Worker]]:
    """The foreman's end, and a worker at the other one."""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT)
    with ours, theirs:
        yield ours, Worker(theirs)


def test_who_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getppid()
    for value in ("", "3", f"{parent}:", f"{parent}:x", f"{parent + 1}:3"):
        monkeypatch.setenv(VARIABLE, value)
        assert not Worker.is_this_process()
        assert Worker.of_this_process() is None
    ours, theirs = socket.socketpair()
    with ours:
        monkeypatch.setenv(VARIABLE, f"{parent}:{theirs.detach()}")
        worker = Worker.of_this_process()
        assert worker is not None
        assert VARIABLE not in os.environ
        worker.say("hello")
        assert ours.recv(100) == b"hello\n"
        worker.end()
        worker._line.close()


def test_a_worker_whose_foreman_has_died_is_one_still(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        monkeypatch.setenv(VARIABLE, f"{os.getppid() + 1}:{theirs.fileno()}")
        with ours:
            assert not Worker.is_this_process()  # a foreman is there, and it is not this process's
        assert Worker.is_this_process()
        theirs.setblocking(False)  # it is open
    with socket.socket() as other, open(os.devnull) as file:
        for descriptor in (other.fileno(), file.fileno(), 1 << 20):
            monkeypatch.setenv(VARIABLE, f"{os.getppid() + 1}:{descriptor}")
            assert not Worker.is_this_process()


def test_sockets_are_asked_for(line: tuple[socket.socket, Worker]) -> None:
    foreman, worker = line
    with socket.create_server(("127.0.0.1", 0)) as listening:
        socket.send_fds(foreman, [b"+"], [listening.fileno()])
        (descriptor,) = worker.sockets()
        assert foreman.recv(100) == b"listen\n"
        with socket.socket(fileno=descriptor) as got:
            assert got.getsockname() == listening.getsockname()
    worker.end()
    foreman.close()


def test_nobody_there_to_be_asked(line: tuple[socket.socket, Worker]) -> None:
    foreman, worker = line
    foreman.close()
    with pytest.raises(SystemExit, match="the process that started this worker has gone"):
        worker.sockets()
    worker.say("to nobody")


def test_it_serves_until_the_line_ends(line: tuple[socket.socket, Worker], caplog: pytest.LogCaptureFixture) -> None:
    foreman, worker = line
    worker.facts = {"store": "memory:"}
    said: list[bytes] = []

    async def main() -> None:
        stop = asyncio.Event()
        worker.begin(1, stop.set)
        while b"beat\n" not in b"".join(said):
            said.append(await asyncio.to_thread(foreman.recv, 100))
        foreman.close()
        await stop.wait()
        worker.end()

    socket.send_fds(foreman, [b"+"], [])
    worker.sockets()
    assert foreman.recv(100) == b"listen\n"
    asyncio.run(main())
    assert re.fullmatch(rb'ready \{"store": "memory:"\}\n(beat\n)+', b"".join(said))
    assert "it finishes what is under way" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "hospes-worker":
            thread.join(WAIT)


def test_requests_are_counted(line: tuple[socket.socket, Worker]) -> None:
    foreman, worker = line

    def handler(request: object) -> Response:
        return Response("x")

    assert worker.counted(handler) is handler
    for seed in range(20):
        tired = Worker(worker._line, max_requests=10)
        count = tired.counted(handler)
        for number in range(11):
            assert count(None) is not None  # type: ignore[arg-type]
            foreman.setblocking(False)
            try:
                assert foreman.recv(100) == b"tired\n"
                break
            except BlockingIOError:
                assert number < 10, seed
        assert number >= 9
