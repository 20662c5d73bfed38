"""The extension `tls`, over real connections: with and without a client's certificate, behind proxies, for websockets."""

from __future__ import annotations

import json
import ssl
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from msgspec.structs import replace
from tests.adapters.support import PEERS, body, made, start
from tests.server.support import Peer, request

from hospes.adapters import from_asgi
from hospes.adapters.asgi import Receive, Scope, Send
from hospes.adapters.asgi_scope import http_scope, websocket_scope
from hospes.adapters.asgi_tls import distinguished_name
from hospes.http.request import Connection
from hospes.limits import Timeouts
from hospes.server import Proxies, ServerOptions, ServingThread, Tls

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it is told of TLS."""
    await send(start(200, (b"content-type", b"application/json")))
    await send(body(json.dumps(scope["extensions"].get("tls", "nothing")).encode()))


class Authority:
    """A certificate authority, a server with one of its certificates, and clients."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.file = str(folder / "both.pem")
        self.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(self.file)

    def serving(self, asks: ssl.VerifyMode = ssl.CERT_NONE, proxies: Proxies | None = None) -> ServingThread:
        context = Tls(self.file).context()
        context.verify_mode = asks
        self.authority.configure_trust(context)
        options = ServerOptions(port=0, tls=context, timeouts=Timeouts(drain=0.2), proxies=proxies)
        return ServingThread(lambda: nullcontext(from_asgi(tell, lifespan="off")), options)

    def ask(
        self,
        server: ServingThread,
        shows: trustme.LeafCert | None = None,
        *fields: str,
        at_most: ssl.TLSVersion | None = None,
        first: bytes = b"",
    ) -> Any:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if shows is not None:
            shows.configure_cert(context)
        if at_most is not None:
            context.maximum_version = at_most
        with Peer(server.server.address[1]) as peer:
            peer.sock.sendall(first)
            peer.sock = context.wrap_socket(peer.sock, server_hostname="localhost")
            peer.send(request("/", "GET", None, *fields))
            got = json.loads(peer.get().content)
            cipher = peer.sock.cipher()
            assert cipher is not None
            return got, cipher[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_tls_1_3_without_a_client_certificate(authority: Authority) -> None:
    with authority.serving() as server:
        got, cipher = authority.ask(server)
    suite = {"TLS_AES_128_GCM_SHA256": 0x1301, "TLS_AES_256_GCM_SHA384": 0x1302, "TLS_CHACHA20_POLY1305_SHA256": 0x1303}[cipher]
    assert got == {
        "server_cert": None,
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": suite,
    }


def test_tls_1_2(authority: Authority) -> None:
    with authority.serving() as server:
        got, cipher = authority.ask(server, at_most=ssl.TLSVersion.TLSv1_2)
    # IANA's registry
    suites = {
        "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
        "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
        "ECDHE-RSA-AES256-GCM-SHA384": 0xC030,
        "ECDHE-RSA-AES128-GCM-SHA256": 0xC02F,
    }
    assert (got["tls_version"], got["cipher_suite"]) == (0x0303, suites[cipher])


def test_a_client_certificate(authority: Authority) -> None:
    shown = authority.authority.issue_cert("ada@example.org", common_name="Ada, Countess", organization_name="Engines")
    with authority.serving(ssl.CERT_REQUIRED) as server:
        got, _ = authority.ask(server, shown)
    assert got["client_cert_chain"] == [shown.cert_chain_pems[0].bytes().decode()]
    assert got["client_cert_name"].startswith("CN=Ada\\, Countess,OU=")
    assert got["client_cert_name"].endswith(",O=Engines")
    assert got["client_cert_error"] is None


def test_a_client_certificate_that_may_be_left_out(authority: Authority) -> None:
    with authority.serving(ssl.CERT_OPTIONAL) as server:
        got, _ = authority.ask(server)
    assert (got["client_cert_chain"], got["client_cert_name"]) == ([], None)


def test_a_proxys_certificate_is_not_its_clients(authority: Authority) -> None:
    shown = authority.authority.issue_cert("proxy.example")
    with authority.serving(ssl.CERT_REQUIRED, Proxies(("127.0.0.1",))) as server:
        assert authority.ask(server, shown, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https")[0] == "nothing"


def test_nor_where_its_preamble_speaks_for_them(authority: Authority) -> None:
    shown = authority.authority.issue_cert("proxy.example")
    with authority.serving(ssl.CERT_REQUIRED, Proxies(("127.0.0.1",), field="none", protocol=True)) as server:
        assert authority.ask(server, shown, first=b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n")[0] == "nothing"


def test_websockets_are_told_the_same(authority: Authority) -> None:
    told = tls_of(replace(PEERS, scheme="https", tls=shaken(authority)))
    assert told["http"] == told["websocket"]
    assert told["http"]["tls_version"] == 0x0304
    assert tls_of(PEERS) == {"http": None, "websocket": None}


def shaken(authority: Authority) -> ssl.SSLObject:
    """The server's side of a handshake in memory."""
    context = ssl.create_default_context()
    authority.authority.configure_trust(context)
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(here, there, server_hostname="localhost")
    server = Tls(authority.file).context().wrap_bio(there, here, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return server


def tls_of(ends: Connection) -> dict[str, Any]:
    """What the scopes of either kind say."""
    scopes = http_scope(made(ends=ends), None), websocket_scope(made("/", "GET", None, *UPGRADE, ends=ends), None)
    return {scope["type"]: scope["extensions"].get("tls") for scope in scopes}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ((), ""),
        (((("countryName", "GB"),), (("organizationName", "Engines"),), (("commonName", "Ada"),)), "CN=Ada,O=Engines,C=GB"),
        (((("commonName", "Ada"), ("userId", "7")),), "CN=Ada+UID=7"),
        (((("serialNumber", "7"),),), "serialNumber=7"),
        (((("commonName", 'a"b+c,d;e<f>g\\h=#'),),), 'CN=a\\"b\\+c\\,d\\;e\\<f\\>g\\\\h=#'),
        (((("commonName", " a "),),), "CN=\\ a\\ "),
        (((("commonName", " "),),), "CN=\\ "),
        (((("commonName", "#a"),),), "CN=\\#a"),
        (((("commonName", "a\0b"),),), "CN=a\\00b"),
        (((("commonName", ""),),), "CN="),
    ],
)
def test_distinguished_names(subject: tuple[tuple[tuple[str, str], ...], ...], name: str) -> None:
    assert distinguished_name(subject) == name
