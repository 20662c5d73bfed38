"""The pages of DEBUG: escaped, and for this machine alone."""

from __future__ import annotations

import pytest

from hospes.compat.http_server.debugging import failure_page, is_here, missing_page
from hospes.compat.http_server.url import Path


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::1%lo", True),
        ("/run/x.sock", True),
        ("10.0.0.1", False),
        ("::", False),
        ("0.0.0.0", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_this_machine(host: str, here: bool) -> None:
    assert is_here(host) is here


@pytest.mark.parametrize(
    ("asked", "here"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("localhost.", True),
        ("shop.localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("evil.example", False),
        ("localhost.evil.example:8080", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_a_name_of_somebody_else_is_not_this_machine(asked: str, here: bool) -> None:
    assert is_here("127.0.0.1", (), asked) is here


def test_a_failure_is_shown_escaped() -> None:
    try:
        raise ValueError("<script>alert(1)</script>")
    except ValueError as error:
        response = failure_page(error)
    text = response.body.decode()
    assert response.status == 500
    assert "ValueError: &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "test_a_failure_is_shown_escaped" in text
    assert "<script>" not in text
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_what_there_would_be_is_shown_escaped() -> None:
    response = missing_page("/<b>", [Path("^/(?P<a>x)$", lambda request, response: None, "<i>")], ["/media"])
    text = response.body.decode()
    assert response.status == 404
    assert "Nothing matches /&lt;b&gt;" in text
    assert "<code>^/(?P&lt;a&gt;x)$</code> &lt;i&gt;" in text
    assert "<code>/media/…</code> files" in text
