"""The request: decoded, and the same by every name the seed gives it."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.compat.http_server.requests import Requests
from hospes.http import Address, Connection, Request
from hospes.http.content import ContentReader
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader


def received(target: str = "/", fields: str = "", content: bytes = b"", method: str = "GET", version: str = "1.1") -> Requests:
    reader = RequestReader(Limits())
    length = f"Content-Length: {len(content)}\r\n" if content else ""
    reader.receive(f"{method} {target} HTTP/{version}\r\nHost: x\r\n{length}{fields}\r\n".encode())
    head = reader.next()
    assert isinstance(head, RequestHead)
    here = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), "http", Limits())
    request = Request(head, ContentReader.of(content) if content else None, here)
    request.body = content
    return Requests(request)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_line(version: str) -> None:
    request = received("/a%20b/%E8%8C%B6?x=1", method="PUT", version=version)
    assert (request.method, request.path, request.version) == ("PUT", "/a b/茶", f"HTTP/{version}")


def test_fields_and_cookies() -> None:
    request = received(fields="Referer: http://y/\r\nCookie: a=1; b=two\r\n")
    assert "Referer" in request.headers
    assert request.headers["referer"] == "http://y/"
    assert request.get_header("REFERER", "-") == "http://y/"
    assert request.get_header("X", "-") == "-"
    assert request.cookies == {"a": "1", "b": "two"}
    assert (request.get_cookie("a"), request.get_cookie("c"), request.get_cookie("c", "-")) == ("1", None, "-")


URLENCODED = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    ("target", "fields", "content", "key", "value"),
    [
        ("/?a=1&a=2", "", b"", "a", "1"),
        ("/?a=%E8%8C%B6+x", "", b"", "a", "茶 x"),
        ("/?a=", "", b"", "a", ""),
        ("/", URLENCODED, b"a=form", "a", "form"),
        ("/?a=query", URLENCODED, b"a=form", "a", "query"),
        ("/", "", b"a=form", "a", "-"),
        ("/", "", b"", "a", "-"),
    ],
)
def test_parameters(target: str, fields: str, content: bytes, key: str, value: str) -> None:
    assert received(target, fields, content, "POST").get_parameter(key, "-") == value


@pytest.mark.parametrize(("content", "body"), [(b"", ""), ("茶".encode(), "茶"), (b"\xff", "\ufffd")])
def test_the_body(content: bytes, body: str) -> None:
    assert received(content=content, method="POST").body == body


def test_a_middleware_may_put_things_on_it() -> None:
    request: Any = received()
    request.user = "ada"
    assert request.user == "ada"
