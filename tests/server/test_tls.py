"""TLS: what is spoken, what is refused, and mistakes in the files."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest
import trustme
from tests.server.support import GET, Peer, echo, plain, request

from hospes.errors import SetupError
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import MiB, Timeouts
from hospes.server import Server, ServerOptions, ServingThread, Tls


class Files:
    """A certificate authority, and a certificate with its key in files."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.cert, self.key = str(folder / "cert.pem"), str(folder / "key.pem")
        self.issue()

    def issue(self, name: str = "localhost") -> None:
        issued = self.authority.issue_cert(name, "127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        Path(self.cert).write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def connect(self, port: int, context: ssl.SSLContext | None = None, alpn: bool = True) -> Peer:
        peer = Peer(port)
        context = context or self.client()
        if alpn:
            context.set_alpn_protocols(["h2", "http/1.1"])
        peer.sock = context.wrap_socket(peer.sock, server_hostname="localhost")
        return peer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


def serving(handler: Callable[[Request], object], files: Files, timeouts: Timeouts | None = None) -> ServingThread:
    options = ServerOptions(port=0, tls=Tls(files.cert, files.key), timeouts=timeouts or Timeouts(drain=0.2))
    return ServingThread(lambda: nullcontext(cast(Handler, handler)), options)


def test_requests_over_tls(files: Files) -> None:
    seen: list[str] = []

    def handler(request: Request) -> object:
        seen.append(request.scheme)
        return echo(request)

    with serving(handler, files) as thread, files.connect(thread.server.address[1]) as peer:
        assert thread.url == f"https://127.0.0.1:{thread.server.address[1]}"
        assert isinstance(peer.sock, ssl.SSLSocket)
        assert peer.sock.selected_alpn_protocol() == "http/1.1"
        assert peer.sock.compression() is None
        for _ in range(3):
            peer.send(request("/", "POST", b"hello"))
            assert peer.get().content == b"hello"
    assert seen == ["https"] * 3


@pytest.mark.parametrize("offered", [["h2"], ["h2", "acme-tls/1"], []])
def test_a_peer_that_offers_other_protocols_is_told_of_none(files: Files, offered: list[str]) -> None:
    """Python's `ssl` has no alert for it (RFC 7301 §3.2): HTTP/1.1 is answered, and HTTP/2 refused as what it is."""
    with serving(plain, files) as thread:
        for sent, status in ((GET, 200), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 505)):
            context = files.client()
            if offered:
                context.set_alpn_protocols(offered)
            with files.connect(thread.server.address[1], context, alpn=False) as peer:
                assert isinstance(peer.sock, ssl.SSLSocket)
                assert peer.sock.selected_alpn_protocol() is None
                peer.send(sent)
                assert peer.get().status == status


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_and_forward_secrecy(files: Files, version: ssl.TLSVersion) -> None:
    context = files.client()
    context.minimum_version = context.maximum_version = version
    with serving(plain, files) as thread, files.connect(thread.server.address[1], context) as peer:
        assert isinstance(peer.sock, ssl.SSLSocket)
        cipher = peer.sock.cipher()
        assert cipher is not None
        assert cipher[0].startswith(("ECDHE-", "TLS_"))
        peer.send(GET)
        assert peer.get().status == 200


