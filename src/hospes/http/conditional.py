"""Conditional requests: entity tags, and the preconditions in their order (RFC 9110 §8.8.3 and §13).

Laws:

* The order is that of §13.2.2, and it is the order of the lines in `evaluate`.
* If-Match and If-Range compare strongly, If-None-Match weakly (§13.1).
* A date that is none is ignored, as if its field had not been sent. So is every precondition for a method that selects nothing.
* A tag that cannot be read matches nothing: If-Match then protects, and If-None-Match sends the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Literal

from msgspec import Struct

from hospes.lazily import regexp
from hospes.wire.date import parse_date

_OPAQUE = regexp(r"[!#-~\x80-\xff]*+")  # RFC 9110 §8.8.3: etagc
_ETAG = regexp(r'(W/)?+"([!#-~\x80-\xff]*+)"')
_MEMBER = regexp(r'[ \t]*+(?:(W/)?+"([!#-~\x80-\xff]*+)"[ \t]*+(?=,|\Z)|[^,]*+),?+')


class ETag(Struct, frozen=True):
    """An entity tag: names one state of a representation.

    Args:
        tag: The text between its quotes: visible characters but no quote.
        weak: Whether it only says "as good as the same", not "the same octets".

    Raises:
        ValueError: if the text may not stand in a tag.
    """

    tag: str
    weak: bool = False

    def __post_init__(self) -> None:
        if not _OPAQUE.fullmatch(self.tag):
            raise ValueError(f"entity tag {self.tag!r}: take visible ASCII without quotes, for example a hexadecimal digest")

    @classmethod
    def parse(cls, value: str) -> ETag:
        """Read an ETag field.

        Raises:
            ValueError: if it is no entity tag.
        """
        match = _ETAG.fullmatch(value.strip(" \t"))
        if match is None:
            raise ValueError('an entity tag is "text" or W/"text"')
        return cls(match[2], match[1] is not None)

    def matches_strongly(self, other: ETag) -> bool:
        """Whether both name the same octets (RFC 9110 §8.8.3.2)."""
        return not self.weak and not other.weak and self.tag == other.tag

    def matches_weakly(self, other: ETag) -> bool:
        """Whether both name what is as good as the same (RFC 9110 §8.8.3.2)."""
        return self.tag == other.tag

    def __str__(self) -> str:
        return f'W/"{self.tag}"' if self.weak else f'"{self.tag}"'


class Outcome(Enum):
    """What the preconditions of a request lead to."""

    PROCEED = 200
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412


def parse_etags(value: str) -> list[ETag] | Literal["*"]:
    """Read If-Match or If-None-Match; members that are no tags are left out.

    Args:
        value: The field's value; several fields are joined with a comma first.

    Returns:
        The tags, or `"*"`: any state at all.
    """
    if value.strip(" \t") == "*":
        return "*"
    return [ETag(each[2], each[1] is not None) for each in _MEMBER.finditer(value) if each[2] is not None]


def evaluate(
    method: str,
    get: Callable[[str], str | None],
    etag: ETag | None = None,
    last_modified: float | None = None,
    *,
    exists: bool = True,
) -> Outcome:
    """Evaluate a request's preconditions in the order of RFC 9110 §13.2.2.

    They count only where the answer without them would be 2xx (§13.2.1); that is the caller's to know.

    Args:
        method: The request's method.
        get: Gives a field's value by name, None where it is not sent: `request.headers.get`.
        etag: The entity tag of the current representation, if it has one.
        last_modified: When it was last changed, in seconds since 1970, if that is known.
        exists: Whether there is a representation now; `PUT` may be about to make the first.
    """
    if method in {"CONNECT", "OPTIONS", "TRACE"}:  # §13.2.1
        return Outcome.PROCEED
    reads = method in {"GET", "HEAD"}
    if (if_match := get("If-Match")) is not None:
        if not _any_match(if_match, etag, exists, strong=True):
            return Outcome.PRECONDITION_FAILED
    elif _changed_since(get("If-Unmodified-Since"), last_modified) is True:
        return Outcome.PRECONDITION_FAILED
    if (if_none_match := get("If-None-Match")) is not None:
        if _any_match(if_none_match, etag, exists, strong=False):
            return Outcome.NOT_MODIFIED if reads else Outcome.PRECONDITION_FAILED
    elif reads and _changed_since(get("If-Modified-Since"), last_modified) is False:
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def if_range_applies(value: str | None, etag: ETag | None, last_modified: float | None, *, now: float) -> bool:
    """Whether Range is to be heeded, given If-Range (RFC 9110 §13.1.5, step 5 of §13.2.2).

    Args:
        value: The If-Range field, None where it is not sent.
        etag: The entity tag of the current representation, if it has one.
        last_modified: When it was last changed, in seconds since 1970, if that is known.
        now: The current time, in seconds since 1970: a date of this very second may stand for two states (§8.8.2.2).
    """
    if value is None:
        return True
    try:
        tag = ETag.parse(value)
    except ValueError:
        date = parse_date(value)
        return date is not None and last_modified is not None and date == int(last_modified) and date < int(now)
    return etag is not None and etag.matches_strongly(tag)


def _any_match(value: str, etag: ETag | None, exists: bool, *, strong: bool) -> bool:
    tags = parse_etags(value)
    if isinstance(tags, str):
        return exists
    if etag is None or not exists:
        return False
    match = etag.matches_strongly if strong else etag.matches_weakly
    return any(map(match, tags))


def _changed_since(value: str | None, last_modified: float | None) -> bool | None:
    """Whether the representation is newer than a date; None where the field, a date in it, or the time of change is missing."""
    date = None if value is None else parse_date(value)
    if date is None or last_modified is None:
        return None
    return int(last_modified) > date  # dates of HTTP have whole seconds
