"""What hosted applications are told of a usual request: by the engine as by `hospes.adapters`."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.adapters.support import PEERS

from hospes.adapters.asgi_scope import http_scope
from hospes.adapters.wsgi_environ import environ_of
from hospes.http.connection import Address
from hospes.http.octets import request_of
from hospes.http.request import Request
from hospes.limits import Limits

core = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

CONTENT = io.BytesIO()
ENDS = replace(PEERS, hint=lambda head, links: None)
USUAL = b"GET /a/b?c=d%20e HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\nX-Note: \xe9\r\n\r\n"


def both(octets: bytes) -> tuple[Request, Request]:
    """The same request, read by the engine and by wire."""
    found = core.parse_head(octets, Limits())
    assert found is not None
    return Request(found[0], None, ENDS), request_of(octets, b"", ENDS)


def agreed(octets: bytes, change: Callable[[Request], object] = lambda request: None, *, is_told: bool) -> dict[str, Any]:
    """The scope, on which both agree; whether the engine tells it by itself."""
    ours, theirs = both(octets)
    change(ours)
    change(theirs)
    assert (ours.head.asgi_scope(ours) is not None) is is_told  # type: ignore[attr-defined]
    scope = http_scope(ours, None)
    assert scope == http_scope(theirs, None)
    assert environ(ours) == environ(theirs)
    return scope


def environ(request: Request) -> dict[str, Any]:
    """What a WSGI application is told."""
    found = environ_of(request, CONTENT)
    assert found.pop("wsgi.early_hints", None) is None or request.connection.hint is not None
    return dict(found)


def test_a_usual_request() -> None:
    scope = agreed(USUAL, is_told=True)
    assert (scope["path"], scope["query_string"]) == ("/a/b", b"c=d%20e")
    assert scope["extensions"].keys() == {
        "http.response.pathsend",
        "http.response.zerocopysend",
        "http.response.early_hint",
    }
    again = agreed(USUAL, is_told=True)
    assert again["extensions"] is not scope["extensions"]
    assert again["asgi"] is not scope["asgi"]


@pytest.mark.parametrize(
    "change",
    [(b"?c=d%20e", b""), (b"c=d%20e", b""), (b"GET", b"BREW"), (b"X-Note", b"Proxy"), (b"Accept: a/b", b"Proxy: a\r\nProxy: b")],
)
def test_others(change: tuple[bytes, bytes]) -> None:
    agreed(USUAL.replace(*change), is_told=True)


@pytest.mark.parametrize("octets", [USUAL.replace(b"/a/b", b"/a%2Fb"), USUAL.replace(b"Accept: a/b", b"TE: trailers")])
def test_what_python_tells(octets: bytes) -> None:
    agreed(octets, is_told=False)


def test_a_connection_that_cannot_hint() -> None:
    def change(request: Request) -> None:
        request.connection = PEERS

    assert "http.response.early_hint" not in agreed(USUAL, change, is_told=True)["extensions"]


@pytest.mark.parametrize("end", [{"client": Address("", 0)}, {"server": Address("/run/a.sock", 0)}], ids=["client", "server"])
def test_a_unix_socket(end: dict[str, Address]) -> None:
    def change(request: Request) -> None:
        request.connection = replace(ENDS, **end)

    agreed(USUAL, change, is_told=False)


def test_what_a_filter_has_changed() -> None:
    def headers(request: Request) -> None:
        request.headers["X-Note"] = "\u20ac"

    def query(request: Request) -> None:
        request.query_string = "x"

    def method(request: Request) -> None:
        request.method = "PUT"

    assert (b"x-note", "\u20ac".encode()) in agreed(USUAL, headers, is_told=False)["headers"]
    assert agreed(USUAL, query, is_told=False)["query_string"] == b"x"
    assert agreed(USUAL, method, is_told=True)["method"] == "PUT"


def test_below_a_prefix() -> None:
    ours, theirs = (each.below("/a") for each in both(USUAL))
    assert ours.head.asgi_scope(ours) is None  # type: ignore[attr-defined]
    assert http_scope(ours, None) == http_scope(theirs, None)
    assert http_scope(ours, None)["root_path"] == "/a"
    assert environ(ours) == environ(theirs)
    assert environ(ours)["SCRIPT_NAME"] == "/a"


def test_the_state_is_the_applications() -> None:
    ours, _ = both(USUAL)
    assert http_scope(ours, {"pool": 1})["state"] == {"pool": 1}
    assert "state" not in http_scope(ours, None)


NAMES = st.sampled_from(["TE", "X-A", "Cookie", "Accept"])


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        (b"X-A: 1\r\nx_a: 2", True),
        (b"X-A: 1\r\nX-A: 2", False),
        (b"Cookie: a=1\r\nCookie: b=2", False),
        (b"Content-Type: a/b\r\nX-Own-Field: \xe9", True),
    ],
)
def test_fields_of_a_wsgi_application(fields: bytes, is_told: bool) -> None:
    ours, theirs = both(USUAL.replace(b"X-Note: \xe9", fields))
    assert (ours.head.wsgi_environ(ours, {}) is not None) is is_told  # type: ignore[attr-defined]
    assert environ(ours) == environ(theirs)


LETTERS = st.text("abcXYZ0189-._~!$&'()*+,;=:@/%20", max_size=20)


@given(path=LETTERS, query=st.none() | LETTERS, fields=st.dictionaries(NAMES, LETTERS))
def test_any_request(path: str, query: str | None, fields: dict[str, str]) -> None:
    target = f"/{path}" + (f"?{query}" if query is not None else "")
    lines = [f"GET {target} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    octets = "\r\n".join(lines).encode()
    if core.parse_head(octets, Limits()) is not None:
        ours, theirs = both(octets)
        assert http_scope(ours, None) == http_scope(theirs, None)
        assert environ(ours) == environ(theirs)
