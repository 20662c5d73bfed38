"""Golden texts: what a developer reads on a mistake, kept in tests/golden/NAME.txt.

With HOSPES_UPDATE_GOLDEN=1 the files are written instead of compared; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"

# A path of this machine in front of a Python file, POSIX or Windows, up to the file's own name.
_MACHINE_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/:\"']+)+[\\/](?=[^\s\\/:\"']+\.py\b)")


def normalise(text: str) -> str:
    """The text with machine paths cut down to file names and one line feed at its end."""
    return _MACHINE_PATH.sub("", text).rstrip("\n") + "\n"


def check_golden(name: str, text: str) -> None:
    """Compare a text with tests/golden/NAME.txt.

    Args:
        name: Path of the file below tests/golden without its ending, such as "routing/unknown_converter".
        text: The text as the developer meets it.
    """
    file = FOLDER / f"{name}.txt"
    text = normalise(text)
    if os.environ.get("HOSPES_UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    assert file.exists(), f"{file} is missing: run the test with HOSPES_UPDATE_GOLDEN=1, and read what it writes"
    assert text == file.read_text(encoding="utf-8")
