"""`hospes serve`: a folder over real sockets, in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.golden import check_golden
from tests.server.support import WAIT, Peer, request

from hospes.cli import main
from hospes.tools.folder import serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("0123456789" * 100)
    (tmp_path / ".env").write_text("secret")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_it_serves(folder: Path) -> None:
    with serving(folder).test() as client:
        assert client.get("/a.txt", {"Range": "bytes=0-3"}).text == "0123"
        assert client.get("/a.txt").headers["Content-Type"] == "text/plain; charset=utf-8"
        assert client.get("/a.txt", {"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
        assert [client.get(path).status for path in ("/", "/sub/", "/.env", "/../a.txt")] == [404] * 4
        assert client.post("/a.txt").status == 405
    with serving(folder, listing=True).test() as client:
        assert "a.txt" in client.get("/").text


@pytest.mark.parametrize("options", [[], ["--listing"]])
def test_the_command(folder: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "hospes", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        assert process.stdout is not None
        address = next(found for line in process.stdout if (found := re.search(r"address +http://127\.0\.0\.1:(\d+)", line)))
        with Peer(int(address[1])) as peer:
            peer.send(request("/a.txt") + request("/"))
            assert (peer.get().status, peer.get().status) == (200, 200 if options else 404)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
    assert not (folder / "hospes.db").exists()


def test_mistakes(folder: Path) -> None:
    said: list[str] = []
    for arguments in (["nowhere"], ["a.txt"]):
        result = CliRunner().invoke(main, ["serve", *[str(folder / each) for each in arguments]], prog_name="hospes")
        assert result.exit_code == 2
        said.append(result.output.replace(str(folder), "FOLDER"))
    check_golden("tools/serve", "".join(said))
