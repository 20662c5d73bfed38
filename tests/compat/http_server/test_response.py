"""The answer, sent once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hospes import HttpError
from hospes.compat.http_server.response import Client, Response
from hospes.http.response import Response as HospesResponse

Send = Callable[[Response], None]


def made() -> Response:
    return Response(Client("127.0.0.1", 50_000))


@pytest.mark.parametrize(
    ("send", "status", "type", "content"),
    [
        (lambda r: r.send("hello world !", 200, "text/html"), 200, "text/html; charset=utf-8", b"hello world !"),
        (lambda r: r.send("茶"), 200, "text/html; charset=utf-8", "茶".encode()),
        (lambda r: r.send("<a/>", 201, "image/svg+xml"), 201, "image/svg+xml", b"<a/>"),
        (lambda r: r.send("x", 200, "text/plain; charset=latin-1"), 200, "text/plain; charset=latin-1", b"x"),
        (lambda r: r.send(b"\x89PNG", 200, "image/png"), 200, "image/png", b"\x89PNG"),
        (lambda r: r.send(b"x", 200, "text/css"), 200, "text/css", b"x"),
        (lambda r: r.sendJson({"a": "茶"}), 200, "application/json", '{"a":"茶"}'.encode()),
        (lambda r: r.sendJson([1], 202), 202, "application/json", b"[1]"),
        (lambda r: r.sendJsonString('{"a": 1}', 400), 400, "application/json", b'{"a": 1}'),
    ],
)
def test_what_is_sent(send: Send, status: int, type: str, content: bytes) -> None:
    response = made()
    send(response)
    answer = response.answer
    assert isinstance(answer, HospesResponse)
    assert (answer.status, answer.content_type, answer.content) == (status, type, content)


@pytest.mark.parametrize(("status", "args"), [(308, ()), (302, (302,))])
def test_redirects(status: int, args: tuple[int, ...]) -> None:
    response = made()
    response.redirect("there", *args)
    assert isinstance(response.answer, HospesResponse)
    assert (response.answer.status, response.answer.headers["Location"]) == (status, "there")


@pytest.mark.parametrize(("send", "code"), [(Response.notFound, 404), (Response.internalServerError, 500)])
def test_errors(send: Send, code: int) -> None:
    response = made()
    send(response)
    assert isinstance(response.answer, HttpError)
    assert response.answer.code == code


SENDS: list[Send] = [
    lambda r: r.send("x"),
    lambda r: r.sendJson({}),
    lambda r: r.sendFile("x"),
    lambda r: r.redirect("/"),
    Response.notFound,
]


@pytest.mark.parametrize("first", SENDS)
@pytest.mark.parametrize("second", SENDS)
def test_only_once(first: Send, second: Send) -> None:
    response = made()
    first(response)
    with pytest.raises(RuntimeError, match="this request has been answered already: send once"):
        second(response)


@pytest.mark.parametrize("content", [None, {"a": 1}, 7])
def test_other_content(content: Any) -> None:
    with pytest.raises(TypeError, match=r"send str or bytes; sendJson\(…\) sends a dict"):
        made().send(content)


def test_what_may_not_be_sent() -> None:
    response = made()
    with pytest.raises(ValueError, match="status 99"):
        response.send("x", 99)
    with pytest.raises(ValueError, match="Content-Type"):
        response.send("x", 200, "text/html\r\nX: y")
    with pytest.raises(ValueError, match="control characters"):
        response.redirect("/\r\nX: y")
    with pytest.raises(ValueError, match="X"):
        response.headers["X"] = "a\r\nb"
    assert response.answer is None


def test_the_client() -> None:
    client = made().client
    assert (client.host, client.port, client.getpeername()) == ("127.0.0.1", 50_000, ("127.0.0.1", 50_000))
    for send in (client.send, client.sendall):
        with pytest.raises(RuntimeError, match="go to the client through"):
            send(b"x")
