"""An account's record, and the cookie that leads to it."""

from __future__ import annotations

import pytest

from hospes.store import StoreError
from hospes.users.account import (
    LONGEST_NAME,
    MOST_PASSES,
    STONE,
    Account,
    Kind,
    Pass,
    Token,
    kind_of,
    login_key,
    moving,
    new_nonce,
    new_secret,
    open_account,
    open_moving,
    read_pass,
    secret_hash,
)

LOCATOR = b"a" * 24


def a_pass(number: int, until: float = 100.0) -> Pass:
    return Pass(secret_hash(b"%d" % number), 1.0, until)


def test_there_and_back() -> None:
    account = Account("Ada Löwe", LOCATOR, (a_pass(1), a_pass(2, 7.5)), Token(b"k" * 32, new_nonce()))
    octets = account.encode(b"\1content")
    assert open_account(octets) == (account, b"\1content")
    assert kind_of(octets) is Kind.ACCOUNT
    assert open_account(Account("x", LOCATOR).encode(b"")) == (Account("x", LOCATOR), b"")


def test_kinds() -> None:
    assert [kind_of(each) for each in (b"", b"\1x", b"\2x", b"\xff", STONE)] == [Kind.VISITOR] * 4 + [Kind.STONE]


def test_damage_is_an_error() -> None:
    octets = Account("x", LOCATOR, (a_pass(1),)).encode(b"")
    for damaged in (octets[:3], octets[:9], b"\3\0\0\0\1\xc1", b"\3\0\0\0\1\x01"):
        with pytest.raises(StoreError, match="account's record is damaged"):
            open_account(damaged)


def test_a_moving_record() -> None:
    octets = moving(b"t" * 32, b"n" * 16, b"\1was")
    assert open_moving(octets) == (b"t" * 32, b"n" * 16, b"\1was")
    assert kind_of(octets) is Kind.MOVING
    with pytest.raises(StoreError, match="damaged"):
        open_moving(octets[:49])


def test_passes_end() -> None:
    account = Account("x", LOCATOR, (a_pass(1),))
    secret = a_pass(1).secret
    assert account.find(secret, 99.9) == a_pass(1)
    assert account.find(secret, 100.0) is None
    assert account.find(b"", 1.0) is None
    assert account.renew(secret, 200.0).find(secret, 100.0) == a_pass(1, 200.0)
    assert account.dismiss(secret).passes == ()
    assert account.admit(a_pass(2), 100.0).passes == (a_pass(2),), "what is over is dropped"


@pytest.mark.parametrize("before", [MOST_PASSES - 1, MOST_PASSES, MOST_PASSES + 1])
def test_an_account_has_so_many_devices(before: int) -> None:
    passes = tuple(a_pass(number, until=1000.0 - number) for number in range(before))
    account = Account("x", LOCATOR, passes).admit(a_pass(-1), 1.0)
    assert len(account.passes) == MOST_PASSES
    assert account.passes[-1] == a_pass(-1), "the new one stays although it ends first"
    dropped = set(passes) - set(account.passes)
    assert dropped == set(passes[MOST_PASSES - 1 :]), "those who would have ended first are gone"


@pytest.mark.parametrize("name", ["", "a" * (LONGEST_NAME + 1), "é" * LONGEST_NAME, "\ud800"])
def test_impossible_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"1 to 512|surrogates"):
        login_key(name)


def test_names_are_kept_apart() -> None:
    assert len({login_key(name) for name in ("a", "A", "a ", "a" * LONGEST_NAME)}) == 4


def test_cookies_are_read() -> None:
    locator, secret = new_secret(), new_secret()
    assert locator != secret
    assert read_pass((locator + b"." + secret).decode()) == (locator, secret)
    for wrong in (None, "", "a" * 49, "a" * 24 + "." + "b" * 23, "a" * 23 + "." + "b" * 25, "a" * 24 + "." + "é" * 24):
        assert read_pass(wrong) is None