@pytest.mark.parametrize("weak", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"])
def test_weak_ciphers_are_refused(files: Files, weak: str) -> None:
    context = files.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{weak}:@SECLEVEL=0")
    with serving(plain, files) as thread, pytest.raises((ssl.SSLError, ConnectionError)):
        files.connect(thread.server.address[1], context)


def test_a_large_answer_and_a_large_upload(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"y" * MiB)

    async def handler(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            async for piece in request.reader:
                yield piece

        if request.path == "/file":
            return Response(FileContent(path.open("rb"), 0, MiB))
        if request.path == "/stream":
            return Response(Stream(pieces()))
        return await echo(request)

    with serving(handler, files) as thread, files.connect(thread.server.address[1]) as peer:
        for target, size in (("/", 12_000), ("/stream", 500)):
            body = bytes(range(256)) * size
            peer.send(request(target, "POST", body))
            assert peer.get().content == body
        peer.send(request("/file"))
        assert peer.get().content == b"y" * MiB


def test_the_last_answer_is_seen_and_the_end_too(files: Files) -> None:
    with serving(plain, files) as thread, files.connect(thread.server.address[1]) as peer:
        peer.send(request("/", "GET", None, "Connection: close"))
        assert peer.get().status == 200
        assert peer.closed()


def test_a_refusal_over_tls_is_seen(files: Files) -> None:
    with serving(plain, files, Timeouts(linger=0.1)) as thread, files.connect(thread.server.address[1]) as peer:
        peer.send(b"nonsense\r\n\r\n" + GET)
        assert peer.get().status == 400
        assert peer.closed()


@pytest.mark.parametrize("octets", [GET, b"\x16\x03\x01\x00\x05hello", b""])
def test_what_is_no_tls_makes_no_noise(files: Files, octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with serving(plain, files) as thread:
        with Peer(thread.server.address[1]) as peer:
            peer.send(octets)
            peer.half_close()
            peer.rest()
        Peer(thread.server.address[1]).reset()
        with files.connect(thread.server.address[1]) as peer:
            peer.send(GET)
            assert peer.get().status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_handshake_that_does_not_end_is_closed(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    with serving(plain, files, Timeouts(tls_handshake=0.1)) as thread, Peer(thread.server.address[1]) as peer:
        peer.send(b"\x16\x03\x01")
        assert peer.closed()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_stop_does_not_wait_for_handshakes(files: Files) -> None:
    thread = serving(plain, files, Timeouts(drain=30))
    thread.start()
    with Peer(thread.server.address[1]) as silent, files.connect(thread.server.address[1]) as idle:
        idle.send(GET)
        idle.get()
        thread.stop()
        silent.rest()


def test_idle_tls_peers_that_do_not_say_goodbye_do_not_hold_a_stop_for_long(files: Files) -> None:
    thread = serving(plain, files, Timeouts(drain=30, linger=0.1))
    thread.start()
    peers = [files.connect(thread.server.address[1]) for _ in range(3)]
    thread.stop()
    for peer in peers:
        peer.sock.close()


def test_reload(files: Files, tmp_path: Path) -> None:
    own = Files(tmp_path)
    with serving(plain, own) as thread:
        port = thread.server.address[1]

        def serial() -> object:
            with own.connect(port) as peer:
                assert isinstance(peer.sock, ssl.SSLSocket)
                certificate = peer.sock.getpeercert()
                assert certificate
                return certificate["serialNumber"]

        before = serial()
        own.issue()
        thread.server.reload_tls()
        after = serial()
        assert before != after
        Path(own.cert).write_text("nonsense")
        with pytest.raises(SetupError):
            thread.server.reload_tls()
        assert serial() == after


def test_reload_needs_files(files: Files) -> None:
    server = Server(plain, ServerOptions(port=0, tls=Tls(files.cert, files.key).context()))
    with pytest.raises(SetupError, match="no certificate files"):
        server.reload_tls()


def test_an_own_context(files: Files) -> None:
    options = ServerOptions(port=0, tls=Tls(files.cert, files.key).context())
    with ServingThread(lambda: nullcontext(plain), options) as thread, files.connect(thread.server.address[1]) as peer:
        peer.send(GET)
        assert peer.get().status == 200


def test_mistakes_are_setup_errors(files: Files, tmp_path: Path) -> None:
    other = Files(tmp_path)
    encrypted = tmp_path / "encrypted.pem"
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(files.key).read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
        )
    )
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for tls, problem in (
        (Tls("/nowhere/cert.pem", files.key), "no such file"),
        (Tls(files.cert, "/nowhere/key.pem"), "no such file"),
        (Tls(files.cert, other.key), "does not belong"),
        (Tls(files.cert, str(encrypted)), "password is wrong or wanting"),
        (Tls(files.cert, str(encrypted), "wrong"), "password is wrong or wanting"),
        (Tls(str(nonsense), files.key), "no certificate"),
        (Tls(files.cert), "no certificate"),
    ):
        with pytest.raises(SetupError, match=problem):
            tls.context()
    Tls(files.cert, str(encrypted), "secret").context()
    Tls(files.cert, str(encrypted), lambda: "secret").context()
    assert "secret" not in repr(Tls(files.cert, str(encrypted), "secret"))


def test_a_mistake_leaves_nothing_listening(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(plain, ServerOptions(port=0, tls=Tls(str(tmp_path / "no"), "no")))
        with pytest.raises(SetupError):
            await server.start()
        await server.stop()

    asyncio.run(run())


def test_ssl_is_not_imported_by_the_module() -> None:
    code = "import sys; import hospes.server.tls as t; t.Tls('a'); print('ssl' in vars(t))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
