"""The opening handshake: the one HTTP request that can turn a connection into a websocket (RFC 6455 §4.2).

    GET /chat HTTP/1.1
    Host: example.org
    Upgrade: websocket                              tokens, in any case
    Connection: Upgrade                             a list, in any case
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==     16 octets in base64
    Sec-WebSocket-Version: 13

Law: the key proves nothing of the peer. Its digest proves to the peer that this is a websocket server, and no other kind that
repeats what it was sent.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from binascii import Error, a2b_base64
from typing import Final

from hospes.wire.head import RequestHead

VERSION: Final = b"13"
"""The only version there is; those before were drafts."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_OCTETS: Final = 16
_KEY_DIGITS: Final = 24  # of which the last two are padding


def handshake_key(head: RequestHead) -> bytes | None:
    """The key of an opening handshake; None for a request that is none, or not a sound one.

    The head has kept the rules of HTTP: `upgrade` is filled only where `Connection` names it, too (RFC 9110 §7.8).
    """
    if head.method != "GET" or head.minor == 0 or head.has_content or "websocket" not in head.upgrade:
        return None
    keys = [value for name, value in head.fields if name == b"sec-websocket-key"]
    versions = [value for name, value in head.fields if name == b"sec-websocket-version"]
    return keys[0] if len(keys) == 1 and versions == [VERSION] and _is_key(keys[0]) else None


def accept_value(key: bytes) -> str:
    """The value of Sec-WebSocket-Accept that answers a key (RFC 6455 §4.2.2)."""
    return b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode("ascii")


def _is_key(value: bytes) -> bool:
    try:
        return len(value) == _KEY_DIGITS and len(a2b_base64(value, strict_mode=True)) == _KEY_OCTETS
    except Error:
        return False
