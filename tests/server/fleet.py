"""A foreman with workers in processes of their own, and peers that keep asking them."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.processes import children
from tests.server.support import WAIT, Peer, request

PATIENCE = 50.0
"""Seconds for what processes do that have to be started first, on a machine with much else to do."""

PROGRAM = """
import asyncio, dataclasses, logging, os, sys, time
from hospes.http.response import Response
from hospes.limits import Timeouts
from hospes.server import Foreman, ServerOptions, Worker, Workers, serve

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
options = ServerOptions(port=0, timeouts=Timeouts(drain=10))
workers = Workers(2)
code = 1

def before():
    pass

async def handler(request):
    if request.path == "/sleep":
        print("asleep", flush=True)
        await asyncio.sleep(float(request.parameter["seconds"]))
    elif request.path == "/wait":
        print("waits", flush=True)
        while not os.path.exists("enough"):
            await asyncio.sleep(0.01)
    elif request.path == "/block":
        time.sleep(60)
    elif request.path == "/exit":
        os._exit(7)
    elif request.path == "/code":
        return Response(str(code))
    return Response(str(os.getpid()))

#MORE

def announce(urls, count, facts):
    print("serving", count, *urls, flush=True)

worker = Worker.of_this_process(workers.max_requests)
if worker is None:
    sys.exit(Foreman(options, workers, announce).run())
before()
options = dataclasses.replace(options, bind=tuple(f"fd:{number}" for number in worker.sockets()))
sys.exit(asyncio.run(serve(handler, options, worker=worker)))
"""


class Fleet:
    """A foreman and its workers.

    Args:
        folder: Where the program is put.
        more: Python that changes what the program starts with.
        environment: More variables.
    """

    def __init__(self, folder: Path, more: str = "", **environment: str) -> None:
        self.port = 0
        self.file = folder / "program.py"
        self.write(more)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(self.file)],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: queue.Queue[str | None] = queue.Queue()
        self.log: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=(each,)) for each in (self.process.stdout, self.process.stderr)]
        for thread in self._threads:
            thread.start()

    def write(self, more: str) -> None:
        """Put the program there, or another one in its place."""
        self.file.write_text(PROGRAM.replace("#MORE", more))

    def _read(self, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            self._said.put(line.rstrip("\n"))
        self._said.put(None)

    def wait_for(self, text: str) -> str:
        """The next line that is said with this text in it."""
        ends = 0
        while ends < 2:
            line = self._said.get(timeout=PATIENCE)
            if line is None:
                ends += 1
                continue
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError(f"nobody said {text!r}, but:\n" + "\n".join(self.log))

    def serving(self) -> int:
        """Wait until all serve; gives the port."""
        self.port = int(self.wait_for("serving").rpartition(":")[2])
        return self.port

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def workers(self) -> list[int]:
        """The workers' processes."""
        return children(self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; gives the exit status. What was said is in `log` then."""
        self.send(number)
        return self.over()

    def over(self) -> int:
        """Wait until it has ended; gives the exit status."""
        status = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(WAIT)
        while not self._said.empty():
            if (line := self._said.get()) is not None:
                self.log.append(line)
        return status

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.process.poll() is None:
            left = [*self.workers(), self.process.pid]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        self.over()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def ask(port: int, path: str = "/") -> bytes:
    """One request on a connection of its own."""
    with Peer(port) as peer:
        peer.send(request(path))
        return peer.get().content


class Load:
    """Peers that ask without a pause until they are told to stop; some keep their connections, some do not.

    What counts as a failure: anything but a whole answer with status 200 to a request that was sent on a connection that stood.
    A refused connection is none if `refusing` says that the server may have gone; nor is a new one that is reset then: between
    the last look into the kernel's queue and the closing of the socket a peer can still get in, whom the server never accepted.
    """

    def __init__(self, port: int, peers: int = 8) -> None:
        self.port = port
        self.answers = 0
        self.failures: list[str] = []
        self.refusing = threading.Event()
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(peers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.until(50)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(WAIT)

    def until(self, more: int) -> None:
        """Wait until so many more answers have come."""
        wanted = self.answers + more
        while self.answers < wanted and any(thread.is_alive() for thread in self._threads):
            self._enough.wait(0.005)

    def _ask(self, keeps: bool) -> None:
        peer: Peer | None = None
        is_new = True
        while not self._enough.is_set():
            try:
                if peer is None:
                    peer, is_new = Peer(self.port), True
            except OSError as error:
                if self.refusing.is_set() and isinstance(error, (ConnectionRefusedError, ConnectionResetError)):
                    return
                self._fail(f"connecting: {error!r}")
                continue
            try:
                peer.send(request("/", "GET", None, *([] if keeps else ["Connection: close"])))
                got = peer.get()
            except (OSError, AssertionError) as error:
                peer.sock.close()
                if is_new and self.refusing.is_set() and isinstance(error, (ConnectionResetError, BrokenPipeError)):
                    return
                self._fail(f"asking: {error!r}")
                peer = None
                continue
            if got.status != 200:
                self._fail(str(got))
            is_new = False
            with self._lock:
                self.answers += 1
            if got.fields.get("connection") == "close":
                peer.sock.close()
                peer = None
        if peer is not None:
            peer.sock.close()

    def _fail(self, what: str) -> None:
        with self._lock:
            self.failures.append(what)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that says nothing when it comes to be."""
    over = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        over.wait(0.01)
    raise AssertionError("it never came to be")


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried counts as such."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def listening(port: int) -> bool:
    """Whether anybody takes connections there, or the kernel does for somebody."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
