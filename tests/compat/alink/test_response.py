"""Http_Response: made, written, read."""

from __future__ import annotations

import gzip
from importlib import import_module

import pytest

from hospes.compat.alink.response import Http_Response


def test_the_beginning() -> None:
    response = Http_Response(200, b"abc")
    assert (response.status_code, response.content, response.encoding, len(response.headers)) == (200, b"abc", "unknow", 0)
    assert response.get_header_bytes() == b"HTTP/1.1 200 OK\r\n\r\n"
    assert response.to_bytes() == b"HTTP/1.1 200 OK\r\n\r\nabc"
    assert repr(response) == "<Http_Response 200, 3 bytes>"


def test_text_is_encoded() -> None:
    response = Http_Response(404, "ü")
    assert response.content == "ü".encode()
    assert response.get_text() == "ü"
    response.content = "客"
    assert response.to_bytes() == b"HTTP/1.1 404 Not Found\r\n\r\n" + "客".encode()


def test_fields() -> None:
    response = Http_Response(299)
    response.add_header({"A": "1", "B": "2"})
    response.set_header("a", "3")
    response.set_header("Set-Cookie", ["c=d", "e=f"])
    assert response.get_header_bytes() == b"HTTP/1.1 299 \r\nA: 3\r\nB: 2\r\nSet-Cookie: c=d\r\nSet-Cookie: e=f\r\n\r\n"
    for name, value in (("A", "b\r\nX: y"), ("A\r\n", "b")):
        with pytest.raises(ValueError, match=r"\S"):
            response.set_header(name, value)


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("gzip", gzip.compress("ü".encode(), mtime=0)),
        ("br", import_module("brotli").compress("ü".encode())),
        ("GZIP, identity", gzip.compress("ü".encode(), mtime=0)),
        ("", "ü".encode()),
    ],
)
def test_codings(coding: str, encoded: bytes) -> None:
    response = Http_Response(200, encoded)
    if coding:
        response.set_header("Content-Encoding", coding)
    assert response.get_text() == "ü"
    assert response.content == encoded


def test_an_encoding_that_was_told() -> None:
    response = Http_Response(200, gzip.compress("ü".encode()))
    response.encoding = "gzip"
    assert response.get_text() == "ü"
    response = Http_Response(200, "客".encode("gbk"))
    response.encoding = "gbk"
    assert response.get_text() == "客"
    response = Http_Response(200, "客".encode("big5"))
    response.set_header("Content-Type", "text/html; charset=big5")
    assert response.get_text() == "客"
    response.encoding = 'no "such" thing'
    assert response.get_text()


@pytest.mark.parametrize(
    ("coding", "content", "match"),
    [
        ("gzip", b"no gzip", "is not gzip"),
        ("snappy", b"x", "not known"),
        ("gzip", (65, 9), "inflates"),
        ("gzip", (3, 9), "inflates"),
        ("gzip", (65, 0), "inflates to more than 67108864 octets"),
    ],
)
def test_what_cannot_be_decoded(coding: str, content: bytes | tuple[int, int], match: str) -> None:
    if isinstance(content, tuple):  # MiB of zeros, and how hard to compress them
        content = gzip.compress(bytes(content[0] * 1024 * 1024), content[1])
    response = Http_Response(200, content)
    response.set_header("Content-Encoding", coding)
    with pytest.raises(ValueError, match=match):
        response.get_text()
