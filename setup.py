"""Builds the engine, the compiled carrier, where that is possible; without it hospes is complete, and serves in pure Python.

Laws:

* Whatever is missing (Cython, a C compiler, the headers of Python, Linux), the installation succeeds, and says what it left out.
* `HOSPES_BUILD_ENGINE=0` leaves the engine out; `=1` makes its failure an error.
"""

from __future__ import annotations

import os
import sys
from runpy import run_path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WISH = os.environ.get("HOSPES_BUILD_ENGINE", "")
FOLDER = "src/hospes/engine"


def engine() -> list[Extension]:
    """The extension module; none where it could not run."""
    if WISH == "0" or (WISH != "1" and (sys.platform != "linux" or sys.implementation.name != "cpython")):
        return []
    known = run_path(f"{FOLDER}/sources.py")
    try:
        from Cython.Build import cythonize
    except ImportError:
        if WISH == "1":
            raise
        report("Cython is not installed")
        return []
    flags = os.environ.get("HOSPES_ENGINE_FLAGS", "").split()
    module = Extension("hospes.engine._core", [f"{FOLDER}/_core.pyx"], depends=known["sources"](FOLDER))
    module.define_macros = [("HOSPES_SOURCES", f'"{known["fingerprint"](FOLDER)}"')]
    # The addresses of sockets are read through the types of their families.
    module.extra_compile_args, module.extra_link_args = ["-fno-strict-aliasing", *flags], flags
    modules: list[Extension] = cythonize([module], build_dir="build/cython")
    for each in modules:  # an editable installation copies what was built, and fails where it was not, unless it is optional
        each.optional = WISH != "1"
    return modules


def report(reason: str) -> None:
    """Say what this installation does without."""
    print(f"hospes: the engine is not built ({reason}); hospes serves with the portable carrier", file=sys.stderr)  # noqa: T201


class BuildEngine(build_ext):
    """Builds what can be built."""

    def build_extension(self, ext: Any) -> None:
        """Build one module; a failure is reported, and an error only where the module was demanded."""
        try:
            super().build_extension(ext)
        except Exception as error:
            if WISH == "1":
                raise
            report(f"{type(error).__name__}: {error}")


setup(ext_modules=engine(), cmdclass={"build_ext": BuildEngine})
