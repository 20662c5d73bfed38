"""Accounts: the record of a visitor who has signed in, and who may use it.

    logins   SHA-256(login name)  → locator                         which account a name means
    users    SHA-256(locator)     → account: name, passes, content   the one record, however many devices there are
    cookie   locator "." secret                                      24 and 24 characters of base64url

A pass says that a device may use the account until a time; the record has a hash of its secret. So who is signed in, and what is
remembered of him, stand in one record and change in one write: signing out, or being signed out everywhere, cannot be half done.

How what an anonymous visitor had gets into the account, so that a crash at any moment leaves it in one place:

    0  the visitor's record says that it is moving, where to, and by what token     it still counts
    1  the account is written: content merged, the new pass, the token              from here on it counts no more
    2  the visitor's record becomes a stone: nobody comes back by its cookie

Whoever comes by the old cookie and finds a record that is moving looks at the account: has that the token, the move is done.

Laws:

* Step 1 is one write; before it nothing has changed for anybody, after it nothing is missing.
* An account remembers the token of its last move, which is brought to its end before the next one begins.
* A cookie that is not in the record is as none; locator and secret are drawn, never made of the login name.
"""

from __future__ import annotations

import secrets
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hospes.store import StoreError

MOST_PASSES: Final = 64
"""Devices that may be signed in to one account at the same time; with one more, the one that was away longest is signed out."""
LONGEST_NAME: Final = 512  # octets of a login name

_LOCATOR: Final = 24
_LENGTH: Final = _LOCATOR + 1 + 24
_KEY: Final = 32  # octets of a record's key
_LOGIN: Final = b"hospes login name 1\0"


class Kind(Enum):
    """What a record in the space of users is; the value is its first octet (1 and 2: see `values`)."""

    VISITOR = 0
    ACCOUNT = 3
    MOVING = 4
    STONE = 5


class Token(NamedTuple):
    """A move into an account.

    Args:
        source: Key of the record that moved.
        nonce: Drawn for this move.
    """

    source: bytes
    nonce: bytes


class Pass(NamedTuple):
    """A device that is signed in.

    Args:
        secret: Hash of the cookie's secret.
        since: When it signed in, in seconds since the epoch.
        until: When it is signed out if it does not come back.
    """

    secret: bytes
    since: float
    until: float


class Account(Struct, frozen=True):
    """Whose account it is, and who may use it.

    Args:
        name: The login name.
        locator: What its cookies begin with.
        passes: The devices that are signed in.
        token: The last move into it; None if there was none, or it is known to be complete.
    """

    name: str
    locator: bytes
    passes: tuple[Pass, ...] = ()
    token: Token | None = None

    def find(self, secret: bytes, now: float) -> Pass | None:
        """The pass with this hash, if it is valid."""
        # The hash of a drawn secret tells nothing by the time it takes to compare; it costs nothing to be strict.
        return next((each for each in self.passes if compare_digest(each.secret, secret) and each.until > now), None)

    def admit(self, entrant: Pass, now: float) -> Account:
        """With one more device, and without those whose time is over."""
        kept = [each for each in self.passes if each.until > now]
        kept.sort(key=lambda each: each.until)
        return replace(self, passes=(*kept[-(MOST_PASSES - 1) :], entrant))

    def renew(self, secret: bytes, until: float) -> Account:
        """With the pass of a device valid until then."""
        return replace(self, passes=tuple(each._replace(until=until) if each.secret == secret else each for each in self.passes))

    def dismiss(self, secret: bytes) -> Account:
        """Without the device with this hash."""
        return replace(self, passes=tuple(each for each in self.passes if each.secret != secret))

    def encode(self, record: bytes) -> bytes:
        """The account's record.

        Args:
            record: The content, as `values.encode` gives it.
        """
        head = _ENCODER.encode((self.name, self.locator, self.passes, self.token))
        return bytes([Kind.ACCOUNT.value]) + len(head).to_bytes(4, "big") + head + record


def kind_of(octets: bytes) -> Kind:
    """What a record is; what is none of these `values.decode` will read or refuse."""
    first = octets[0] if octets else 0
    return Kind(first) if first in _KINDS else Kind.VISITOR


def open_account(octets: bytes) -> tuple[Account, bytes]:
    """An account, and its content as `values.decode` takes it.

    Raises:
        StoreError: 500, if the record is damaged.
    """
    try:
        end = 5 + int.from_bytes(octets[1:5], "big")
        name, locator, passes, token = _DECODER.decode(octets[5:end])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StoreError(f"an account's record is damaged: {error}", 500) from error
    return Account(name, locator, passes, token), octets[end:]


def moving(to: bytes, nonce: bytes, record: bytes) -> bytes:
    """The record of a visitor who moves into the account with the key `to`; `record` is what it was."""
    return bytes([Kind.MOVING.value]) + to + nonce + record


def open_moving(octets: bytes) -> tuple[bytes, bytes, bytes]:
    """Where a visitor moves to, the nonce of the move, and what the record was.

    Raises:
        StoreError: 500, if the record is damaged.
    """
    if len(octets) <= 1 + _KEY + _NONCE:
        raise StoreError("the record of a visitor who moves is damaged", 500)
    return octets[1 : 1 + _KEY], octets[1 + _KEY : 1 + _KEY + _NONCE], octets[1 + _KEY + _NONCE :]


_NONCE: Final = 16
STONE: Final = bytes([Kind.STONE.value])
"""The record of a visitor who has moved."""


def new_nonce() -> bytes:
    """Names a move."""
    return secrets.token_bytes(_NONCE)


def new_secret() -> bytes:
    """A locator, or the secret of a cookie: 144 random bits."""
    return secrets.token_urlsafe(18).encode()


def secret_hash(secret: bytes) -> bytes:
    """What the record has of a cookie's secret."""
    return sha256(secret).digest()


def login_key(name: str) -> bytes:
    """Where the store has the locator of this login name's account.

    Raises:
        ValueError: for a name that is empty, too long, or no Unicode.
    """
    octets = name.encode()
    if not 0 < len(octets) <= LONGEST_NAME:
        raise ValueError(f"a login name has 1 to {LONGEST_NAME} octets, this one {len(octets)}")
    return sha256(_LOGIN + octets).digest()


def read_pass(value: str | None) -> tuple[bytes, bytes] | None:
    """Locator and secret in a cookie's value; None where there is nothing that looks like them."""
    if value is None or len(value) != _LENGTH or value[_LOCATOR] != "." or not value.isascii():
        return None
    locator, _, secret = value.encode().partition(b".")
    return (locator, secret) if len(locator) == _LOCATOR else None


_KINDS: Final = frozenset(each.value for each in Kind)
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, bytes, tuple[Pass, ...], Token | None])
