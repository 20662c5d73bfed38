"""How failures look."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from hospes.errors import HttpError
from hospes.http.problem import FieldError, InvalidRequest, problem_response
from hospes.http.response import Response

PROBLEM = "application/problem+json"
PAGE = "text/html; charset=utf-8"


def details(error: HttpError) -> Any:
    response = problem_response(error, None)
    assert (response.status, response.content_type) == (error.code, PROBLEM)
    return json.loads(response.body)


def page(error: HttpError) -> str:
    response = problem_response(error, "text/html")
    assert (response.status, response.content_type) == (error.code, PAGE)
    return response.body.decode()


# Which of the two.


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, PROBLEM),
        ("", PROBLEM),
        ("*/*", PROBLEM),
        ("*/*;q=0.1", PROBLEM),
        ("text/html", PAGE),
        ("TEXT/HTML", PAGE),
        ("text/*", PAGE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", PAGE),
        ("application/json", PROBLEM),
        ("application/problem+json", PROBLEM),
        ("application/*", PROBLEM),
        ("text/html, application/problem+json", PROBLEM),
        ("text/html;q=0.5, application/problem+json;q=0.4", PAGE),
        ("text/html;q=0.4, application/problem+json;q=0.5", PROBLEM),
        ("text/html;q=0", PROBLEM),
        ("text/html;q=0, text/*", PROBLEM),
        ("image/png", PROBLEM),
        ("text/plain", PROBLEM),
        ("nonsense", PROBLEM),
        ("text/html;q=x, */*", PROBLEM),
    ],
)
def test_accept_decides(accept: str | None, content_type: str) -> None:
    for error in (HttpError(404), InvalidRequest([FieldError("query", "n", "missing")])):
        response = problem_response(error, accept)
        assert (response.status, response.content_type) == (error.code, content_type)
        assert response.headers["Vary"] == "Accept"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


# For programs: RFC 9457.


def test_members() -> None:
    assert details(HttpError(404)) == {"status": 404, "title": "Not Found"}
    assert details(HttpError(404, "No such order")) == {"status": 404, "title": "Not Found", "detail": "No such order"}
    assert details(HttpError(503, explain="Come back.")) == {
        "status": 503,
        "title": "Service Unavailable",
        "detail": "Come back.",
    }
    both = HttpError(413, "Content too large", "At most 5 bytes are taken here.")
    assert details(both)["detail"] == "Content too large: At most 5 bytes are taken here."


def test_members_of_an_invalid_request() -> None:
    error = InvalidRequest([FieldError("json", "#/items/3/price", "expected a number"), FieldError("query", "n", "missing")])
    assert details(error) == {
        "status": 400,
        "title": "Bad Request",
        "detail": "The request does not fit",
        "errors": [
            {"in": "json", "pointer": "#/items/3/price", "message": "expected a number"},
            {"in": "query", "pointer": "n", "message": "missing"},
        ],
    }
    assert str(error) == "400 The request does not fit #/items/3/price: expected a number; n: missing"
    assert details(InvalidRequest([]))["errors"] == []


@pytest.mark.parametrize(
    ("code", "title"),
    [(HTTPStatus.IM_A_TEAPOT, None), (499, "Bad Request"), (444, "Bad Request"), (599, "Internal Server Error")],
)
def test_an_unknown_status_is_read_as_its_class(code: int, title: str | None) -> None:
    error = HttpError(code)
    assert details(error)["status"] == code
    if title is not None:
        assert details(error)["title"] == title
        assert f"<h1>{title}</h1>" in page(error)


def test_every_error_status_has_a_title() -> None:
    assert all(details(HttpError(code))["title"] for code in range(400, 600))


def test_text_is_written_as_it_is() -> None:
    response = problem_response(HttpError(400, 'é "<\n'), None)
    assert 'é \\"<\\n'.encode() in response.body


# For people.


def test_page() -> None:
    text = page(HttpError(404, "No such order", "Look again."))
    assert text.startswith("<!doctype html>")
    assert "<title>404 No such order</title>" in text
    assert "<b>404</b><h1>No such order</h1><p>Look again.</p></body>" in text
    assert "<b>404</b><h1>Not Found</h1></body>" in page(HttpError(404))


def test_page_of_an_invalid_request() -> None:
    text = page(InvalidRequest([FieldError("query", "n", "missing"), FieldError("json", "#/a", "expected a <b>")]))
    assert "<h1>The request does not fit</h1>" in text
    assert "<ul><li><code>n</code> missing</li><li><code>#/a</code> expected a &lt;b&gt;</li></ul>" in text


EVIL = "<script>alert('1')</script>\"&{code}{0}"


def test_everything_shown_is_escaped() -> None:
    safe = "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&quot;&amp;{code}{0}"
    text = page(HttpError(400, EVIL, EVIL))
    assert text.count(safe) == 3
    assert "<script" not in text
    text = page(InvalidRequest([FieldError("query", EVIL, EVIL)]))
    assert text.count(safe) == 2
    assert "<script" not in text


def test_a_page_runs_no_scripts() -> None:
    response = problem_response(HttpError(400), "text/html")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"


# Fields.


def test_headers_of_the_error() -> None:
    for accept in (None, "text/html"):
        response = problem_response(HttpError(405, headers={"Allow": "GET, HEAD", "Retry-After": "5"}), accept)
        assert (response.headers["Allow"], response.headers["Retry-After"]) == ("GET, HEAD", "5")


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("Origin", ["Origin", "Accept"]),
        ("Accept-Encoding", ["Accept-Encoding", "Accept"]),
        ("X-Accept", ["X-Accept", "Accept"]),
        ("origin, ACCEPT", ["origin, ACCEPT"]),
        ("accept,origin", ["accept,origin"]),
        ("*", ["*"]),
    ],
)
def test_vary_names_accept_once(vary: str, expected: list[str]) -> None:
    response = problem_response(HttpError(400, headers={"Vary": vary}), None)
    assert response.headers.get_all("Vary") == expected


def test_a_header_that_would_break_the_message_is_refused() -> None:
    with pytest.raises(ValueError, match="field X"):
        problem_response(HttpError(400, headers={"X": "a\r\nY: b"}), None)


def test_each_error_has_a_response_of_its_own() -> None:
    error = HttpError(400, headers={"X": "1"})
    first, second = problem_response(error, None), problem_response(error, None)
    first.headers["X"] = "2"
    assert isinstance(second, Response)
    assert (second.headers["X"], dict(error.headers)) == ("1", {"X": "1"})
