"""An installation succeeds without a compiler, and says what it left out; unless the engine was demanded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REASON = "hospes serves with the portable carrier"
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.implementation.name != "cpython", reason="platform: the engine is built for CPython on Linux"
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The installation's own files, and an engine of one line."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    folder = tmp_path / "src/hospes/engine"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "src/hospes/engine/sources.py", folder)
    (folder / "_core.pyx").write_text("ANSWER = 42\n")
    for package in (folder, folder.parent):
        (package / "__init__.py").write_text("")
    return tmp_path


def build(sources: Path, compiler: str = "", wish: str = "") -> subprocess.CompletedProcess[str]:
    """Build in place, which is how an editable installation does it."""
    environment = {**os.environ, "HOSPES_BUILD_ENGINE": wish, "HOSPES_ENGINE_FLAGS": "", **({"CC": compiler} if compiler else {})}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, timeout=120, check=False)


def built(sources: Path) -> list[Path]:
    return list((sources / "src/hospes/engine").glob("_core*.so"))


def test_without_a_compiler_the_engine_is_left_out(sources: Path) -> None:
    done = build(sources, compiler="/nonexistent/cc")
    assert done.returncode == 0, done.stderr
    assert "hospes: the engine is not built (" in done.stderr
    assert REASON in done.stderr
    assert built(sources) == []


def test_an_engine_that_was_demanded_is_an_error_without_a_compiler(sources: Path) -> None:
    done = build(sources, compiler="/nonexistent/cc", wish="1")
    assert done.returncode != 0
    assert REASON not in done.stderr
    assert built(sources) == []


def test_an_engine_that_is_not_wished_is_not_tried(sources: Path) -> None:
    done = build(sources, compiler="/nonexistent/cc", wish="0")
    assert (done.returncode, REASON in done.stderr, built(sources)) == (0, False, [])


@pytest.mark.skipif(find_spec("hospes.engine._core") is None, reason="platform: no C compiler, or no headers of Python")
def test_with_a_compiler_it_is_built(sources: Path) -> None:
    done = build(sources)
    assert done.returncode == 0, done.stderr
    assert len(built(sources)) == 1
    shown = [sys.executable, "-c", "import hospes.engine._core as core; print(core.ANSWER)"]
    environment = {**os.environ, "PYTHONPATH": str(sources / "src")}
    assert subprocess.run(shown, env=environment, capture_output=True, text=True, check=True).stdout == "42\n"
