"""Packages that load what they are asked for: the same names as ever, and not before."""

from __future__ import annotations

import ast
import copy
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hospes.lazily import annotations_of, regexp, signature_of

SOURCE = Path(__file__).parent.parent / "src"

LAZY = sorted(
    ".".join(path.parent.relative_to(SOURCE).parts)
    for path in (SOURCE / "hospes").rglob("__init__.py")
    if "lazily(" in path.read_text("utf-8")
)


def told_to_type_checkers(package: str) -> dict[str, str]:
    """Name → module, as the imports below `if TYPE_CHECKING` say."""
    module = ast.parse((SOURCE / package.replace(".", "/") / "__init__.py").read_text("utf-8"))
    told: dict[str, str] = {}
    for statement in module.body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            for each in statement.body:
                assert isinstance(each, ast.ImportFrom)
                assert each.module is not None
                told.update((name.name, f"{package}.{each.module}" if each.level else each.module) for name in each.names)
    return told


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_large_packages_are_lazy() -> None:
    assert {"hospes", "hospes.filters", "hospes.server", "hospes.users", "hospes.wire"} <= set(LAZY)


@pytest.mark.parametrize("package", LAZY)
def test_types_and_table_agree(package: str) -> None:
    told = told_to_type_checkers(package)
    found = {name: getattr(import_module(package), name) for name in told}
    assert found == {name: getattr(import_module(module), name) for name, module in told.items()}
    assert set(import_module(package).__all__) <= told.keys() | vars(import_module(package)).keys()
    assert set(import_module(package).__all__) <= set(dir(import_module(package)))


@pytest.mark.parametrize("package", LAZY)
def test_every_name_can_be_the_first_that_is_asked_for(package: str) -> None:
    """In an order of its own each: no name may need that another was asked for before."""
    program = (
        f"import importlib; package = importlib.import_module({package!r})\n"
        "names = list(package.__all__)\n"
        "print([name for name in reversed(names) if getattr(package, name, None) is None])"
    )
    assert run(program) == "[]"


def test_all_names_can_be_taken_at_once() -> None:
    program = "from hospes import *\nimport hospes\nprint([name for name in hospes.__all__ if name not in globals()])"
    assert run(program) == "[]"


def test_a_name_is_looked_for_once() -> None:
    program = "import hospes\nprint('KiB' in vars(hospes), hospes.KiB, 'KiB' in vars(hospes))"
    assert run(program) == "False 1024 True"


def test_modules_are_there_without_an_import_of_their_own() -> None:
    assert run("import hospes\nprint(hospes.testing.__name__, hospes.store.url.__name__)") == "hospes.testing hospes.store.url"


def test_a_decorator_keeps_its_name_before_a_package() -> None:
    """`hospes.files` is the decorator, whoever imports the package of that name, and whenever."""
    program = "import hospes\nfrom hospes.files.folder import StaticFolder\nprint(callable(hospes.files), callable(hospes.files))"
    assert run(program) == "True True"


@pytest.mark.parametrize("name", ["nothing", "_private", "__wrapped__"])
def test_what_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(import_module("hospes.filters"), name)
    assert str(caught.value) == f"module 'hospes.filters' has no attribute {name!r}"
    assert caught.value.name == name


def test_what_a_module_lacks_is_said_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lacking"
    package.mkdir()
    package.joinpath("__init__.py").write_text(
        "from hospes.lazily import lazily\n__getattr__, __dir__ = lazily(__name__, {'rooms': 'Table'})\n"
    )
    package.joinpath("rooms.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    lacking = import_module("lacking")
    for name in ("Table", "rooms"):
        with pytest.raises(ModuleNotFoundError) as caught:
            getattr(lacking, name)
        assert caught.value.name == "a_module_that_nobody_has"
    assert "Table" in dir(lacking)


def test_an_expression_is_compiled_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[object, int]] = []
    compile_now = re.compile

    def note(expression: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append((expression, flags))
        return compile_now(expression, flags)

    late = regexp("[ab]+", re.IGNORECASE)
    monkeypatch.setattr(re, "compile", note)
    assert compiled == []
    assert [late.fullmatch(text) is not None for text in ("abAB", "abc", "")] == [True, False, False]
    assert compiled == [("[ab]+", re.IGNORECASE)]
    assert late.sub("-", "xaby") == "x-y"
    assert (late.pattern, late.flags) == ("[ab]+", re.IGNORECASE | re.UNICODE)


def test_a_wrong_expression_fails_where_it_is_used() -> None:
    late = regexp("(")
    with pytest.raises(re.error, match="missing \\), unterminated subpattern"):
        late.search("a")
    assert regexp(rb"[0-9]+").findall(b"1 22") == [b"1", b"22"]


def test_an_expression_can_be_copied() -> None:
    late = copy.copy(regexp("a+"))
    assert late.fullmatch("aa") is not None
    assert copy.deepcopy(late).fullmatch("b") is None


def later(first: Later, second: int) -> None: ...


class Later:
    of: Later


def test_signatures_name_what_comes_to_be_later() -> None:
    assert [*signature_of(later).parameters] == ["first", "second"]
    assert annotations_of(later) == {"first": "Later", "second": "int", "return": "None"}
    assert annotations_of(Later) == {"of": "Later"}
    assert annotations_of(object()) == {}
    with pytest.raises(ValueError, match="signature"):
        signature_of(type)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="platform: before Python 3.14 annotations are evaluated at once")
def test_an_annotation_without_quotes_is_left_for_later() -> None:
    program = """
from hospes import App

app = App()

@app.post("/")
async def show(order: Order, request=None) -> dict[str, int]:
    return {"n": order.n}

from msgspec import Struct

class Order(Struct):
    n: int

with app.test() as client:
    print(client.post("/", json={"n": 7}).json()["n"])
"""
    assert run(program) == "7"
