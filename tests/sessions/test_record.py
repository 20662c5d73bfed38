"""A session's record: its head, its key, its id."""

from __future__ import annotations

import string
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.sessions.record import decode, encode, is_id, key_of, new_id
from hospes.store import StoreError
from hospes.store.values import RecordTooLarge, fingerprint


def test_what_was_kept_comes_back() -> None:
    content = {"cart": [1, {"b": "c"}], "n": 2**70}
    kept = decode(encode(content, 12.5, 1800, 1000))
    assert (kept.attributes, kept.created, kept.idle) == (content, 12.5, 1800)
    assert kept.print == fingerprint(content)


def test_a_record_is_a_head_and_plain_messagepack() -> None:
    assert encode({"a": 1}, 12.5, 60.0, 1000) == struct.pack(">Bdd", 1, 12.5, 60.0) + b"\x81\xa1a\x01"
    assert encode({"a": 2**70}, 0.0, 60.0, 1000)[0] == 2


@settings(max_examples=50)
@given(st.binary(max_size=80))
def test_octets_are_read_or_refused(octets: bytes) -> None:
    for each in (octets, struct.pack(">Bdd", 1, 0.0, 1.0) + octets):
        with suppress(StoreError):  # the only thing that may escape
            decode(each)


def test_errors_say_that_it_is_a_session() -> None:
    with pytest.raises(TypeError, match=r"session\['a'\]\[0\]: a session keeps .*, not set"):
        encode({"a": [set()]}, 0.0, 1.0, 100)
    with pytest.raises(RecordTooLarge, match=r"507 a session's record would have 6 .* \(SessionOptions.size\)"):
        encode({"a": "bc"}, 0.0, 1.0, 4)
    with pytest.raises(StoreError, match="a session's record has the format 7, which a newer release wrote"):
        decode(b"\x07" + encode({}, 0.0, 1.0, 4)[1:])
    with pytest.raises(StoreError, match="500 a session's record is damaged"):
        decode(b"\x01")


def test_ids_are_long_and_random() -> None:
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    for id in ids:
        assert len(id) == 24  # 144 bits
        assert set(id) <= set(string.ascii_letters + string.digits + "-_")
        assert is_id(id)


@pytest.mark.parametrize("text", ["", "a" * 23, "a" * 25, "a" * 24 + "\n", "a" * 23 + "é", "a" * 23 + ".", "a" * 23 + " "])
def test_what_looks_like_none_is_none(text: str) -> None:
    assert not is_id(text)


def test_the_key_does_not_tell_the_id() -> None:
    assert len(key_of("a" * 24)) == 32
    assert b"a" * 24 not in key_of("a" * 24)
    assert key_of("a" * 24) != key_of("b" * 24)
