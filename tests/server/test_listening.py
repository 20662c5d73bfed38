"""Listening: addresses, unix sockets, and never too many connections."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from tests.server.support import GET, Peer, Serve, plain, request

from hospes.errors import SetupError
from hospes.limits import Limits, Timeouts
from hospes.server import Server, ServerOptions, ServingThread, UnixSocket
from hospes.server.carriers import PORTABLE
from hospes.server.listening import ACCEPTS, RESERVE, capacity, open_tcp, open_unix
from hospes.server.places import Listening


def test_port_zero_takes_a_free_one() -> None:
    (sock,) = open_tcp("127.0.0.1", 0, 10)
    with sock:
        assert sock.getsockname()[1] > 0


def test_a_port_in_use_is_a_setup_error_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use") as caught:
            open_tcp("127.0.0.1", port, 10)
    assert "choose another port" in caught.value.remedy


@pytest.mark.parametrize(
    ("host", "remedy"), [("no-such-host.invalid", "Give a name or an address"), ("192.0.2.1", "Give an address of this machine")]
)
def test_an_address_that_is_not_ours(host: str, remedy: str) -> None:
    with pytest.raises(SetupError, match=host) as caught:
        open_tcp(host, 8080, 10)
    assert caught.value.remedy.startswith(remedy)


def test_a_port_that_needs_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refusing(socket.socket):
        bind = refuse

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(SetupError) as caught:
        open_tcp("127.0.0.1", 80, 10)
    assert "1024 or above" in caught.value.remedy


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="platform: no unix sockets")
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("nowhere/x.sock", "Give a path of at most 107 octets in a folder that is there."),
        ("x" * 200, "Give a path of at most 107 octets in a folder that is there."),
        ("file", "Another program listens there, or a file of that name is no socket: stop it, or choose another path."),
        ("file/x.sock", "Give a path of at most 107 octets in a folder that is there."),
    ],
)
def test_a_unix_socket_that_cannot_be(name: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot listen on ") as caught:
        open_unix(UnixSocket(str(tmp_path / name)), 10)
    assert caught.value.remedy == remedy


def test_a_unix_socket_where_this_user_may_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refusing(socket.socket):
        bind = refuse

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(SetupError) as caught:
        open_unix(UnixSocket(str(tmp_path / "x.sock")), 10)
    assert caught.value.remedy == "This user may not make a socket there: choose another folder."


def test_all_interfaces_share_a_port() -> None:
    sockets = open_tcp("", 0, 10)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        with socket.create_connection(("127.0.0.1", sockets[0].getsockname()[1])):
            pass
    finally:
        for sock in sockets:
            sock.close()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="platform: no IPv6 here")
def test_ipv6() -> None:
    with ServingThread(lambda: nullcontext(plain), ServerOptions(host="::1", port=0)) as thread:
        assert thread.url == f"http://[::1]:{thread.server.address[1]}"
        with socket.create_connection(("::1", thread.server.address[1])) as sock:
            sock.sendall(GET)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with ServingThread(lambda: nullcontext(plain), ServerOptions(unix=UnixSocket(path, 0o600))) as thread:
        assert thread.url == f"unix:{path}"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.sendall(GET)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert not os.path.exists(path)


def test_a_stale_unix_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    where = UnixSocket(str(tmp_path / "socket"))
    open_unix(where, 10).close()
    with open_unix(where, 10), pytest.raises(SetupError, match="Address already in use"):
        open_unix(where, 10)


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(SetupError):
        open_unix(UnixSocket(str(path)), 10)
    assert path.read_text() == "precious"


def test_capacity_leaves_a_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1000, 1000 - RESERVE), (10, 1), (10**6, 5000), (resource.RLIM_INFINITY, 5000)):
        monkeypatch.setattr(resource, "getrlimit", lambda which, soft=soft: (soft, soft))
        assert capacity(5000) == most


def test_connections_beyond_the_limit_wait(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with serve(plain, limits=Limits(connections=3)) as port:
        peers = [Peer(port) for _ in range(3)]
        for peer in peers:
            peer.send(GET)
            assert peer.get().status == 200
        with Peer(port) as fourth:
            fourth.send(GET)
            fourth.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                fourth.sock.recv(1)
            fourth.sock.settimeout(20)
            peers.pop().sock.close()
            assert fourth.get().status == 200
        for peer in peers:
            peer.sock.close()
    assert [record.getMessage() for record in caplog.records] == ["accepting waits: 3 connections are open, which is the limit"]


def test_connections_of_one_address(serve: Serve) -> None:
    with serve(plain, limits=Limits(connections_per_address=2)) as port:
        with Peer(port) as first, Peer(port) as second, Peer(port) as third:
            for peer in (first, second):
                peer.send(GET)
                assert peer.get().status == 200
            got = third.get()
            assert (got.status, got.fields["connection"]) == (503, "close")
            assert third.closed()
            third.sock.close()
            first.half_close()
            assert first.closed()
        with Peer(port) as again:
            again.send(GET)
            assert again.get().status == 200


def test_a_flood_is_taken_in_portions(serve: Serve) -> None:
    with serve(plain) as port:
        peers = [Peer(port) for _ in range(2 * ACCEPTS + 1)]
        for peer in peers:
            peer.send(GET)
        for peer in peers:
            assert peer.get().status == 200
            peer.sock.close()


class Failing(socket.socket):
    """A listening socket in a process that is out of descriptors, for a while."""

    errors: list[OSError]

    def accept(self) -> tuple[socket.socket, object]:
        if self.errors:
            raise self.errors.pop()
        return super().accept()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_being_out_of_descriptors_is_waited_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", PORTABLE)
    listening = Failing(socket.AF_INET, socket.SOCK_STREAM)
    listening.errors = [OSError(number, "Too many open files")] * 2
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)

    class Prepared(Server):
        def _open(self) -> Listening:
            self.address = listening.getsockname()
            return Listening([listening])

    async def run() -> None:
        server = Prepared(plain)
        await server.start()

        def ask() -> None:
            with Peer(server.address[1]) as peer:
                peer.send(GET)
                assert peer.get().status == 200

        await asyncio.to_thread(ask)
        await server.stop()

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == [
        "accepting waits: the system gives no more connections (Too many open files)"
    ]


@pytest.mark.usefixtures("carrier")
def test_any_error_of_accepting_is_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # to accept there is not supported
    datagrams.bind(("127.0.0.1", 0))
    datagrams.setblocking(False)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)

    class Prepared(Server):
        def _open(self) -> Listening:
            self.address = listening.getsockname()
            return Listening([datagrams, listening])

    async def run() -> None:
        datagrams.sendto(b"x", datagrams.getsockname())
        server = Prepared(plain)
        await server.start()
        while not caplog.records:
            await asyncio.sleep(0.01)
        datagrams.recv(1)

        def ask() -> None:
            with Peer(server.address[1]) as peer:
                peer.send(GET)
                assert peer.get().status == 200

        await asyncio.to_thread(ask)
        await server.stop()

    asyncio.run(run())
    assert {record.getMessage() for record in caplog.records} == {
        "accepting waits: the system gives no more connections (Operation not supported)"
    }


@pytest.mark.usefixtures("carrier")
def test_a_stop_while_accepting_waits_leaves_nothing_on_the_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look at what the kernel holds fails once more."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # to accept there is not supported
    datagrams.bind(("127.0.0.1", 0))
    datagrams.setblocking(False)
    for module in ("hospes.server.listening", "hospes.engine.carrier"):
        with suppress(ImportError):  # the engine may not be built
            monkeypatch.setattr(f"{module}._RETRY", 0.05)

    class Prepared(Server):
        def _open(self) -> Listening:
            self.address = datagrams.getsockname()
            return Listening([datagrams])

    async def run() -> None:
        datagrams.sendto(b"x", datagrams.getsockname())
        server = Prepared(plain)
        await server.start()
        while not caplog.records:
            await asyncio.sleep(0)
        await server.stop()
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == [
        "accepting waits: the system gives no more connections (Operation not supported)"
    ]


OUT_OF_DESCRIPTORS = """
import asyncio, os, resource, sys
from hospes.http.response import Response
from hospes.server import ServerOptions, serve

