"""Both ends of a connection."""

from __future__ import annotations

import asyncio

import pytest

from hospes.http.request import Address
from hospes.limits import Limits
from hospes.server.ends import ends


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("192.0.2.1", 80), Address("192.0.2.1", 80)),
        (("::1", 80, 0, 0), Address("::1", 80)),
        ("/run/socket", Address("/run/socket", 0)),
        ("", Address("", 0)),
        (b"\x00abstract", Address("", 0)),
        (None, Address("", 0)),
    ],
)
def test_addresses(name: object, address: Address) -> None:
    found = ends(asyncio.Transport({"peername": name, "sockname": name}), Limits())
    assert (found.client, found.server, found.scheme) == (address, address, "http")


def test_tls_is_https() -> None:
    assert ends(asyncio.Transport({"sslcontext": object()}), Limits()).scheme == "https"
