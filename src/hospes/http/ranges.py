"""Parts of a representation: Range, Content-Range and multipart/byteranges (RFC 9110 §14).

Laws:

* Only `bytes` are known; another unit, and whatever is malformed, is ignored and the whole is sent (§14.2).
* Ranges never overlap in an answer: those that touch are joined, so that no request makes it larger than the whole.
* The number of ranges has a bound; a request for more is answered with the whole.
* The length of a multipart answer is known before its first octet.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from hospes.errors import HttpError
from hospes.lazily import regexp

MAX_RANGES = 16
"""Ranges in one request. Readers of PDF and of archives ask for a few at a time; hundreds come from attackers (CVE-2011-3192)."""

_RANGE = regexp(r"([0-9]*+)-([0-9]*+)")
_DIGITS = 18
_FIELD_VALUE = regexp(r"[\t -~\x80-\xff]*+")


class ByteRange(NamedTuple):
    """Octets `start` to `stop`, without `stop`, as in a slice."""

    start: int
    stop: int


def parse_range(value: str, size: int, max_ranges: int = MAX_RANGES) -> list[ByteRange] | None:
    """Read a Range field for a representation of `size` octets.

    Args:
        value: The field's value.
        size: Octets of the whole representation.
        max_ranges: How many ranges may be asked for.

    Returns:
        The ranges to send, at least one, in the order asked for, joined where they overlap or touch. None where the field is
        to be ignored: the answer is the whole with 200.

    Raises:
        HttpError: 416 with Content-Range, if the field is well-formed and none of its ranges can be satisfied.
    """
    unit, equals, text = value.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes" or text.count(",") >= max_ranges:
        return None
    asked = [each.strip(" \t") for each in text.split(",")]
    asked = [each for each in asked if each]  # RFC 9110 §5.6.1.2: empty members of a list are passed over
    found: list[ByteRange] = []
    for each in asked:
        match = _RANGE.fullmatch(each)
        if match is None or each == "-":
            return None
        first, last = match.groups()
        if first and last and _number(last) < _number(first):
            return None  # RFC 9110 §14.1.1: invalid, and with it the whole field
        satisfied = _satisfy(first, last, size)
        if satisfied is not None:
            _join(found, satisfied)
    if not asked or (found and size == 0):
        return None  # a suffix of nothing is the whole, and no Content-Range can name it
    if not found:
        raise HttpError(416, headers={"Content-Range": f"bytes */{size}"})
    return found


def content_range(part: ByteRange, size: int) -> str:
    """The value of Content-Range for a part of a representation of `size` octets (RFC 9110 §14.4)."""
    return f"bytes {part.start}-{part.stop - 1}/{size}"


class MultipartRanges(Struct, frozen=True):
    """An answer of several ranges (RFC 9110 §14.6): `heads[0]`, octets of `ranges[0]`, `heads[1]`, … and `end` after the last."""

    content_type: str
    """The answer's own Content-Type, with the boundary."""
    ranges: tuple[ByteRange, ...]
    heads: tuple[bytes, ...]
    end: bytes
    length: int
    """Octets of it all, for Content-Length."""


def multipart_ranges(
    ranges: Sequence[ByteRange], size: int, content_type: str = "", *, boundary: str | None = None
) -> MultipartRanges:
    """Frame several ranges of one representation.

    Args:
        ranges: As `parse_range` gives them.
        size: Octets of the whole representation.
        content_type: The representation's media type; left out of the parts if empty.
        boundary: What separates the parts, and does not occur in them: 128 random bits by default.

    Raises:
        ValueError: if the media type may not stand in a field.
    """
    if not _FIELD_VALUE.fullmatch(content_type):
        raise ValueError(f"content type {content_type!r} holds a control character or is not Latin-1")
    boundary = boundary if boundary is not None else secrets.token_hex(16)
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    heads = [f"\r\n--{boundary}\r\n{kind}Content-Range: {content_range(part, size)}\r\n\r\n".encode("latin-1") for part in ranges]
    heads[:1] = [head.removeprefix(b"\r\n") for head in heads[:1]]  # before the first there is nothing to end
    end = f"\r\n--{boundary}--\r\n".encode("latin-1")
    length = sum(map(len, heads)) + sum(part.stop - part.start for part in ranges) + len(end)
    return MultipartRanges(f"multipart/byteranges; boundary={boundary}", tuple(ranges), tuple(heads), end, length)


def _satisfy(first: str, last: str, size: int) -> ByteRange | None:
    """The octets there are of a range; None where there are none (RFC 9110 §14.1.2)."""
    if not first:
        suffix = min(_number(last), size)
        return ByteRange(size - suffix, size) if _number(last) else None
    start = _number(first)
    stop = min(_number(last) + 1, size) if last else size
    return ByteRange(start, stop) if start < size else None


def _number(digits: str) -> int:
    """A number of any length: what has more than 18 digits is larger than any file, and need not be exact."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS else 10**_DIGITS


def _join(found: list[ByteRange], new: ByteRange) -> None:
    """Add a range; where it touches others, one takes the place of the first of them."""
    touching = [index for index, each in enumerate(found) if new.start <= each.stop and each.start <= new.stop]
    if not touching:
        found.append(new)
        return
    others = [found[index] for index in touching]
    found[touching[0]] = ByteRange(min(new.start, *(o.start for o in others)), max(new.stop, *(o.stop for o in others)))
    for index in reversed(touching[1:]):
        del found[index]
