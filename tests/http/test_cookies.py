"""Cookies, read and written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.http.cookies import SetCookie, is_jar, parse_cookies
from hospes.http.morsels import Cookies

COOKIE_OCTETS = st.text(st.sampled_from([chr(i) for i in range(0x21, 0x7F) if chr(i) not in '",;\\']), max_size=30)
NAMES = st.text(st.sampled_from("abcXYZ019!#$%&'*+-.^_`|~"), min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("  a = 1 ;\tb=2 ", {"a": "1", "b": "2"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a=first; a=second", {"a": "first"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("lonely; a=1", {"a": "1"}),
        ("=x; a=1", {"a": "1"}),
        ("b[=2; a=1", {"b[": "2", "a": "1"}),
        ("a b=2; c=1", {"c": "1"}),
        ('"q"=2; c=1', {"c": "1"}),
        ("x=\x01; c=1", {"c": "1"}),
        ("\x00=1; c=1", {"c": "1"}),
        (";;;a=1;;", {"a": "1"}),
        ('a="1"', {"a": "1"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a="x', {"a": '"x'}),
        (r'a="x\073y\"z\\"', {"a": 'x;y"z\\'}),
        ('a="\\"', {"a": "\\"}),
        ('a="x;y"; b=2', {"a": '"x', "b": "2"}),
        ("path=/; a=1; expires=x", {"path": "/", "a": "1", "expires": "x"}),
        ("json={a:[1,2]}; b=2", {"json": "{a:[1,2]}", "b": "2"}),
        ("a=caf\xe9", {"a": "caf\xe9"}),
        ("a=x y", {"a": "x y"}),
    ],
)
def test_reads(value: str, expected: dict[str, str]) -> None:
    assert parse_cookies(value) == expected


def test_large_input_finishes() -> None:
    assert parse_cookies(";" * 1_000_000) == {}
    assert parse_cookies("=" * 1_000_000) == {}
    assert parse_cookies('a="' + "\\" * 200_000 + '"') == {"a": "\\" * 100_000}
    assert parse_cookies('a="' + "\\1" * 100_000 + '"') == {"a": "1" * 100_000}


@given(st.text())
def test_anything_is_read(value: str) -> None:
    parse_cookies(value)


@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30))
def test_reads_what_simple_cookie_writes(value: str) -> None:
    jar = SimpleCookie()
    jar["a"] = value
    sent = jar["a"].OutputString().partition("=")[2]
    assert parse_cookies(f"a={sent}") == {"a": value}


@given(NAMES, COOKIE_OCTETS)
def test_reads_back_what_it_writes(name: str, value: str) -> None:
    if name.lower().startswith(("__host-", "__secure-")):
        return
    assert parse_cookies(SetCookie(name, value).to_field().partition(";")[0]) == {name: value}


# SetCookie


def test_writes_every_attribute() -> None:
    cookie = SetCookie("__Secure-a", "b", 60, 0.0, "/x", "example.org", True, True, "None", True)
    assert cookie.to_field() == (
        "__Secure-a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Domain=example.org; Path=/x; Secure; HttpOnly; "
        "SameSite=None; Partitioned"
    )
    assert SetCookie("a", "b").to_field() == "a=b; Path=/; HttpOnly; SameSite=Lax"
    assert SetCookie("a", "", path=None, http_only=False, same_site=None).to_field() == "a="


def test_expires_takes_a_datetime_with_a_zone() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert "Expires=Fri, 02 Jan 2026 02:04:05 GMT" in SetCookie("a", "b", expires=when).to_field()
    with pytest.raises(ValueError, match="time zone"):
        SetCookie("a", "b", expires=datetime(2026, 1, 2))  # noqa: DTZ001


def test_removal() -> None:
    assert SetCookie.removal("a").to_field().startswith("a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/")
    assert "Secure" in SetCookie.removal("__Host-a").to_field()
    assert "Domain=example.org" in SetCookie.removal("a", domain="example.org", path="/x").to_field()


@pytest.mark.parametrize("octet", [*(chr(i) for i in range(0x21)), "\x7f", ";", ",", '"', "\\", "é", "€", "\ud800"])
def test_no_octet_adds_anything_to_a_value_or_name(octet: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        SetCookie("a", f"x{octet}y")
    with pytest.raises(ValueError, match="cookie name"):
        SetCookie(f"x{octet}y", "")


@pytest.mark.parametrize("octet", [*(chr(i) for i in range(0x20)), "\x7f", ";", "é", "\ud800"])
def test_no_octet_adds_anything_to_an_attribute(octet: str) -> None:
    with pytest.raises(ValueError, match="path"):
        SetCookie("a", "b", path=f"/{octet}")
    with pytest.raises(ValueError, match="domain"):
        SetCookie("a", "b", domain=f"a{octet}.org")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"path": "x"}, "begin with /"),
    ({"max_age": "1; Secure"}, "max_age"),
    ({"max_age": 1.5}, "max_age"),
    ({"expires": 1e20}, "year"),
    ({"path": ""}, "begin with /"),
    ({"domain": ""}, "host name"),
    ({"domain": "a..b"}, "host name"),
    ({"domain": "a b"}, "host name"),
    ({"same_site": "lax; Secure"}, "same_site"),
    ({"same_site": "None"}, "secure=True"),
    ({"partitioned": True}, "secure=True"),
    ({"name": ""}, "cookie name"),
    ({"name": "a=b"}, "cookie name"),
    ({"name": "__Secure-a"}, "secure=True"),
    ({"name": "__secure-a"}, "secure=True"),
    ({"name": "__Host-a"}, "secure=True"),
    ({"name": "__Host-a", "secure": True, "path": "/x"}, "path='/'"),
    ({"name": "__HOST-a", "secure": True, "domain": "example.org"}, "no domain"),
]


@pytest.mark.parametrize(("options", "problem"), BAD)
def test_rules(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        SetCookie(**{"name": "a", "value": "b", **options})


def test_domain_forms() -> None:
    for domain in ("example.org", ".example.org", "localhost", "xn--bcher-kva.example", "127.0.0.1"):
        assert f"Domain={domain}" in SetCookie("a", "b", domain=domain).to_field()


def test_largest_cookie() -> None:
    SetCookie("a", "x" * 4094)
    SetCookie("a", "x" * 4095)
    with pytest.raises(ValueError, match="4096"):
        SetCookie("a", "x" * 4096)


def test_a_value_is_text() -> None:
    number: Any = 1
    with pytest.raises(TypeError, match="cookie 'a': its value is text, not int"):
        SetCookie("a", number)


def test_the_value_is_not_repeated_in_errors() -> None:
    with pytest.raises(ValueError, match="cookie") as caught:
        SetCookie("a", "secret;")
    assert "secret" not in str(caught.value)


def test_jars_are_those_of_http_cookies() -> None:
    assert [is_jar(kind) for kind in (SimpleCookie, Cookies, dict, SetCookie)] == [True, True, False, False]
