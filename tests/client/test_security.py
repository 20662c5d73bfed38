"""TLS, over both clients: verified, or refused with the reason."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from tests.client.support import Make, Peer, Script, answer, serving

from hospes.client import ClientOptions, ClientTimeout, ClientTimeouts, TlsError
from hospes.client.security import Trust, placeholder
from hospes.http import Response
from hospes.server import ServerOptions, Tls

Serve = Callable[..., Generator[str]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@contextmanager
def secured(authority: trustme.CA, folder: Path, *names: str) -> Generator[str]:
    authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    options = ServerOptions(port=0, tls=Tls(str(folder / "server.pem")))
    with serving(lambda request: Response(request.scheme), options) as url:
        yield url


def test_https(make: Make, authority: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with secured(authority, tmp_path, "127.0.0.1") as url, make(ClientOptions(tls=trusting)) as client:
        assert url.startswith("https://")
        for _ in range(3):
            assert client.request("GET", url).text == "https"


def test_by_name(make: Make, authority: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with secured(authority, tmp_path, "localhost") as url, make(ClientOptions(tls=trusting)) as client:
        assert client.request("GET", url.replace("127.0.0.1", "localhost")).text == "https"


def test_a_stranger(make: Make, authority: trustme.CA, tmp_path: Path) -> None:
    with (
        secured(authority, tmp_path, "127.0.0.1") as url,
        make(ClientOptions(retries=5)) as client,
        pytest.raises(TlsError, match="the certificate is not accepted") as caught,
    ):
        client.request("GET", url)
    assert caught.value.step == "tls"


def test_somebody_else(make: Make, authority: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with (
        secured(authority, tmp_path, "other.example") as url,
        make(ClientOptions(tls=trusting)) as client,
        pytest.raises(TlsError, match="the certificate is not accepted"),
    ):
        client.request("GET", url)


def test_no_tls_there(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.sock.recv(1)
        peer.send(answer(b"hi"))

    with Script(play) as server, make() as client, pytest.raises(TlsError):
        client.request("GET", server.url.replace("http://", "https://"))


def test_a_handshake_that_does_not_come(make: Make) -> None:
    options = ClientOptions(timeouts=ClientTimeouts(connect=0.2))
    with Script(lambda peer: peer.gone()) as server, make(options) as client, pytest.raises(ClientTimeout) as caught:
        client.request("GET", server.url.replace("http://", "https://"))
    assert caught.value.step == "tls"


def test_the_context_is_made_once_and_keeps_its_minimum() -> None:
    trust = Trust(None)
    context = trust.context()
    assert trust.context() is context
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_not_spoken_whatever_is_given() -> None:
    given = ssl.create_default_context()
    given.minimum_version = ssl.TLSVersion.TLSv1
    assert Trust(given).context() is given
    assert given.minimum_version == ssl.TLSVersion.TLSv1_2
    newer = ssl.create_default_context()
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    assert Trust(newer).context().minimum_version == ssl.TLSVersion.TLSv1_3


def test_the_placeholder_trusts_nobody() -> None:
    assert placeholder().cert_store_stats()["x509"] == 0
    assert placeholder().verify_mode == ssl.CERT_REQUIRED
