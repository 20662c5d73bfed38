"""The four forms of a target, and the syntax of an authority."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import ProtocolError
from hospes.wire.target import Target, TargetForm, is_authority, is_ipv6, parse_target


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", Target(TargetForm.ORIGIN, "/", "", "")),
        ("GET", "/a?b?c", Target(TargetForm.ORIGIN, "/a", "b?c", "")),
        ("OPTIONS", "/a", Target(TargetForm.ORIGIN, "/a", "", "")),
        ("GET", "http://a", Target(TargetForm.ABSOLUTE, "/", "", "a")),
        ("GET", "http://a?b", Target(TargetForm.ABSOLUTE, "/", "b", "a")),
        ("GET", "hTTps://a:1/b/?c=/d?", Target(TargetForm.ABSOLUTE, "/b/", "c=/d?", "a:1")),
        ("OPTIONS", "*", Target(TargetForm.ASTERISK, "*", "", "")),
        ("CONNECT", "a:443", Target(TargetForm.AUTHORITY, "", "", "a:443")),
        ("CONNECT", "[::1]:443", Target(TargetForm.AUTHORITY, "", "", "[::1]:443")),
    ],
)
def test_forms(method: str, target: str, expected: Target) -> None:
    assert parse_target(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target", "reason"),
    [
        ("GET", "*", "OPTIONS only"),
        ("GET", "a:443", "begin with a slash"),
        ("GET", "a", "begin with a slash"),
        ("GET", "?a", "begin with a slash"),
        ("GET", "", "begin with a slash"),
        ("GET", "/#a", "fragment"),
        ("GET", "http://a/#b", "fragment"),
        ("GET", "/\xe4", "percent-encoded"),
        ("GET", "/\0", "percent-encoded"),
        ("GET", "/%", "two hex digits"),
        ("GET", "http://a/%0", "two hex digits"),
        ("GET", "ftp://a/", "neither http nor https"),
        ("GET", "http://", "authority"),
        ("GET", "http://a@b/", "authority"),
        ("GET", "http://a:99999/", "authority"),
        ("CONNECT", "a", "host:port"),
        ("CONNECT", "a:", "host:port"),
        ("CONNECT", ":443", "host:port"),
        ("CONNECT", "[::1]", "host:port"),
        ("CONNECT", "/", "host:port"),
        ("CONNECT", "*", "host:port"),
        ("CONNECT", "http://a:443", "host:port"),
    ],
)
def test_refused(method: str, target: str, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        parse_target(method, target)
    assert caught.value.status == 400


AUTHORITIES = [
    "a",
    "A.b-c_d~e",
    "a:",
    "a:0",
    "a:65535",
    "127.0.0.1",
    "127.0.0.1:80",
    "[::1]",
    "[::1]:80",
    "%41",
    "a!$&'()*+,;=",
    "xn--a.b.",
]


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_authorities(authority: str) -> None:
    assert is_authority(authority)


@pytest.mark.parametrize(
    "authority",
    [
        "",
        ":",
        ":80",
        "a:b",
        "a:65536",
        "a:000001",
        "a:80:80",
        "a b",
        " a",
        "a ",
        "a/",
        "a?",
        "a#",
        "a@b",
        "a\\",
        "%",
        "%4",
        "%4g",
        "ä",
        "a:²",
        "[]",
        "[::1",
        "::1]",
        "::1",
        "[::1]a",
        "[::1]:x",
        "[a]",
        "[v1.a]",
        "[::1%25lo]",
        "[[::1]]",
        'a"',
        "a<b>",
        "a\x00",
        "a\n",
    ],
)
def test_no_authorities(authority: str) -> None:
    assert not is_authority(authority)


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "1::",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::8",
        "ABCD:ef01::",
        "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
    ],
)
def test_ipv6(address: str) -> None:
    assert is_ipv6(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        ":",
        ":::",
        "1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "12345::",
        "g::",
        ":1::",
        "::1:",
        "1.2.3.4",
        "1.2.3.4::",
        "::1.2.3",
        "::1.2.3.256",
        "::01.2.3.4",
        "::1.2.3.4.5",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
    ],
)
def test_no_ipv6(address: str) -> None:
    assert not is_ipv6(address)


@given(st.text("0f:.1", max_size=24) | st.ip_addresses(v=6).map(str))
def test_ipv6_as_the_standard_library_has_it(address: str) -> None:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        assert not is_ipv6(address)
    else:
        assert is_ipv6(address)
