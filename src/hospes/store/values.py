"""What users and sessions may hold, and the octets it is kept as.

Content is kept as MessagePack. Format 1 is MessagePack as every library reads it; a record of format 2 also has the two
things that have no form there: integers beyond 64 bits (extension 1, two's complement) and datetimes without a time zone
(extension 2, ISO 8601). What stands before the content is the business of whose record it is.

Laws:

* What comes back is what was stored, with two exceptions: a tuple comes back as a list, and a datetime with a time zone
  as the same instant in UTC.
* Equal octets mean that nothing changed, at any depth: `fingerprint` of content just decoded is its `fingerprint` until a
  program changes it. That is how nested changes are noticed: also of a text into the datetime that it stands for.
* Deep inside, something that cannot be kept may have the octets of what it replaced: an enum's member those of its value, a set
  those of a list. Who changes records asks `is_kept`; who mostly reads them does not, and nothing is lost: what is read is what
  was there.
* What cannot be kept is refused, naming where it stands: `user["cart"][3]`. Nothing is kept in part.
* Nothing in a record can make the reader run anything (it is no pickle).
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec
from msgspec import Struct

from hospes.store.contract import StoreError, StoreFull

PLAIN: Final = 1
"""The format of content that is MessagePack and nothing else."""
EXTENDED: Final = 2
"""The format of content with extensions."""

_INTEGER, _NAIVE = 1, 2  # extensions
_DASH: Final = 0x2D  # an octet is looked for at a tenth of what octets cost
_SETS: Final = re.compile(b"[<>\xbc\xbe]")  # marks of sets and frozen sets, as `marshal` writes them; in texts, too
_DATE: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DEEPEST: Final = 100  # lists and dicts inside each other, as many as JSON content may have (see hospes.limits)

_ALLOWED: Final = frozenset({NoneType, bool, int, float, str, bytes, datetime, list, dict, tuple})
_AS_IT_IS: Final = frozenset({NoneType, bool, float, bytes})
_SIMPLE: Final = _AS_IT_IS | {int, str}
_KEYS: Final = frozenset({str})
_KINDS: Final = "None, bool, int, float, str, bytes, datetime, list and dict"

_Path: TypeAlias = "tuple[_Path | Values, object]"
"""Where a value stands: the way to what it is in (at last, whose it is), and its key or index there."""


class RecordTooLarge(StoreFull):
    """There is more in a record than its options allow; the change was not kept. 507."""


class Packed(NamedTuple):
    """Content, encoded.

    Args:
        form: `PLAIN` or `EXTENDED`; goes into the record's head.
        octets: The content's.
    """

    form: int
    octets: bytes


class Unpacked(NamedTuple):
    """Content, decoded.

    Args:
        content: What the program stored.
        print: `fingerprint` of it.
    """

    content: dict[str, Any]
    print: bytes


class Values(Struct, frozen=True):
    """The values of one kind of record.

    Args:
        variable: What a program calls it, in errors: "user".
        owner: Whose it is, in errors: "a visitor".
        limit: The option that bounds its size, in errors.
        types: The option that declares types of values, in errors; "" for none.
    """

    variable: str
    owner: str
    limit: str
    types: str = ""

    def admit(self, key: object, value: object) -> Any:
        """Look at a value that a program puts in, so that the program hears of it where it did so; a tuple becomes a list.

        What is inside a list or a dict may change afterwards: it is looked at again when the record is kept.

        Raises:
            TypeError, ValueError: if it cannot be kept; see `pack`.
        """
        if type(key) is not str:
            raise TypeError(f"{self.variable}[{key!r}]: {self.owner}'s keys are str, not {type(key).__name__}")
        kind = type(value)
        if kind not in _AS_IT_IS:
            _clean(value, (self, key), 1)
        return [*value] if kind is tuple else value  # type: ignore[misc]  # kind says that it is a tuple

    def pack(self, content: Mapping[str, Any], most: int) -> Packed:
        """The octets of content.

        Args:
            content: What to keep.
            most: Octets that it may have.

        Raises:
            TypeError: if there is something in it that cannot be kept; it says where.
            ValueError: for text that is no Unicode (lone surrogates), dates beyond the calendar, and what is nested without
                end.
            RecordTooLarge: if it has more than `most` octets.
        """
        octets = as_it_is = _as_it_is(content)
        if not as_it_is or not _is_simple(content):
            octets = _ENCODER.encode(_cleaned(content, self))
        if len(octets) > most:
            raise RecordTooLarge(f"{self.owner}'s record would have {len(octets)} octets, at most {most} are kept ({self.limit})")
        return Packed(PLAIN if octets == as_it_is else EXTENDED, octets)

    def unpack(self, form: int, octets: bytes) -> Unpacked:
        """What `pack` was given.

        Raises:
            StoreError: 500, if it is damaged, or of a release newer than this one.
        """
        if form not in {PLAIN, EXTENDED}:
            raise StoreError(f"{self.owner}'s record has the format {form}, which a newer release wrote", 500)
        content = self.unpack_plain(octets)
        return Unpacked(content, octets if form == PLAIN else fingerprint(content))

    def unpack_plain(self, octets: bytes) -> dict[str, Any]:
        """As `unpack`, of `PLAIN` content, whose octets are its `fingerprint`.

        Raises:
            StoreError: 500, if it is damaged.
        """
        try:
            content: dict[str, Any] = _DECODER.decode(octets)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.damaged(error) from error
        return content

    def damaged(self, error: object) -> StoreError:
        """The error of a record that cannot be read."""
        return StoreError(f"{self.owner}'s record is damaged: {error}", 500)


def fingerprint(content: Mapping[str, Any]) -> bytes:
    """Octets that change when anything in the content does; b"" for content that cannot be kept."""
    octets = _as_it_is(content)
    if octets and not (_DASH in octets and _DATE.search(octets) and _has_objects(content)):
        return octets
    try:
        return _ENCODER.encode(_cleaned(content, _NOBODYS))  # for integers beyond 64 bits, and datetimes
    except (TypeError, ValueError):
        return b""


def is_kept(content: Mapping[str, Any]) -> bool:
    """Whether content with the octets of what can be kept can be kept itself."""
    try:
        octets = marshal.dumps(list(content.values()))  # as in `_has_objects`
    except ValueError:
        pass
    else:
        if not _SETS.search(octets):
            return True
    try:
        _cleaned(content, _NOBODYS)
    except (TypeError, ValueError):
        return False
    return True


def is_print(octets: bytes, content: Mapping[str, Any]) -> bool:
    """Whether octets are the `fingerprint` of content that can be kept: nothing in it has changed."""
    if not octets or _DASH in octets:
        return octets != b"" and fingerprint(content) == octets
    try:
        return _ENCODER.encode(content) == octets
    except (TypeError, ValueError, OverflowError, RecursionError):  # as `_as_it_is`
        return fingerprint(content) == octets


def _has_objects(content: Mapping[str, Any]) -> bool:
    """Whether there may be something in it that is written as its text is: a datetime without a time zone.

    What is marshalled is thrown away: it is the quickest way through content, and knows no objects but those of the language.
    """
    try:
        marshal.dumps(list(content.values()))
    except ValueError:
        return True
    return False


def _as_it_is(content: Mapping[str, Any]) -> bytes:
    """Content as every library would write it, without extensions of ours; b"" for what only these, or nobody, can write."""
    try:
        return _ENCODER.encode(content)
    except (TypeError, ValueError, OverflowError, RecursionError):  # UnicodeEncodeError is a ValueError
        return b""


def _is_simple(content: Mapping[str, Any]) -> bool:
    """Whether what is written as it is needs no looking at: nothing inside of anything, and nothing that only looks like text."""
    return _SIMPLE.issuperset(map(type, content.values())) and _KEYS.issuperset(map(type, content))


def _cleaned(content: Mapping[str, Any], whose: Values) -> dict[str, Any]:
    return {_key(key, whose): _clean(value, (whose, key), 1) for key, value in content.items()}


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


def _key(key: object, path: _Path | Values) -> str:
    if type(key) is not str:
        at = (path, key)
        raise TypeError(f"{_where(at)}: the keys of what {_whose(at).owner} keeps are str, not {type(key).__name__}")
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


def _refused(kind: type[object], path: _Path) -> TypeError:
    whose = _whose(path)
    unless = ""
    if whose.types and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        unless = f", unless {whose.types} declares it"
    return TypeError(f"{_where(path)}: {whose.owner} keeps {_KINDS}, not {kind.__qualname__}{unless}")


def _whose(path: _Path | Values) -> Values:
    while not isinstance(path, Values):
        path = path[0]
    return path


def _where(path: _Path | Values) -> str:
    steps: list[str] = []
    while not isinstance(path, Values):
        path, step = path
        steps.append(f"[{step!r}]")
    return path.variable + "".join(reversed(steps))


def _octets_of(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _extension(code: int, data: memoryview) -> Any:
    if code == _INTEGER:
        return int.from_bytes(data, "big", signed=True)
    if code == _NAIVE:
        return datetime.fromisoformat(bytes(data).decode())
    raise ValueError(f"extension {code}, which a newer release wrote")


_NOBODYS: Final = Values("", "nobody", "")
_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")  # not as its text, for which it might be taken
_DECODER: Final = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_extension)
