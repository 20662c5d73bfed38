"""A source: where one argument of a handler comes from.

Laws:

* A source is decided once, when the application starts; a request calls `read` and nothing else.
* `read` raises `Unfit` for what the visitor did wrong. It has no effect, so that all sources can be asked and all errors told;
  a source that has one (a provided object, a type that binds itself) says `is_object` and is asked after the others succeeded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from hospes.binding.annotations import type_of
from hospes.binding.errors import Unfit, unfit
from hospes.http.direct import Usual
from hospes.http.request import Request

Read = Callable[[Request], Any]


class Reads(IntEnum):
    """What of the content must be read before the arguments can be made."""

    NOTHING = 0
    """Nothing: the content, if there is any, is not touched."""
    STREAM = 1
    """Nothing beforehand: the handler reads piece by piece."""
    FORM = 2
    """The content if it is a form."""
    CONTENT = 3
    """All of it: as a form if it is one, else as octets."""
    OCTETS = 4
    """All of it as octets, and as a form too if it is one."""


class Source(Struct, frozen=True):
    """Where an argument comes from."""

    read: Read
    """Gives the argument; an awaitable of it where `waits`."""
    reads: Reads = Reads.NOTHING
    is_weak: bool = False
    """Whether it can do without: where another argument takes the content piece by piece, nothing is read for this one."""
    is_object: bool = False
    """Whether asking has an effect."""
    waits: bool = False
    """Whether `read` may give an awaitable."""
    parameter: str = ""
    """The query's or form's parameter it takes, for `**kw` leaves that out."""
    is_model: bool = False
    """Whether it takes the whole content for one model."""
    usual: Usual | None = None
    """What `read` gives for the usual request, for those who can tell by themselves."""


class Otherwise(Struct, frozen=True):
    """What an argument is where the request does not bring it: `value`, or what `make` gives or raises."""

    value: Any = None
    make: Callable[[], Any] | None = None

    def __call__(self) -> Any:
        """The value; a fresh one where sharing it would be a trap."""
        return self.value if self.make is None else self.make()


def required(source: str, pointer: str) -> Otherwise:
    """An argument that every request must bring."""

    def missing() -> Unfit:
        raise unfit(source, pointer, "missing")

    return Otherwise(None, missing)


def default(value: Any) -> Otherwise:
    """A default value: shared where nobody can change it, else copied for every request."""
    if _is_shareable(value):
        return Otherwise(value)
    kind = type_of(value)
    if kind in {list, dict, set} and not value:
        return Otherwise(None, kind)
    return Otherwise(None, lambda: copy.deepcopy(value))


def _is_shareable(value: Any) -> bool:
    if type_of(value) is tuple:
        return all(map(_is_shareable, value))
    if value is None or isinstance(
        value, (str, int, float, bytes, Enum, Decimal, UUID, date, datetime, time, timedelta, frozenset)
    ):
        return True
    # Whatever is neither a container nor a model (a sentinel, a connection) is meant to be this very object.
    is_model = hasattr(value, "__dataclass_fields__") or hasattr(value, "__struct_fields__")
    return not is_model and not isinstance(value, (list, dict, set, bytearray))
