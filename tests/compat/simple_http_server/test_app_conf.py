"""AppConfs: their decorators, their tags, what counts when something is declared twice."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.compat.simple_http_server.asking import BOTH, asked

from hospes.compat.simple_http_server import (
    Request,
    Response,
    controller,
    default_model_binding,
    error_message,
    filter_map,
    get_app_conf,
    model_binding,
    request,
    request_filter,
    request_map,
    route,
    set_session_factory,
)
from hospes.compat.simple_http_server.app_conf import AppConf, using
from hospes.compat.simple_http_server.process import PROCESS
from hospes.errors import HttpError, SetupError
from hospes.sessions import SessionFactory

UNSAID: Any = None
"""What these programs' own wrappers pass on where nobody has said anything."""


def test_decorators_hand_back_what_they_decorate(conf: AppConf) -> None:
    def function(ctx: Any = None) -> str:
        return "x"

    class Kind:
        pass

    assert request_map("/a")(function) is route("/b")(function) is request("/c", method="GET")(function) is function
    assert request_filter("/a")(function) is filter_map("^/b")(function) is filter_map("^/c", function) is function
    assert error_message(function) is error_message("404")(function) is function
    assert (
        controller(Kind) is controller(singleton=False)(Kind) is model_binding(Kind)(Kind) is default_model_binding(Kind) is Kind
    )


def test_every_way_to_say_a_route(conf: AppConf) -> None:
    @request_map(url="/keyword", method=("GET", "POST"), params=["a"], match_all_params_expressions=UNSAID)
    def keyword() -> str:
        return "keyword"

    class Plain:
        @request_map
        def bare(self) -> str:
            return "bare"

    request_map("/plain")(Plain)
    with asked(conf) as client:
        assert client.post("/keyword?a=1").text == "keyword"
        assert client.get("/keyword?a=1").text == "keyword"
        assert client.get("/keyword").status == 404
        assert client.get("/plain").text == "bare"
    with pytest.raises(SetupError, match="has no path"):
        request_map(keyword)


def test_any_condition_is_said_so(conf: AppConf) -> None:
    route("/x", params=["a", "b"], match_all_params_expressions=False, headers="X-A", match_all_headers_expressions=UNSAID)(
        lambda: "any"
    )
    with asked(conf) as client:
        assert client.get("/x?b=1", headers={"X-A": "1"}).text == "any"
        assert client.get("/x?b=1").status == 404


def test_of_two_routes_the_later_counts(conf: AppConf, caplog: pytest.LogCaptureFixture) -> None:
    route("/twice")(lambda: "first")
    route(regexp="^again$", method="GET")(lambda: "first")
    route("/twice")(lambda: "second")
    route(regexp="^again$", method="GET")(lambda: "second")
    with asked(conf) as client:
        assert [client.get(path).text for path in ("/twice", "/again")] == ["second", "second"]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 2
    assert all("is declared twice; " in each and each.count("test_app_conf.py:") == 2 for each in said)


@pytest.mark.parametrize("on_loop", BOTH)
def test_errors(conf: AppConf, on_loop: bool) -> None:
    @error_message("40x")
    async def later(code: int, message: str, explain: str = "") -> Any:
        return Response(status_code=code, headers={"X-Code": str(code)}, body=f"  {message}:{explain} ")

    @error_message("404", 410)
    def never(message: str) -> str:
        raise AssertionError

    @error_message("404", 410)
    def exact(message: str) -> str:
        return f"\n{message}\n"

    @route("/fail/{code:int}")
    def fail(code: int) -> None:
        raise HttpError(code, f"m{code}", "why")

    with asked(conf, on_loop) as client:
        assert client.get("/nowhere").text == "Not Found"
        assert client.get("/fail/410").text == "m410"
        answer = client.get("/fail/403")
        assert (answer.status, answer.text, answer.headers["X-Code"]) == (403, "m403:why", "403")
        assert client.get("/fail/503").json() == {"code": 503, "message": "m503", "explain": "why"}


def test_tags() -> None:
    before = dict(PROCESS.confs)
    try:
        assert get_app_conf("t") is get_app_conf("t") is not get_app_conf()
        assert get_app_conf() is get_app_conf("") is not AppConf()
        with using(AppConf()) as conf:
            assert get_app_conf() is conf
            assert get_app_conf("t") is not conf
    finally:
        PROCESS.confs = before


def test_own_sessions(conf: AppConf, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(SessionFactory):
        def get_session(self, session_id: str, create: bool = False) -> Any:
            return None

    route("/")(lambda req=Request(): str(req.get_session()))  # noqa: B008 (the seed's form)
    monkeypatch.setattr(PROCESS, "session_factory", None)
    set_session_factory(Nothing())
    with asked(conf) as client:
        assert client.get("/", headers={"Cookie": "hospes_session=x"}).text == "None"


@pytest.mark.parametrize("on_loop", BOTH)
def test_model_bindings(conf: AppConf, on_loop: bool) -> None:
    class Point:
        def __init__(self, x: str) -> None:
            self.x = x

    class Other:
        pass

    @model_binding(Point)
    class PointBinding:
        def __init__(self, request: Request, response: Response, arg: str, arg_type: type, val: Any) -> None:
            response.set_header("X-Bound", f"{arg} {arg_type.__name__} {val}")
            self.request = request

        async def bind(self) -> Point:
            return Point(self.request.get_parameter(self.request.json["of"]))

    @default_model_binding
    class AnyBinding:
        def __init__(self, request: Request, response: Response, arg: str, arg_type: type, val: Any) -> None:
            self.kind = arg_type

        def bind(self) -> Any:
            return self.kind()

    @route("/", method="POST")
    def both(point: Point, other: Other) -> str:
        return f"{point.x} {type(other).__name__}"

    with asked(conf, on_loop) as client:
        answer = client.post("/?a=3", json={"of": "a"})
        assert (answer.text, answer.headers["X-Bound"]) == ("3 Other", "point Point None")
