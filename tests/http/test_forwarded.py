"""Who is believed, read from the right: Forwarded and X-Forwarded-*."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hospes.errors import HttpError
from hospes.http.forwarded import Origin, forwarded, node, x_forwarded
from hospes.http.headers import Headers
from hospes.http.request import Address

PROXY = "10.0.0.2"


def trusts(host: str) -> bool:
    return host.startswith("10.")


def said(read: Callable[..., Origin], peer: str = PROXY, **fields: str | list[str]) -> Origin:
    headers = Headers([])
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            headers.add(name.replace("_", "-"), value)
    return read(headers, peer, trusts)


def client(host: str, port: int = 0, scheme: str = "", name: str = "") -> Origin:
    return Origin(Address(host, port), scheme, name)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.1", "10.0.0.3"),
        ("nonsense, 203.0.113.9", "203.0.113.9"),
        ("nonsense, 10.0.0.1", "10.0.0.1"),
        ('"quoted", 2001:db8::1', "2001:db8::1"),
        (["6.6.6.6", "203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        (" , 203.0.113.9 ,, ", "203.0.113.9"),
        ("unknown", "unknown"),
        ("1.2.3.4, _hidden", "_hidden"),
    ],
)
def test_x_forwarded_for(chain: str | list[str], expected: str) -> None:
    assert said(x_forwarded, X_Forwarded_For=chain) == client(expected)


def test_nobody_else_is_believed() -> None:
    fields = {
        "X_Forwarded_For": "1.2.3.4",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "a",
        "Forwarded": "for=1.2.3.4;proto=https",
    }
    for peer in ("192.0.2.1", "", "unknown"):
        assert said(x_forwarded, peer, **fields) == said(forwarded, peer, **fields) == Origin()


def test_only_the_chosen_kind_is_looked_at() -> None:
    assert said(x_forwarded, Forwarded="for=1.2.3.4") == Origin()
    assert said(forwarded, X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https") == Origin()


@pytest.mark.parametrize(
    ("fields", "scheme", "host"),
    [
        ({"X_Forwarded_Proto": "https"}, "https", ""),
        ({"X_Forwarded_Proto": "HTTPS", "X_Forwarded_Host": "a.example:8443"}, "https", "a.example:8443"),
        ({"X_Forwarded_Proto": "wss"}, "https", ""),
        ({"X_Forwarded_Proto": "ftp", "X_Forwarded_Host": "a b"}, "", ""),
        ({"X_Forwarded_Proto": "http, https", "X_Forwarded_Host": "evil, a.example"}, "https", "a.example"),
        ({"X_Forwarded_Host": "a.example/path"}, "", ""),
    ],
)
def test_scheme_and_host(fields: dict[str, str], scheme: str, host: str) -> None:
    assert said(x_forwarded, **fields) == Origin(None, scheme, host)


def test_values_that_go_along_with_the_chain() -> None:
    chain = {"X_Forwarded_For": "6.6.6.6, 203.0.113.9, 10.0.0.1"}
    assert said(x_forwarded, **chain, X_Forwarded_Proto="http, https, http") == client("203.0.113.9", 0, "https")
    assert said(x_forwarded, **chain, X_Forwarded_Proto="http, https") == client("203.0.113.9", 0, "https")
    assert said(x_forwarded, X_Forwarded_For="nonsense", X_Forwarded_Proto="https") == Origin(None, "https")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("for=203.0.113.9", client("203.0.113.9")),
        ("For=203.0.113.9;Proto=https;Host=a.example", client("203.0.113.9", 0, "https", "a.example")),
        ('for="203.0.113.9:4711" ; by=x', client("203.0.113.9", 4711)),
        ('for="[2001:db8::1]:80"', client("2001:db8::1", 80)),
        ("for=[2001:db8::1]", client("2001:db8::1")),
        ("for=6.6.6.6;proto=https, for=203.0.113.9;proto=http, for=10.0.0.1", client("203.0.113.9", 0, "http")),
        (["for=6.6.6.6", "for=203.0.113.9"], client("203.0.113.9")),
        ("for=unknown", client("unknown")),
        (r'for="203.0.113\.9"', client("203.0.113.9")),
        ("for=nonsense", Origin()),
        ("proto=https", Origin()),
        ("", Origin()),
        (" , ,", Origin()),
    ],
)
def test_forwarded(field: str | list[str], expected: Origin) -> None:
    assert said(forwarded, Forwarded=field) == expected


@pytest.mark.parametrize(
    "field",
    [
        'for="1.2.3.4, for=203.0.113.9',  # a client's quotation mark before what the proxy has added
        'for="x, for="[2001:db8::1]"',
        "for=1.2.3.4 x",
        "for",
        "for=",
        "=1.2.3.4",
        "for=1.2.3.4;for=5.6.7.8",
        "for=1.2.3.4;FOR=5.6.7.8",
        'for="a"x',
        "for=\u00e9",
    ],
)
def test_a_malformed_field_is_refused(field: str) -> None:
    headers = Headers([])
    headers.add("Forwarded", field)
    with pytest.raises(HttpError) as caught:
        forwarded(headers, PROXY, trusts)
    assert str(caught.value) == "400 The Forwarded field is malformed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", Address("1.2.3.4", 0)),
        ("1.2.3.4:65535", Address("1.2.3.4", 65535)),
        ("1.2.3.4:65536", None),
        ("1.2.3.4:x", None),
        ("::1", Address("::1", 0)),
        ("[::1]:9", Address("::1", 9)),
        ("::ffff:1.2.3.4", Address("1.2.3.4", 0)),
        ("2001:DB8::0", Address("2001:db8::", 0)),
        ("fe80::1%eth0", None),
        ("localhost", None),
        ("1.2.3", None),
        ("", None),
        ("_", None),
        ("_a b", None),
    ],
)
def test_nodes(text: str, expected: Address | None) -> None:
    assert node(text) == expected


@pytest.mark.parametrize(
    "field", ["\t" * 16_000 + "x", "a" * 16_000, 'a="' + "\\a" * 8_000, "for=a," * 3_000 + "?", "," * 16_000 + "="]
)
def test_long_fields_are_refused(field: str) -> None:
    headers = Headers([])
    headers.add("Forwarded", "x" + field)
    with pytest.raises(HttpError):
        forwarded(headers, PROXY, trusts)
