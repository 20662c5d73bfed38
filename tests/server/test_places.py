"""Places to listen at: by name, by descriptor, by systemd."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.golden import check_golden
from tests.server.support import GET, Peer, plain

from hospes.errors import SetupError
from hospes.server import ServerOptions, ServingThread, UnixSocket
from hospes.server.places import address_of, handed_over, inherited, listen_at, url_of


@pytest.fixture
def listening() -> Generator[socket.socket]:
    """A socket that listens, opened by somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def test_nothing_named_is_host_and_port() -> None:
    opened = listen_at((), "127.0.0.1", 0, 10)
    host, port = address_of(opened.sockets[0])
    assert host == "127.0.0.1"
    assert url_of(opened.sockets[0], "https") == f"https://127.0.0.1:{port}"
    opened.close()


def test_several_places(tmp_path: Path) -> None:
    path, other = str(tmp_path / "one"), str(tmp_path / "other")
    opened = listen_at(("127.0.0.1:0", f"unix:{path}", UnixSocket(other, 0o600), "localhost:0"), "", 0, 10)
    assert [url_of(sock, "http") for sock in opened.sockets][1:3] == [f"unix:{path}", f"unix:{other}"]
    assert address_of(opened.sockets[1]) == (path, 0)
    assert [stat.S_IMODE(os.stat(each).st_mode) for each in (path, other)] == [0o660, 0o600]
    opened.close()
    assert not os.path.exists(path)
    assert not os.path.exists(other)
    opened.remove()


def test_every_interface() -> None:
    opened = listen_at((":0",), "", 0, 10)
    assert {url_of(sock, "http").rpartition(":")[0] for sock in opened.sockets} <= {"http://127.0.0.1", "http://[::1]"}
    opened.close()


@pytest.mark.parametrize(
    "place", ["", "8080", "localhost:http", "localhost:65536", "::1:80", "[localhost]", "fd:x", "host:-1", "1:²"]
)
def test_what_is_no_place(place: str) -> None:
    with pytest.raises(SetupError) as caught:
        listen_at((place,), "", 0, 10)
    check_golden("server/no_place", str(caught.value).replace(repr(place), "PLACE"))


def test_all_or_nothing(tmp_path: Path, listening: socket.socket) -> None:
    path = str(tmp_path / "socket")
    with pytest.raises(SetupError, match="cannot listen"):
        listen_at((f"unix:{path}", f"127.0.0.1:{listening.getsockname()[1]}"), "", 0, 10)
    assert not os.path.exists(path)


def test_a_descriptor(listening: socket.socket) -> None:
    sock = inherited(os.dup(listening.fileno()))
    assert not sock.getblocking()
    assert not sock.get_inheritable()
    assert sock.getsockname() == listening.getsockname()
    sock.close()


def test_descriptors_that_are_none(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(SetupError) as caught:
            inherited(file.fileno())
        check_golden("server/fd_no_socket", str(caught.value).replace(str(file.fileno()), "N", 1))
    with socket.socket() as idle:
        with pytest.raises(SetupError) as caught:
            inherited(idle.fileno())
        check_golden("server/fd_not_listening", str(caught.value).replace(str(idle.fileno()), "N", 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(SetupError, match="does not listen"):
        inherited(datagrams.fileno())
    with pytest.raises(SetupError, match="descriptor 999999 is no socket: Bad file descriptor"):
        inherited(999_999)


def test_what_systemd_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for pid, count, expected in ((os.getpid(), "2", (3, 4)), (os.getpid() + 1, "2", ()), (os.getpid(), "x", ())):
        monkeypatch.setenv("LISTEN_PID", str(pid))
        monkeypatch.setenv("LISTEN_FDS", count)
        assert handed_over() == expected
        assert ("LISTEN_FDS" in os.environ) is (pid != os.getpid())
    assert handed_over() == ()


ACTIVATED = """
import asyncio, os
from hospes.http.response import Response
from hospes.server import ServerOptions, serve
os.environ["LISTEN_PID"] = str(os.getpid())
asyncio.run(serve(lambda request: Response("activated"), ServerOptions(), ready=lambda server: print(*server.urls, flush=True)))
"""


def test_serving_what_was_handed_over(listening: socket.socket) -> None:
    """As systemd does it: the sockets are descriptors from 3 on, in a process that was made for them."""
    os.set_inheritable(listening.fileno(), True)
    command = f"exec 3<&{listening.fileno()}; exec {sys.executable} -W error -c '{ACTIVATED}'"
    process = subprocess.Popen(
        ["bash", "-c", command],
        pass_fds=[listening.fileno()],
        env={**os.environ, "LISTEN_FDS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    port = listening.getsockname()[1]
    listening.close()
    with process:
        with Peer(port) as peer:  # before anybody serves
            peer.send(GET)
            assert peer.get().content == b"activated"
        assert process.stdout is not None
        assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
        process.terminate()
        assert process.wait() == 0


def test_a_server_at_several_places(tmp_path: Path, listening: socket.socket) -> None:
    path = str(tmp_path / "socket")
    options = ServerOptions(bind=("127.0.0.1:0", f"unix:{path}", f"fd:{os.dup(listening.fileno())}"))
    with ServingThread(lambda: nullcontext(plain), options) as thread:
        first, second, third = thread.server.urls
        assert (thread.url, second) == (first, f"unix:{path}")
        for url in (first, third):
            with Peer(int(url.rpartition(":")[2])) as peer:
                peer.send(GET)
                assert peer.get().status == 200
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.sendall(GET)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert not os.path.exists(path)
