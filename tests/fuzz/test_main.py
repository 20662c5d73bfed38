"""The driver, run as a user runs it, on a copy of the package with targets of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "fuzz"
HOLDS = '"""Nothing is wrong."""\nSEEDS = [b"seed"]\ndef target(data: bytes) -> None:\n    len(data)\n'
BREAKS = '"""No NUL comes in."""\nSEEDS = [b"seed"]\ndef target(data: bytes) -> None:\n    assert 0 not in data\n'
HANGS = '"""It ends."""\nSEEDS = [b"seed"]\ndef target(data: bytes) -> None:\n    while True: pass\n'
HANGS_IN_C = '"""It ends."""\nimport re\nSEEDS = [b"a"]\ndef target(data: bytes) -> None:\n    re.match("(a*)*b", "a" * 999)\n'
UNFINISHED = "def target(data: bytes) -> None: ...\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "fuzz"
    package.mkdir()
    for name in ("__init__.py", "__main__.py", "mutation.py", "targets.py"):
        shutil.copy(PACKAGE / name, package)
    return tmp_path


def hurry(folder: Path, watch: str = "INPUT_SECONDS * 6") -> None:
    """Nobody wants to wait ten seconds for a loop to be found. `watch`: seconds until a loop in C is."""
    main = folder / "fuzz" / "__main__.py"
    text = main.read_text("utf-8").replace("INPUT_SECONDS = 10", "INPUT_SECONDS = 0.5")
    main.write_text(text.replace("INPUT_SECONDS * 6", watch), "utf-8")


def fuzz(folder: Path, *arguments: str, **sources: str) -> subprocess.CompletedProcess[str]:
    for name, source in sources.items():
        (folder / "fuzz" / f"fuzz_{name}.py").write_text(source)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "fuzz", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)


def test_a_target_that_holds(folder: Path) -> None:
    outcome = fuzz(folder, "--plain", "--seconds", "1", "--seed", "5", holds=HOLDS)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "holds: Nothing is wrong. [mutations, 1 s, --seed 5]" in outcome.stdout
    assert re.search(r"holds: [\d,]+ inputs, nothing found", outcome.stdout)
    assert not (folder / "fuzz" / "crashes").exists()


def test_a_target_that_breaks_is_kept_and_replayed(folder: Path) -> None:
    outcome = fuzz(folder, "--plain", "--seconds", "20", "--jobs", "2", "breaks", breaks=BREAKS, holds=HOLDS)
    assert outcome.returncode == 1
    assert "breaks: BROKEN: No NUL comes in." in outcome.stdout
    assert "AssertionError" in outcome.stdout
    (kept,) = (folder / "fuzz" / "crashes").iterdir()
    assert 0 in kept.read_bytes()
    assert f"python -m fuzz --replay fuzz/crashes/{kept.name} breaks" in outcome.stdout

    again = fuzz(folder, "--replay", f"fuzz/crashes/{kept.name}", "breaks")
    assert again.returncode == 1
    assert "AssertionError" in again.stderr

    repaired = fuzz(folder, "--replay", f"fuzz/crashes/{kept.name}", "breaks", breaks=HOLDS)
    assert repaired.returncode == 0
    assert repaired.stdout == "breaks: holds: Nothing is wrong.\n"


def test_the_same_seed_finds_the_same_input(folder: Path) -> None:
    for _ in range(2):
        fuzz(folder, "--plain", "--seconds", "20", "--seed", "3", breaks=BREAKS)
    assert len(list((folder / "fuzz" / "crashes").iterdir())) == 1


def test_an_endless_loop_is_found(folder: Path) -> None:
    hurry(folder, watch="45")  # half a second of its own time may take long on a busy machine
    outcome = fuzz(folder, "--plain", "--seconds", "20", hangs=HANGS)
    assert outcome.returncode == 1
    assert "TimeoutError: one input took longer" in outcome.stdout
    (kept,) = (folder / "fuzz" / "crashes").iterdir()
    assert kept.read_bytes() == b"seed"
    assert fuzz(folder, "--replay", f"fuzz/crashes/{kept.name}", "hangs").returncode == 1


def test_an_endless_regular_expression_is_found(folder: Path) -> None:
    hurry(folder)
    outcome = fuzz(folder, "--plain", "--seconds", "20", hangs=HANGS_IN_C)
    assert outcome.returncode == 1
    assert "fuzz_hangs.py" in outcome.stdout


def test_mistakes(folder: Path) -> None:
    nothing = fuzz(folder)
    assert (nothing.returncode, nothing.stderr) == (2, f"there is no target in {folder / 'fuzz'}\n")
    unknown = fuzz(folder, "nothing", holds=HOLDS)
    assert (unknown.returncode, unknown.stderr) == (2, "no target nothing; there are: holds\n")
    assert fuzz(folder, "--replay", "x", holds=HOLDS, other=HOLDS).returncode == 2
    unfinished = fuzz(folder, "--plain", "unfinished", unfinished=UNFINISHED)
    assert unfinished.returncode == 1
    assert "fuzz/fuzz_unfinished.py needs a docstring" in unfinished.stdout


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="platform: atheris is not installed")
def test_guided_by_coverage(folder: Path) -> None:
    assert fuzz(folder, "--seconds", "1", holds=HOLDS).returncode == 0
    outcome = fuzz(folder, "--seconds", "20", "breaks", breaks=BREAKS)
    assert outcome.returncode == 1
    (kept,) = (folder / "fuzz" / "crashes").iterdir()
    assert 0 in kept.read_bytes()
    assert f"python -m fuzz --replay fuzz/crashes/{kept.name} breaks" in outcome.stdout
