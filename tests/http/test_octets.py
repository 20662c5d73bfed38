"""Requests made of octets."""

from __future__ import annotations

import asyncio

import pytest

from hospes.errors import HttpError, ProtocolError
from hospes.http.octets import head_of, request_of
from hospes.http.request import Address, Connection
from hospes.limits import Limits

CONNECTION = Connection(Address("192.0.2.1", 1), Address("h", 80), "http", Limits(body=5))


def test_a_request_without_content() -> None:
    request = request_of(b"GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n", b"", CONNECTION)
    assert (request.method, request.path, request.query, request.headers["x-a"]) == ("GET", "/a b", {"x": ["1"]}, "1")
    assert request.content is None
    assert request.client.host == "192.0.2.1"


@pytest.mark.parametrize("framing", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_a_request_with_content(framing: bytes) -> None:
    request = request_of(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n", b"abc", CONNECTION)
    assert asyncio.run(request.read()) == b"abc"


def test_content_of_no_length_is_content() -> None:
    request = request_of(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", b"", CONNECTION)
    assert request.content is not None
    assert asyncio.run(request.read()) == b""


@pytest.mark.parametrize(("size", "passes"), [(4, True), (5, True), (6, False)])
@pytest.mark.parametrize("framing", ["Content-Length: {}", "Transfer-Encoding: chunked"])
def test_the_limit_of_content(size: int, passes: bool, framing: str) -> None:
    head = f"POST / HTTP/1.1\r\nHost: h\r\n{framing.format(size)}\r\n\r\n".encode()
    request = request_of(head, b"x" * size, CONNECTION)
    if passes:
        assert asyncio.run(request.read()) == b"x" * size
    else:
        with pytest.raises(HttpError) as caught:
            asyncio.run(request.read())
        assert caught.value.code == 413


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET", b""),
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"x"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n", b"x"),
    ],
)
def test_what_is_no_request(head: bytes, content: bytes) -> None:
    with pytest.raises(ValueError, match="head"):
        request_of(head, content, CONNECTION)


def test_what_breaks_the_protocol() -> None:
    with pytest.raises(ProtocolError):
        request_of(b"GET / HTTP/1.1\r\n\r\n", b"", CONNECTION)


def test_a_head_alone() -> None:
    head = head_of(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", Limits())
    assert (head.method, head.path, head.content_length) == ("POST", "/a", 5)
    for octets in (b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nmore"):
        with pytest.raises(ValueError, match="a request's head ends with its empty line, and there"):
            head_of(octets, Limits())
