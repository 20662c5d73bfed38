"""What systemd is told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.server.fleet import Fleet
from tests.server.support import WAIT, plain
from tests.server.test_lifecycle import Program

from hospes.server import ServerOptions, serve
from hospes.server.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[socket.socket]:
    """The socket that systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(WAIT)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


def heard(sock: socket.socket, *ignored: str) -> str:
    while (message := sock.recv(1000).decode()) in ignored:
        pass
    return message


def test_nobody_listens() -> None:
    notifier = Notifier.of_this_process()
    notifier.ready("x")
    notifier.alive()
    Notifier("/nowhere/at/all").stopping()
    assert notifier.interval == 0


def test_messages(systemd: socket.socket) -> None:
    notifier = Notifier.of_this_process()
    assert "NOTIFY_SOCKET" not in os.environ
    notifier.ready("one")
    notifier.ready("one")
    notifier.ready("two")
    assert [heard(systemd), heard(systemd)] == ["READY=1\nSTATUS=one", "READY=1\nSTATUS=two"]
    notifier.reloading()
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", heard(systemd))
    notifier.ready("two")
    notifier.stopping()
    assert [heard(systemd), heard(systemd)] == ["READY=1\nSTATUS=two", "STOPPING=1"]


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0hospes-test-{os.getpid()}")
        sock.settimeout(WAIT)
        Notifier(f"@hospes-test-{os.getpid()}").stopping()
        assert heard(sock) == "STOPPING=1"


def test_the_watchdog(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    address = os.environ["NOTIFY_SOCKET"]
    for period, pid, interval in (("20000000", os.getpid(), 10), ("20000000", os.getpid() + 1, 0), ("soon", os.getpid(), 0)):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", period)
        monkeypatch.setenv("WATCHDOG_PID", str(pid))
        notifier = Notifier.of_this_process()
        assert notifier.interval == interval
    notifier = Notifier(address, 20)
    notifier.alive()
    notifier.alive()  # too soon to say it again
    notifier.stopping()
    assert [heard(systemd), heard(systemd)] == ["WATCHDOG=1", "STOPPING=1"]


def test_nobody_reads(systemd: socket.socket) -> None:
    notifier = Notifier(os.environ["NOTIFY_SOCKET"], 0.001)
    for _ in range(1000):  # more than the kernel holds
        notifier._last = 0.0
        notifier.alive()
    assert heard(systemd) == "WATCHDOG=1"


def test_a_server(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    program = Program("plain")
    assert heard(systemd, "WATCHDOG=1") == f"READY=1\nSTATUS=serves at http://127.0.0.1:{program.port}"
    assert heard(systemd) == "WATCHDOG=1"
    assert heard(systemd) == "WATCHDOG=1"
    program.process.send_signal(signal.SIGTERM)
    assert heard(systemd, "WATCHDOG=1") == "STOPPING=1"
    assert program.end() == (0, "")


def test_a_server_that_is_to_reload(systemd: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing that it would read again; it says so, and goes on."""
    said: list[str] = []

    async def run() -> None:
        stop = asyncio.Event()

        async def reload() -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            said.extend([await asyncio.to_thread(heard, systemd) for _ in range(3)])
            os.kill(os.getpid(), signal.SIGUSR1)  # log files only, of which there are none
            stop.set()

        reloading: list[asyncio.Task[None]] = []
        options = ServerOptions(port=0)
        assert await serve(plain, options, ready=lambda _: reloading.append(asyncio.create_task(reload())), stop=stop) == 0
        await reloading[0]

    asyncio.run(run())
    assert [each.partition("=")[0] for each in said] == ["READY", "RELOADING", "READY"]
    assert said[0] == said[2]
    assert caplog.messages == [
        "a reload was asked for, and there is nothing to read again: only with --workers the program is loaded anew"
    ]


def test_a_foreman(systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    with Fleet(tmp_path, "workers = Workers(1)") as fleet:
        fleet.serving()
        assert heard(systemd, "WATCHDOG=1") == "READY=1\nSTATUS=1 workers serve"
        assert heard(systemd) == "WATCHDOG=1"
        fleet.send(signal.SIGHUP)
        assert heard(systemd, "WATCHDOG=1").startswith("RELOADING=1")
        assert heard(systemd, "WATCHDOG=1") == "READY=1\nSTATUS=1 workers serve"
        assert fleet.end() == 0
        assert heard(systemd, "WATCHDOG=1") == "STOPPING=1"
