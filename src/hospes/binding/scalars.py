"""From text to value: what the texts of a path, a query, a form, a header field or a cookie may be converted to.

Laws:

* A converter takes one str. It raises `ValueError`, and nothing else, for text that does not fit; the error's text says what was
  expected, and does not repeat the value.
* The text must be the value and nothing but the value: no blanks around it, no `_` between digits, no digits beyond ASCII.
* The frequent ones (str, int, float, bool) are two C functions, `check` and `make`, so that a reader calls no Python for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isinf
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Struct

from hospes.binding.annotations import is_union, meta_of, plain, strip_meta
from hospes.binding.errors import SHOWN
from hospes.binding.words import in_words

Make = Callable[[str], Any]


class Converter(Struct, frozen=True):
    """How one text becomes a value."""

    make: Make | None
    """Makes the value; None: the text is the value. It may raise ValueError."""
    check: Callable[[str], object] | None
    """Must give something for the text to be taken to `make`; None: nothing to check."""
    expected: str
    """What the text should have been: "an integer"."""

    def __call__(self, text: str) -> Any:
        """Convert.

        Raises:
            ValueError: saying what was expected.
        """
        if self.check is not None and self.check(text) is None:
            raise ValueError(f"expected {self.expected}")
        if self.make is None:
            return text
        try:
            return self.make(text)
        except Expected:
            raise
        except ValueError:
            raise ValueError(f"expected {self.expected}") from None


class Expected(ValueError):
    """A ValueError whose text already says what was expected."""


class _Bools(dict[str, bool]):
    """Row of the seed: `0`, `false` and nothing are False, anything else is True."""

    def __missing__(self, text: str) -> bool:
        return text.lower() != "false"


_BOOLS = _Bools({"": False, "0": False, "false": False, "False": False, "1": True, "true": True, "True": True, "on": True})
# The bound C method looks __missing__ up itself.
_to_bool = _BOOLS.__getitem__

_INTEGER = re.compile(r"[+-]?+[0-9]++", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+", re.ASCII).fullmatch


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):  # JSON has no such number either
        raise ValueError
    return value


TEXT = Converter(None, None, "a text")
_SCALARS: Mapping[type, Converter] = {
    str: TEXT,
    int: Converter(int, _INTEGER, "an integer"),
    float: Converter(_float, _NUMBER, "a number"),
    bool: Converter(_to_bool, None, "true or false"),
}
_USUAL: tuple[type[str], type[int], type[bool]] = (str, int, bool)
_CONVERTED: Mapping[type, str] = {
    datetime: "a date and time such as 2026-01-31T12:00:00Z",
    date: "a date such as 2026-01-31",
    time: "a time such as 12:00:00",
    timedelta: "a duration such as PT1H30M",
    UUID: "a UUID",
}


def converter_for(annotation: Any) -> Converter | None:
    """The converter for a type, None where text has no such value.

    Args:
        annotation: str, int, float, bool, Decimal, datetime, date, time, timedelta, UUID, an Enum, Literal, a union of these, a
            subclass of str, int or float, or any of them with `msgspec.Meta` constraints; anything (`Any`, `object`) is str.
    """
    meta = meta_of(annotation)
    kind = plain(annotation)
    found = _converter_of(kind)
    if found is None or not meta:
        return found
    return _constrained(found, strip_meta(annotation))


def usual_kind(converter: Converter) -> type[str] | type[int] | type[bool] | None:
    """The type whose plainest texts anybody can convert: `42`, `true`; None where only the converter knows.

    Args:
        converter: What `converter_for` gave.
    """
    return next((kind for kind in _USUAL if _SCALARS[kind] is converter), None)


def _converter_of(kind: Any) -> Converter | None:
    if kind is Any or kind is object:
        return TEXT
    if is_union(kind):
        return _union(kind)
    if get_origin(kind) is Literal:
        return _choice({_literal(each): each for each in get_args(kind)})
    if not isinstance(kind, type):
        return None
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind is Decimal:
        return Converter(_decimal, _NUMBER, "a decimal number")
    if kind in _CONVERTED:
        return Converter(_by_msgspec(kind), None, _CONVERTED[kind])
    if issubclass(kind, Enum):
        return _choice({_literal(each.value): each for each in kind})
    for base in (str, int, float):
        if issubclass(kind, base) and kind is not bool:
            return Converter(kind, _SCALARS[base].check, _SCALARS[base].expected)
    return None


def _by_msgspec(kind: Any) -> Make:
    def make(text: str) -> Any:
        try:
            value: Any = msgspec.convert(text, kind)
        except msgspec.ValidationError:
            raise ValueError from None
        return value

    return make


def _literal(value: object) -> str:
    """How a visitor writes a choice."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _choice(values: Mapping[str, Any]) -> Converter:
    listed = ", ".join(repr(each) for each in values)
    expected = f"one of {listed}" if len(listed) <= 5 * SHOWN else f"one of {len(values)} values"

    def make(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            raise ValueError from None

    return Converter(make, None, expected)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what decimal holds
        raise ValueError from None


def _union(kind: Any) -> Converter | None:
    """The first member that fits; str, which fits everything, is asked last."""
    members = [each for each in get_args(kind) if each is not type(None)]
    converters = [converter_for(each) for each in sorted(members, key=lambda each: plain(each) is str)]
    if not converters or any(each is None for each in converters):
        return None
    known = [each for each in converters if each is not None]

    def make(text: str) -> Any:
        for each in known:
            try:
                return each(text)
            except ValueError:
                continue
        raise ValueError

    return Converter(make, None, " or ".join(each.expected for each in known))


def _constrained(converter: Converter, annotation: Any) -> Converter:
    """A converter with msgspec's constraints on the value."""

    def make(text: str) -> Any:
        value = converter(text)
        try:
            return msgspec.convert(value, annotation)
        except msgspec.ValidationError as error:
            raise Expected(in_words(str(error))) from None

    return Converter(make, None, converter.expected)
