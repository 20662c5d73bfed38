"""Decisions: redirects, retries, pauses."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.client import errors, planning
from hospes.client.content import Body, Outgoing
from hospes.client.link import Call
from hospes.client.url import parse_url
from hospes.http.headers import Headers

URL = "https://u:p@a.example/p/q?secret=1"
FIELDS = {"Authorization": "Bearer x", "Cookie": "a=b", "Proxy-Authorization": "y", "Host": "v.example", "X": "kept"}


def call(method: str = "GET", content: Any = None) -> Call:
    return Call(method, parse_url(URL), Headers(FIELDS), Body(content=content).open())


def followed(given: Call, status: int, location: str) -> Call:
    found = planning.redirected(given, status, Headers({"Location": location}))
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 404])
def test_no_redirect(status: int) -> None:
    assert planning.redirected(call(), status, Headers({"Location": "/x"})) is None


def test_no_location() -> None:
    assert planning.redirected(call(), 302, Headers()) is None


def test_the_same_origin_keeps_what_it_knows() -> None:
    found = followed(call(), 302, "/x")
    assert str(found.url) == "https://a.example/x"
    assert found.url.credentials == ("u", "p")
    assert found.headers == Headers(FIELDS)


@pytest.mark.parametrize("location", ["https://b.example/", "http://a.example/", "https://a.example:8443/", "//b.example"])
def test_another_origin_gets_no_credentials(location: str) -> None:
    given = call()
    found = followed(given, 307, location)
    assert found.url.credentials is None
    assert found.headers == Headers({"X": "kept"})
    assert given.headers == Headers(FIELDS)


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ],
)
def test_methods(status: int, method: str, expected: str) -> None:
    given = call(method, b"content")
    given.headers["Content-Type"] = "text/x"
    found = followed(given, status, "/x")
    assert found.method == expected
    assert (found.content is not None) == ("Content-Type" in found.headers) == (expected == method)


def test_content_that_is_gone() -> None:
    given = call("PUT", iter([b"a"]))
    assert given.content is not None
    list(given.content.pieces())
    with pytest.raises(errors.RedirectError, match="came from an iterator"):
        planning.redirected(given, 308, Headers({"Location": "/x"}))
    assert followed(given, 303, "/x").content is None


@pytest.mark.parametrize("location", ["mailto:a@b.example", "http://[", "\\\\b", "https://b.example:0/"])
def test_locations_that_lead_nowhere(location: str) -> None:
    with pytest.raises(errors.RedirectError) as caught:
        planning.redirected(call(), 302, Headers({"Location": location}))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_idempotent(method: str) -> None:
    assert planning.may_repeat(call(method))
    assert planning.may_repeat(call(method, b"a"))


@pytest.mark.parametrize("method", ["POST", "PATCH", "PURGE", "get"])
def test_not_idempotent(method: str) -> None:
    assert not planning.may_repeat(call(method))


def test_what_was_begun_and_cannot_be_begun_again() -> None:
    content = Outgoing(iter([b"a"]))
    given = Call("PUT", parse_url(URL), Headers(), content)
    assert planning.may_repeat(given)
    list(content.pieces())
    assert not planning.may_repeat(given)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ConnectError("connect", "u", "r"), True),
        (errors.ResolveError("resolve", "u", "r"), True),
        (errors.ClientTimeout("connect", "u", "r"), True),
        (errors.ClientTimeout("tls", "u", "r"), True),
        (errors.ClientTimeout("wait", "u", "r"), False),
        (errors.ClientTimeout("read", "u", "r"), False),
        (errors.TlsError("tls", "u", "r"), False),
        (errors.AddressRefused("resolve", "u", "r"), False),
        (errors.SendError("send", "u", "r"), True),
        (errors.ReadError("read", "u", "r"), True),
        (errors.ContentTooLarge("read", "u", "r"), False),
        (errors.DecodeError("decode", "u", "r"), False),
    ],
)
def test_worth_repeating(error: errors.ClientError, expected: bool) -> None:
    assert planning.is_worth_repeating(error) is expected


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        (503, "0", 0.0),
        (503, "120", 120.0),
        (503, "", None),
        (503, "-1", None),
        (503, "1.5", None),
        (503, "9" * 10, None),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", None),
        (429, "1", None),
        (200, "1", None),
    ],
)
def test_asked_pauses(status: int, value: str, expected: float | None) -> None:
    assert planning.asked_pause(status, Headers({"Retry-After": value})) == expected


def test_pauses_double_and_have_a_bound() -> None:
    assert [planning.pause(retry, 0.5, 1.0) for retry in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert planning.pause(3, 0.5, 0.0) == 0.0
    assert planning.pause(10_000, 1.0, 1.0) == 65_536.0
