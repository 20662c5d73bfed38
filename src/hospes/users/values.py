"""What a visitor's record may hold, and the octets it is kept as.

A record is 25 octets of head (format, time of the visitor's first request, public id), then the content as MessagePack.
Format 1 is MessagePack as every library reads it; a record of format 2 also has the two things that have no form there:
integers beyond 64 bits (extension 1, two's complement) and datetimes without a time zone (extension 2, ISO 8601).

Laws:

* What comes back is what was stored, with two exceptions: a tuple comes back as a list, and a datetime with a time zone
  as the same instant in UTC.
* Equal octets mean that nothing changed, at any depth: `fingerprint` of content just decoded is its `fingerprint` until a
  program changes it. That is how nested changes are noticed.
* What cannot be kept is refused, naming where it stands: `user["cart"][3]`. Nothing is kept in part.
* Nothing in a record can make the reader run anything (it is no pickle).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final, TypeAlias, cast

import msgspec

from hospes.store import StoreError, StoreFull

_HEAD: Final = struct.Struct(">Bd16s")
_PLAIN, _EXTENDED = 1, 2  # formats
_INTEGER, _NAIVE = 1, 2  # extensions
_DEEPEST: Final = 100  # lists and dicts inside each other, as many as JSON content may have (see hospes.limits)

_ALLOWED: Final = frozenset({NoneType, bool, int, float, str, bytes, datetime, list, dict, tuple})
_AS_IT_IS: Final = frozenset({NoneType, bool, float, bytes})
_KINDS: Final = "None, bool, int, float, str, bytes, datetime, list and dict"

_Path: TypeAlias = "tuple[_Path | None, object]"
"""Where a value stands: the way to what it is in, and its key or index there."""


class RecordTooLarge(StoreFull):
    """A visitor has more in the record than `VisitorOptions.size` allows; the change was not kept. 507."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record, decoded.

    Args:
        content: What the program stored.
        created: The visitor's first request, in seconds since the epoch.
        public_id: The visitor's public id, 16 octets.
        print: `fingerprint` of `content`.
    """

    content: dict[str, Any]
    created: float
    public_id: bytes
    print: bytes


def admit(key: object, value: object) -> Any:
    """Look at a value that a program puts into a User; a tuple becomes a list.

    What is inside a list or a dict is looked at when the record is kept: it may change until then.

    Raises:
        TypeError: if the key is no str, or the value of a type that cannot be kept.
    """
    kind = type(value)
    if kind not in _ALLOWED or type(key) is not str:
        if type(key) is not str:
            raise TypeError(f"user[{key!r}]: a visitor's keys are str, not {type(key).__name__}")
        raise _refused(kind, (None, key))
    return [*value] if kind is tuple else value  # type: ignore[misc]  # kind says that it is a tuple


def fingerprint(content: Mapping[str, Any]) -> bytes:
    """Octets that change when anything in the content does; b"" for content that cannot be kept."""
    try:
        return _ENCODER.encode(content)
    except (TypeError, ValueError, OverflowError, RecursionError):  # UnicodeEncodeError is a ValueError
        pass
    try:
        return _ENCODER.encode(_cleaned(content))  # for integers beyond 64 bits
    except (TypeError, ValueError):
        return b""


def encode(content: Mapping[str, Any], created: float, public_id: bytes, most: int) -> bytes:
    """The octets of a record.

    Args:
        content: What to keep.
        created: The visitor's first request, in seconds since the epoch.
        public_id: 16 octets.
        most: Octets that the encoded content may have.

    Raises:
        TypeError: if there is something in it that cannot be kept; it says where.
        ValueError: for text that is no Unicode (lone surrogates), dates beyond the calendar, and what is nested without end.
        RecordTooLarge: if it has more than `most` octets.
    """
    octets = _ENCODER.encode(_cleaned(content))
    if len(octets) > most:
        raise RecordTooLarge(f"a visitor's record would have {len(octets)} octets, at most {most} are kept (VisitorOptions.size)")
    # Decoding anew tells whether there are extensions: it is exact, and a change costs a commit anyway.
    seen: list[int] = []

    def note(code: int, data: memoryview) -> None:
        seen.append(code)

    msgspec.msgpack.Decoder(ext_hook=note).decode(octets)
    return _HEAD.pack(_EXTENDED if seen else _PLAIN, created, public_id) + octets


def decode(octets: bytes) -> Kept:
    """Read a record.

    Raises:
        StoreError: 500, if it is damaged, or of a release newer than this one.
    """
    try:
        form, created, public_id = _HEAD.unpack_from(octets)
        if form not in {_PLAIN, _EXTENDED}:
            raise StoreError(f"a visitor's record has the format {form}, which a newer release wrote", 500)
        content = octets[_HEAD.size :]
        decoded: dict[str, Any] = _DECODER.decode(content)
    except (struct.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StoreError(f"a visitor's record is damaged: {error}", 500) from error
    return Kept(decoded, created, public_id, content if form == _PLAIN else fingerprint(decoded))


def _cleaned(content: Mapping[str, Any]) -> dict[str, Any]:
    return {_key(key, None): _clean(value, (None, key), 1) for key, value in content.items()}


def _clean(value: Any, path: _Path, depth: int) -> Any:
    """The value, as MessagePack has it."""
    kind = cast("type[object]", type(value))
    if kind in _AS_IT_IS:
        return value
    if kind is str:
        return value if value.isascii() else _text(value, path)
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 64 else msgspec.msgpack.Ext(_INTEGER, _octets_of(value))
    if kind is datetime:
        return _date(value, path)
    if kind not in _ALLOWED:
        raise _refused(kind, path)
    if depth >= _DEEPEST:
        raise ValueError(f"{_where(path)[:200]} …: more than {_DEEPEST} lists and dicts inside each other, or a circle")
    if kind is dict:
        return {_key(key, path): _clean(each, (path, key), depth + 1) for key, each in value.items()}
    return [_clean(each, (path, index), depth + 1) for index, each in enumerate(value)]


def _key(key: object, path: _Path | None) -> str:
    if type(key) is not str:
        raise TypeError(f"{_where((path, key))}: the keys of what a visitor keeps are str, not {type(key).__name__}")
    return key if key.isascii() else _text(key, (path, key))


def _text(value: str, path: _Path) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{_where(path)}: the text holds half of a surrogate pair, which has no UTF-8") from None
    return value


def _date(value: datetime, path: _Path) -> datetime | msgspec.msgpack.Ext:
    if value.utcoffset() is None:
        return msgspec.msgpack.Ext(_NAIVE, value.replace(tzinfo=None).isoformat().encode())
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{_where(path)}: {value} is before year 1 or after year 9999 in UTC") from None


def _refused(kind: type, path: _Path) -> TypeError:
    return TypeError(f"{_where(path)}: a visitor keeps {_KINDS}, not {kind.__qualname__}")


def _where(path: _Path | None) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step!r}]")
    return "user" + "".join(reversed(steps))


def _octets_of(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _extension(code: int, data: memoryview) -> Any:
    if code == _INTEGER:
        return int.from_bytes(data, "big", signed=True)
    if code == _NAIVE:
        return datetime.fromisoformat(bytes(data).decode())
    raise ValueError(f"extension {code}, which a newer release wrote")


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_extension)
