"""What was signed comes back; what was not signed here, for this, in time, does not."""

from __future__ import annotations

import asyncio
import hmac
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.signing import ExpiredSignature, InvalidSignature, Keyring, Signer
from hospes.store import open_store

KEY = b"k" * 32
OLD = "the key of last year, kept a while"
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("value", ["ada@example.org", b"\0", 7, 2**70, None, True, 1.5, NOON, [1, ["é"]], {"a": {"b": []}}, ""])
def test_what_was_signed_comes_back(value: Any) -> None:
    token = Signer(KEY, "tea").sign(value)
    assert Signer(KEY, "tea").read(token) == value
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_the_form_of_a_token_is_kept() -> None:
    assert Signer(KEY, "tea", Clock()).sign("x") == "AQAAAAAAD0JAgaCheA.S5LwInmhMaSLSEzCcOUsMxLzyYst0_5JU4ZUTxee8LU"


def test_any_other_character_breaks_the_seal() -> None:
    signer = Signer(KEY, "tea")
    token = signer.sign("ada")
    for place, character in enumerate(token):
        forged = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        with pytest.raises(InvalidSignature):
            signer.read(forged)
    for forged in (token[:-1], token[1:], token + "A", token + "=", token + ".", token.replace(".", "")):
        with pytest.raises(InvalidSignature):
            signer.read(forged)


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "\ud800.", "a" * 10_000, "." * 100, "AQ.AQ=="])
def test_nonsense_is_not_ours(token: str) -> None:
    with pytest.raises(InvalidSignature, match="400 This is not valid"):
        Signer(KEY, "tea").read(token)


@settings(max_examples=100)
@given(st.text())
def test_nothing_else_escapes(token: str) -> None:
    with pytest.raises(InvalidSignature):
        Signer(KEY, "tea").read(token)


def test_purposes_and_keys_are_apart() -> None:
    token = Signer(KEY, "tea").sign("ada")
    for other in (Signer(KEY, "coffee"), Signer(OLD, "tea"), Signer(KEY, "tea ")):
        with pytest.raises(InvalidSignature):
            other.read(token)


def test_the_first_key_signs_and_all_verify() -> None:
    before, during, after = Signer(OLD, "tea"), Signer([KEY, OLD], "tea"), Signer([KEY], "tea")
    assert during.read(before.sign("ada")) == "ada"
    assert after.read(during.sign("ada")) == "ada"
    with pytest.raises(InvalidSignature):
        after.read(before.sign("ada"))
    with pytest.raises(InvalidSignature):
        before.read(during.sign("ada"))


@pytest.mark.parametrize(("age", "good"), [(0, True), (59, True), (60, True), (61, False), (-10, True)])
def test_a_token_has_an_age(age: int, good: bool) -> None:
    clock = Clock()
    signer = Signer(KEY, "tea", clock)
    token = signer.sign("ada")
    clock.now += age
    assert signer.read(token) == "ada"
    if good:
        assert signer.read(token, max_age=60) == "ada"
    else:
        with pytest.raises(ExpiredSignature, match="not valid any more"):
            signer.read(token, max_age=60)


def test_uncaught_it_is_an_answer() -> None:
    assert isinstance(InvalidSignature(), HttpError)
    assert (InvalidSignature().code, ExpiredSignature().code) == (400, 400)


@pytest.mark.parametrize("keys", [[], "", b"", "fifteen octets.", [KEY, "short"]])
def test_a_key_must_be_one(keys: Any) -> None:
    with pytest.raises(ValueError, match=r"no key to sign with|too short") as caught:
        Signer(keys, "tea")
    assert "short" not in str(caught.value).replace("too short", "")  # a secret is not repeated
    with pytest.raises(ValueError, match=r"no key to sign with|too short"):
        Keyring(keys)


def test_sixteen_octets_are_enough() -> None:
    signer = Signer("sixteen octets..", "tea")
    assert signer.read(signer.sign(1)) == 1


def test_there_is_no_default_key_and_no_default_purpose() -> None:
    with pytest.raises(TypeError):
        Signer()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="say what the tokens are for"):
        Signer(KEY, "")


def test_what_cannot_be_signed_is_refused() -> None:
    with pytest.raises(TypeError, match=r"value\[''\]: a token keeps .*, not object"):
        Signer(KEY, "tea").sign(object())
    with pytest.raises(ValueError, match="at most 65536"):
        Signer(KEY, "tea").sign("x" * 70_000)


def test_what_a_newer_release_signed_is_not_understood() -> None:
    key = hmac.digest(KEY, b"hospes signer 1\0tea", "sha256")
    content = "CQAAAAAAD0JAgaCheA"  # format 9
    from base64 import urlsafe_b64encode

    seal = urlsafe_b64encode(hmac.digest(key, content.encode(), "sha256")).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        Signer(KEY, "tea").read(f"{content}.{seal}")


def test_all_who_share_a_store_share_its_key() -> None:
    async def main() -> None:
        store, other = open_store("memory:"), open_store("memory:")
        await store.open()
        await other.open()
        mine, again, foreign = await Keyring.of(store), await Keyring.of(store), await Keyring.of(other)
        token = mine.signer("tea").sign("ada")
        assert again.signer("tea").read(token) == "ada"
        for signer in (foreign.signer("tea"), again.signer("coffee")):
            with pytest.raises(InvalidSignature):
                signer.read(token)

    asyncio.run(main())


def test_a_keyring_has_one_signer_for_a_purpose() -> None:
    keyring = Keyring([KEY, OLD])
    assert keyring.signer("tea") is keyring.signer("tea")
    assert keyring.signer("tea").read(Signer(OLD, "tea").sign(1)) == 1
