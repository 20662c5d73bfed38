"""The programs in C that a measurement needs: built when they are first asked for, kept below `.bench/`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parent / ".bench"
"""What installing and building leaves; ignored by git."""


def program(name: str) -> Path:
    """The program made of `bench/NAME.c`, newer than its source.

    Raises:
        RuntimeError: if there is no C compiler, or it refuses.
    """
    source, built = HERE / f"{name}.c", KEPT / name
    if built.exists() and built.stat().st_mtime_ns >= source.stat().st_mtime_ns:
        return built
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(f"{source.name} has to be compiled, and there is no C compiler: apt-get install gcc libc6-dev")
    KEPT.mkdir(exist_ok=True)
    done = subprocess.run([compiler, "-O2", "-o", str(built), str(source)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{source.name} could not be compiled: {done.stderr[-500:]}")
    return built
