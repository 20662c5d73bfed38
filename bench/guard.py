"""`python -m bench guard`: the instructions that one request costs, counted by valgrind, beside figures that were written down.

Instructions do not depend on what else the machine does, so the guard does not flake. They depend on the interpreter and the C
compiler: `guard.json` has its figures by what identifies both. `--renew` writes those of this machine, after a change that is
meant. A machine without figures is told so, and fails: nobody knows there what would be too much.

valgrind before 3.20 knows no openat2; there `static1k` counts the handler's way to a file, and not the engine's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.macro import free_port
from bench.programs import HERE
from bench.workloads import WORKLOADS, prepare

FIGURES = HERE / "guard.json"
ASKED = ("plaintext", "typed", "echo", "static1k")
CARRIERS = ("engine", "portable")
WARM_UP, REQUESTS, BATCHES = 20, 50, 6  # the cheapest batch counts: timers only ever add
TOLERANCE = 0.15
"""More instructions than written down that are taken for chance: timers, whether a request finds the loop asleep. Two runs of
the same code were up to 7 % apart."""


def identity() -> str:
    """What figures belong to: the interpreter, octet by octet, the C compiler, the machine."""
    binary = Path(sys.executable).resolve()
    digest = hashlib.blake2b(binary.read_bytes(), digest_size=6).hexdigest()
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]
    return f"{platform.python_implementation()} {platform.python_version()} {digest}, {compiler}, {platform.machine()}"


def main(*, renew: bool) -> int:
    """Count, and compare."""
    if shutil.which("valgrind") is None:
        print("the guard counts with valgrind: apt-get install valgrind", file=sys.stderr)
        return 2
    counted = {carrier: count(carrier) for carrier in CARRIERS}
    known = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    if renew:
        known[identity()] = counted
        FIGURES.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
        return 0
    if identity() not in known:
        print(f"no figures for {identity()}: write them down with `python -m bench guard --renew`", file=sys.stderr)
        return 1
    problems = compare(counted, known[identity()])
    print("\n".join(problems) or "no request costs more than was written down")
    return 1 if problems else 0


def compare(counted: dict[str, dict[str, int]], known: dict[str, dict[str, int]]) -> list[str]:
    """Say which requests cost more than they did."""
    return [
        f"{carrier}, {workload}: {counted[carrier][workload]:,} instructions, and {before:,} were written down"
        for carrier, workloads in known.items()
        for workload, before in workloads.items()
        if counted[carrier][workload] > before * (1 + TOLERANCE)
    ]


def count(carrier: str) -> dict[str, int]:
    """Instructions of one request, by workload.

    Raises:
        RuntimeError: if the server does not come up under valgrind.
    """
    with tempfile.TemporaryDirectory(prefix="hospes-guard-") as folder:
        scratch, port = Path(folder), free_port()
        prepare(scratch)
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={scratch}/counts", sys.executable]
        environment = {**os.environ, "HOSPES_CARRIER": carrier, "PYTHONHASHSEED": "0"}
        with (scratch / "server.log").open("w") as log:
            program = [*command, str(HERE / "app.py"), str(port), str(scratch / "static")]
            server = subprocess.Popen(program, cwd=scratch, env=environment, stdout=log, stderr=log)
        try:
            connection = _connect(port, server)
            return {workload: _count(workload, connection, server.pid, scratch) for workload in ASKED}
        finally:
            server.kill()
            server.wait()


def _connect(port: int, server: subprocess.Popen[bytes]) -> socket.socket:
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port), 30)
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError("the server does not come up under valgrind")


def _count(workload: str, connection: socket.socket, pid: int, scratch: Path) -> int:
    asked = WORKLOADS[workload]
    body = (scratch / asked.body).read_bytes() if asked.body else b""
    fields = f"Content-Type: {asked.media_type}\r\nContent-Length: {len(body)}\r\n" if body else ""
    request = f"{'POST' if body else 'GET'} {asked.path} HTTP/1.1\r\nHost: guard\r\n{fields}\r\n".encode() + body
    for _ in range(WARM_UP):
        _ask(connection, request)
    _control("--instr=on", pid)
    _ask(connection, request)
    _control("--zero", pid)
    batches: list[int] = []
    for _ in range(BATCHES):
        for _ in range(REQUESTS):
            _ask(connection, request)
        _control(f"--dump={workload}", pid)
        batches.append(_last_dump(workload, scratch))
    _control("--instr=off", pid)
    return min(batches) // REQUESTS


def _last_dump(workload: str, scratch: Path) -> int:
    dump = max(scratch.glob("counts.*"), key=lambda path: path.stat().st_mtime_ns)
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"valgrind gave no count for {workload}")
    return int(found[1])


def _ask(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = connection.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{answer[:60]!r}")


def _control(order: str, pid: int) -> None:
    subprocess.run(["callgrind_control", order, str(pid)], capture_output=True, check=True, timeout=60)
