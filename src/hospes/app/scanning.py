"""Importing the modules that hold a program's handlers: `app.scan("controllers")`.

Laws:

* Whatever a module declares with the package's own decorators (`from hospes import route`) while it is scanned is declared on the
  application that scans. A module is imported once; one that was imported before declares nothing a second time.
* An import that fails ends the scan as it would end an import statement: a route must not be missing in silence. Nor must all
  of them: a scan that finds nothing is a mistake.
* Modules have the names under which the program could import them itself. One that another module's name would hide is an error.
* The order is that of the names. Links to folders are not followed. Left out are names that no import can have, virtual
  environments, `__main__`, and the program's main file.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple, TypeAlias

from hospes.errors import SetupError
from hospes.routing.paths import compile_regexp

Place: TypeAlias = str | Path | ModuleType
"""A folder, a file, or a package by its name or itself."""

declaring: Final[ContextVar[object]] = ContextVar("hospes_declaring", default=None)
"""The application that the package's own decorators declare on; None for the default one."""


class Found(NamedTuple):
    """A module that could be imported."""

    name: str
    path: Path
    """Its file."""
    shown: str
    """Its file as patterns have it: relative, with slashes, without `.py`."""


def scan(application: object, place: Place, pattern: str, project: str | Path, source: str) -> list[str]:
    """Import modules, and give their names; see `Registrar.scan`.

    Raises:
        SetupError: if there is no such place, nothing in it matches, or a module's name is another's.
        Exception: what a module raises.
    """
    where = (source,)
    matches = compile_regexp(pattern, source).match
    root = Path(project).absolute()
    found = [
        module
        for module in _modules(place, root, given=project != "", where=where)
        if matches(f"{module.shown}.py") or matches(module.shown) or matches(module.name)
    ]
    if not found:
        which = f" that matches {pattern!r}" if pattern else ""
        raise SetupError(
            f"scan({_said(place)}) found no module{which}",
            where=where,
            remedy="a pattern is a regular expression for the path, such as controllers/cats.py, or the name controllers.cats, "
            'from its beginning: r".*controller.*"',
        )
    token = declaring.set(application)
    try:
        return [_imported(module, where) for module in found]
    finally:
        declaring.reset(token)


def _imported(found: Found, where: tuple[str, ...]) -> str:
    try:
        module = importlib.import_module(found.name)
    except BaseException as failure:
        failure.add_note(f"while {found.path} was imported by the scan at {where[0]}")
        raise
    file = getattr(module, "__file__", None)
    if file is None or not os.path.samefile(file, found.path):
        raise SetupError(
            f"{found.path} would be imported as {found.name}, and that is {file or 'built in'}",
            where=where,
            remedy="rename it, or put it into a package",
        )
    return found.name


def _modules(place: Place, root: Path, *, given: bool, where: tuple[str, ...]) -> Iterator[Found]:
    """Every module of a place."""
    if isinstance(place, ModuleType):
        yield from _of_package(place.__name__, list(getattr(place, "__path__", ())), getattr(place, "__file__", None))
        return
    path = root / place
    if path.exists():
        path = path.resolve()
        top = root.resolve() if given and path.is_relative_to(root.resolve()) else _importable_from(path)
        if str(top) not in map(os.path.realpath, sys.path):
            sys.path.insert(0, str(top))
        names = path.relative_to(top).parts
        yield from _below(path, [*names]) if path.is_dir() else _file(path, list(names[:-1]))
        return
    spec = _spec(place) if isinstance(place, str) else None
    if spec is None:
        raise SetupError(
            f"there is no folder {str(path)!r}, and no package {str(place)!r}",
            where=where,
            remedy="name a folder, relative to the working directory or to project=…, or a package that can be imported",
        )
    yield from _of_package(spec.name, list(spec.submodule_search_locations or ()), spec.origin)


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    if not all(each.isidentifier() for each in name.split(".")):
        return None
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            return None
        raise


def _of_package(name: str, folders: Sequence[str], file: str | None) -> Iterator[Found]:
    if not folders and file is not None:
        yield Found(name, Path(file), name.replace(".", "/"))
    for folder in folders:
        yield from _below(Path(folder), name.split("."))


def _importable_from(path: Path) -> Path:
    """The folder from which a path is imported: the nearest entry of sys.path that it lies in, else the working directory, else
    where its packages begin."""

    def leads(top: Path) -> bool:
        return path.is_relative_to(top) and all(map(str.isidentifier, path.with_suffix("").relative_to(top).parts))

    above = [entry for entry in (Path(each or os.curdir).resolve() for each in sys.path) if entry.is_dir() and leads(entry)]
    if above:
        return max(above, key=lambda each: len(each.parts))
    if leads(Path.cwd().resolve()):
        return Path.cwd().resolve()
    top = path if path.is_dir() else path.parent
    while (top / "__init__.py").is_file():
        top = top.parent
    return top


def _below(folder: Path, names: list[str]) -> Iterator[Found]:
    """The modules of a folder and of those below it."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: (entry.name != "__init__.py", entry.name))
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            if entry.name.isidentifier() and entry.name != "__pycache__" and not os.path.exists(Path(entry, "pyvenv.cfg")):
                yield from _below(Path(entry), [*names, entry.name])
        elif entry.is_file():
            yield from _file(Path(entry), names)


def _file(path: Path, names: list[str]) -> Iterator[Found]:
    stem = path.stem
    if path.suffix != ".py" or stem == "__main__" or not stem.isidentifier() or _is_main(path):
        return
    own = names if stem == "__init__" else [*names, stem]
    if own:
        yield Found(".".join(own), path, "/".join([*names, stem]))


def _is_main(path: Path) -> bool:
    """Whether this is the program that runs: imported a second time, it would begin again."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return file is not None and os.path.exists(file) and os.path.samefile(file, path)


def _said(place: Place) -> str:
    return place.__name__ if isinstance(place, ModuleType) else repr(str(place))
