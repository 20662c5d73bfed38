"""The scope of a request: every key, with the octets it is made of."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.adapters.support import PEERS, made

from hospes.adapters.asgi_scope import http_scope
from hospes.http.request import Address

EXTENSIONS: dict[str, dict[str, Any]] = {"http.response.pathsend": {}, "http.response.zerocopysend": {}}


def test_all_of_it() -> None:
    scope = http_scope(made("/caf%C3%A9/a%2Fb?q=1%202&q", "POST", b"x", "X-Note: a\xe9", "X-Note: b"), None)
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/café/a/b",
        "raw_path": b"/caf%C3%A9/a%2Fb",
        "query_string": b"q=1%202&q",
        "root_path": "",
        "headers": [(b"host", b"example.org"), (b"x-note", b"a\xe9"), (b"x-note", b"b"), (b"content-length", b"1")],
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 8080),
        "extensions": EXTENSIONS,
    }


@pytest.mark.parametrize(("raw", "path"), [("/%FF", "/\ufffd"), ("/%c3%28", "/\ufffd("), ("/a+b", "/a+b")])
def test_a_path_that_is_no_utf_8_is_the_applications_to_judge(raw: str, path: str) -> None:
    scope = http_scope(made(raw), None)
    assert (scope["path"], scope["raw_path"]) == (path, raw.encode())


def test_below_a_prefix() -> None:
    below = made("/a%20b/c/d?q").below("/a%20b").below("/c")
    scope = http_scope(below, None)
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/a b/c", "/a b/c/d", b"/a%20b/c/d")


def test_what_a_filter_has_changed() -> None:
    request = made("/", "GET", None, "X-User: mallory")
    request.headers["X-User"] = "ada"
    request.headers["X-Long"] = "\u20ac"
    request.query_string = "changed"
    scope = http_scope(request, None)
    assert scope["headers"] == [(b"host", b"example.org"), (b"x-user", b"ada"), (b"x-long", "\u20ac".encode())]
    assert scope["query_string"] == b"changed"


def test_each_request_has_a_state_of_its_own() -> None:
    state = {"pool": object()}
    scope = http_scope(made(), state)
    scope["state"]["user"] = "ada"
    assert scope["state"]["pool"] is state["pool"]
    assert "user" not in state
    assert "state" not in http_scope(made(), None)


def test_a_unix_socket() -> None:
    ends = replace(PEERS, client=Address("", 0), server=Address("/run/hospes.sock", 0), scheme="https")
    scope = http_scope(made(ends=ends), None)
    assert (scope["client"], scope["server"], scope["scheme"]) == (None, ("/run/hospes.sock", None), "https")


@pytest.mark.parametrize(("te", "offered"), [("TE: trailers", True), ("TE: gzip, Trailers;q=1", True), ("TE: gzip", False)])
def test_trailers_are_offered_where_the_peer_takes_them(te: str, offered: bool) -> None:
    assert ("http.response.trailers" in http_scope(made("/", "GET", None, te), None)["extensions"]) is offered


def test_http_1_0() -> None:
    request = made("/", "GET", None, "TE: trailers")
    request.head.minor = 0
    scope = http_scope(request, None)
    assert scope["http_version"] == "1.0"
    assert scope["extensions"] == EXTENSIONS


@pytest.mark.parametrize(("minor", "can"), [(1, True), (1, False), (0, True)])
def test_early_hints_are_offered_where_they_can_be_sent(minor: int, can: bool) -> None:
    request = made(ends=replace(PEERS, hint=(lambda head, links: None) if can else None))
    request.head.minor = minor
    assert ("http.response.early_hint" in http_scope(request, None)["extensions"]) is bool(minor and can)
