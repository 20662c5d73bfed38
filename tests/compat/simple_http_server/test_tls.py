"""TLS: files, and the names that they are for."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme
from tests.server.support import WAIT

from hospes.compat.simple_http_server.tls import context_of
from hospes.errors import SetupError


@pytest.fixture
def files(folder: Path) -> tuple[str, str, ssl.SSLContext]:
    """Certificate, key, and a context that trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert("shop.example", "*.wild.example")
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    authority.configure_trust(trusting)
    return str(cert), str(key), trusting


def comes_to_be(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> bool:
    """Whether a connection for a name does."""
    one, other = socket.socketpair()
    one.settimeout(WAIT)
    other.settimeout(WAIT)

    def answer() -> None:
        try:
            with server.wrap_socket(other, server_side=True) as accepted:
                accepted.sendall(b"x")
                accepted.recv(1)  # until the other side goes
        except OSError:
            other.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(one, server_hostname=name) as connected:
            return connected.recv(1) == b"x"
    except ssl.SSLError as error:
        one.close()
        if "UNRECOGNIZED_NAME" not in str(error):
            raise
        return False
    finally:
        thread.join(WAIT)


@pytest.mark.parametrize(
    ("name", "checked"),
    [("shop.example", True), ("a.wild.example", True), ("other.example", False), ("a.b.wild.example", False), (None, False)],
)
def test_names(files: tuple[str, str, ssl.SSLContext], name: str | None, checked: bool) -> None:
    cert, key, trusting = files
    assert comes_to_be(context_of(cert, key, "", check_hostname=False), trusting, name)
    assert comes_to_be(context_of(cert, key, "", check_hostname=True), trusting, name) is checked


def test_one_context_knows_many_names(files: tuple[str, str, ssl.SSLContext]) -> None:
    cert, key, trusting = files
    context = context_of(cert, key, "", check_hostname=True)
    names = ["shop.example", "other.example", "x.wild.example", "shop.example"]
    assert [comes_to_be(context, trusting, name) for name in names] == [True, False, True, True]


def test_there_is_a_certificate() -> None:
    with pytest.raises(SetupError, match="ssl=True needs a certificate"):
        context_of("", "", "", check_hostname=False)
    with pytest.raises(SetupError, match="there is no such file"):
        context_of("nothing.pem", "", "", check_hostname=True)
