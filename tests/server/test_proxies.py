"""Proxies in front of a server: believed where they are trusted, over both carriers."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.golden import check_golden
from tests.server.fleet import eventually
from tests.server.support import GET, WAIT, Peer, request

from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server import Proxies, ServerOptions, ServingThread, Tls
from hospes.server.proxies import Trust

pytestmark = pytest.mark.usefixtures("carrier")


def origin(request: Request) -> Response:
    return Response(f"{request.client.host} {request.client.port} {request.scheme} {request.host}")


def serving(proxies: Proxies, **options: Any) -> ServingThread:
    return ServingThread(lambda: nullcontext(origin), ServerOptions(port=0, proxies=proxies, **options))


def asked(peer: Peer, *fields: str) -> tuple[int, str]:
    peer.send(request("/", "GET", None, *fields))
    got = peer.get()
    return got.status, got.content.decode()


def test_fields_of_a_trusted_proxy() -> None:
    with serving(Proxies(("127.0.0.0/8",))) as thread, Peer(thread.server.address[1]) as peer:
        own = f"127.0.0.1 {peer.sock.getsockname()[1]} http x"
        assert asked(peer) == (200, own)
        fields = ("X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example")
        assert asked(peer, *fields) == (200, "203.0.113.9 0 https a.example")
        assert asked(peer) == (200, own)  # one request's origin is not the next one's
        assert asked(peer, "Forwarded: for=1.2.3.4") == (200, own)


def test_nobody_is_trusted_by_default() -> None:
    with ServingThread(lambda: nullcontext(origin), ServerOptions(port=0)) as thread, Peer(thread.server.address[1]) as peer:
        own = f"127.0.0.1 {peer.sock.getsockname()[1]} http x"
        assert asked(peer, "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Forwarded-Proto: https") == (200, own)


def test_nor_is_anybody_else() -> None:
    with serving(Proxies(("10.0.0.0/8", "::1"))) as thread, Peer(thread.server.address[1]) as peer:
        assert asked(peer, "X-Forwarded-For: 1.2.3.4")[1].startswith("127.0.0.1 ")


def test_forwarded() -> None:
    with serving(Proxies(("*",), "forwarded")) as thread, Peer(thread.server.address[1]) as peer:
        assert asked(peer, 'Forwarded: for="1.2.3.4:5";proto=https;host=a.example') == (200, "1.2.3.4 5 https a.example")
        assert asked(peer, 'Forwarded: for="') == (400, "400 The Forwarded field is malformed\n")


def test_fields_may_be_left_alone() -> None:
    with serving(Proxies(("*",), "none")) as thread, Peer(thread.server.address[1]) as peer:
        assert asked(peer, "X-Forwarded-For: 1.2.3.4")[1].startswith("127.0.0.1 ")


def test_a_preamble() -> None:
    with serving(Proxies(("127.0.0.1",), "none", protocol=True)) as thread:
        with Peer(thread.server.address[1]) as peer:
            peer.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 443\r\n" + GET)
            assert peer.get().content == b"192.0.2.7 49152 http x"
            assert asked(peer) == (200, "192.0.2.7 49152 http x")
        with Peer(thread.server.address[1]) as peer:
            for octet in b"PROXY UNKNOWN\r\n" + GET:
                peer.send(bytes([octet]))
            assert peer.get().content.startswith(b"127.0.0.1 ")


def test_who_is_to_send_a_preamble_and_does_not(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Proxies(("127.0.0.1",), protocol=True)) as thread:
        for octets in (GET, b"\x16\x03\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"):
            with Peer(thread.server.address[1]) as peer:
                peer.send(octets)
                with suppress(ConnectionResetError):  # with octets unread it is one
                    assert peer.closed()
        with Peer(thread.server.address[1]) as peer:
            peer.send(b"PROXY")
    assert caplog.messages[:1] == ["a trusted proxy is not understood: the connection does not begin with a PROXY preamble"]


def test_a_preamble_that_does_not_come() -> None:
    with serving(Proxies(("127.0.0.1",), protocol=True), timeouts=Timeouts(header=0.05)) as thread:
        with Peer(thread.server.address[1]) as peer:
            peer.send(b"PROXY TCP4")
            assert peer.closed()
        eventually(lambda: thread.server.connections == 0)


def test_connections_count_for_the_address_that_was_told() -> None:
    limits = Limits(connections_per_address=1)
    with serving(Proxies(("127.0.0.1",), "none", protocol=True), limits=limits) as thread:
        port = thread.server.address[1]

        def peer_of(host: str) -> Peer:
            peer = Peer(port)
            peer.send(f"PROXY TCP4 {host} 198.51.100.1 49152 443\r\n".encode() + GET)
            return peer

        for _ in range(2):  # what the first one took is given back
            with peer_of("192.0.2.1") as one, peer_of("192.0.2.2") as other:
                assert one.get().status == other.get().status == 200
                with peer_of("192.0.2.1") as third:
                    assert third.get().status == 503
            eventually(lambda: thread.server.connections == 0)


def test_a_stop_does_not_wait_for_preambles_that_do_not_come() -> None:
    thread = serving(Proxies(("127.0.0.1",), protocol=True), timeouts=Timeouts(header=WAIT))
    thread.start()
    with Peer(thread.server.address[1]) as peer:
        peer.send(b"PROXY TCP4")
        eventually(lambda: thread.server.connections == 1)
        thread.stop(drain=0.1)
        assert peer.closed()


def test_many_connections_that_say_nothing_are_no_more_than_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(connections=3)
    with serving(Proxies(("127.0.0.1",), "none", protocol=True), limits=limits) as thread:
        peers = [Peer(thread.server.address[1]) for _ in range(5)]
        eventually(lambda: bool(caplog.messages))
        assert caplog.messages == ["accepting waits: 3 connections are open, which is the limit"]
        assert thread.server.connections == 3
        for peer in peers[:4]:
            peer.sock.close()
        peers[4].send(b"PROXY UNKNOWN\r\n" + GET)
        assert peers[4].get().status == 200
        peers[4].sock.close()


def test_a_preamble_of_somebody_else_is_no_request() -> None:
    with serving(Proxies(("10.0.0.1",), protocol=True)) as thread, Peer(thread.server.address[1]) as peer:
        peer.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 443\r\n" + GET)
        assert peer.get().status == 400


def test_a_preamble_before_tls(tmp_path: Path) -> None:
    import ssl

    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    proxies = Proxies(("127.0.0.1",), protocol=True)
    with serving(proxies, tls=Tls(str(tmp_path / "both.pem"))) as thread, Peer(thread.server.address[1]) as peer:
        peer.send(b"PROXY TCP6 2001:db8::7 2001:db8::1 1 443\r\n")
        peer.sock = context.wrap_socket(peer.sock, server_hostname="localhost")
        peer.send(GET)
        assert peer.get().content == b"2001:db8::7 1 https x"


def test_whom_to_trust() -> None:
    trust = Trust(Proxies(("10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "unix")))
    for host in ("10.255.0.1", "2001:db8::9", "192.0.2.1", "", "/run/peer", "10.255.0.1", "::ffff:10.0.0.1", "::ffff:a00:1"):
        assert trust(host), host
    for host in ("11.0.0.1", "2001:db9::1", "192.0.2.2", "unknown", "_hidden", "::ffff:a", "::ffff:11.0.0.1"):
        assert not trust(host), host
    assert not Trust(Proxies(("10.0.0.0/8",)))("")
    assert Trust(Proxies(("*",)))("anything")
    for number in range(2000):  # what is remembered has a bound
        trust(f"11.0.{number // 250}.{number % 250}")
    assert len(trust._known) <= 1024


def test_mistakes() -> None:
    for given in ("10.0.0.1/8", "localhost", "10.0.0.0/33"):
        with pytest.raises(SetupError) as caught:
            Proxies((given,))
        check_golden(f"server/proxies_{given.replace('.', '_').replace('/', '_')}", str(caught.value))
    with pytest.raises(SetupError) as caught:
        Proxies((), "via")  # type: ignore[arg-type]
    check_golden("server/proxies_field", str(caught.value))
