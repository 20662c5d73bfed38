"""The documentation, executed: the Python of every page runs, every command it names exists, every link leads somewhere.

Laws of a page:

* Its ```python blocks are one program, run top to bottom, in an empty folder and with a store in memory.
* `app.run()` does not serve here; each app that a page runs is opened once with `app.test()` after the page's last block.
* `<!-- no-run: reason -->` on the line before a block: it is compiled only.
* A block whose info string names a file (```html pages/home.html) is written to that file before anything runs; and is no part of
  the program, even if it is Python.
* `make TARGET` and `hospes COMMAND` in ```shell blocks must exist.

And every example is imported, and if it defines `app`, that app is opened with `app.test()`.
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import importlib
import inspect
import logging
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

from hospes.compat.http_server import WebServer

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
EXAMPLES = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "examples").glob("*/app.py")])

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[\w+-]*) *(?P<file>\S*)$")
NO_RUN = re.compile(r"<!-- no-run: (?P<reason>.+?) -->")
COMMAND = re.compile(r"(?:^(?:\$ )?|&& *)(?:\.venv/bin/)?(?P<program>make|hospes)\b(?P<rest>[^#|&;>\n]*)", re.MULTILINE)
SHELLS = frozenset({"shell", "sh", "bash", "console"})
LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<target>[^)\s]+)[^)]*\)|^\[[^\]]+\]: (?P<reference>\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its text, and the number of its first line in the page."""

    language: str
    file: str
    text: str
    line: int
    runs: bool


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: str) -> Iterator[Block]:
    lines = page.splitlines()
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if not opening:
            continue
        start, indent, fence = number, len(opening["indent"]), opening["fence"]
        while number < len(lines) and lines[number].strip() != fence:
            number += 1
        assert number < len(lines), f"line {start}: the block is never closed"
        text = "\n".join(line[indent:] for line in lines[start:number])
        before = lines[start - 2] if start >= 2 else ""
        yield Block(opening["language"], opening["file"], text, start + 1, not NO_RUN.search(before))
        number += 1


def prose(page: str) -> str:
    """The page without its blocks and code spans, where brackets are no links and `#` is no heading."""
    kept = page
    for block in blocks(page):
        kept = kept.replace(block.text, "") if block.text.strip() else kept
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace("[", "").replace("]", ""), kept)


def run(block: Block, program: ModuleType, page: str) -> None:
    # The empty lines give errors the line number they have in the page.
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if not block.runs:
        return
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, program.__dict__))
    else:
        exec(code, program.__dict__)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The apps whose `run` was called; the program under test has an empty folder and `__main__` to itself."""
    hospes: Any = importlib.import_module("hospes")
    apps: list[Any] = []

    def record(app: Any, *_: Any, **__: Any) -> None:
        apps.append(app)

    # The module-level run() forwards to the default app's, so this sees both.
    monkeypatch.setattr(hospes.App, "run", record)
    monkeypatch.setattr(WebServer, "run", lambda server: record(server.application()))
    monkeypatch.setenv("HOSPES_STORE", "memory:")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["program.py"])
    monkeypatch.setattr(sys, "path", sys.path[:])
    return apps


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """What a page sets up of logging goes with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "hospes"]:
        logging.getLogger(name).disabled = False


def open_once(app: Any) -> None:
    with app.test():
        pass


def programs() -> list[Path]:
    return [page for page in PAGES if any(block.language == "python" for block in blocks(page.read_text("utf-8")))]


@pytest.mark.parametrize("page", programs(), ids=shown)
def test_page_runs(page: Path, served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(blocks(page.read_text("utf-8")))
    for block in found:
        if block.file:
            target = tmp_path / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text + "\n", "utf-8")
    program = ModuleType("__main__", f"The program of {shown(page)}.")
    # Dataclasses, Structs and annotations look their module up by name.
    monkeypatch.setitem(sys.modules, "__main__", program)

    def whole_page() -> None:
        for block in found:
            if block.language == "python" and not block.file:
                run(block, program, shown(page))
        for app in served:
            open_once(app)

    # A context of its own: what the decorators of one page register, the next page's default app does not see.
    contextvars.Context().run(whole_page)


