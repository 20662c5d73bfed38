"""Percent-encoding (RFC 3986 §2.1).

Laws:

* A malformed escape is refused, never repaired; so is text that is not UTF-8, where text is wanted.
* Time and memory grow with the octets, not with the escapes among them.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from typing import Final

_MALFORMED: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"  # §2.3


def percent_encode(text: str, safe: str) -> str:
    """Write text so that a URL can hold it.

    Args:
        text: What to write; its UTF-8 is encoded.
        safe: The characters that stand as they are beside the unreserved ones; ASCII.

    Raises:
        ValueError: if the text holds a lone surrogate.
    """
    octets, kept = text.encode(), _UNRESERVED + safe.encode("ascii")
    if not octets.rstrip(kept):
        return text
    return "".join([chr(octet) if octet in kept else f"%{octet:02X}" for octet in octets])


def percent_decode(text: str) -> str:
    """Undo percent-encoding, once; `+` stays a plus.

    Args:
        text: Encoded text; what stands outside escapes is taken as it is.

    Raises:
        ValueError: if an escape is malformed, or the octets are not UTF-8.
    """
    if "%" not in text:
        return text
    octets = percent_octets(text)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ValueError("the percent-encoded octets are not UTF-8") from None


def percent_octets(text: str) -> bytes:
    """The octets that percent-encoded text stands for.

    Raises:
        ValueError: if an escape is malformed.
    """
    if _MALFORMED.search(text):
        raise ValueError("a % is not followed by two hexadecimal digits")
    # Quoted-printable says =41 for %41, and is decoded in C; in Python each escape would be an object, half a microsecond and
    # forty octets for three that somebody sends. Every % has its digits, so nothing else of quoted-printable is in it.
    return a2b_qp(text.encode().replace(b"=", b"=3D").replace(b"%", b"="))
