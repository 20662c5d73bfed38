"""Content codings (RFC 9110 §8.4.1): which libraries make and undo them, if they are installed.

Law: nothing is imported before it is needed; what is not installed is told in one place, with the way to get it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

LIBRARIES: Final = {"br": ("brotli", "brotlicffi"), "zstd": ("compression.zstd", "backports.zstd")}
"""Modules that can do a coding, the preferred one first; gzip and deflate come with Python."""
EXTRAS: Final = {"br": "brotli", "zstd": "zstd"}
"""The extra of this package that installs a coding's library."""


def is_available(coding: str) -> bool:
    """Whether a coding can be made and undone here."""
    return coding in {"gzip", "deflate"} or bool(_name(coding))


def library_of(coding: str) -> Any:
    """The library of a coding; None where there is none, or it needs none."""
    name = _name(coding)
    return import_module(name) if name else None


@cache
def _name(coding: str) -> str:
    """The library for a coding that is installed; "" if none."""
    for name in LIBRARIES.get(coding, ()):
        package = name.rpartition(".")[0]
        if (not package or find_spec(package)) and find_spec(name):
            return name
    return ""
