"""Patterns: what a route's path is written as, read once when the route is declared.

A pattern is a path whose segments may be:

    /literal            itself, in decoded characters: "/中文/a b", never "%20"
    /{name}             one segment, at least one character
    /{name:int}         one segment that looks like an int; CONVERTERS lists what there is
    /{a}-{b:int}.html   fields and literals mixed within one segment
    /{name:path}        one segment or more; may end in a slash, never begins with one
    /star/*   */star    one segment, unnamed; first or last
    /star/** **/star    one segment or more, unnamed; first or last. Slashes at the ends of its value match, and are left off

Laws:

* Literals are literal: no character but `{`, `}` and `*` means anything.
* A converter checks the look of a value and never changes it; the binding converts.
* The text between two slashes of the request is one segment, even if it decodes to something with a slash in it.
* A mixed segment is tested in linear time: see `_mixed_expression`.
* A trailing slash is a last segment that is empty; it is significant (RFC 3986 §6.2.2 does not call the two equivalent), but not
  behind `**`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType

from msgspec import Struct

from hospes.errors import SetupError

WILDCARD = "*"
"""The name under which the value of `*` and `**` is found."""

# A number of more than 64 digits is no number that anybody puts in a path; the bound keeps mixed segments linear.
CONVERTERS: Mapping[str, str] = MappingProxyType(
    {
        "int": r"-?[0-9]{1,64}",
        "float": r"-?[0-9]{1,64}(?:\.[0-9]{1,64})?(?:[eE][+-]?[0-9]{1,3})?",
        "uuid": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        "date": r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])",
        "str": r".+",
        "path": r".+",
    }
)
"""Every converter with the look of its values. The narrower stands first: `{x:int}` is tried before `{x:float}`."""

_RANK: Mapping[str, int] = MappingProxyType({name: rank for rank, name in enumerate(("date", "uuid", "int", "float"))})
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")


class Kind(IntEnum):
    """What a segment is; the smaller is the more specific."""

    LITERAL = 0
    TYPED = 1
    MIXED = 2
    PLAIN = 3
    STAR = 4
    PATH = 5
    DEEP = 6


class Field(Struct, frozen=True):
    """A `{name:converter}` of a pattern."""

    name: str
    converter: str = "str"


class Segment(Struct, frozen=True):
    """One segment of a pattern.

    Attributes:
        kind: What it is.
        key: Its text without the names of its fields: two segments of one key match the same texts.
        names: Names of the values it yields, in order.
        expression: Regular expression of a typed or a mixed segment, with a group per value if it is mixed; else "".
        rank: Order among segments of one kind, the smaller first.
    """

    kind: Kind
    key: str
    names: tuple[str, ...] = ()
    expression: str = ""
    rank: int = 0


class Pattern(Struct, frozen=True):
    """A pattern, read.

    Attributes:
        text: As written, with its leading slash.
        segments: What stands between the slashes.
        fields: The named fields in order; wildcards have no name.
        names: Names of all values in order; that of a wildcard is "*".
    """

    text: str
    segments: tuple[Segment, ...]
    fields: tuple[Field, ...]
    names: tuple[str, ...]

    @property
    def is_static(self) -> bool:
        """Whether it is a plain path."""
        return not self.names

    @property
    def key(self) -> str:
        """The text without the names of its fields: two patterns of one key match the same paths."""
        return "/" + "/".join(segment.key for segment in self.segments)


def parse_pattern(text: str, source: str = "") -> Pattern:
    """Read a pattern.

    Args:
        text: The pattern; a missing leading slash is added.
        source: `file:line` of the declaration, for the error.

    Raises:
        SetupError: if the pattern is malformed.
    """
    rooted = text if text.startswith("/") else "/" + text
    segments: list[Segment] = []
    fields: list[Field] = []
    try:
        for part in rooted[1:].split("/"):
            segment, own = _parse_segment(part)
            segments.append(segment)
            fields += own
        names = tuple(name for segment in segments for name in segment.names)
        _check_wildcards(segments)
        _check_names(names)
    except _Malformed as mistake:
        problem = f"The pattern {text!r} {mistake.problem}."
        raise SetupError(problem, where=(source,) if source else (), remedy=mistake.remedy) from None
    return Pattern(rooted, tuple(segments), tuple(fields), names)


class _Malformed(Exception):
    """A mistake in a pattern, before it is known where the pattern stands."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy


