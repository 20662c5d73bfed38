"""URLs: whatever the text, only ValueError escapes, and what is read is read the same again: one host, one port, one target.

The same text is also joined to another URL, as a Location is.
"""

from __future__ import annotations

from hospes.client.url import Url, join_url, parse_url

SEEDS: list[bytes] = [
    b"http://a.example/",
    b"https://u:p%40@a.example:8443/x/../y?z=1#f",
    b"http://[::1]:80/",
    "http://bücher.example/ü?ö".encode(),
    b"//b.example/y",
    b"../../x?y",
    b"http://a.example\\@b.example/",
    b"HTTP://1.2.3.4:65535?",
    b"http://a.example:0/\r\nX: y",
]
_BASE = Url("https", "a.example", 8443, "/p/q?r")


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        url = parse_url(text)
    except ValueError:
        pass
    else:
        _check(url)
    try:
        url = join_url(_BASE, text)
    except ValueError:
        return
    _check(url)
    assert url.credentials is None


def _check(url: Url) -> None:
    assert str(url).isascii()
    assert str(url).isprintable()
    assert " " not in str(url)
    assert url.target.startswith("/")
    assert "#" not in url.target
    again = parse_url(str(url))
    assert (again.origin, again.target) == (url.origin, url.target), f"{url} is read as {again}"
