"""`python -m hospes.compat.simple_http_server`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hospes import HttpClient


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[str]:
    """The command, run in a folder; gives its URL."""
    command = [sys.executable, "-W", "error", "-m", "hospes.compat.simple_http_server", "-p", "0", *arguments]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.search(r"listening on (\S+),", line)
            assert found is not None, line + process.stderr.read()
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def test_the_current_folder(folder: Path) -> None:
    (folder / "a.txt").write_text("a")
    with running(folder) as url, HttpClient(timeout=20) as client:
        assert url.startswith("http://127.0.0.1:")
        assert client.get(url + "/a.txt").text == "a"


def test_in_the_background_of_a_shell(folder: Path) -> None:
    """A shell without job control has SIGINT ignored in what it starts with `&`; SIGTERM ends it in order all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running(folder) as url, HttpClient(timeout=20) as client:
            assert client.get(url + "/none").status == 404
    finally:
        signal.signal(signal.SIGINT, before)


def test_controllers_and_a_folder(folder: Path) -> None:
    (folder / "ctrls").mkdir()
    (folder / "public").mkdir()
    (folder / "public" / "a.txt").write_text("a")
    (folder / "ctrls" / "home.py").write_text("from hospes.compat.simple_http_server import route\nroute('/')(lambda: 'home')\n")
    more = ("-b", "127.0.0.1", "-s", ".", "--regex", "ctrls.*", "-r", "public", "--loglevel", "info")
    with running(folder, *more) as url, HttpClient(timeout=20) as client:
        assert client.get(url).text == "home"
        assert client.get(url + "/a.txt").text == "a"


def test_help(folder: Path) -> None:
    command = [sys.executable, "-m", "hospes.compat.simple_http_server", "--help"]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown.startswith("Usage: python -m hospes.compat.simple_http_server [OPTIONS]")
