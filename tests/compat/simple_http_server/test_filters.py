"""Filters with `ctx.do_chain()`, in each mode and of each kind."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes.compat.simple_http_server import (
    FilterContext,
    Header,
    JSONBody,
    Request,
    RequestBodyReader,
    Response,
    request_filter,
    route,
)
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.errors import HttpError


@pytest.mark.parametrize("on_loop", BOTH)
def test_the_order(conf: AppConf, on_loop: bool) -> None:
    seen: list[str] = []

    @request_filter("/**")
    def outer(ctx: FilterContext) -> None:
        seen.append("outer")
        ctx.do_chain()
        ctx.do_chain()
        seen.append("outer again")

    @request_filter()
    async def inner(ctx: FilterContext) -> None:
        seen.append("inner")
        await ctx.do_chain()
        seen.append("inner again")

    @route("/")
    async def home() -> str:
        await asyncio.sleep(0)
        seen.append("home")
        return "home"

    with asked(conf, on_loop) as client:
        assert client.get("/").text == "home"
    through = ["outer", "inner", "home", "inner again", "outer again"]
    deferred = ["outer", "outer again", "inner", "home", "inner again"]
    assert seen == (deferred if on_loop else through)


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_a_filter_may_do(conf: AppConf, on_loop: bool) -> None:
    @request_filter("/redirect")
    def redirect(ctx: FilterContext) -> None:
        ctx.response.set_header("X-By", "filter")
        ctx.response.send_redirect("/elsewhere")
        ctx.do_chain()  # after an answer this does nothing

    @request_filter("/error")
    async def error(ctx: FilterContext) -> None:
        ctx.response.send_error(418, "tea", "pot")

    @request_filter("/raise")
    def raises(ctx: FilterContext) -> None:
        raise HttpError(402, "pay")

    @request_filter("/body")
    def body(ctx: FilterContext) -> None:
        ctx.response.status_code = 203
        ctx.response.body = "<html>from the filter</html>"
        ctx.response.cookies["a"] = "b"
        ctx.response.send_response()

    @request_filter("/write")
    def write(ctx: FilterContext) -> None:
        ctx.response.write_bytes(b"one ")
        ctx.response.write_bytes(b"two")

    @request_filter("/pass")
    def passes(ctx: FilterContext) -> None:
        ctx.request.headers["X-Added"] = "1"
        ctx.response.add_header("X-After", "2")
        ctx.do_chain()

    @route("/{anything}")
    def handler(added: Header = Header("X-Added")) -> str:  # noqa: B008 (the seed's form)
        return f"handler {added}"

    with asked(conf, on_loop) as client:
        answer = client.get("/redirect")
        assert (answer.status, answer.headers["Location"], answer.headers["X-By"]) == (302, "/elsewhere", "filter")
        assert client.get("/error").json() == {"code": 418, "message": "tea", "explain": "pot"}
        assert client.get("/raise").json() == {"code": 402, "message": "pay", "explain": ""}
        answer = client.get("/body")
        assert (answer.status, answer.text) == (203, "<html>from the filter</html>")
        assert answer.headers["Set-Cookie"] == "a=b"
        assert client.get("/write").content == b"one two"
        answer = client.get("/pass")
        assert (answer.text, answer.headers["X-After"]) == ("handler 1", "2")
        assert client.get("/other").text == "handler"


@pytest.mark.parametrize("on_loop", BOTH)
def test_one_that_does_nothing_is_named(conf: AppConf, on_loop: bool, caplog: pytest.LogCaptureFixture) -> None:
    @request_filter("/x")
    def forgetful(ctx: FilterContext) -> None:
        pass

    route("/x")(lambda: "never")
    with asked(conf, on_loop) as client, caplog.at_level(logging.ERROR):
        assert client.get("/x").json() == {"code": 500, "message": "Internal Server Error", "explain": ""}
    assert "forgetful() at " in caplog.text
    assert "neither answered nor went on: call ctx.do_chain(), send ctx.response, or raise HttpError" in caplog.text


@pytest.mark.parametrize("on_loop", BOTH)
def test_what_a_filter_sees_of_the_content(conf: AppConf, on_loop: bool) -> None:
    seen: list[Any] = []

    @request_filter("/**")
    def look(ctx: FilterContext) -> None:
        request = ctx.request
        seen.append((dict(request.parameter), request.json, request.get_session()))
        ctx.do_chain()

    @route("/json", method="POST")
    def json(data: JSONBody) -> Any:
        return data

    @route("/form", method="POST")
    def form(a: str, req: Request) -> Any:
        return {"a": a, "body": req.body.decode()}

    @route("/stream", method="POST")
    async def stream(reader: RequestBodyReader) -> Any:
        return await reader.read()

    with asked(conf, on_loop) as client:
        assert client.post("/json", json={"k": 1}).json() == {"k": 1}
        assert client.post("/form?a=q", form={"a": "f"}).json() == {"a": "f", "body": "a=f"}
        assert client.post("/stream", form={"a": "f"}).content == b"a=f"
        assert client.post("/stream", content=b"\0" * 10).content == b"\0" * 10
        assert client.post("/form", content=b"a=%ff", headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 400
    assert seen == [({}, {"k": 1}, None), ({"a": "f"}, None, None), ({"a": "f"}, None, None), ({}, None, None)]


@pytest.mark.parametrize("on_loop", BOTH)
def test_a_handler_may_write_behind_filters(conf: AppConf, on_loop: bool) -> None:
    @request_filter("/**")
    async def outer(ctx: FilterContext) -> None:
        ctx.do_chain()

    @route("/")
    def write(res: Response) -> None:
        for _ in range(8):
            res.write_bytes(b"x" * 100_000)

    with asked(conf, on_loop) as client:
        assert len(client.get("/").content) == 800_000
