"""A session's record: 17 octets of head (format, beginning, idle time), then the attributes. Its key is the hash of its id.

What attributes may be, and how they are encoded, stands in `hospes.store.values`. The record's end is the last request's time and
the idle time, so that a request which changes nothing moves the end and writes no more; the head says when it ends in any case.
"""

from __future__ import annotations

import re
import secrets
import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from hospes.store.values import PLAIN, Values

SPACE: Final = "sessions"

VALUES: Final = Values("session", "a session", "SessionOptions.size", "SessionOptions.types")

_HEAD: Final = struct.Struct(">Bdd")
HEAD: Final = _HEAD.size
_ID: Final = re.compile(r"[\w-]{24}", re.ASCII)


class Kept(Struct, frozen=True):
    """A record, decoded.

    Args:
        attributes: What the program stored.
        created: When the session began, in seconds since the epoch.
        idle: Seconds without a request after which it ends.
        print: `fingerprint` of the attributes.
    """

    attributes: dict[str, Any]
    created: float
    idle: float
    print: bytes


def encode(attributes: Mapping[str, Any], created: float, idle: float, most: int) -> bytes:
    """The octets of a record.

    Args:
        attributes: What to keep.
        created: When the session began, in seconds since the epoch.
        idle: Seconds without a request after which it ends.
        most: Octets that the encoded attributes may have.

    Raises:
        TypeError, ValueError, RecordTooLarge: if it cannot be kept; see `Values.pack`.
    """
    form, octets = VALUES.pack(attributes, most)
    return _HEAD.pack(form, created, idle) + octets


def is_plain(octets: bytes) -> bool:
    """Whether a record's attributes are MessagePack and nothing else, and so their own print."""
    return octets[0] == PLAIN


def decode(octets: bytes) -> Kept:
    """Read a record.

    Raises:
        StoreError: 500, if it is damaged, or of a release newer than this one.
    """
    try:
        form, created, idle = _HEAD.unpack_from(octets)
    except struct.error as error:
        raise VALUES.damaged(error) from error
    content = octets[HEAD:]
    if form == PLAIN:
        return Kept(VALUES.unpack_plain(content), created, idle, content)
    attributes, now_print = VALUES.unpack(form, content)
    return Kept(attributes, created, idle, now_print)


def new_id() -> str:
    """An id that nobody guesses: 144 random bits, 24 characters of base64url."""
    return secrets.token_urlsafe(18)


def is_id(text: str) -> bool:
    """Whether a cookie's value looks like an id."""
    return _ID.fullmatch(text) is not None


def key_of(id: str) -> bytes:
    """Where the store has the record: who reads the store has no id."""
    return sha256(id.encode()).digest()
