"""Octets of memory that an idle connection costs a server: many are opened, each asks once, and then nothing happens."""

from __future__ import annotations

import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.macro import SERVER_CORE, free_port
from bench.peers import PEERS
from bench.workloads import prepare

WARM_UP = 50
REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"


def idle(names: Sequence[str], count: int) -> dict[str, float]:
    """Octets for each idle connection, by peer; user space only, what the kernel keeps is the same for all.

    Args:
        names: Peers.
        count: Connections to open.

    Raises:
        RuntimeError: if a server does not answer.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        prepare(Path(folder))
        for name in names:
            port = free_port()
            with PEERS[name].serving(port, Path(folder), SERVER_CORE) as pid:
                _open(port, WARM_UP)
                before = _private(pid)
                connections = _open(port, count)
                found[name] = (_private(pid) - before) / count
                for connection in connections:
                    connection.close()
    return found


def _open(port: int, count: int) -> list[socket.socket]:
    """Connections that have had one answer each."""
    connections: list[socket.socket] = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.sendall(REQUEST)
        answer = b""
        while b"Hello, World!" not in answer:
            piece = connection.recv(65_536)
            if not piece:
                raise RuntimeError(f"the connection was closed after {len(connections)} others: {answer[:60]!r}")
            answer += piece
        connections.append(connection)
    time.sleep(1.5)  # hospes lets go of some things after a second
    return connections


def _private(pid: int) -> int:
    """Octets that a process and those below it do not share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
    children = [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return own + sum(_private(int(child)) for child in children)
