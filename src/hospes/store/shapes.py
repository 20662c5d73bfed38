"""Declared values: under some keys a visitor, or a session, keeps dataclasses, or what is made of them.

    App(visitors=VisitorOptions(types={"cart": list[Item]}), sessions=SessionOptions(types={"order": Order}))

Laws:

* The store has nothing but the plain form of a value: dicts with the names of its members. It names no class and no module, so
  that reading it makes nothing but what the program has declared, and the program may rename and move its classes.
* What is put in fits its declaration, or is an error there and then. What the store has fits too, or the requests that want it
  fail with an error that says why; the record stays as it is.
* Where nothing is declared, nothing here runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from hospes.errors import check_kind
from hospes.store.contract import StoreError
from hospes.store.values import Values, is_kept, is_print

_AS_THEY_ARE: Final = (bytes, datetime)  # the store has a form for them
_UNFIT: Final = (TypeError, ValueError, RecursionError)  # msgspec.ValidationError is a ValueError


class Shapes(Struct, frozen=True):
    """What is declared of the values of one kind of record.

    Args:
        types: The declared types, by key.
        values: The values of that kind of record.
    """

    types: Mapping[str, Any]
    values: Values

    def admit(self, key: Any, value: Any) -> Any:
        """Look at a value that a program puts in; give what to hold of it, see `Values.admit`.

        Raises:
            TypeError, ValueError: if it does not fit, or cannot be kept.
        """
        if key not in self.types:
            return self.values.admit(key, value)
        plain = self._plain(key, value)
        self._check(key, plain)
        self.values.admit(key, plain)
        return value

    def plain(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Content, as the store has it.

        Raises:
            TypeError: if there is something in a declared value that cannot be kept.
        """
        if not self.types:
            return content
        return {key: self._plain(key, value) if key in self.types else value for key, value in content.items()}

    @property
    def is_print(self) -> Callable[[bytes, Mapping[str, Any]], bool]:
        """Tells whether octets are the `fingerprint` of content, as the store has it: then nothing in it has changed."""
        return self._is_print if self.types else is_print

    def _is_print(self, octets: bytes, content: Mapping[str, Any]) -> bool:
        try:
            return is_print(octets, self.plain(content))
        except TypeError:  # it cannot be kept
            return False

    def is_kept(self, content: Mapping[str, Any]) -> bool:
        """Whether all of the content can be kept; see `hospes.store.values`."""
        try:
            return is_kept(self.plain(content))
        except TypeError:
            return False

    def check(self, plain: Mapping[str, Any]) -> None:
        """See to it that plain content can be read again: values may have changed since they were put in.

        Raises:
            TypeError: if it cannot.
        """
        for key in self._declared(plain):
            self._check(key, plain[key])

    def shaped(self, plain: dict[str, Any]) -> dict[str, Any]:
        """What the store has, as the program declared it.

        Raises:
            StoreError: 500, if it does not fit.
        """
        for key in self._declared(plain):
            try:
                plain[key] = _shaped(plain[key], self.types[key])
            except _UNFIT as error:
                raise StoreError(
                    f"what is kept as {self.values.variable}[{key!r}] does not fit {_name(self.types[key])}: {error}; nothing of "
                    "it is changed: give a new member a default, and let the type take what it took before",
                    500,
                ) from error
        return plain

    def _declared(self, plain: Mapping[str, Any]) -> Iterable[str]:
        return self.types.keys() & plain.keys() if self.types else ()

    def _plain(self, key: str, value: object) -> Any:
        try:
            return msgspec.to_builtins(value, builtin_types=_AS_THEY_ARE, str_keys=True)
        except _UNFIT as error:
            raise TypeError(f"{self.values.variable}[{key!r}]: {error}") from error

    def _check(self, key: str, plain: object) -> None:
        try:
            _shaped(plain, self.types[key])
        except _UNFIT as error:
            raise TypeError(f"{self.values.variable}[{key!r}] is declared as {_name(self.types[key])}: {error}") from error


def check_types(option: str, types: Mapping[str, Any]) -> None:
    """See to it that values of the declared types can be kept.

    Args:
        option: What declares them, in errors: "VisitorOptions".
        types: The types, by key.

    Raises:
        SetupError: if they are no mapping.
        TypeError: if one cannot be kept.
    """
    check_kind(f"{option}(types={{}})", types, Mapping, '{"cart": list[Item]}')
    for key, kind in types.items():
        try:
            msgspec.msgpack.Decoder(kind)
        except TypeError as error:
            raise TypeError(f"{option}(types={{{key!r}: …}}): {error}") from error


def _shaped(value: object, kind: Any) -> Any:
    return msgspec.convert(value, kind, builtin_types=_AS_THEY_ARE, str_keys=True)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
