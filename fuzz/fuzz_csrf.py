"""CSRF: of origins and tokens nothing escapes; an origin passes for ours only if it spells our host, a token only if we made it.

The first octet says which of the two the rest is.
"""

from __future__ import annotations

from dataclasses import dataclass

from hospes.filters.csrf import csrf_matches, csrf_token
from hospes.http.origin import parse_origin

SEEDS: list[bytes] = [
    b"\x00https://shop.example",
    b"\x00http://shop.example:80",
    b"\x00null",
    b"\x00http://[::1]:8080",
    b"\x00http://a@b",
    b"\x01" + b"A" * 86,
    b"\x01=_-",
]


@dataclass
class Session:
    id: str = "a" * 24


def target(data: bytes) -> None:
    text = data[1:].decode("latin-1")
    if data[:1] == b"\0":
        parsed = parse_origin(text)
        if parsed is not None:
            scheme, host = parsed
            assert text.lower() in {f"{scheme}://{host}", f"{scheme}://{host}:80", f"{scheme}://{host}:443"}
            assert not set(host) & set('/@?# \t\\"')
        return
    assert not csrf_matches(Session(), text)
    good = csrf_token(Session())
    assert csrf_matches(Session(), good)
    assert not csrf_matches(Session("b" * 24), good)
