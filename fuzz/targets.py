"""Finding the fuzz targets.

Laws:

* A module fuzz_NAME.py is the target NAME; a module that lacks a part of one is an error, not passed over.
* Loading a target imports the parser that it fuzzes and nothing else does, so that a driver can instrument it first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
PREFIX = "fuzz_"


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under fuzz: `run` returns if the invariant holds for its input, and raises if not."""

    name: str
    invariant: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    @property
    def corpus(self) -> Path:
        """Where a coverage-guided driver keeps the inputs it found worth keeping."""
        return FOLDER / "corpus" / self.name


def names() -> list[str]:
    """The names of all targets, sorted."""
    return sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f"{PREFIX}*.py"))


def load(name: str) -> Target:
    """Imports fuzz_NAME.py.

    Raises:
        LookupError: if there is no such module, or it lacks its docstring, `target` or `SEEDS`.
    """
    if name not in names():
        raise LookupError(f"no target {name!r}; there are: {', '.join(names())}")
    module = importlib.import_module(f"fuzz.{PREFIX}{name}")
    run: Callable[[bytes], None] | None = getattr(module, "target", None)
    seeds: list[bytes] | None = getattr(module, "SEEDS", None)
    if not (module.__doc__ and run and seeds):
        raise LookupError(f"fuzz/{PREFIX}{name}.py needs a docstring that opens with the invariant, target(data) and SEEDS")
    return Target(name, module.__doc__.strip().splitlines()[0], run, tuple(seeds))
