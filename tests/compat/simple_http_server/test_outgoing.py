"""The response, returned and injected."""

from __future__ import annotations

import sys
from http.cookies import SimpleCookie
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes.compat.simple_http_server import FilterContext, Headers, Redirect, Response, StaticFile, request_filter, route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.outgoing import stripped
from hospes.errors import HttpError


def test_a_response_of_ones_own() -> None:
    response = Response(201, {"A": ["1", "2"]}, "body")
    response.set_header("B", "x")
    response.set_header("b", "y")
    response.add_header("A", ["3", "4"])
    response.add_headers({"C": "z"})
    response.add_headers()
    assert list(response.headers.lines()) == [("A", "1"), ("A", "2"), ("A", "3"), ("A", "4"), ("B", "y"), ("C", "z")]
    response.headers = {"D": "1"}
    assert list(response.headers) == ["D"]
    response.cookies = SimpleCookie("a=b")
    assert response.cookie is response.cookies
    assert response.cookies["a"].value == "b"
    assert (response.status_code, response.body, response.is_sent) == (201, "body", False)


def test_it_is_sent_once() -> None:
    response = Response()
    response.send_response()
    assert response.is_sent
    for send in (response.send_response, lambda: response.send_redirect("/"), lambda: response.send_error(400)):
        with pytest.raises(RuntimeError, match="has been sent already"):
            send()
    with pytest.raises(RuntimeError, match=r"has been sent: write_bytes\(\) comes before"):
        response.write_bytes(b"")


def test_only_bytes_are_written() -> None:
    with pytest.raises(TypeError, match=r"write_bytes\(\) takes bytes, not str: encode it first"):
        Response().write_bytes("text")  # type: ignore[arg-type]


def test_text_is_stripped() -> None:
    assert stripped("  a\n") == "a"
    assert stripped((200, " a ", {"b": " c "})) == (200, "a", {"b": " c "})
    assert stripped({"a": " b "}) == {"a": " b "}


def test_names() -> None:
    assert Redirect("/a").url == "/a"
    assert StaticFile(file_path="a.txt").file_path == "a.txt"


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_is_set_is_added_to_what_is_returned(conf: AppConf, on_loop: bool) -> None:
    @route("/dict")
    def as_dict(res: Response) -> Any:
        res.status_code = 202
        res.add_headers({"X-A": "1", "X-B": "2", "Content-Type": "application/hal+json"})
        res.cookies["a"] = "1"
        res.cookies["b"] = "1"
        return Headers({"X-B": "3"}), {"a": 1}

    @route("/tuple")
    def as_tuple(res: Response) -> Any:
        res.status_code = 202
        res.body = "set"
        return 201, "returned"

    @route("/nothing")
    def nothing(res: Response) -> None:
        res.body = {"set": True}
        res.set_header("X-A", "1")

    with asked(conf, on_loop) as client:
        answer = client.get("/dict")
        assert (answer.status, answer.headers["X-A"], answer.headers["X-B"], answer.json()) == (202, "1", "3", {"a": 1})
        assert answer.headers["Content-Type"] == "application/hal+json"
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=1"]
        answer = client.get("/tuple")
        assert (answer.status, answer.text) == (201, "returned")
        answer = client.get("/nothing")
        assert (answer.json(), answer.headers["X-A"]) == ({"set": True}, "1")


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_is_set_counts_where_the_answer_says_nothing(conf: AppConf, on_loop: bool) -> None:
    @route("/status")
    def status(res: Response) -> int:
        res.body = "set"
        return 404

    @route("/fail")
    def fail(res: Response) -> int:
        res.set_header("X-A", "1")
        res.set_header("Content-Type", "text/csv")
        res.body = "set"
        res.status_code = 201
        raise HttpError(400)

    @route("/other")
    def other(res: Response) -> Response:
        res.set_header("X-A", "1")
        return Response(203, {"X-B": "2"}, "other")

    with asked(conf, on_loop) as client:
        answer = client.get("/status")
        assert (answer.status, answer.text) == (404, "set")
        answer = client.get("/fail")
        assert (answer.status, answer.headers["X-A"], answer.headers["Content-Type"]) == (400, "1", "application/json")
        assert answer.json()["code"] == 400
        answer = client.get("/other")
        assert (answer.status, answer.text, answer.headers["X-A"], answer.headers["X-B"]) == (203, "other", "1", "2")


@pytest.mark.parametrize("on_loop", BOTH)
def test_bodies_of_every_kind(conf: AppConf, on_loop: bool) -> None:
    file = StaticFile(__file__)
    bodies = {"file": file, "bytes": b"\0", "dict": {"a": 1}, "xml": " <?xml version='1.0'?><a/> ", "none": None}

    @route("/{name}")
    def answer(name: str) -> Response:
        return Response(body=bodies[name])

    with asked(conf, on_loop) as client:
        kinds = {name: client.get(f"/{name}").headers.get("Content-Type") for name in bodies}
        assert kinds == {
            "file": "text/plain; charset=utf-8",
            "bytes": "application/octet-stream",
            "dict": "application/json",
            "xml": "text/xml; charset=utf-8",
            "none": None,
        }
        assert client.get("/file", headers={"Range": "bytes=0-2"}).status == 206
        assert client.get("/xml").text == "<?xml version='1.0'?><a/>"


@pytest.mark.parametrize("on_loop", BOTH)
def test_a_failure_after_it_was_sent(conf: AppConf, on_loop: bool, caplog: pytest.LogCaptureFixture) -> None:
    @route("/sent")
    def sent(res: Response) -> None:
        res.body = "sent"
        res.send_response()
        raise ValueError

    @route("/closed")
    def closed(res: Response) -> str:
        res.set_header("X-A", "1")
        res.close()
        return "ignored"

    with asked(conf, on_loop) as client:
        answer = client.get("/sent")
        assert (answer.status, answer.text) == (200, "sent")
        assert "after it had sent its answer" in caplog.text
        answer = client.get("/closed")
        assert (answer.status, answer.text, answer.headers["X-A"]) == (200, "", "1")


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_was_sent_first_counts(conf: AppConf, on_loop: bool) -> None:
    @route("/changed")
    def changed(res: Response) -> None:
        res.body = "one"
        res.set_header("X-A", "1")
        res.send_response()
        res.body, res.status_code = "two", 500
        res.set_header("X-A", "2")

    @route("/redirect")
    def redirect(res: Response) -> None:
        res.send_redirect("/first")
        res.send_error(400)

    @route("/error")
    def error(res: Response) -> None:
        res.send_error(418)
        res.send_redirect("/second")

    @request_filter("/handled")
    def late(ctx: FilterContext) -> None:
        ctx.do_chain()
        if not on_loop:  # there the rest runs when the filter has returned
            assert ctx.response.is_sent
            ctx.response.send_error(400)

    route("/handled")(lambda: "handled")
    with asked(conf, on_loop) as client:
        answer = client.get("/changed")
        assert (answer.status, answer.text, answer.headers["X-A"]) == (200, "one", "1")
        answer = client.get("/redirect")
        assert (answer.status, answer.headers["Location"]) == (302, "/first")
        assert client.get("/error").status == 418
        assert client.get("/handled").text == "handled"


def test_a_thread_cannot_exit(conf: AppConf, caplog: pytest.LogCaptureFixture) -> None:
    route("/")(lambda: sys.exit(3))
    with asked(conf) as client:
        assert client.get("/").status == 500
        assert client.get("/").status == 500
    assert "RuntimeError: sys.exit() in a thread ends no server: call server.stop()" in caplog.text
