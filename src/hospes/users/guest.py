"""Who comes, as the request shows: an anonymous visitor, or one who is signed in."""

from __future__ import annotations

from typing import NamedTuple

from hospes.users.account import secret_hash
from hospes.users.seal import record_key


class Guest(NamedTuple):
    """Who comes, as the request shows.

    Args:
        cookie: Name of the cookie.
        value: Its value.
        secure: Whether it came over TLS.
        id: The id in it, a secret; of who is signed in, the account's locator.
        key: The record's key.
        is_new: Whether the cookie has yet to be set.
        secret: Hash of the secret in the cookie of who is signed in; b"" for anonymous visitors.
    """

    cookie: str
    value: str
    secure: bool
    id: bytes
    key: bytes
    is_new: bool
    secret: bytes = b""


def visitor(cookie: str, value: str, secure: bool, is_new: bool) -> Guest:
    """An anonymous visitor with this cookie."""
    id = value.partition(".")[0].encode()
    return Guest(cookie, value, secure, id, record_key(id), is_new)


def member(cookie: str, locator: bytes, secret: bytes, secure: bool) -> Guest:
    """Who has this cookie of an account; whether the account knows it has yet to be seen."""
    value = (locator + b"." + secret).decode()
    return Guest(cookie, value, secure, locator, record_key(locator), False, secret_hash(secret))
