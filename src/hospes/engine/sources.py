"""Whether the engine was built from the sources beside it: those of a checkout are newer after `git pull`.

Where there are none, it was installed as it was built. `setup.py` runs this file, too, and has the compiler write the fingerprint
into the engine; so it imports nothing of hospes at its head.
"""

from __future__ import annotations

import os
from functools import cache
from hashlib import blake2b

_KINDS = (".h", ".pxi", ".pyx")


def sources(folder: str) -> list[str]:
    """The paths of the engine's sources in a folder, in order."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(_KINDS)]


def fingerprint(folder: str) -> str:
    """What tells the sources in a folder from any others; "" where there are none."""
    found = sources(folder)
    seal = blake2b(digest_size=16)
    for path in found:
        with open(path, "rb") as file:
            octets = file.read()
        seal.update(f"{os.path.basename(path)} {len(octets)}\0".encode() + octets)
    return seal.hexdigest() if found else ""


@cache  # what is loaded stays loaded, whatever becomes of the files
def are_others() -> bool:
    """Whether the sources that are here are not those of which the engine was built."""
    wanted = fingerprint(os.path.dirname(__file__))
    if not wanted:
        return False
    try:
        from hospes.engine import _core
    except (ImportError, AttributeError):  # it knows another hospes than this one
        return True
    built: str = getattr(_core, "SOURCES", "")
    return built != wanted
