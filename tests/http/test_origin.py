"""Origins: read strictly, compared with the host that a request is for."""

from __future__ import annotations

import pytest

from hospes.http import Address, Connection, Request
from hospes.http.octets import request_of
from hospes.http.origin import checked_origin, is_ours, parse_origin
from hospes.limits import Limits


def asked(host: str, scheme: str = "http") -> Request:
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 2), scheme, Limits())
    return request_of(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), b"", connection)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.org", ("https", "example.org")),
        ("HTTPS://Example.ORG:443", ("https", "example.org")),
        ("http://example.org:80", ("http", "example.org")),
        ("http://example.org:443", ("http", "example.org:443")),
        ("http://[::1]:8080", ("http", "[::1]:8080")),
        ("null", None),
        ("", None),
        ("example.org", None),
        ("https://example.org/", None),
        ("https://example.org/path", None),
        ("ftp://example.org", None),
        ("https://a b", None),
        ("https://example.org\n", None),
    ],
)
def test_parsing(text: str, origin: tuple[str, str] | None) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "ours"),
    [
        (("http", "a"), "a", "http", True),
        (("http", "a"), "A:80", "http", True),
        (("http", "a:81"), "a:81", "http", True),
        (("https", "a"), "a:443", "https", True),
        (("https", "a"), "a", "http", True),  # a proxy ends TLS
        (("http", "a"), "a", "https", False),
        (("http", "b"), "a", "http", False),
        (("http", "a:81"), "a", "http", False),
        (("http", "a.b"), "b", "http", False),
    ],
)
def test_whose_it_is(origin: tuple[str, str], host: str, scheme: str, ours: bool) -> None:
    assert is_ours(origin, asked(host, scheme)) is ours


def test_what_a_program_names() -> None:
    assert checked_origin("https://Example.org:443", "Csrf(origins=[…])") == ("https", "example.org")
    form = 'an origin is "https://host" or "https://host:port", with nothing behind it'
    pattern = "; there are no patterns: name each"
    for origin, more in (("example.org", ""), ("https://*.example.org", pattern), ("*", pattern)):
        with pytest.raises(ValueError, match=r"^Csrf") as caught:
            checked_origin(origin, "Csrf(origins=[…])")
        assert str(caught.value) == f"Csrf(origins=[{origin!r}]): {form}{more}"
