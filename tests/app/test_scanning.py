"""Scans: what is imported, under which name, on whose app; and what stops a start."""

from __future__ import annotations

import importlib
import subprocess
import sys
import traceback
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.app.support import mistake
from tests.golden import check_golden

from hospes import App, get
from hospes.errors import SetupError
from hospes.quick import using

MODULE = "from hospes import get\n@get('/{path}')\ndef handler() -> str:\n    return __name__\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A project, which is the working directory; what is imported from it is forgotten."""
    project = tmp_path / "project"
    files = {
        "shop/__init__.py": "",
        "shop/cats_controller.py": MODULE.format(path="cats"),
        "shop/inner/dogs_controller.py": MODULE.format(path="dogs"),
        "shop/inner/helper.py": MODULE.format(path="helper"),
        "shop/__main__.py": "raise SystemExit",
        "shop/.hidden.py": "raise SystemExit",
        "shop/not-a-name.py": "raise SystemExit",
        "shop/site-packages/x.py": "raise SystemExit",
        "shop/__pycache__/y.py": "raise SystemExit",
        "shop/environment/pyvenv.cfg": "",
        "shop/environment/z.py": "raise SystemExit",
        "shop/text.txt": "",
        "plain/birds.py": MODULE.format(path="birds"),
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "shop" / "loop").symlink_to(project / "shop", target_is_directory=True)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path, str(project)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    importlib.invalidate_caches()
    yield project
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")) or name.partition(".")[0] in {"shop", "plain"}:
            del sys.modules[name]


def paths(app: App) -> list[str]:
    return [route.pattern for route in app.routes]


@pytest.mark.parametrize(
    ("place", "pattern", "names"),
    [
        ("shop", r".*controller.*", ["shop.cats_controller", "shop.inner.dogs_controller"]),
        ("shop", "", ["shop", "shop.cats_controller", "shop.inner.dogs_controller", "shop.inner.helper"]),
        ("shop/inner", "", ["shop.inner.dogs_controller", "shop.inner.helper"]),
        ("shop.inner", "", ["shop.inner.dogs_controller", "shop.inner.helper"]),
        ("shop", r"shop/inner/helper\.py$", ["shop.inner.helper"]),
        ("shop", r"shop/inner/helper$", ["shop.inner.helper"]),
        ("shop", r"shop\.inner\.helper$", ["shop.inner.helper"]),
        ("shop/cats_controller.py", "", ["shop.cats_controller"]),
        ("shop.cats_controller", "", ["shop.cats_controller"]),
        ("plain", "", ["plain.birds"]),
        ("", r".*birds", ["plain.birds"]),
        (".", r".*birds", ["plain.birds"]),
    ],
)
def test_what_is_found(project: Path, place: str, pattern: str, names: list[str]) -> None:
    app = App(store="memory:")
    assert app.scan(place, pattern) == names
    assert sorted(paths(app)) == sorted(
        {
            "shop.cats_controller": "/cats",
            "shop.inner.dogs_controller": "/dogs",
            "shop.inner.helper": "/helper",
            "plain.birds": "/birds",
        }[name]
        for name in names
        if name != "shop"
    )
    for path in paths(app):
        with app.test() as client:
            assert client.get(path).text in names


def test_a_path_and_a_package_itself(project: Path) -> None:
    assert App().scan(project / "plain") == ["plain.birds"]
    package = importlib.import_module("shop")
    assert App().scan(package, ".*dogs") == ["shop.inner.dogs_controller"]
    assert App().scan(importlib.import_module("shop.inner.helper")) == ["shop.inner.helper"]


def test_handlers_are_declared_where_the_scan_is(project: Path) -> None:
    outer, inner = App(), App()
    with using(outer):
        inner.scan("plain")
        get("/outer")(lambda: "")
    assert (paths(outer), paths(inner)) == (["/outer"], ["/birds"])
    with using(outer):
        assert "scan" in dir(importlib.import_module("hospes"))
        importlib.import_module("hospes").scan("shop", ".*cats")
    assert paths(outer) == ["/outer", "/cats"]


def test_a_module_declares_once(project: Path) -> None:
    first, second = App(), App()
    assert first.scan("plain") == second.scan("plain") == ["plain.birds"]
    assert (paths(first), paths(second)) == (["/birds"], [])


def test_a_project_elsewhere(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in {"", str(project)}])
    monkeypatch.chdir("/")
    assert App().scan("shop", ".*cats", project=project) == ["shop.cats_controller"]
    assert sys.path[0] == str(project)
    assert App().scan("plain", project=str(project)) == ["plain.birds"]
    assert sys.path.count(str(project)) == 1


def test_the_working_directory_leads_to_what_is_in_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in {"", str(project)}])
    assert App().scan("plain") == ["plain.birds"]
    assert sys.path[0] == str(project)


def test_a_folder_that_nothing_leads_to(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package begins where its folders do; a plain folder is on the path itself."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in {"", str(project)}])
    monkeypatch.chdir("/")
    assert App().scan(project / "plain") == ["birds"]
    assert sys.path[0] == str(project / "plain")
    del sys.modules["birds"]
    assert App().scan(project / "shop", ".*cats") == ["shop.cats_controller"]
    assert sys.path[0] == str(project)


def test_an_import_that_fails_shows_its_traceback(project: Path) -> None:
    (project / "shop" / "inner" / "broken.py").write_text("x = 1\nx / 0\n")
    with pytest.raises(ZeroDivisionError) as caught:
        App().scan("shop", ".*broken")
    text = "".join(traceback.format_exception(caught.value))
    assert 'broken.py", line 2' in text
    assert "broken.py was imported by the scan at" in text
    assert "test_scanning.py" in text


def test_what_a_package_misses_is_its_own_error(project: Path) -> None:
    (project / "lacking").mkdir()
    (project / "lacking" / "__init__.py").write_text("import nowhere_to_be_found")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        App().scan("lacking.part")


def test_mistakes(project: Path) -> None:
    app = App()
    (project / "plain" / "json.py").write_text("")
    (project / "email").mkdir()
    (project / "email" / "mine.py").write_text("")
    (project / "json.py").write_text("")
    said = [
        mistake(lambda: app.scan("nowhere")),
        mistake(lambda: app.scan("no/where.py")),
        mistake(lambda: app.scan("shop", "controllers")),
        mistake(lambda: app.scan(importlib.import_module("json"), "x")),
        mistake(lambda: app.scan("shop", "(")),
        mistake(lambda: app.scan("json.py")).replace(importlib.import_module("json").__file__ or "", "LIBRARY"),
        mistake(lambda: app.scan("text-file")),
    ]
    check_golden("app/scan", "\n".join(said).replace(str(project.resolve()), "PROJECT"))
    with pytest.raises(SetupError):
        app.scan("shop/text.txt")


PROGRAM = """
from hospes import App
app = App(store="memory:")
print("main runs", __name__)
print(app.scan(".", r"main|.*birds"))
"""


def test_the_main_file_is_not_imported_again(project: Path) -> None:
    (project / "main.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, "-B", "main.py"], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "main runs __main__\n['plain.birds']\n"
