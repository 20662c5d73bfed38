"""Addresses: which are public."""

from __future__ import annotations

import socket

import pytest

from hospes.client import addresses


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%1",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "no address",
        "",
    ],
)
def test_not_public(address: str) -> None:
    assert not addresses.is_public(address)
    assert addresses.first_private(["8.8.8.8", address]) == address


def test_none_is_private() -> None:
    assert addresses.first_private(["8.8.8.8", "8.8.4.4"]) is None


def test_literals() -> None:
    assert [addresses.is_literal(each) for each in ("1.2.3.4", "::1", "a.example", "0x7f.1", "2130706433")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_each_address_once_in_order_and_not_too_many() -> None:
    names = [f"10.0.0.{number % 10}" for number in range(30)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 80)) for name in names]
    assert addresses.of(found) == names[: addresses.MOST]


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost"])
def test_whatever_the_system_reads_as_an_address_is_judged_as_one(host: str) -> None:
    try:
        found = addresses.look_up(host, 80)
    except OSError:
        pytest.skip("platform: the system reads no such address")
    assert addresses.first_private(found) == found[0]
