"""Other servers, real ones, with an application of ours."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.ports import own_port
from tests.processes import children
from tests.server.support import Peer
from websockets.sync.client import connect

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "tests.adapters.hosted_program"
SECONDS = 30.0
WSGIREF = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from tests.adapters.hosted_program import wsgi
class Quiet(WSGIRequestHandler):
    def log_message(self, *_): ...
make_server("127.0.0.1", int(sys.argv[1]), wsgi, handler_class=Quiet).serve_forever()
"""


def command(host: str, port: int) -> list[str]:
    """How each is started."""
    module = [sys.executable, "-m"]
    return {
        "uvicorn": [*module, "uvicorn", f"{PROGRAM}:asgi", "--port", str(port), "--log-level", "warning"],
        "hypercorn": [*module, "hypercorn", f"{PROGRAM}:asgi", "--bind", f"127.0.0.1:{port}"],
        "granian": [*module, "granian", f"{PROGRAM}:asgi", "--interface", "asgi", "--port", str(port), "--no-log"],
        "granian-wsgi": [*module, "granian", f"{PROGRAM}:wsgi", "--interface", "wsgi", "--port", str(port), "--no-log"],
        "gunicorn": [
            *module,
            "gunicorn",
            f"{PROGRAM}:wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--threads",
            "2",
            "--no-control-socket",
        ],
        "waitress": [*module, "waitress", f"--listen=127.0.0.1:{port}", f"{PROGRAM}:wsgi"],
        "wsgiref": [sys.executable, "-c", WSGIREF, str(port)],
    }[host]


@contextmanager
def hosted(host: str, folder: Path) -> Generator[httpx.Client]:
    """Start one, wait until it answers, end it by its pid."""
    with listening(lambda port: command(host, port), folder, {"PYTHONPATH": str(ROOT)}) as client:
        yield client


@contextmanager
def listening(command: Callable[[int], list[str]], folder: Path, variables: Mapping[str, str]) -> Generator[httpx.Client]:
    """Start a server at a port, wait until it answers, end it by its pid."""
    environment = {**os.environ, **variables, "PYTHONWARNINGS": "ignore"}
    with ExitStack() as stack:
        port = stack.enter_context(own_port())
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(command(port), cwd=folder, env=environment, stdout=log, stderr=log)
        stack.callback(_end, process)
        until = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail((folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS, trust_env=False) as client:
            try:
                yield client
            except Exception as error:
                error.add_note((folder / "log").read_text(errors="replace")[-2000:])
                raise


def _end(process: subprocess.Popen[bytes]) -> None:
    workers = children(process.pid)
    process.terminate()
    try:
        process.wait(SECONDS / 3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for each in workers:  # granian's do not always end with it
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


@pytest.mark.parametrize("host", ["uvicorn", "hypercorn", "granian", "granian-wsgi", "gunicorn", "waitress", "wsgiref"])
def test_host(host: str, tmp_path: Path) -> None:
    with hosted(host, tmp_path) as client:
        for _ in range(2):
            got = client.get("/hello/caf%C3%A9", params={"q": "a b"}, headers={"X-Note": "1"})
            assert got.json() == {"name": "café", "q": "a b", "x": "1", "lives": ["begun"]}
        assert got.headers["x-content-type-options"] == "nosniff"
        assert client.get("/thread").text == "from a thread"
        assert client.get("/hints").text == "hinted"
        with Peer(client.base_url.port or 0) as peer:  # no client shows them
            peer.send(b"GET /hints HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (b" 103 " in peer.until(b"\r\n")) == (host == "gunicorn")
        for path in ("/numbers", "/plain-numbers"):
            assert client.get(path).text == "0\n1\n2\n"
        assert client.post("/upload", content=b"x" * 300_000).text == "300000"
        assert client.get("/nowhere").status_code == 404
        assert client.head("/thread").headers["content-length"] == "13"
        if host in {"uvicorn", "hypercorn", "granian"}:
            with connect(f"ws://127.0.0.1:{client.base_url.port}/echo/you") as peer:
                assert peer.recv(timeout=SECONDS) == "you"
                for message in ("text", b"x" * 100_000):
                    peer.send(message)
                    assert peer.recv(timeout=SECONDS) == message
        if host not in {"granian-wsgi", "wsgiref"}:  # these take no content in chunks
            assert client.post("/upload", content=iter([b"x" * 1000] * 3)).text == "3000"
