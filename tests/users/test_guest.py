"""Guests: which record a cookie leads to."""

from __future__ import annotations

from hashlib import sha256

from hospes.users import guest


def test_a_visitor() -> None:
    found = guest.visitor("hospes", "a" * 24 + "." + "b" * 43, secure=True, is_new=True)
    assert (found.id, found.key, found.secret) == (b"a" * 24, sha256(b"a" * 24).digest(), b"")
    assert (found.secure, found.is_new) == (True, True)


def test_a_member() -> None:
    found = guest.member("hospes", b"a" * 24, b"b" * 24, secure=False)
    assert found.value == "a" * 24 + "." + "b" * 24
    assert (found.key, found.secret) == (sha256(b"a" * 24).digest(), sha256(b"b" * 24).digest())
    assert not found.is_new