@pytest.mark.parametrize("example", EXAMPLES, ids=shown)
def test_example_opens(example: Path, served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    name = shown(example).removesuffix(".py").replace("/", ".")
    monkeypatch.delitem(sys.modules, name, raising=False)

    def whole_example() -> None:
        module = importlib.import_module(name)
        if hasattr(module, "app"):
            open_once(module.app)

    contextvars.Context().run(whole_example)
    assert served == [], "an example must serve under `if __name__ == '__main__'` only"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_exist(page: Path) -> None:
    text = "\n".join(block.text for block in blocks(page.read_text("utf-8")) if block.language in SHELLS)
    assert [command for command in commands(text) if not exists(*command)] == []


def commands(text: str) -> list[tuple[str, str]]:
    """`(program, target or subcommand)` of every make and hospes command in a shell text."""
    found: list[tuple[str, str]] = []
    for match in COMMAND.finditer(text):
        words = [word for word in shlex.split(match["rest"]) if not word.startswith("-") and "=" not in word]
        # hospes has one subcommand and then its arguments; make has targets all along.
        found += [(match["program"], word) for word in (words if match["program"] == "make" else words[:1])]
    return found


def exists(program: str, name: str) -> bool:
    if program == "make":
        return re.search(rf"^{re.escape(name)}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE) is not None
    cli: Any = importlib.import_module("hospes.cli")
    return name in cli.main.commands


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page.read_text("utf-8")) if not leads(page, link)] == []


def links(page: str) -> list[str]:
    found = [match["target"] or match["reference"] for match in LINK.finditer(prose(page))]
    return [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


def leads(page: Path, link: str) -> bool:
    path, _, fragment = unquote(link).partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not fragment or target.suffix != ".md" or fragment in anchors(target.read_text("utf-8"))


def anchors(page: str) -> set[str]:
    """The fragments a forge makes of the headings: lower case, no punctuation, hyphens for spaces, numbers for twins."""
    found: set[str] = set(re.findall(r'<a (?:id|name)="([^"]+)"', page))
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        twin = next(number for number in range(len(found) + 1) if (f"{slug}-{number}" if number else slug) not in found)
        found.add(f"{slug}-{twin}" if twin else slug)
    return found


# The runner itself.

PAGE = """# A page, `x[0]` and more
<!-- no-run: needs a network -->
```python
fetch()
```
- a list
  ```python
  n = 1
  if n:
      n += 1
  ```
```html pages/home.html
<p>
```
[a](other.md#part) [b](https://example.org) `[c](not-a-link)` [d](#a-page-x0-and-more)
## Part
## Part
"""


def test_blocks_are_found() -> None:
    first, second, third = blocks(PAGE)
    assert (first.text, first.runs, first.line) == ("fetch()", False, 4)
    assert (second.text, second.runs, second.line) == ("n = 1\nif n:\n    n += 1", True, 8)
    assert (third.language, third.file, third.text) == ("html", "pages/home.html", "<p>")


def test_open_block_is_refused() -> None:
    with pytest.raises(AssertionError, match="line 1: the block is never closed"):
        list(blocks("```python\nn = 1\n"))


def test_blocks_share_their_names_and_may_await() -> None:
    program = ModuleType("program")
    for text in ("import asyncio\nn = 1", "n += await asyncio.sleep(0, 2)"):
        run(Block("python", "", text, 1, True), program, "page.md")
    assert program.n == 3


def test_errors_carry_the_line_of_the_page() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(Block("python", "", "n = 1\nn / 0", 40, True), ModuleType("program"), "page.md")
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno) == ("page.md", 40)


def test_a_block_that_does_not_run_must_compile() -> None:
    run(Block("python", "", "nothing()", 1, False), ModuleType("program"), "page.md")
    with pytest.raises(SyntaxError):
        run(Block("python", "", "nothing(", 1, False), ModuleType("program"), "page.md")


def test_commands_are_found() -> None:
    text = "git clone x\nmake demo PORT=1 -j2 # make tea\n$ hospes run main:app\ncd x && make test lint\nhospes --help\nmake\n"
    assert commands(text) == [("make", "demo"), ("hospes", "run"), ("make", "test"), ("make", "lint")]
    assert exists("make", "demo")
    assert not exists("make", "tea")


def test_links_and_anchors_are_found() -> None:
    assert links(PAGE) == ["other.md#part", "#a-page-x0-and-more"]
    assert anchors(PAGE) == {"a-page-x0-and-more", "part", "part-1"}


def test_links_are_followed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    (tmp_path / "other.md").write_text("# Part\n")
    assert leads(page, "other.md#part")
    assert leads(page, "#part-1")
    assert not leads(page, "other.md#no-part")
    assert not leads(page, "missing.md")
