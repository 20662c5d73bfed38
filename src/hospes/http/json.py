"""JSON in and out: msgspec does the work, this file keeps the limits msgspec does not have.

Laws:

* Content deeper than `json_depth` is refused before it is decoded: the decoder would end in a RecursionError.
* Whatever is wrong with JSON from a peer is one error, `HttpError` 400, that says where.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import msgspec

from hospes.errors import HttpError

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
# A string with its escapes, possessive so that nothing is tried twice; an unclosed one runs to the end, and the decoder
# will say so.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)
_NO_BRACKET = bytes(octet for octet in range(256) if octet not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def encode(value: object) -> bytes:
    """Encode as UTF-8 JSON: what msgspec encodes (dict, list, dataclass, Struct, datetime, UUID, Enum, Decimal …).

    Raises:
        TypeError: for a type that has no JSON form; the text names it.
    """
    return _ENCODER.encode(value)


def check_depth(content: bytes, limit: int) -> None:
    """Refuse arrays and objects nested deeper than `limit`.

    Raises:
        HttpError: 400.
    """
    # Few brackets cannot nest deeply: two counts settle nearly every request.
    if content.count(b"[") + content.count(b"{") <= limit:
        return
    brackets = _STRING.sub(b"", content).translate(None, _NO_BRACKET)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > limit:
        raise HttpError(400, "JSON is nested too deeply", f"Arrays and objects may stand {limit} deep.")


def decode(content: bytes, *, depth: int) -> Any:
    """Decode JSON into plain Python values.

    Args:
        content: UTF-8 octets.
        depth: How deep arrays and objects may nest.

    Raises:
        HttpError: 400, with what is wrong and where.
    """
    check_depth(content, depth)
    try:
        return _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise HttpError(400, "The content is no valid JSON", str(error)) from None
