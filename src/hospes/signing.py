"""Signed values: what leaves this program and comes back unchanged, or not at all. Links in mails, hidden fields, cookies.

    token = content "." seal                            base64url, fit for URLs, fields and cookies
    content = format (1 octet), time of signing (8 octets, seconds), value as MessagePack
    seal    = HMAC-SHA-256(purpose's key, content as it stands in the token)
    purpose's key = HMAC-SHA-256(key, what this is for)

Laws:

* A token says nothing about the key, and is no secret itself: everybody can read what is in it. It is only not to be forged.
* A token for one purpose (salt) is none for another.
* The first key signs, every key verifies: so keys are changed without breaking what is under way.
* Seals are compared in constant time. A token is looked into only after its seal has been found good.
* There is no key unless somebody gave it or it was made at random.
"""

from __future__ import annotations

import hmac
import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from hospes.errors import HttpError
from hospes.store import Store, StoreError
from hospes.store.contract import Clock
from hospes.store.keys import StoredKey
from hospes.store.values import Values

Keys: TypeAlias = "str | bytes | Sequence[str | bytes]"
"""One secret, or several, the newest first."""

LEAST: Final = 16
"""Octets that a key must have: 128 bits."""

_HEAD: Final = struct.Struct(">Bq")
_VALUES: Final = Values("value", "a token", "Signer's `size`")
_PURPOSE: Final = b"hospes signer 1\0"
_MOST: Final = 1 << 16  # octets of a value; a token is meant for a URL or a field


class InvalidSignature(HttpError):
    """A token is not ours, or was changed, or is for something else. 400, where nobody catches it."""

    def __init__(self, message: str = "This is not valid", explain: str = "It was not made here, or was changed since.") -> None:
        super().__init__(400, message, explain)


class ExpiredSignature(InvalidSignature):
    """A token is ours, and older than it may be. 400, where nobody catches it."""

    def __init__(self) -> None:
        super().__init__("This is not valid any more", "It is too old.")


class Signer:
    """Signs values for one purpose, and knows what it has signed.

    Args:
        keys: Secrets of 16 octets at least, best made by `secrets.token_bytes(32)`. The first signs, all verify.
        salt: What the tokens are for: "password reset". It is no secret, and parts this purpose from all others.
        clock: Tells the time in seconds since the epoch; `time.time` by default.

    Raises:
        ValueError: without a key or a salt, or for a key that is too short.
    """

    def __init__(self, keys: Keys, salt: str, clock: Clock = time.time) -> None:
        if not salt:
            raise ValueError("Signer(salt=''): say what the tokens are for, so that one for another purpose is none for this")
        purpose = _PURPOSE + salt.encode()
        self._keys = [hmac.digest(key, purpose, "sha256") for key in checked(keys)]
        self._clock = clock

    def sign(self, value: Any) -> str:
        """A token for a value.

        Args:
            value: None, bool, int, float, str, bytes, datetime, list and dict, inside each other as you like.

        Raises:
            TypeError, ValueError: if it is something else, or larger than 64 KiB.
        """
        try:
            form, octets = _VALUES.pack({"": value}, _MOST)
        except StoreError as error:
            raise ValueError(error.reason) from None
        content = _encoded(_HEAD.pack(form, int(self._clock())) + octets)
        return f"{content}.{_seal(self._keys[0], content)}"

    def read(self, token: str, *, max_age: float | None = None) -> Any:
        """The value in a token.

        Args:
            token: What `sign` gave.
            max_age: Seconds after its signing from which it counts no more; None for never.

        Raises:
            ExpiredSignature: if it is older.
            InvalidSignature: if it is none of ours.
        """
        content, _, seal = token.partition(".")
        if not token.isascii() or not self._is_ours(content, seal):
            raise InvalidSignature
        octets = urlsafe_b64decode(content + "=" * (-len(content) % 4))
        form, signed = _HEAD.unpack_from(octets)
        if max_age is not None and self._clock() - signed > max_age:
            raise ExpiredSignature
        try:
            return _VALUES.unpack(form, octets[_HEAD.size :]).content[""]
        except StoreError:  # a newer release signed it
            raise InvalidSignature from None

    def _is_ours(self, content: str, seal: str) -> bool:
        """Whether one of the keys made the seal; all are tried, so that the time does not tell which."""
        return any([hmac.compare_digest(_seal(key, content), seal) for key in self._keys])  # noqa: C419 (all of them)


class Keyring:
    """The program's keys; it makes signers for its purposes.

    A handler asks for it by type. Its keys are those that `App(keys=…)` was given; else there is one that was made once and is
    kept in the store, for all who share that.

        @app.post("/invite")
        def invite(keyring: Keyring, email: str) -> str:
            return "/join?token=" + keyring.signer("invitation").sign(email)

    Args:
        keys: The secrets, the newest first.
        clock: Tells the time in seconds since the epoch; `time.time` by default.

    Raises:
        ValueError: without a key, or for one that is too short.
    """

    def __init__(self, keys: Keys, clock: Clock = time.time) -> None:
        self._keys = checked(keys)
        self._clock = clock
        self._signers: dict[str, Signer] = {}

    @classmethod
    async def of(cls, store: Store, clock: Clock = time.time) -> Keyring:
        """With the key that a store keeps, made at the first time.

        Raises:
            StoreError: if the store has it not, or does not keep it.
        """
        key = await StoredKey(store, b"signing", "signed values", "nothing can be signed").get()
        return cls(key, clock)

    def signer(self, salt: str) -> Signer:
        """The signer for a purpose.

        Args:
            salt: What the tokens are for, as in the program's text: not something a visitor sent.

        Raises:
            ValueError: without a salt.
        """
        signer = self._signers.get(salt)
        if signer is None:
            signer = self._signers[salt] = Signer(self._keys, salt, self._clock)
        return signer


def checked(keys: Keys) -> list[bytes]:
    """Secrets as octets.

    Raises:
        ValueError: if there is none, or one is too short.
    """
    each = [keys] if isinstance(keys, (str, bytes)) else keys
    octets = [key.encode() if isinstance(key, str) else key for key in each]
    if not octets:
        raise ValueError("no key to sign with: give one, or several, the newest first")
    for key in octets:
        if len(key) < LEAST:  # the key itself is not repeated: it is a secret
            raise ValueError(
                f"a key of {len(key)} octets is too short: take {LEAST} or more, as `secrets.token_hex()` makes them"
            )
    return octets


def _seal(key: bytes, content: str) -> str:
    return _encoded(hmac.digest(key, content.encode(), "sha256"))


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
