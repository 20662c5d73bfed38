"""Instructions of a request, counted by valgrind: of the user's space, in one process, whatever else the machine does.

A server runs under callgrind and is asked over one connection, always `DEPTH` requests in one piece, so that the turns of the
loop and the timers in between hardly count.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.programs import HERE
from bench.workloads import WORKLOADS, prepare

DEPTH = 48
WARM_UP, BATCHES = 3, 6
ENOUGH = 8_000_000
"""Instructions of a batch: what timers take meanwhile is little beside them, on a busy machine too."""
AGREE = 1.005
"""The cheapest batch counts, as soon as two are this near to each other: a timer, or another turn of the loop, only ever adds."""
PROGRAM = HERE / "guard_app.py"

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to be counted.

    Args:
        target: Its target.
        application: Which of the program's.
        body: Content of a POST.
        introduction: Where to become somebody first; his cookie is sent.
        times: How often what is counted happens in one request.
    """

    target: str
    application: int = 0
    body: bytes = b""
    introduction: str = ""
    times: int = 1

    @classmethod
    def of(cls, workload: str, folder: Path) -> Asked:
        """What a workload asks."""
        given = WORKLOADS[workload]
        return cls(given.path, body=(folder / given.body).read_bytes() if given.body else b"", introduction=given.introduction)

    def request(self, cookie: str) -> bytes:
        """Its octets."""
        fields = ["Host: guard"]
        if self.body:
            fields += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        if cookie:
            fields.append(f"Cookie: {cookie}")
        return "\r\n".join([f"{'POST' if self.body else 'GET'} {self.target} HTTP/1.1", *fields, "", ""]).encode() + self.body


class Counter:
    """A server under valgrind.

    Args:
        process: It.
        ports: Of its applications.
        folder: Where valgrind writes.
    """

    def __init__(self, process: subprocess.Popen[str], ports: Sequence[int], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._ports = ports

    def count(self, asked: Asked) -> int:
        """Instructions of one request."""
        depth = DEPTH if asked.times == 1 else 1
        with Peer(self._ports[asked.application]) as peer:
            piece = asked.request(peer.introduced(asked.introduction)) * depth
            for _ in range(WARM_UP):
                peer.ask(piece)
            self._dump()
            peer.ask(piece)
            pieces = 1 + ENOUGH // self._dump()
            batches: list[int] = []
            while len(batches) < 2 or (len(batches) < BATCHES and batches[1] > batches[0] * AGREE):
                for _ in range(pieces):
                    peer.ask(piece)
                batches = sorted([*batches, self._dump()])
        return batches[0] // (pieces * depth * asked.times)

    def begin(self) -> None:
        """Count from now on."""
        self._control("--instr=on")

    def _dump(self) -> int:
        before = set(self._folder.glob("counts.*"))
        self._control("--dump")
        (dump,) = set(self._folder.glob("counts.*")) - before
        found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
        if found is None:
            raise RuntimeError(f"valgrind gave no count: {dump.read_text()[-200:]}")
        return int(found[1])

    def _control(self, order: str) -> None:
        command = ["callgrind_control", order, str(self._process.pid)]
        subprocess.run(command, capture_output=True, check=True, timeout=60)


class Peer:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._received = b""

    def ask(self, piece: bytes) -> bytes:
        """Send requests, and await as many good answers; gives the last one's head.

        Raises:
            RuntimeError: if one is not good.
        """
        self._socket.sendall(piece)
        head = b""
        for _ in range(piece.count(b" HTTP/1.1\r\n")):
            head = self._answer()
        return head

    def introduced(self, target: str) -> str:
        """The cookie of somebody who has been there before; "" where nobody has to have been."""
        if not target:
            return ""
        found = re.search(rb"\r\nSet-Cookie: ([^;\r]+)", self.ask(Asked(target).request("")))
        if found is None:
            raise RuntimeError(f"{target} gives no cookie")
        return found[1].decode()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _answer(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise RuntimeError(f"{head[:60]!r}")
        while len(self._received) < int(length[1]):
            self._more()
        self._received = self._received[int(length[1]) :]
        return head

    def _more(self) -> None:
        piece = self._socket.recv(262_144)
        if not piece:
            raise RuntimeError("the server has closed the connection")
        self._received += piece


@contextmanager
def counting(carrier: str, program: Path = PROGRAM) -> Iterator[tuple[Counter, Path]]:
    """Run a program under valgrind; gives what counts, and the folder with the workloads' files.

    Args:
        carrier: Which.
        program: Prints its ports and serves, as guard_app.py does.

    Raises:
        RuntimeError: if it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="hospes-guard-") as name:
        folder = Path(name)
        prepare(folder)
        options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counts"]
        command = ["valgrind", *options, sys.executable, str(program), str(folder / "static")]
        environment = {**os.environ, "HOSPES_CARRIER": carrier, "PYTHONHASHSEED": "0"}
        with (folder / "server.log").open("w") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        try:
            ports = process.stdout.readline().split()
            if not ports:
                raise RuntimeError(f"the server does not come up: {(folder / 'server.log').read_text()[-500:]}")
            counter = Counter(process, [int(port) for port in ports], folder)
            counter.begin()
            yield counter, folder
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
