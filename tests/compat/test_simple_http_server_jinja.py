"""Answers made of templates."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import jinja2
import pytest

from hospes.compat.simple_http_server.app_conf import AppConf, using
from hospes.compat.simple_http_server.http_server import HttpServer
from hospes.compat.simple_http_server.process import PROCESS
from hospes.compat.simple_http_server_jinja import JinjaView, get_env, render, set_env
from hospes.errors import SetupError


@pytest.fixture(autouse=True)
def _own_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "main.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(PROCESS, "templates", {})


def test_a_view(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("<html><b>{{ name }}</b></html>\n")
    conf = AppConf()
    with using(conf):
        conf.route("/")(lambda name="": JinjaView("page.html", {"name": name}, status_code=201, headers={"X-A": "1"}))
        conf.route("/text")(lambda: render("page.html"))
    with HttpServer(app_conf=conf).application().test() as client:
        answer = client.get("/?name=<ada>")
        assert (answer.status, answer.text, answer.headers["X-A"]) == (201, "<html><b>&lt;ada&gt;</b></html>", "1")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert client.get("/text").text == "<html><b></b></html>"
    assert get_env() is get_env()


def test_an_environment_of_ones_own() -> None:
    made = jinja2.Environment(loader=jinja2.DictLoader({"t": "{{ n + 1 }}"}), autoescape=True)
    set_env(made, "mine")
    assert get_env("mine") is made
    assert render("t", {"n": 1}, env_tag="mine") == "2"


def test_no_folder() -> None:
    with pytest.raises(SetupError, match="the template folder"):
        render("page.html")
