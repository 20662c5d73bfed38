"""JSON in and out: msgspec does the work, this file keeps the limits msgspec does not have.

Laws:

* Content deeper than `json_depth` is refused before it is decoded: the decoder would end in a RecursionError.
* So is content of more arrays and objects than `json_containers`: three octets of the peer's would be a hundred of ours.
* An integer of more digits than `json_digits` is refused. The usual 4,300 is a bound that msgspec keeps by itself, because it is
  Python's; it counts the sign, so that a negative number may have 4,299. Only a smaller one has to be kept here.
* Whatever is wrong with JSON from a peer is one error, `HttpError` 400, that says where.
* All of this takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

import msgspec

from hospes.errors import HttpError
from hospes.http.headers import Headers
from hospes.lazily import regexp
from hospes.units import KiB

DIGITS: Final = 4_300
"""Digits of an integer that msgspec decodes; what `Limits` says, too."""
CONTAINERS: Final = 1_000_000
"""Arrays and objects of one content, where nothing else is said."""
_AT_ONCE: Final = 64 * KiB

_DECODER = msgspec.json.Decoder()


def _plain(value: object) -> str | dict[str, str]:
    """What msgspec has no form for; a subclass of str (a template's Markup, a flash message) is the text it is.

    Header fields are an object.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Headers):
        return dict(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
ENCODE: Final[Callable[[object], bytes]] = _ENCODER.encode
"""`encode`, but for what it makes of a RecursionError."""
# A string with its escapes, possessive so that nothing is tried twice; an unclosed one runs to the end, and the decoder
# will say so.
_STRING = regexp(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)
_NO_BRACKET = bytes(octet for octet in range(256) if octet not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NUMBER = regexp(rb"([0-9]++)((?:\.[0-9]++)?+(?:[eE][+\-]?+[0-9]++)?+)")


def encode(value: object) -> bytes:
    """Encode as UTF-8 JSON: what msgspec encodes (dict, list, dataclass, Struct, datetime, UUID, Enum, Decimal …), and any str.

    A float that JSON does not have, NaN or an infinity, becomes null.

    Raises:
        TypeError: for a type that has no JSON form; the text names it.
        ValueError: for a value that refers to itself, an integer beyond 4,300 digits, or half a surrogate pair.
    """
    try:
        return ENCODE(value)
    except RecursionError:
        raise ValueError(f"{type(value).__qualname__} has no JSON form: it refers to itself, or nests too deeply") from None


def check_depth(content: bytes, limit: int, containers: int = CONTAINERS) -> None:
    """Refuse arrays and objects nested deeper than `limit`, or more than `containers` of them.

    Raises:
        HttpError: 400.
    """
    # Few brackets cannot nest deeply: two counts settle nearly every request.
    if content.count(b"[") + content.count(b"{") <= min(limit, containers):
        return
    if b"\\" in content:  # escapes are taken away from the left, so that every quote left begins or ends a string
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = inside = count = 0
    for at in range(0, len(content), _AT_ONCE):  # in steps: 16 MiB of brackets are refused at the first of them
        pieces = content[at : at + _AT_ONCE].split(b'"')
        brackets = b"".join(pieces[inside::2]).translate(None, _NO_BRACKET)
        count += brackets.count(b"[") + brackets.count(b"{")
        if count > containers:
            raise HttpError(400, "JSON holds too much", f"Arrays and objects may be {containers} in all.")
        depths = list(accumulate(map(_STEP.__getitem__, brackets), initial=depth))
        if max(depths) > limit:
            raise HttpError(400, "JSON is nested too deeply", f"Arrays and objects may stand {limit} deep.")
        depth = depths[-1]
        inside ^= (len(pieces) - 1) & 1


def check_digits(content: bytes, limit: int) -> None:
    """Refuse integers of more than `limit` digits; a number with a fraction or an exponent is none.

    Raises:
        HttpError: 400.
    """
    if limit >= DIGITS or len(content) <= limit:
        return
    for number in _NUMBER.finditer(_STRING.sub(b" ", content)):
        if len(number[1]) > limit and not number[2]:
            raise HttpError(400, "JSON holds too large a number", f"An integer may have {limit} digits.")


def decode(content: bytes, *, depth: int, containers: int = CONTAINERS, digits: int = DIGITS) -> Any:
    """Decode JSON into plain Python values.

    Args:
        content: UTF-8 octets.
        depth: How deep arrays and objects may nest.
        containers: How many there may be in all.
        digits: How many digits an integer may have; more than 4,300 make no difference.

    Raises:
        HttpError: 400, with what is wrong and where.
    """
    check_depth(content, depth, containers)
    check_digits(content, digits)
    try:
        return _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise HttpError(400, "The content is no valid JSON", str(error)) from None
