"""The cookie: what it is called, and what browsers are told about it."""

from __future__ import annotations

import pytest
from tests.sessions.support import ask, set_cookie

from hospes.http import Response
from hospes.sessions import SessionOptions
from hospes.sessions.cookie import SessionCookie


def test_over_http() -> None:
    cookie = SessionCookie.of(ask("a=1; hospes_session=abc"), SessionOptions())
    assert (cookie.name, cookie.value, cookie.secure) == ("hospes_session", "abc", False)
    response = Response()
    cookie.tell(response, "xyz")
    assert set_cookie(response) == "hospes_session=xyz; Path=/; HttpOnly; SameSite=Lax"
    assert response.headers["Cache-Control"] == "private"


def test_over_tls() -> None:
    cookie = SessionCookie.of(ask("hospes_session=plain; __Host-sid=safe", scheme="https"), SessionOptions(cookie="sid"))
    assert (cookie.name, cookie.value) == ("__Host-sid", "safe")
    response = Response(headers={"Cache-Control": "no-store"})
    cookie.tell(response, "xyz")
    assert set_cookie(response) == "__Host-sid=xyz; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_plain_cookie_is_none_over_tls() -> None:
    assert SessionCookie.of(ask("hospes_session=abc", scheme="https"), SessionOptions()).value == ""


def test_it_is_removed() -> None:
    response = Response()
    SessionCookie.of(ask("hospes_session=abc"), SessionOptions()).remove(response)
    assert set_cookie(response).startswith("hospes_session=; Max-Age=0; Expires=Thu, 01 Jan 1970")


def test_an_id_cannot_add_attributes() -> None:
    with pytest.raises(ValueError, match="cookie 'hospes_session'"):
        SessionCookie("hospes_session", "", False).tell(Response(), "a; Domain=evil.example")
