"""`python -m hospes.compat PROGRAM.py [ARGS…]`: run a program that was written for one of the faces, without a changed line."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from hospes.compat.aliases import FACES, install, install_in_children, real_name

USAGE = f"""\
usage: python -m hospes.compat PROGRAM.py [ARGS…]
       python -m hospes.compat -m MODULE [ARGS…]

Runs a program that imports {", ".join(FACES)}: these names lead to hospes.
"""


def main(arguments: Sequence[str]) -> int:
    """Run a program.

    Args:
        arguments: The program and its own arguments.

    Returns:
        The exit status: 2 where there is no program to run.
    """
    by_module = arguments[:1] == ["-m"]
    program = [*arguments[1:]] if by_module else [*arguments]
    if not program or program[0] in {"-h", "--help"}:
        (sys.stdout if program else sys.stderr).write(USAGE)
        return 0 if program else 2
    if not by_module and not Path(program[0]).exists():
        sys.stderr.write(f"there is no file {program[0]}\n")
        return 2
    install()
    install_in_children()
    sys.argv = program
    if by_module:
        sys.path.insert(0, "")
        module = real_name(program[0]) or program[0]
        if not _is_there(module):
            sys.stderr.write(f"there is no module {module}\n")
            return 2
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(program[0]).resolve().parent))
        runpy.run_path(program[0], run_name="__main__")
    return 0


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError as error:  # one of its packages
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            return False
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
