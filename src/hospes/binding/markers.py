"""The names by which a handler says where an argument comes from.

Laws:

* One marker, three spellings, all equal: `token: Header`, `token=Header("X-Token")`, `token: Annotated[str, Header("X-Token")]`.
* A marker that stands as a default is a value of the type it gives (`Parameter` a str, `Parameters` a list, `JSONBody` a dict),
  so that type checkers accept it and a handler that is called directly, as tests do, gets the marker's default.
* A marker says what to take and decides nothing: the plan is made in `sources`.
* Two markers are equal only if they say the same, and hash accordingly: `typing` caches `Annotated[int, marker]` by hash and
  equality, and would otherwise give one marker for another, as both are the empty str. With a plain str they compare as text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from hospes.http.content import ContentReader

RequestBodyReader = ContentReader
"""The content, piece by piece: `await reader.read(n)` or `async for piece in reader`."""


class _StrMarker(str):
    """A marker that is a str, and equal to other markers only if it says the same."""

    __slots__ = ()

    @abstractmethod
    def _says(self) -> tuple[object, ...]: ...

    def __eq__(self, other: object) -> bool:
        return self._says() == other._says() if isinstance(other, _StrMarker) else str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._says())


class TextMarker(_StrMarker):
    """A marker for one text. It is a str: its default, so that it may stand where a str is declared.

    Args:
        name: What to look for; by default the parameter's own name.
        default: What the handler gets where there is none.
        required: Whether a request without one is refused with 400.
    """

    __slots__ = ("default", "name", "required")

    name: str
    default: str
    required: bool

    def __new__(cls, name: str = "", default: str = "", required: bool = False) -> TextMarker:
        """Make the marker."""
        self = super().__new__(cls, default)
        self.name = name
        self.default = default
        self.required = required
        return self

    def _says(self) -> tuple[object, ...]:
        return (type(self), self.name, self.default, self.required)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, default={self.default!r}, required={self.required!r})"


class Parameter(TextMarker):
    """The first value of a parameter of query or form. Arguments: see `TextMarker`."""

    __slots__ = ()


class Header(TextMarker):
    """A header field; several lines are joined by ", ", and given one by one where the argument is a list.

    Without a name the parameter's own is taken, with `_` and, if there is none such, with `-`. Arguments: see `TextMarker`.
    """

    __slots__ = ()


class Cookie(TextMarker):
    """A cookie: a `http.cookies.Morsel`, or its value where the argument is declared as str or another scalar.

    A missing one that is not required is a `MissingCookie` (`hospes.binding.morsels`).

    Args:
        name: The cookie's name; by default the parameter's own.
        default: Value of the cookie that stands for a missing one.
        required: Whether a request without one is refused with 400.
        default_options: Attributes of the cookie that stands for a missing one, for example `{"path": "/"}`.
    """

    __slots__ = ("default_options",)

    default_options: Mapping[str, Any]

    def __new__(
        cls, name: str = "", default: str = "", required: bool = False, default_options: Mapping[str, Any] | None = None
    ) -> Cookie:
        """Make the marker."""
        self = super().__new__(cls, name, default, required)
        assert isinstance(self, Cookie)
        self.default_options = dict(default_options or {})
        return self

    def _says(self) -> tuple[object, ...]:
        return (*super()._says(), tuple(self.default_options.items()))

    @property
    def key(self) -> str:
        """The cookie's name, as a Morsel has it."""
        return self.name

    @property
    def value(self) -> str:
        """The cookie's value, as a Morsel has it."""
        return self.default


class PathValue(_StrMarker):
    """A value of the path: what `{name}` matched, or the route's wildcard where the route has no such name.

    Args:
        name: Which; by default the parameter's own name.
    """

    __slots__ = ("name",)

    name: str

    def __new__(cls, name: str = "") -> PathValue:
        """Make the marker."""
        self = super().__new__(cls, "")
        self.name = name
        return self

    def _says(self) -> tuple[object, ...]:
        return (type(self), self.name)


class RegGroup(_StrMarker):
    """What one group of a regexp route matched: a str that knows its group, and otherwise behaves as any other.

    Args:
        group: Which, from 0.
        text: What it matched; None in a marker.
    """

    __slots__ = ("group", "is_marker")

    group: int
    is_marker: bool

    def __new__(cls, group: int = 0, text: str | None = None) -> RegGroup:
        """Make the marker, or the value."""
        self = super().__new__(cls, text or "")
        self.group = group
        self.is_marker = text is None
        return self

    def _says(self) -> tuple[object, ...]:
        return (type(self), self.group) if self.is_marker else (str(self),)

    def __hash__(self) -> int:
        return super().__hash__() if self.is_marker else str.__hash__(self)


class RegGroups(tuple[str, ...]):
    """What all groups of a regexp route matched."""

    __slots__ = ()


class Parameters(list[str]):
    """All values of a parameter of query and form.

    Args:
        name: What to look for; by default the parameter's own name.
        default: What the handler gets (a copy) where there is none.
        required: Whether a request without one is refused with 400.
    """

    __slots__ = ("default", "name", "required")

    def __init__(self, name: str = "", default: Sequence[str] = (), required: bool = False) -> None:
        super().__init__(default)
        self.name = name
        self.default = tuple(default)
        self.required = required


class ModelDict(dict[str, Any]):
    """All parameters of query and form: a str for a name with one value, a list for a name with several."""

    __slots__ = ()


class JSONBody(dict[str, Any]):
    """The content as a JSON object. In `Annotated[T, JSONBody]` it says that a value of any type `T` is the content."""

    __slots__ = ()


class BytesBody(bytes):
    """The content as it came, all of it."""

    __slots__ = ()
