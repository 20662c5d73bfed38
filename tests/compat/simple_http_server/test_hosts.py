"""The README's guests, under granian and gunicorn, with the controllers of the seed's program."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import websocket
from tests.adapters.test_hosts import listening
from tests.compat.simple_http_server.programs import SEED
from tests.server.support import WAIT


def command(host: str, port: int) -> list[str]:
    """How each is started."""
    run = [sys.executable, "-m", "hospes.compat", "-m", host]
    return {
        "granian": [*run, "--interface", "asgi", "--port", str(port), "--no-log", "guest:app"],
        "granian --interface wsgi": [
            *[*run[:-1], "granian"],
            *("--interface", "wsgi", "--port", str(port), "--no-log", "guest:handler"),
        ],
        "gunicorn": [*run, "guest:handler", "--bind", f"127.0.0.1:{port}", "--threads", "2", "--no-control-socket"],
        "uvicorn": [*run, "guest:app", "--port", str(port), "--log-level", "warning"],
    }[host]


@pytest.mark.parametrize("host", ["granian", "granian --interface wsgi", "gunicorn", "uvicorn"])
def test_the_readmes_guest(host: str, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("a {}")
    variables = {"PYTHONPATH": str(SEED.parent), "HOSPES_STORE": f"sqlite:///{tmp_path / 'guests.db'}"}
    is_asgi = host in {"granian", "uvicorn"}
    with listening(lambda port: command(host, port), tmp_path, variables) as client:
        assert client.get("/hello_wsgi", params={"name": "a"}).text == "Hello, WSGI!"
        assert client.get("/hello_wsgi").status_code == 400
        assert client.get("/public/a.css").text == "a {}"
        assert client.get("/res/write/bytes").content == b"abcdefg"
        assert client.get("/中文/coroutine").text == "Success! Hey!"
        assert client.get("/tuple/hello", params={"user_name": "a", "pass": "b"}).json()["filter-set"] == "through filter"
        assert client.get("/reg/abcef/aref/xxx").json()["reg_group"] == "abcef/aref/xxx"
        url = f"ws://127.0.0.1:{client.base_url.port}/ws-fun/a"
        if is_asgi:
            peer: Any = websocket.create_connection(url, timeout=WAIT)
            peer.send("hello")
            assert peer.recv() == "a-hello"
            peer.send("close")
            assert peer.recv() == "a-close"
            peer.recv_data()
            peer.shutdown()
        else:
            with (
                socket.create_connection(("127.0.0.1", client.base_url.port or 0), WAIT) as sock,
                pytest.raises(websocket.WebSocketBadStatusException) as error,
            ):
                websocket.create_connection(url, socket=sock)
            assert error.value.status_code == 501
