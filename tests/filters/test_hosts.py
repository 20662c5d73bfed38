"""Trusted hosts: the whole name, whatever its case and port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.app.support import peer_of
from tests.golden import check_golden

from hospes import App, TrustedHosts


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("shop.example", True),
        ("SHOP.example", True),
        ("shop.example:8080", True),
        ("shop.example.", True),
        ("shop.example.:80", True),
        ("a.cdn.example", True),
        ("a.b.cdn.example:1", True),
        ("127.0.0.1", True),
        ("127.0.0.1:80", True),
        ("[::1]", True),
        ("[::1]:80", True),
        ("[::2]", False),
        ("cdn.example", False),
        (".cdn.example", False),
        ("evilcdn.example", False),
        ("shop.example.evil.example", False),
        ("evil.example", False),
        ("xshop.example", False),
        ("", False),
        (":80", False),
    ],
)
def test_who_is_trusted(host: str, trusted: bool) -> None:
    assert TrustedHosts("Shop.Example", "*.cdn.example", "127.0.0.1", "[::1]").trusts(host) is trusted


def test_over_a_socket() -> None:
    app = App(store="memory:")
    app.filter(TrustedHosts("shop.example", exempt="/livez"))
    app.get("/")(lambda: "here")
    app.get("/livez")(lambda: "alive")
    with peer_of(app) as peer:
        for path, host, status in (
            ("/", "shop.example", 200),
            ("/", "evil.example", 421),
            ("/nowhere", "evil.example", 421),
            ("/livez", "10.0.0.1:8080", 200),
            ("/livez/", "10.0.0.1", 421),
        ):
            peer.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert peer.get().status == status


def test_mistakes() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: TrustedHosts(),
        lambda: TrustedHosts("https://shop.example"),
        lambda: TrustedHosts("shop.example:80"),
        lambda: TrustedHosts("*"),
        lambda: TrustedHosts("größe.example"),
    ]
    said: list[str] = []
    for each in wrong:
        with pytest.raises(ValueError, match="TrustedHosts") as caught:
            each()
        said.append(str(caught.value))
    check_golden("filters/hosts", "\n".join(said))
    hosts: Any = ["a.example", "b.example"]
    with pytest.raises(TypeError) as failed:
        TrustedHosts(hosts)
    assert str(failed.value) == 'TrustedHosts(…): give the hosts one by one, TrustedHosts("a.example", "*.b.example")'
