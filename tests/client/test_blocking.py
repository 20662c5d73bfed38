"""The blocking link: names, addresses, threads."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from tests.client.support import WAIT, Script, always, answer

from hospes.client import (
    AddressRefused,
    ClientLimits,
    ClientOptions,
    ClientTimeout,
    ClientTimeouts,
    HttpClient,
    ResolveError,
    addresses,
)


def named(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Let these names have these addresses; the others have none."""

    def look_up(host: str, port: int) -> list[str]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return names[host]

    monkeypatch.setattr(addresses, "look_up", look_up)


def test_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, here=["127.0.0.1"])
    with Script(always(answer(b"hi"))) as server, HttpClient() as client:
        assert client.get(server.url.replace("127.0.0.1", "here")).content == b"hi"


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch)
    with HttpClient() as client, pytest.raises(ResolveError, match="Name or service not known") as caught:
        client.get("http://nowhere/")
    assert caught.value.step == "resolve"


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, here=["127.0.0.2", "127.0.0.1"])
    with Script(always(answer(b"hi"))) as server, HttpClient() as client:
        assert client.get(server.url.replace("127.0.0.1", "here")).content == b"hi"


def test_a_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, here=[])
    with HttpClient() as client, pytest.raises(Exception, match="no address"):
        client.get("http://here/")


def test_a_resolver_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(addresses, "look_up", lambda host, port: over.wait(WAIT))
    with HttpClient(ClientOptions(timeouts=ClientTimeouts(connect=0.1))) as client, pytest.raises(ClientTimeout) as caught:
        client.get("http://slow/")
    over.set()
    assert caught.value.step == "resolve"


@pytest.mark.parametrize("host", ["127.0.0.1", "private", "both"])
def test_private_addresses_are_refused_on_demand(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    named(monkeypatch, private=["10.0.0.1"], both=["8.8.8.8", "127.0.0.1"])
    with Script(always(answer(b"hi"))) as server:
        with HttpClient(ClientOptions(public_only=True, retries=3)) as client, pytest.raises(AddressRefused, match="not public"):
            client.get(server.url.replace("127.0.0.1", host))
        assert server.connections == 0


def test_redirects_do_not_lead_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is checked is the address of each connection, not the URL of the call."""
    named(monkeypatch, outside=["127.0.0.1"])
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    with (
        Script(always(answer(b"", "302 Found", "Location: http://169.254.169.254/latest"))) as server,
        HttpClient(ClientOptions(public_only=True, redirects=1)) as client,
        pytest.raises(AddressRefused) as caught,
    ):
        client.get(server.url.replace("127.0.0.1", "outside"))
    assert caught.value.url == "http://169.254.169.254/latest"


def test_threads_share_a_client_and_its_connections() -> None:
    with Script(always(answer(b"hi"))) as server, HttpClient(ClientOptions(limits=ClientLimits(connections=4))) as client:
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda: found.extend(client.get(server.url).content for _ in range(10))) for _ in range(16)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(WAIT)
        assert found == [b"hi"] * 160
        assert server.connections <= 4


def test_waiting_for_a_connection_ends() -> None:
    with Script(lambda peer: peer.gone()) as server, HttpClient(ClientOptions(limits=ClientLimits(connections=1))) as client:

        def occupy() -> None:
            with pytest.raises(ClientTimeout):
                client.get(server.url, timeout=2)

        with_one = threading.Thread(target=occupy)
        with_one.start()
        assert server.connected.wait(WAIT)
        with pytest.raises(ClientTimeout) as caught:
            client.get(server.url, timeout=0.1)
        with_one.join(WAIT)
    assert caught.value.step == "wait"


def test_idle_connections_are_not_kept_for_ever() -> None:
    with Script(always(answer(b"hi"))) as server:
        with HttpClient(ClientOptions(timeouts=ClientTimeouts(idle=0.001))) as client:
            client.get(server.url)
            threading.Event().wait(0.01)
            client.get(server.url)
        assert server.connections == 2
