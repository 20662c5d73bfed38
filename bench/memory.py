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
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n"
)
FRAME = b"\x82\x8d\0\0\0\0Hello, World!"
"""A message with a mask that changes nothing, so that its echo looks like an answer."""


def idle(names: Sequence[str], count: int, websocket: str = "") -> dict[str, float]:
    """Octets for each idle connection, by peer; user space only, what the kernel keeps is the same for all.

    Args:
        names: Peers.
        count: Connections to open.
        websocket: A path, for websockets that have echoed one message each.

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
                asked = [(REQUEST, b"Hello, World!")]
                if websocket:
                    asked = [(HANDSHAKE % websocket.encode(), b"\r\n\r\n"), (FRAME, b"Hello, World!")]
                _open(port, WARM_UP, asked)
                before = _private(pid)
                connections = _open(port, count, asked)
                found[name] = (_private(pid) - before) / count
                for connection in connections:
                    connection.close()
    return found


def _open(port: int, count: int, asked: Sequence[tuple[bytes, bytes]]) -> list[socket.socket]:
    """Connections on each of which this was asked, and answered up to these ends."""
    connections: list[socket.socket] = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        for octets, end in asked:
            connection.sendall(octets)
            answer = b""
            while end not in answer:
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
