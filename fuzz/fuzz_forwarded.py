"""Forwarded, X-Forwarded-*: only a 400 escapes, and what a client writes changes nothing of what trusted proxies added."""

from __future__ import annotations

from hospes.errors import HttpError
from hospes.http.forwarded import forwarded, x_forwarded
from hospes.http.headers import Headers
from hospes.http.request import Address

SEEDS: list[bytes] = [
    b"for=192.0.2.60;proto=http;by=203.0.113.43",
    b'for="[2001:db8:cafe::17]:4711", for=unknown',
    b'for="a\\"b", for=_x',
    b"6.6.6.6, 10.0.0.1",
    b'for="',
]


def trusts(host: str) -> bool:
    return host == "10.0.0.1"


def target(data: bytes) -> None:
    text = "".join(each for each in data.decode("latin-1") if each == "\t" or " " <= each != "\x7f").strip(" \t")
    added = f"{text}, 203.0.113.9"
    headers = Headers({"X-Forwarded-For": added, "X-Forwarded-Proto": f"{text},https"})
    assert x_forwarded(headers, "10.0.0.1", trusts).client == Address("203.0.113.9", 0)
    headers = Headers({"Forwarded": f'{text}, for="203.0.113.9";proto=https'})
    code = 200
    try:
        origin = forwarded(headers, "10.0.0.1", trusts)
    except HttpError as error:
        code = error.code
    assert code == 400 or (origin.client, origin.scheme) == (Address("203.0.113.9", 0), "https")
