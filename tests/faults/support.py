"""A real server, run by the `hospes` command in a process of its own, and visitors who ask it over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any, NamedTuple

PROGRAM = Path(__file__).parent / "program.py"
WAIT = 20.0
"""Seconds after which a test that waits has failed."""


class Site:
    """A server on a free port; started and ended as often as a test likes."""

    def __init__(self, url: str, folder: Path, **environment: str) -> None:
        self.port = 0
        self.said: list[str] = []
        self._folder = folder
        self._environment = {**os.environ, "HOSPES_STORE": url, "PYTHONUNBUFFERED": "1", **environment}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Site:
        """Start, and wait until it listens."""
        process = self._process = launch(self._folder, self._environment)
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
            if "Ctrl+C" in line:  # the panel's last line
                break
        else:
            raise AssertionError("the server ended: " + "".join(self.said))
        self._reader = threading.Thread(target=self._read_on, args=(process.stdout,), daemon=True)
        self._reader.start()
        return self

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        return self._end(signal.SIGTERM)

    @contextmanager
    def running(self) -> Iterator[Site]:
        """Started inside the block, ended behind it."""
        self.start()
        try:
            yield self
        finally:
            if self._process is not None:
                self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        assert self._reader is not None
        process.send_signal(by)
        status = process.wait(WAIT)
        self._reader.join(WAIT)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def _read_on(self, stream: IO[str]) -> None:
        self.said.extend(stream)


def launch(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """The `hospes` command, in a folder."""
    command = [sys.executable, "-m", "hospes", "run", str(PROGRAM), "--port", "0"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # ends by Site or by the test


class Answer(NamedTuple):
    """Status, and the content where it is JSON."""

    status: int
    value: Any


class Visitor:
    """A client with a connection and a cookie."""

    def __init__(self, port: int) -> None:
        self.cookie = ""
        self._connection = HTTPConnection("127.0.0.1", port, timeout=WAIT)

    def at(self, port: int) -> None:
        """Ask another server from now on."""
        self.close()
        self._connection = HTTPConnection("127.0.0.1", port, timeout=WAIT)

    def ask(self, method: str, path: str) -> Answer:
        """Ask, and keep the cookie.

        Raises:
            OSError, HTTPException: if there is no answer.
        """
        connection = self._connection
        connection.request(method, path, headers={"Cookie": self.cookie} if self.cookie else {})
        response = connection.getresponse()
        content = response.read()
        if told := response.headers["Set-Cookie"]:
            self.cookie = told.partition(";")[0]
        is_json = "json" in (response.headers["Content-Type"] or "")
        return Answer(response.status, json.loads(content) if is_json else content.decode())

    def close(self) -> None:
        self._connection.close()
