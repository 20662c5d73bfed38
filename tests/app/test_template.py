"""Templates."""

from __future__ import annotations

import builtins
import threading
from pathlib import Path
from typing import Any

import jinja2
import pytest
from tests.app.support import made, mistake, steady
from tests.golden import check_golden

from hospes import App, Template
from hospes.app.template import Templates
from hospes.errors import SetupError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text("<p>{{ name }} at {{ request.path }}</p>")
    (tmp_path / "page.txt").write_text("{{ name }}{{ name|safe }}")
    (tmp_path / "thread.html").write_text("{{ where() }}")
    return tmp_path


def test_values_are_escaped_and_the_request_is_there(folder: Path) -> None:
    app = App(templates=str(folder))
    app.get("/x")(lambda: Template("page.html", name="<b>"))

    @app.get("/txt")
    async def text() -> Template:
        return Template("page.txt", content_type="text/plain", status=202, name="<")

    with app.test() as client:
        answer = client.get("/x")
        assert (answer.text, answer.headers["Content-Type"]) == ("<p>&lt;b&gt; at /x</p>", "text/html; charset=utf-8")
        answer = client.get("/txt")
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (202, "&lt;<", "text/plain")


def test_a_plain_handlers_template_is_rendered_in_its_thread(folder: Path) -> None:
    app = App(templates=folder)
    app.get("/")(lambda: Template("thread.html", where=lambda: threading.current_thread().name))
    with app.test() as client:
        assert client.get("/").text.startswith("hospes-worker-")


def test_a_mounted_app_has_its_own(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "page.html").write_text("inner")
    app, inner = App(templates=folder), App(templates=other)
    for each in (app, inner):
        each.get("/page")(lambda: Template("page.html", name="x"))
    app.mount("/in", inner)
    with app.test() as client:
        assert [client.get(path).text for path in ("/page", "/in/page")] == ["<p>x at /page</p>", "inner"]


def test_the_values_may_replace_the_request(folder: Path) -> None:
    app = App(templates=folder)
    app.get("/")(lambda: Template("page.html", name="x", request={"path": "elsewhere"}))
    with app.test() as client:
        assert client.get("/").text == "<p>x at elsewhere</p>"


def test_the_environment_is_made_once(folder: Path) -> None:
    templates = Templates(folder)
    assert templates.environment is templates.environment


def test_filters_and_globals_of_the_programs_own(folder: Path) -> None:
    (folder / "price.html").write_text("{{ 3.5|money }} {{ shop }}")
    app = App(store="memory:", templates=folder)
    app.templates.environment.filters["money"] = lambda amount: f"€ {amount:.2f}"
    app.templates.environment.globals["shop"] = "<Tea>"
    app.get("/")(lambda: Template("price.html"))
    with app.test() as client:
        assert client.get("/").text == "€ 3.50 &lt;Tea&gt;"
    assert app.templates.render("page.txt", name="<") == "&lt;<"


def test_an_environment_of_the_programs_own() -> None:
    own = jinja2.Environment(loader=jinja2.DictLoader({"page.html": "{{ name }}"}), autoescape=True)
    app = App(store="memory:", templates=own)
    app.get("/")(lambda: Template("page.html", name="<"))
    assert app.templates.environment is own
    with app.test() as client:
        assert client.get("/").text == "&lt;"


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = mistake(lambda: Templates(tmp_path / "none").environment).replace(str(tmp_path), "")
    check_golden("app/template_folder", missing)
    with pytest.raises(SetupError) as caught:
        Template("page.html").respond(made())
    check_golden("app/template_outside", steady(caught.value))

    def without_jinja(name: str, *rest: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return imports(name, *rest)

    imports = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without_jinja)
    check_golden("app/template_without_jinja", mistake(lambda: Templates(tmp_path).environment))


def test_a_mistake_is_logged_and_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = App(templates=tmp_path / "none")
    app.get("/")(lambda: Template("page.html"))
    with app.test() as client:
        answer = client.get("/")
        assert (answer.status, str(tmp_path) in answer.text) == (500, False)
    assert "is not there" in caplog.text