taken = []

def handler(request):
    if request.path == "/take":
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 8, 4096))
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            return Response(error.strerror)
    for number in taken:
        os.close(number)
    taken.clear()
    return Response("free")

asyncio.run(serve(handler, ServerOptions(port=0), ready=lambda server: print(server.address[1], flush=True)))
"""


@pytest.mark.usefixtures("carrier")
def test_a_process_that_is_really_out_of_descriptors() -> None:
    """Those who are here are served, those who come wait in the kernel's queue, and are served when there is room again."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OUT_OF_DESCRIPTORS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    port = int(process.stdout.readline())
    with process, Peer(port) as here:
        here.send(request("/take"))
        assert here.get().content == b"Too many open files"
        with Peer(port) as waits:
            waits.send(GET)
            assert "accepting waits: the system gives no more connections (Too many open files)" in process.stderr.readline()
            here.send(request("/free"))
            assert here.get().content == b"free"
            assert waits.get().content == b"free"
        process.terminate()
        assert process.wait() == 0


def test_a_loop_without_readers_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", PORTABLE)

    class Proactor(asyncio.SelectorEventLoop):
        """Like that of Windows in this respect."""

        def add_reader(self, *args: object) -> None:
            raise NotImplementedError

    async def run() -> None:
        server = Server(plain, ServerOptions(port=0))
        await server.start()

        def ask() -> None:
            with Peer(server.address[1]) as peer:
                peer.send(GET)
                assert peer.get().status == 200

        await asyncio.to_thread(ask)
        await server.stop()

    with asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(run())


def test_no_descriptor_is_left(serve: Serve) -> None:
    def there() -> set[object]:
        gc.collect()
        return {*os.listdir("/proc/self/fd"), *threading.enumerate()}

    with serve(plain):
        pass
    before = there()
    for _ in range(3):
        with serve(plain, timeouts=Timeouts(linger=0.05)) as port:
            for octets in (GET, b"", b"nonsense\r\n\r\n", GET[:9]):
                for leave in (Peer.reset, Peer.half_close):
                    with Peer(port) as peer:
                        peer.send(octets)
                        leave(peer)
    # What tests before this one have left may go in the meantime; the folder that is listed has a descriptor itself.
    assert len(there() - before) <= 1
