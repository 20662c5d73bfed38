"""Packages whose modules are imported when somebody first asks for what is in them.

Laws:

* What a program does not use costs its start nothing: `import hospes` reads one table; `App` brings what applications need.
* A name is looked for once; from then on it is the package's own, as if it had been imported at the top.
* Type checkers see ordinary imports below `if TYPE_CHECKING`; a test holds table and imports to each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package (PEP 562).

    Args:
        package: Its name.
        modules: By module of the package, the names that are taken from there, with blanks between them.
    """
    home = {name: module for module, names in modules.items() for name in names.split()}

    def find(name: str) -> Any:
        module = home.get(name)
        if module is not None:
            value = getattr(import_module(f"{package}.{module}"), name)
            setattr(sys.modules[package], name, value)
            return value
        if not name.startswith("_"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return find, names
