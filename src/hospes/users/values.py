"""A visitor's record: 25 octets of head (format, time of the visitor's first request, public id), then the content.

What the content may be, and how it is encoded, stands in `hospes.store.values`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hospes.store.values import PLAIN, RecordTooLarge, Values, fingerprint

__all__ = ["VALUES", "Kept", "RecordTooLarge", "decode", "encode", "fingerprint", "is_plain", "plain"]

_HEAD: Final = struct.Struct(">Bd16s")
HEAD: Final = _HEAD.size
VALUES: Final = Values("user", "a visitor", "VisitorOptions.size", "VisitorOptions.types")


class Kept(NamedTuple):
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


def encode(content: Mapping[str, Any], created: float, public_id: bytes, most: int) -> bytes:
    """The octets of a record.

    Args:
        content: What to keep.
        created: The visitor's first request, in seconds since the epoch.
        public_id: 16 octets.
        most: Octets that the encoded content may have.

    Raises:
        TypeError, ValueError, RecordTooLarge: if it cannot be kept; see `Values.pack`.
    """
    form, octets = VALUES.pack(content, most)
    return _HEAD.pack(form, created, public_id) + octets


def is_plain(octets: bytes) -> bool:
    """Whether a record is one of an anonymous visitor, whose content is MessagePack and nothing else."""
    return octets[0] == PLAIN


plain: Final = VALUES.unpack_plain
"""The content of what stands behind a plain record's head, which is the content's print."""


def decode(octets: bytes) -> Kept:
    """Read a record.

    Raises:
        StoreError: 500, if it is damaged, or of a release newer than this one.
    """
    try:
        form, created, public_id = _HEAD.unpack_from(octets)
    except struct.error as error:
        raise VALUES.damaged(error) from error
    content, now_print = VALUES.unpack(form, octets[_HEAD.size :])
    return Kept(content, created, public_id, now_print)
