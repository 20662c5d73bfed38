"""Header fields: names ignore case, a name may have several lines, nothing that breaks a message gets in.

Laws:

* A name keeps the spelling it was first given and is found under any other.
* `headers[name]` is the field's value as RFC 9110 §5.2 defines it: its lines joined by ", ".
* CR, LF, NUL and whatever else no field may hold is refused when it is put in, where the program's own line is still on
  the stack (RFC 9110 §5.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeAlias, cast

from hospes.wire import check_field

HeaderValue: TypeAlias = "str | int | list[str] | tuple[str, ...]"
HeaderSource: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]]"


class Headers(MutableMapping[str, str]):
    """Header fields of a request or of a response.

    Args:
        source: A mapping or pairs to begin with. A value that is a list or a tuple becomes several lines.

    Raises:
        ValueError: if a name is no token, or a value holds CR, LF, NUL or another control character.
    """

    __slots__ = ("_lines",)

    def __init__(self, source: HeaderSource | None = None) -> None:
        # lower-case name → (the name as first spelled, its lines in order)
        self._lines: dict[str, tuple[str, list[str]]] = {}
        if source is not None:
            pairs = cast("Mapping[str, Any]", source).items() if isinstance(source, Mapping) else source
            for name, value in pairs:
                self.add(name, value)

    @classmethod
    def from_wire(cls, fields: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Take over what the wire has read and checked; octets beyond ASCII are read as ISO-8859-1 (RFC 9110 §5.5)."""
        headers = cls()
        lines = headers._lines
        for raw_name, raw_value in fields:
            name = raw_name.decode("latin-1")
            entry = lines.get(name)
            if entry is None:
                lines[name] = (name, [raw_value.decode("latin-1")])
            else:
                entry[1].append(raw_value.decode("latin-1"))
        return headers

    def __getitem__(self, name: str) -> str:
        values = self._lines[name.lower()][1]
        return values[0] if len(values) == 1 else ", ".join(values)

    def __setitem__(self, name: str, value: HeaderValue) -> None:
        self._lines[name.lower()] = (name, _lines_of(name, value))

    def __delitem__(self, name: str) -> None:
        del self._lines[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._lines

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return {name: lines for name, (_, lines) in self._lines.items()} == {
            name: lines for name, (_, lines) in other._lines.items()
        }

    def __repr__(self) -> str:
        return f"Headers({list(self.lines())!r})"

    def add(self, name: str, value: HeaderValue) -> None:
        """Add a line, or several, beside those that are there.

        Raises:
            ValueError: if name or value may not stand in a field.
        """
        new = _lines_of(name, value)
        entry = self._lines.get(name.lower())
        if entry is None:
            self._lines[name.lower()] = (name, new)
        else:
            entry[1].extend(new)

    def get_all(self, name: str) -> list[str]:
        """The lines of a field, in order; an empty list where there is none."""
        entry = self._lines.get(name.lower())
        return list(entry[1]) if entry is not None else []

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every line as (name, value), in the order in which the names first came."""
        for name, values in self._lines.values():
            for value in values:
                yield name, value

    def copy(self) -> Headers:
        """An independent copy."""
        other = Headers()
        other._lines = {key: (name, list(values)) for key, (name, values) in self._lines.items()}
        return other


def _lines_of(name: str, value: HeaderValue) -> list[str]:
    values = [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
    for each in values:
        check_field(name, each)
    return values
