"""Decoded dataclasses, completed: every member in the object itself.

msgspec leaves a member that the content did not bring to the class's default, outside of the instance's `__dict__`; and when it
encodes, it looks into `__dict__` alone. A handler that returned what it was given would lose the member.

Law: models that cannot be met by this cost nothing, because the question is settled when the application starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast, get_args

from hospes.binding.annotations import plain
from hospes.binding.models import members_of

_MISSING = dataclasses.MISSING


def completing(annotation: Any) -> Callable[[Any], None] | None:
    """A function that completes decoded values of a type in place; None where none ever needs it."""
    return _complete if _needs_it(annotation, set()) else None


def _needs_it(annotation: Any, seen: set[Any]) -> bool:
    """Whether a dataclass with a plain default is to be met inside a type."""
    try:
        if annotation in seen:
            return False
        seen.add(annotation)
    except TypeError:  # an annotation that cannot be hashed has no members either
        return False
    members = members_of(annotation)
    if members is not None:
        return _leaves_out(plain(annotation)) or any(_needs_it(each.annotation, seen) for each in members)
    return any(_needs_it(each, seen) for each in get_args(annotation))


def _leaves_out(kind: Any) -> bool:
    is_open = dataclasses.is_dataclass(kind) and getattr(kind, "__slots__", None) is None
    return is_open and any(each.default is not _MISSING for each in dataclasses.fields(kind))


def _complete(value: Any) -> None:
    """Complete what is inside of a value, and itself."""
    if dataclasses.is_dataclass(value):
        own = getattr(value, "__dict__", None)
        for each in dataclasses.fields(value):
            if own is not None and each.name not in own and each.default is not _MISSING:
                own[each.name] = each.default
            _complete(getattr(value, each.name))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in cast("list[Any]", value):
            _complete(each)
    elif isinstance(value, dict):
        for each in cast("dict[object, Any]", value).values():
            _complete(each)
    elif hasattr(value, "__struct_fields__"):
        for name in value.__struct_fields__:
            _complete(getattr(value, name))
