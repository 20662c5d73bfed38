"""Where in the program a decorator stands: its line, the names it sees, and whether it stands in a class.

Laws:

* The program is whatever lies outside of this package, and of the loop that runs it: how many functions in here a call has gone
  through makes no difference.
* A function is a method if it is decorated in a class's body, or while the body that its qualified name tells is being run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_NO_PROGRAM = frozenset({__name__.partition(".")[0], "asyncio"})


def program_frame() -> FrameType:
    """The innermost frame of the program."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # the only way to the caller's place
    while str(frame.f_globals.get("__name__")).partition(".")[0] in _NO_PROGRAM and frame.f_back is not None:
        frame = frame.f_back
    return frame


def program_line() -> str:
    """`file:line` of the program's line that led here."""
    return line_of(program_frame())


def line_of(frame: FrameType) -> str:
    """`file:line` of what a frame is at."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_method(function: Callable[..., Any], frame: FrameType) -> bool:
    """Whether a function that is decorated in `frame` will be a class's method."""
    if _is_class_body(frame):
        return True
    body = getattr(function, "__qualname__", "").rpartition(".")[0]
    outer: FrameType | None = frame if body and not body.endswith("<locals>") else None
    while outer is not None:
        if _is_class_body(outer) and outer.f_locals["__qualname__"] == body:
            return True
        outer = outer.f_back
    return False


def visible_names(frame: FrameType) -> dict[str, Any]:
    """The local names where a decorator stands; in a class's body also those around the class. A module's are none."""
    names: dict[str, Any] = {}
    place: FrameType | None = frame
    while place is not None and place.f_locals is not place.f_globals:
        names = {**place.f_locals, **names}
        place = place.f_back if _is_class_body(place) else None
    return names


def called_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Whose annotations count: of a class those of its constructor."""
    return vars(function).get("__init__", function) if isinstance(function, type) else function


def _is_class_body(frame: FrameType) -> bool:
    # A function may have local variables of these names too, but not without being optimised: class bodies and modules are not.
    return not frame.f_code.co_flags & _OPTIMIZED and "__qualname__" in frame.f_locals


_OPTIMIZED = 0x1
"""CO_OPTIMIZED, the flag of functions' code."""
