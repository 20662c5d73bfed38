"""What is checked before anything is measured."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from bench.workloads import WORKLOADS

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!"


@contextmanager
def curt(connections: int) -> Generator[int]:
    """A server that ends each connection after its first answer, without saying so; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(connections):
                peer, _ = listening.accept()
                with peer:
                    peer.recv(65_536)
                    peer.sendall(ANSWER)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def test_a_server_that_ends_its_connections_is_asked_over_one_each(tmp_path: Path) -> None:
    with curt(2) as port:
        WORKLOADS["plaintext"].check(port, tmp_path, "close")


def test_any_other_has_to_keep_its_connection(tmp_path: Path) -> None:
    with curt(1) as port, pytest.raises((http.client.HTTPException, OSError)):
        WORKLOADS["plaintext"].check(port, tmp_path)
