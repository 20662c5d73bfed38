"""The faces under the names that their programs import: `import simple_http_server` finds `hospes.compat.simple_http_server`.

Laws:

* It holds inside this process, after `install`, and in those that multiprocessing makes of it. Nothing is written to disk, or
  installed under another package's name.
* A face wins over an installed package, or a folder beside the program, of the same name: who asks for the faces gets them.
* One module, two names: what a program sets in `simple_http_server.server` is set in `hospes.compat.simple_http_server.server`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Final

_HERE: Final = __name__.rpartition(".")[0]

FACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: f"{_HERE}.{name}"
        for name in (
            "alink",
            "http_server",
            "simple_http_server",
            "simple_http_server_jinja",
            "simple_http_server_redis_session",
        )
    }
)
"""The name that programs import → the face."""


class _Faces(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds faces, and their submodules, under their programs' names."""

    def __init__(self) -> None:
        self._specs: dict[str, importlib.machinery.ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a face's module; None for any other."""
        real = real_name(fullname)
        if not real or importlib.util.find_spec(real) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=real)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The face's module itself."""
        module = importlib.import_module(real_name(spec.name))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has been executed under its own name; it keeps its own spec."""
        alias = module.__spec__
        if alias is not None:
            module.__spec__ = self._specs.pop(alias.name)


def real_name(name: str) -> str:
    """What a module that a program imports is called here; "" for one that is no face's."""
    head, dot, rest = name.partition(".")
    face = FACES.get(head)
    return f"{face}{dot}{rest}" if face is not None else ""


def install() -> None:
    """Let programs find the faces, from now on, in this process. A second call does nothing."""
    if not any(isinstance(each, _Faces) for each in sys.meta_path):
        sys.meta_path.insert(0, _Faces())


def install_in_children() -> None:
    """Let processes find them that multiprocessing makes of this one, by its fork server or anew; forked ones do without.

    Before it imports anything of a program, such a process is handed `sys.path`, pickled, and nothing else of ours.
    """
    sys.path[-1] = _HandedOn(sys.path[-1])
    if "forkserver" in multiprocessing.get_all_start_methods():
        multiprocessing.set_forkserver_preload([])  # the fork server itself is handed nothing, and must not import the program


class _HandedOn(str):
    """An entry of `sys.path`; where it is unpickled, the faces are installed."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        return _arrive, (str(self),)


def _arrive(entry: str) -> str:
    install()
    return _HandedOn(entry)
