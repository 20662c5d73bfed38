"""Secret keys that are made once in a store's life and kept there: whoever shares the store shares them.

Laws:

* A key is used only when it is durable, so that a restart does not invalidate what was made with it.
* However many make it at the same time, there is one for all.
* Asking makes nothing.
"""

from __future__ import annotations

import secrets
from typing import Final

from hospes.store.contract import Conflict, Record, Store, StoreError

LENGTH: Final = 32
"""Octets of a key: as many as SHA-256 has (RFC 2104 §3)."""
SPACE: Final = "keys"


class StoredKey:
    """One key, read from the store when it is first needed, and then remembered.

    Args:
        store: Keeps it.
        name: What it is for, as the record's key: `b"visitor cookies"`.
        purpose: What it is for, in errors: "visitors' cookies".
        loss: What cannot be done without it, in errors.
    """

    def __init__(self, store: Store, name: bytes, purpose: str, loss: str) -> None:
        self._store = store
        self._name = name
        self._problem = f"the key of {purpose} is damaged; without it {loss}"
        self._key = b""

    async def find(self) -> bytes:
        """The key; b"" where none was ever made.

        Raises:
            StoreError: 500, if it is damaged; 503, if the store is away.
        """
        return self._key or await self._load()

    async def get(self) -> bytes:
        """The key, made where there is none.

        Raises:
            StoreError: if the store does not keep, or has not, a key.
        """
        return self._key or await self._load() or await self._make()

    async def _load(self) -> bytes:
        record = await self._store.get(SPACE, self._name)
        return self._take(record) if record is not None else b""

    async def _make(self) -> bytes:
        key = secrets.token_bytes(LENGTH)
        try:
            await self._store.compare_and_set(SPACE, self._name, key, 0)
        except Conflict:  # somebody else made it at the same time
            return await self._load()
        self._key = key
        return key

    def _take(self, record: Record) -> bytes:
        if len(record.value) != LENGTH:
            raise StoreError(self._problem, 500)
        self._key = record.value
        return self._key
