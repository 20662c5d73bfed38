"""The request, as programs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes import HttpClient
from hospes.compat.simple_http_server import Environment, MultipartFile, Request, RequestBodyReader, Session, route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.compat.simple_http_server.incoming import FirstValues
from hospes.testing import Files


def test_a_default_object_is_no_request() -> None:
    with pytest.raises(RuntimeError, match="only stands for the request"):
        Request().method  # noqa: B018


def test_what_is_put_into_parameter_is_the_parameter() -> None:
    every = {"a": ["1", "2"]}
    first = FirstValues(every)
    first["b"] = "3"
    first["a"] = "4"
    assert (first, every) == ({"a": "4", "b": "3"}, {"a": ["4"], "b": ["3"]})
    del first["a"]
    assert every == {"b": ["3"]}


@pytest.mark.parametrize("on_loop", BOTH)
def test_everything_there_is(conf: AppConf, on_loop: bool) -> None:
    @route(regexp="^/(.*)$")
    def show(req: Request, same=Request()) -> Any:  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        assert req is same
        assert req.cookies is req.cookies
        return {
            "what": [req.method, req.path, req.query_string, req.host, req.content_type, req.content_length],
            "headers": req.headers["x-one"],
            "cookies": {name: morsel.value for name, morsel in req.cookies.items()},
            "parameters": req.parameters,
            "groups": req.reg_groups,
            "json": req.json,
            "body": req.body.decode(),
            "missing": req.get_parameter("zz"),
        }

    with asked(conf, on_loop) as client:
        answer = client.get("/a%20b?c=1&c=2", headers={"X-One": "1", "Cookie": "path=/; a=b"}).json()
        assert answer["what"] == ["GET", "/a b", "c=1&c=2", "testserver", "", None]
        assert (answer["headers"], answer["cookies"], answer["parameters"]) == ("1", {"a": "b"}, {"c": ["1", "2"]})
        assert (answer["groups"], answer["json"], answer["body"], answer["missing"]) == (["a b"], None, "", None)
        answer = client.post("/", json={"k": 1}, headers={"X-One": "1"}).json()
        assert (answer["json"], answer["body"]) == ({"k": 1}, '{"k":1}')
        answer = client.post("/?c=1", content=b"plain", headers={"X-One": "1"}).json()
        assert (answer["json"], answer["body"], answer["parameters"]) == (None, "plain", {"c": ["1"]})
        bad = {"X-One": "1", "Content-Type": "application/json"}
        assert client.post("/", content=b"{", headers=bad).status == 400


@pytest.mark.parametrize("on_loop", BOTH)
def test_content_piece_by_piece(conf: AppConf, on_loop: bool) -> None:
    @route("/reader", method="POST")
    async def by_reader(reader: RequestBodyReader, a: str = "") -> Any:
        first = await reader.read(1)
        return {
            "first": first.decode(),
            "sizes": sum([len(piece) async for piece in reader]),
            "end": len(await reader.read()),
            "a": a,
        }

    @route("/request", method="POST")
    async def by_request(req: Request, reader: RequestBodyReader) -> Any:
        return {"first": (await req.reader.read(1)).decode(), "sizes": len(await req.reader.read())}

    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            yield b"x" * 100_000

    with FaceApp(conf, Ways(on_loop=on_loop)).serving() as server, HttpClient(timeout=20) as client:
        answer = client.post(server.url + "/reader?a=b", content=pieces()).json()
        assert answer == {"first": "x", "sizes": 499_999, "end": 0, "a": "b"}
        assert client.post(server.url + "/request", content=pieces()).json() == {"first": "x", "sizes": 499_999}


@pytest.mark.parametrize("on_loop", BOTH)
def test_files_are_parameters_too(conf: AppConf, on_loop: bool) -> None:
    @route("/", method="POST")
    def show(req: Request) -> Any:
        file = req.parameter["f"]
        assert isinstance(file, MultipartFile)
        return f"{file.filename} {len(req.parameters['f'])} {req.parameter['a']} {len(req.body) > 3}"

    with asked(conf, on_loop) as client:
        files: Files = {"f": [("x.txt", b"123"), ("y.txt", b"4")]}
        assert client.post("/", form={"a": "b"}, files=files).text == "x.txt 2 b True"


@pytest.mark.parametrize("on_loop", BOTH)
def test_sessions_without_waiting(conf: AppConf, on_loop: bool) -> None:
    @route("/count")
    def count(req: Request) -> str:
        session = req.getSession()
        assert session is req.get_session() is req.get_session(True)
        session.set_attribute("n", (session.get_attribute("n") or 0) + 1)
        return str(session.get_attribute("n"))

    @route("/async")
    async def async_count(req: Request, session: Session) -> str:
        assert req.get_session() is session
        return count(req)

    @route("/there")
    def there(req: Request) -> str:
        return str(req.get_session() is not None)

    with asked(conf, on_loop) as client:
        assert client.get("/there").text == "False"
        assert [
            client.request(method, path).text for method, path in (("GET", "/count"), ("POST", "/count"), ("GET", "/async"))
        ] == [
            "1",
            "2",
            "3",
        ]
        assert client.get("/there").text == "True"


@pytest.mark.parametrize("on_loop", BOTH)
def test_another_sites_page_gets_no_session_and_else_an_answer(conf: AppConf, on_loop: bool) -> None:
    @route("/sessionless")
    def sessionless(req: Request) -> str:
        return req.method

    @route("/session")
    def session(req: Request) -> str:
        return str(req.getSession())

    elsewhere = {"Origin": "https://elsewhere.example"}
    with asked(conf, on_loop) as client:
        assert client.post("/sessionless", headers=elsewhere).text == "POST"
        assert client.post("/session", headers=elsewhere).status == 403


def test_the_environment(conf: AppConf) -> None:
    @route("/e")
    def show(env: Environment, req: Request) -> Any:
        assert env == req.environment
        return env

    with asked(conf) as client:
        answer = client.get("/e?a=1").json()
        assert answer["QUERY_STRING"] == "a=1"
        assert (answer["REQUEST_METHOD"], answer["PATH_INFO"], answer["wsgi.url_scheme"]) == ("GET", "/e", "http")
        assert (answer["REMOTE_ADDR"], answer["SERVER_NAME"], answer["SERVER_PORT"]) == ("127.0.0.1", "testserver", "80")
