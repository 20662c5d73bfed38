"""Importing it is enough."""

from __future__ import annotations

import subprocess
import sys


def test_who_has_imported_it_finds_the_faces() -> None:
    program = "import hospes.compat.preloaded, alink; print(alink.__name__)"
    assert subprocess.check_output([sys.executable, "-W", "error", "-c", program], text=True) == "hospes.compat.alink\n"
