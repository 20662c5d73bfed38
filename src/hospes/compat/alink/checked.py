"""A dict that checks what is put in, whichever of its methods puts it there.

`dict` itself calls neither `__setitem__` nor `__delitem__` for its other methods.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

Value = TypeVar("Value")


class CheckedDict(dict[str, Value]):
    """Names and values; whoever derives from it gives `__setitem__`, `__delitem__`, `popitem` and `clear`."""

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc,override]  # as for dict: mappings and pairs
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = "") -> Value:
        """The value of a name; where it has none, `default` is set and given."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *sources: Any, **more: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """Set everything from a mapping, from pairs, and from the keywords."""
        for name, value in dict(*sources, **more).items():
            self[name] = value

    def pop(self, name: str, *default: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """Delete a name and give its value; where it has none, `default`, or a KeyError."""
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value