def _parse_segment(text: str) -> tuple[Segment, list[Field]]:
    if text == "*":
        return Segment(Kind.STAR, "*", (WILDCARD,)), []
    if text == "**":
        return Segment(Kind.DEEP, "**", (WILDCARD,)), []
    pieces = _pieces(text)
    fields = [piece for piece in pieces if isinstance(piece, Field)]
    names = tuple(field.name for field in fields)
    key = "".join(piece if isinstance(piece, str) else _field_key(piece) for piece in pieces)
    if not fields:
        return Segment(Kind.LITERAL, key), fields
    if len(pieces) > 1:
        _check_mixed(pieces)
        literal = sum(len(piece) for piece in pieces if isinstance(piece, str))
        return Segment(Kind.MIXED, key, names, _mixed_expression(pieces), -literal), fields
    converter = fields[0].converter
    if converter == "path":
        return Segment(Kind.PATH, key, names), fields
    if converter == "str":
        return Segment(Kind.PLAIN, key, names), fields
    return Segment(Kind.TYPED, key, names, CONVERTERS[converter], _RANK[converter]), fields


def _pieces(text: str) -> list[str | Field]:
    pieces: list[str | Field] = []
    for found in _PIECE.finditer(text):
        inner, literal, stray = found.groups()
        if stray is not None:
            if stray == "{":
                raise _Malformed("has a '{' that is never closed", "Close it within its segment: {name}.")
            raise _Malformed("has a '}' that closes nothing", "Write {name}; a literal brace needs a regexp route.")
        if literal is None:
            pieces.append(_parse_field(inner))
        elif "*" in literal:
            raise _Malformed(
                f"has a '*' within the segment {text!r}",
                "A wildcard is a whole segment; within one, write a field such as {name}, or use a regexp route.",
            )
        else:
            pieces.append(literal)
    return pieces


def _parse_field(inner: str) -> Field:
    name, colon, converter = inner.partition(":")
    if not name:
        raise _Malformed("has a field without a name", "Name it: {name}.")
    if not name.isidentifier():
        raise _Malformed(f"has a field named {name!r}", "A name is what a Python parameter may be named.")
    if not colon:
        return Field(name)
    if converter not in CONVERTERS:
        raise _Malformed(f"has the unknown converter {converter!r}", f"There are: {', '.join(CONVERTERS)}.")
    return Field(name, converter)


def _field_key(field: Field) -> str:
    return "{}" if field.converter == "str" else "{:" + field.converter + "}"


def _check_mixed(pieces: list[str | Field]) -> None:
    for one, other in pairwise(pieces):
        if isinstance(one, Field) and isinstance(other, Field):
            raise _Malformed(f"has nothing between {{{one.name}}} and {{{other.name}}}", "Put a literal between them: {a}-{b}.")
    if any(isinstance(piece, Field) and piece.converter == "path" for piece in pieces):
        raise _Malformed("has a field of type path within a segment", "Give {name:path} a segment of its own.")


def _check_wildcards(segments: list[Segment]) -> None:
    stars = [index for index, segment in enumerate(segments) if segment.names == (WILDCARD,)]
    if len(stars) > 1:
        raise _Malformed("has more than one wildcard", "Keep one, and write the others as fields such as {name}.")
    if stars and stars[0] not in (0, len(segments) - 1):
        raise _Malformed("has a wildcard in the middle", "Write {name} for one segment, {name:path} for several.")
    if sum(segment.kind in (Kind.PATH, Kind.DEEP) for segment in segments) > 1:
        raise _Malformed("takes several segments in two places", "Keep one {name:path} or **; where one ends is else unknown.")


def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _Malformed(f"has the name {name!r} twice", "Give each field a name of its own.")


def _mixed_expression(pieces: list[str | Field]) -> str:
    """The regular expression of a mixed segment, with one group per field.

    A field ends at the first place where what follows it fits. Tried naively, n untyped fields would cost the n-th power of
    the segment's length. But where another untyped field comes later, that one takes up whatever is left, so the first fit
    is as good as any: all up to there is an atomic group, never tried again. Typed fields are possessive and bounded.
    """
    untyped = [index for index, piece in enumerate(pieces) if isinstance(piece, Field) and piece.converter == "str"]
    starts = [0, *untyped] if not untyped or untyped[0] else untyped
    chunks = ["".join(map(_piece_expression, pieces[a:b])) for a, b in pairwise([*starts, len(pieces)])]
    return "".join(f"(?>{chunk})" for chunk in chunks[:-1]) + chunks[-1]


def _piece_expression(piece: str | Field) -> str:
    if isinstance(piece, str):
        return re.escape(piece)
    return "(.+?)" if piece.converter == "str" else f"((?>{CONVERTERS[piece.converter]}))"
