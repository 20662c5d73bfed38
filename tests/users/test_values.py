"""A visitor's record: its head, and what of `hospes.store.values` shows in it."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.store import StoreError, StoreFull
from hospes.users.values import VALUES, RecordTooLarge, decode, encode, fingerprint

PUBLIC = bytes(range(16))


def test_what_was_kept_comes_back() -> None:
    content = {"cart": [1, {"b": "c"}], "n": 2**70}
    back = decode(encode(content, 12.5, PUBLIC, 1000))
    assert (back.content, back.created, back.public_id) == (content, 12.5, PUBLIC)
    assert back.print == fingerprint(content)


def test_a_record_is_a_head_and_plain_messagepack() -> None:
    octets = encode({"a": 1}, 12.5, PUBLIC, 1000)
    assert octets == struct.pack(">Bd16s", 1, 12.5, PUBLIC) + b"\x81\xa1a\x01"
    assert encode({"a": 2**70}, 0.0, PUBLIC, 1000)[0] == 2


@settings(max_examples=50)
@given(st.binary(max_size=80))
def test_octets_are_read_or_refused(octets: bytes) -> None:
    for each in (octets, struct.pack(">Bd16s", 1, 0.0, PUBLIC) + octets):
        with suppress(StoreError):  # the only thing that may escape
            decode(each)


def test_a_record_of_a_newer_release_is_left_alone() -> None:
    with pytest.raises(StoreError, match="a visitor's record has the format 3, which a newer release wrote") as caught:
        decode(b"\x03" + encode({}, 0.0, PUBLIC, 100)[1:])
    assert caught.value.code == 500


def test_errors_say_that_it_is_a_visitors() -> None:
    with pytest.raises(TypeError, match=r"user\['a'\]: a visitor keeps .*, not object"):
        VALUES.admit("a", object())
    with pytest.raises(TypeError, match=r"user\['a'\]\[0\]: a visitor keeps .*, not set"):
        encode({"a": [set()]}, 0.0, PUBLIC, 100)
    with pytest.raises(RecordTooLarge, match=r"507 a visitor's record would have 6 .* \(VisitorOptions.size\)") as caught:
        encode({"a": "bc"}, 0.0, PUBLIC, 4)
    assert isinstance(caught.value, StoreFull)
