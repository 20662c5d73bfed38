"""Cookie values: an id that nobody guesses, and a seal that says that we made it.

    cookie value = id "." seal          24 and 43 characters of base64url
    id           = 144 random bits
    seal         = HMAC-SHA-256(key, purpose id)
    record's key = SHA-256(id)

A visitor who has stored something is known by the record alone. For one who has not, the seal has to stand in, or any
text a client makes up would be adopted as an id (and its maker would know the id of whoever he gives it to). The key of the
seal is made once in a store's life, when the first cookie is issued, and kept in the store.

Laws:

* An id is known to its visitor only: the store has its hash, and a program sees the public id, which is another hash.
* A seal is compared in constant time.
* A cookie is issued only when the key of its seal is durable, so that a restart does not make strangers of visitors.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from hospes.store import Store
from hospes.store.keys import StoredKey

_ID: Final = 24
_SEAL: Final = 43
_LENGTH: Final = _ID + 1 + _SEAL
_NAME: Final = b"visitor cookies"
_PURPOSE: Final = b"hospes visitor cookie 1\0"
_PUBLIC: Final = b"hospes public id 1\0"


def read(value: str | None) -> bytes | None:
    """The id in a cookie's value; None where there is nothing that looks like one. It says nothing about the seal."""
    if value is None or len(value) != _LENGTH or value[_ID] != "." or not value.isascii():
        return None
    return value[:_ID].encode()


def record_key(id: bytes) -> bytes:
    """Where the store has the record of the visitor with this id."""
    return sha256(id).digest()


def public_id(id: bytes) -> bytes:
    """The public id that a visitor with this id begins with, 16 octets."""
    return sha256(_PUBLIC + id).digest()[:16]


class Sealer:
    """Issues cookie values, and knows its own.

    Args:
        store: Keeps the key.
    """

    def __init__(self, store: Store) -> None:
        self._key = StoredKey(store, _NAME, "visitors' cookies", "no new visitor can be taken in")

    async def issue(self) -> str:
        """A new visitor's cookie value.

        Raises:
            StoreError: if the store does not keep, or has not, a key.
        """
        key = await self._key.get()
        id = secrets.token_urlsafe(18)
        return f"{id}.{_seal(key, id.encode())}"

    async def is_ours(self, value: str) -> bool:
        """Whether we issued a value that `read` reads.

        Raises:
            StoreError: if the store is away.
        """
        key = await self._key.find()
        if not key:
            return False  # nothing has ever been issued
        return hmac.compare_digest(_seal(key, value[:_ID].encode()), value[_ID + 1 :])


def _seal(key: bytes, id: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(key, _PURPOSE + id, "sha256"))[:_SEAL].decode()
