"""The server: started, stopped, and wrongly made."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
from tests.golden import check_golden

from hospes import HttpClient, SetupError
from hospes.compat.http_server import Path, WebServer


def index(request: Any, response: Any) -> None:
    response.send("hello world !", 200, "text/html")


def test_defaults() -> None:
    server = WebServer()
    assert (server.host, server.port, server.route, server.DEBUG, server.Middlewares) == ("127.0.0.1", 8080, [], False, [])
    server.shutdown()  # one that does not run is let be


class Told:
    """Standard output that a test can wait for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.written = threading.Event()

    def write(self, text: str) -> int:
        self.lines.append(text)
        self.written.set()
        return len(text)

    def flush(self) -> None: ...


def test_run_and_shutdown_and_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(request: Any, response: Any) -> None:
        response.send("stopping")
        server.shutdown()

    server = WebServer(port=0, route=[Path("^/$", index), Path("^/stop$", stop)])
    for _ in range(2):
        told = Told()
        monkeypatch.setattr(sys, "stdout", told)
        thread = threading.Thread(target=server.run)
        thread.start()
        assert told.written.wait(20)
        assert told.lines[0] == f"http_server: http://127.0.0.1:{server.port} (Ctrl+C stops it)\n"
        with HttpClient(timeout=20) as client:
            assert client.get(f"http://127.0.0.1:{server.port}/").text == "hello world !"
            with pytest.raises(SetupError, match="runs already"):
                server.run()
            assert client.get(f"http://127.0.0.1:{server.port}/stop").text == "stopping"
        thread.join(20)
        assert not thread.is_alive()


PROGRAM = """
from hospes.compat.http_server import WebServer, Path, Requests, Response

def index(request:Requests,response:Response):
    response.send("hello world !", 200, "text/html")

urlpatterns = [
    Path("^\\\\/$", index, name="index"),
 ]

server=WebServer(port=0,route=urlpatterns)
server.run()
"""


def test_the_seeds_program_runs_and_ends_with_a_signal() -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            with HttpClient(timeout=20) as client:
                answer = client.get(url)
                assert (answer.status, answer.text, answer.content_type) == (200, "hello world !", "text/html; charset=utf-8")
            process.terminate()
            _, log = process.communicate(timeout=20)
            assert process.returncode == 0
            assert "INFO hospes.server: stopped" in log  # a program that sets up no logging sees what there is to say
        finally:
            process.kill()


def test_connections_are_bounded() -> None:
    assert WebServer(maxConnection=7)._limits.connections == 7
    with pytest.raises(ValueError, match="connections=0"):
        WebServer(maxConnection=0)


def test_mistakes() -> None:
    wrong: Any = ("^/$", index)
    with pytest.raises(SetupError) as caught:
        WebServer(route=[wrong])
    check_golden("compat/http_server_route", str(caught.value).replace(repr(index), "<function index>"))
    server = WebServer()
    server.route.append(wrong)
    with pytest.raises(SetupError, match="something else than a Path"):
        server.application()
    with pytest.raises(SetupError, match="there is no folder"):
        server.fileServer("/media/", "./nowhere")
