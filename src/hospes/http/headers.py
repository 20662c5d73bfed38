"""Header fields: names ignore case, a name may have several lines, nothing that breaks a message gets in.

Laws:

* A name keeps the spelling it was first given and is found under any other.
* `headers[name]` is the field's value as RFC 9110 §5.2 defines it: its lines joined by ", ". Lines of Cookie are joined by
  "; ", as RFC 9113 §8.2.3 does it; lines of Set-Cookie cannot be joined at all (RFC 9110 §5.3): `get_all` gives them.
* A field that is there has one line at least.
* CR, LF, NUL and whatever else no field may hold is refused when it is put in, where the program's own line is still on
  the stack (RFC 9110 §5.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeAlias, TypeVar, cast, overload

from hospes.wire import check_field

HeaderValue: TypeAlias = "str | int | list[str] | tuple[str, ...]"
HeaderSource: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]]"
T = TypeVar("T")


class Headers(MutableMapping[str, str]):
    """Header fields of a request or of a response.

    Args:
        source: A mapping or pairs to begin with. A value that is a list or a tuple becomes several lines.

    Raises:
        ValueError: if a name is no token, or a value holds CR, LF, NUL or another control character.
        TypeError: if a value is neither text nor a number.
    """

    __slots__ = ("_lines",)

    def __init__(self, source: HeaderSource | None = None) -> None:
        # lower-case name → (the name as first spelled, its lines in order)
        self._lines: dict[str, tuple[str, list[str]]] = {}
        if source is not None:
            lines = self._lines
            for name, value in _pairs(source):
                key = name.lower()
                if key in lines:
                    lines[key][1].extend(_lines_of(name, value))
                elif new := _lines_of(name, value):
                    lines[key] = (name, new)

    @classmethod
    def from_wire(cls, fields: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Take over what the wire has read and checked; octets beyond ASCII are read as ISO-8859-1 (RFC 9110 §5.5).

        Args:
            fields: Names in lower case, and values.
        """
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
        key = name.lower()
        values = self._lines[key][1]
        return values[0] if len(values) == 1 else ("; " if key == "cookie" else ", ").join(values)

    def __setitem__(self, name: str, value: HeaderValue) -> None:
        """Replace the lines of a field; without a line (an empty list) the field goes."""
        key = name.lower()
        new = _lines_of(name, value)
        if not new:
            self._lines.pop(key, None)
            return
        entry = self._lines.get(key)
        self._lines[key] = (name if entry is None else entry[0], new)

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

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...
    def get(self, name: str, /, default: object = None) -> object:
        """The field's value, or `default`; quicker than the inherited one, which raises for a field that is not there."""
        return self[name] if name.lower() in self._lines else default

    def add(self, name: str, value: HeaderValue) -> None:
        """Add a line, or several, beside those that are there.

        Raises:
            ValueError: if name or value may not stand in a field.
            TypeError: if the value is neither text nor a number.
        """
        new, key = _lines_of(name, value), name.lower()
        entry = self._lines.get(key)
        if entry is not None:
            entry[1].extend(new)
        elif new:
            self._lines[key] = (name, new)

    def get_all(self, name: str) -> list[str]:
        """The lines of a field, in order; an empty list where there is none."""
        entry = self._lines.get(name.lower())
        return list(entry[1]) if entry is not None else []

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every line as (name, value), in the order in which the names first came."""
        for name, values in self._lines.values():
            for value in values:
                yield name, value

    def octets(self) -> list[tuple[bytes, bytes]]:
        """Every line as the wire has it: the name in lower case, the value as Latin-1 where it fits, as UTF-8 where not."""
        return [(name.lower().encode("latin-1"), _octets(value)) for name, value in self.lines()]

    def copy(self) -> Headers:
        """An independent copy."""
        other = Headers()
        other._lines = {key: (name, list(values)) for key, (name, values) in self._lines.items()}
        return other

    __copy__ = copy


def _pairs(source: HeaderSource) -> Iterable[tuple[str, Any]]:
    if isinstance(source, dict):  # asked first: the others are slow questions
        return cast("dict[str, Any]", source).items()
    if isinstance(source, Headers):
        return source.lines()
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source).items()
    return source


def _lines_of(name: str, value: HeaderValue) -> list[str]:
    if type(value) is str and value.isascii():
        check_field(name, value)
        return [value]
    lines = [_line(name, each) for each in value] if isinstance(value, (list, tuple)) else [_line(name, value)]
    for each in lines:
        check_field(name, each)
    return lines


def _line(name: str, value: object) -> str:
    if isinstance(value, str):
        line = value if type(value) is str else str.__str__(value)  # an Enum's str() is its name
        if not line.isascii():
            _check_encodable(name, line)
        return line
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    # None, True and b"…" would go out as those very words, which nobody means.
    raise TypeError(
        f"field {name}: {type(value).__name__} is neither text nor a number; write it as text, or leave the field out"
    )


def _octets(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _check_encodable(name: str, line: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError:
        raise ValueError(f"field {name}: the value holds half a surrogate pair, which no encoding has") from None
