"""The budgets of the source, watched: sizes, names, docstrings, mirrored tests, imports that stay lazy, no hidden state.

Each exception stands in a table here with its reason, and an exception that is no longer needed is itself a failure.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "hospes"
FOLDERS = ("src", "tests", "examples", "fuzz", "bench")

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 7

VAGUE_NAMES = frozenset({"helper", "helpers", "misc", "util", "utils"})

MANY_PARAMETERS: dict[str, str] = {
    "src/hospes/app/registrar.py::Registrar.route": "seven are the seeds' call form; three say how to answer",
}
"""`path::qualified name` → why; allowed only where the call form of the programs we must run demands it."""

NO_TEST_FILE: dict[str, str] = {}
"""Path below src/hospes → where it is tested instead. An `__init__.py` only gathers names and needs none."""

MAY_HOLD_STATE = {
    "quick.py": "the default app behind the module-level decorators is the one process-wide thing",
    "compat/simple_http_server/process.py": "its programs' module-level decorators and `server.stop()` name no object",
}
"""Path below src/hospes → why it may hold state that all of a process shares."""

LAZY = {
    "click": "the command line only",
    "email": "slow to import; wire and http parse fields themselves",
    "h11": "a peer in tests",
    "html.parser": "nothing on the way of a request",
    "http.client": "the client only",
    "http.server": "never needed",
    "httpx": "the client only",
    "httpx2": "the client only",
    "jinja2": "templates only",
    "multipart": "loaded by the first form",
    "multiprocessing": "several workers only",
    "pydantic": "only if the program has imported it",
    "redis": "its store only",
    "psycopg": "its store only",
    "sqlite3": "its store only, opened at the first need",
    "tomllib": "configuration files only",
    "unittest": "never needed",
    "urllib.request": "the client only",
    "uvloop": "an option",
    "xml": "never needed",
}
"""Modules that `import hospes` must leave alone. `ssl` is not here: asyncio loads it."""

MUTABLE_CALLS = frozenset({
    "list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter",
    "WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "count", "Lock", "RLock", "local",
})  # fmt: skip
MUTATORS = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem", "popleft",
    "remove", "setdefault", "update",
})  # fmt: skip


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if ".egg-info" not in str(path))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def functions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Every function below `node`: its qualified name, itself, and whether it is a method that takes self or cls."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in child.decorator_list)
            yield outer + child.name, child, isinstance(node, ast.ClassDef) and not static
        inner = f"{outer}{child.name}." if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else outer
        yield from functions(child, inner)


def parameter_count(arguments: ast.arguments) -> int:
    named = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    return named + (arguments.vararg is not None) + (arguments.kwarg is not None)


def agree(found: Mapping[str, str], exceptions: Mapping[str, str]) -> None:
    """Fails with every finding that is no exception, in full, and with every exception that is no finding."""
    lines = [f"{place}: {what}" for place, what in sorted(found.items()) if place not in exceptions]
    lines += [f"{place}: is no exception any more" for place in exceptions if place not in found]
    assert not lines, "\n" + "\n".join(lines)


def test_files_are_short() -> None:
    lengths = {shown(path): len(path.read_text("utf-8").splitlines()) for path in python_files(*FOLDERS)}
    agree({path: f"{lines} lines" for path, lines in lengths.items() if lines > MAX_FILE_LINES}, {})


def test_functions_are_short() -> None:
    found: dict[str, str] = {}
    for path in python_files(*FOLDERS):
        for name, function, _ in functions(tree(path)):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                found[f"{shown(path)}::{name}"] = f"{lines} lines"
    agree(found, {})


def test_functions_take_few_parameters() -> None:
    found: dict[str, str] = {}
    for path in python_files("src", "examples", "fuzz", "bench"):
        for name, function, bound in functions(tree(path)):
            count = parameter_count(function.args) - bound
            if count > MAX_PARAMETERS:
                found[f"{shown(path)}::{name}"] = f"{count} parameters"
    agree(found, MANY_PARAMETERS)


def test_names_say_something() -> None:
    paths = [
        shown(path) for path in python_files(*FOLDERS) if VAGUE_NAMES & {part.strip("_") for part in path.with_suffix("").parts}
    ]
    names = [
        f"{shown(path)}::{name}"
        for path in python_files("src", "examples", "fuzz")
        for name, function, _ in functions(tree(path))
        if function.name.strip("_") in VAGUE_NAMES
    ]
    assert paths + names == []


def test_every_module_says_what_it_is_for() -> None:
    assert [shown(path) for path in python_files("src", "examples", "fuzz", "bench") if not ast.get_docstring(tree(path))] == []


def test_every_module_has_its_test_file() -> None:
    modules = {path.relative_to(SOURCE).as_posix(): path for path in python_files("src") if path.name != "__init__.py"}
    mirrors = {
        name: ROOT / "tests" / path.relative_to(SOURCE).with_name(f"test_{path.stem.strip('_')}.py")
        for name, path in modules.items()
    }
    agree({name: f"has no {shown(mirror)}" for name, mirror in mirrors.items() if not mirror.exists()}, NO_TEST_FILE)


def test_import_leaves_what_is_not_needed() -> None:
    report = "import sys, hospes; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout.split()
    assert {module: LAZY[module] for module in loaded if module in LAZY} == {}


@pytest.mark.parametrize(
    "path", [path for path in python_files("src") if path.relative_to(SOURCE).as_posix() not in MAY_HOLD_STATE], ids=shown
)
def test_no_module_level_state(path: Path) -> None:
    assert [f"line {line}: {what}" for line, what in shared_state(tree(path))] == []


def test_exceptions_for_state_are_needed() -> None:
    present = [name for name in MAY_HOLD_STATE if (SOURCE / name).exists()]
    assert [name for name in present if not _holds_anything(tree(SOURCE / name))] == []


def _holds_anything(module: ast.Module) -> bool:
    made = any(isinstance(node, ast.Call) for statement in module.body for node in ast.walk(statement))
    return made or next(shared_state(module), None) is not None


def shared_state(module: ast.Module) -> Iterator[tuple[int, str]]:
    """What a module keeps for all of the process and may change: (line, what).

    A container under a lower-case name is state. Under an UPPER_CASE name it is a table, as long as nothing in the
    module changes it. `global` is state under any name.
    """
    tables: set[str] = set()
    for statement in module.body:
        for name in _containers(statement):
            if name.isupper():
                tables.add(name)
            elif not (name.startswith("__") and name.endswith("__")):
                yield statement.lineno, f"{name} is a container that anybody may change"
    inner = [
        node
        for each in module.body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in ast.walk(each)
    ]
    for node in inner:
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"
        elif isinstance(node, (ast.Subscript, ast.Call)) and (name := _changed(node)) in tables:
            yield node.lineno, f"the table {name} is changed"


def _containers(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return []
    return [target.id for target in targets if isinstance(target, ast.Name) and _is_mutable(value)]


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        function = value.func
        name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
        return name in MUTABLE_CALLS
    return isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _changed(node: ast.Subscript | ast.Call) -> str:
    """The name whose container this node changes, by item or by method; "" if none."""
    holder: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        if not isinstance(node.ctx, ast.Load):
            holder = node.value
    elif isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        holder = node.func.value
    return holder.id if isinstance(holder, ast.Name) else ""


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("cache = {}", [1]),
        ("cache: dict[str, int] = dict()", [1]),
        ("from collections import deque\nwaiting = deque()", [2]),
        ("names = [n for n in 'abc']", [1]),
        ("__all__ = ['a']", []),
        ("TABLE = {1: 2}\ndef look():\n    return TABLE[1]", []),
        ("TABLE = {1: 2}\ndef change():\n    TABLE[1] = 3", [3]),
        ("TABLE = []\nclass A:\n    def change(self):\n        TABLE.append(3)", [4]),
        ("TABLE = {}\nfor n in range(9):\n    TABLE[n] = n", []),
        ("count = 0\ndef up():\n    global count\n    count += 1", [3]),
        ("names = ('a', 'b')", []),
        ("def f():\n    local = []\n    local.append(1)", []),
    ],
)
def test_shared_state_is_recognised(source: str, lines: list[int]) -> None:
    assert [line for line, _ in shared_state(ast.parse(source))] == lines


def test_parameters_are_counted_without_self() -> None:
    source = (
        "class A:\n    def f(self, a, /, b, *c, d, **e): ...\n    @staticmethod\n    def g(a): ...\ndef h():\n    def i(x): ...\n"
    )
    counted = {name: parameter_count(each.args) - bound for name, each, bound in functions(ast.parse(source))}
    assert counted == {"A.f": 5, "A.g": 1, "h": 0, "h.i": 1}
