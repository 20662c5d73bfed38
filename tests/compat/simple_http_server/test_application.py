"""The application made of an AppConf: where handlers run, what failures look like, what is compressed."""

from __future__ import annotations

import asyncio
import gzip
import threading
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes.compat.simple_http_server import Response, request_map, route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.errors import HttpError


@pytest.mark.parametrize("on_loop", BOTH)
def test_where_handlers_run(conf: AppConf, on_loop: bool) -> None:
    def here() -> dict[str, bool]:
        return {"main": threading.current_thread() is threading.main_thread()}

    async def async_here(res: Any = None) -> dict[str, bool]:
        await asyncio.sleep(0)
        assert asyncio.current_task() is not None
        return here()

    async def with_response(res: Response) -> dict[str, bool]:
        return await async_here()

    def annotated(res: Response) -> dict[str, bool]:
        return here()

    for name, function in (("a", here), ("b", async_here), ("c", with_response), ("d", annotated)):
        route("/" + name)(function)
    with asked(conf, on_loop) as client:
        assert [client.get(f"/{each}").json() for each in "abcd"] == [{"main": on_loop}] * 4


def test_a_failure_is_json(conf: AppConf, caplog: pytest.LogCaptureFixture) -> None:
    @route("/http")
    def http() -> None:
        raise HttpError(429, "slowly", "please", {"Retry-After": "3"})

    @route("/bug")
    def bug() -> None:
        raise ValueError("a secret")

    with asked(conf) as client:
        answer = client.get("/http")
        assert (answer.status, answer.headers["Retry-After"], answer.headers["Content-Type"]) == (429, "3", "application/json")
        assert answer.json() == {"code": 429, "message": "slowly", "explain": "please"}
        assert client.get("/bug").json() == {"code": 500, "message": "Internal Server Error", "explain": ""}
        assert client.get("/no", headers={"Accept": "text/html"}).json() == {"code": 404, "message": "Not Found", "explain": ""}
    assert "ValueError: a secret" in caplog.text


def test_gzip(conf: AppConf) -> None:
    route("/text")(lambda: "a" * 100)
    route("/json")(lambda: {"a": "a" * 100})
    with asked(conf, gzip_content_types=frozenset({"text/plain"}), gzip_compress_level=1) as client:
        accepts = {"Accept-Encoding": "gzip, br"}
        answer = client.get("/text", headers=accepts)
        assert (answer.headers["Content-Encoding"], gzip.decompress(answer.content)) == ("gzip", b"a" * 100)
        assert client.get("/json", headers=accepts).headers.get("Content-Encoding") is None
    with asked(conf) as client:
        assert client.get("/text", headers=accepts).headers.get("Content-Encoding") is None


def test_one_conf_is_served_several_times_at_once(conf: AppConf) -> None:
    route("/")(lambda: "here")
    with asked(conf) as first, asked(conf, on_loop=True) as second:
        assert first.get("/").text == second.get("/").text == "here"


def test_threads() -> None:
    assert FaceApp(AppConf(), Ways()).threads == 50
    assert FaceApp(AppConf(), Ways(on_loop=True)).threads < 50


@pytest.mark.parametrize("on_loop", BOTH)
def test_the_shortest_answers_are_compressed_too(conf: AppConf, on_loop: bool) -> None:
    route("/")(lambda: "<html>hi</html>")
    with asked(conf, on_loop, gzip_content_types=frozenset({"text/html"})) as client:
        answer = client.get("/", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.content) == b"<html>hi</html>"


@pytest.mark.parametrize("on_loop", BOTH)
def test_a_bare_decorator_without_a_prefix_is_the_root(conf: AppConf, on_loop: bool) -> None:
    class Home:
        @request_map
        def bare(self) -> str:
            return "home"

    assert Home is not None
    with asked(conf, on_loop) as client:
        assert client.get("/").text == "home"
