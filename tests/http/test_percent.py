"""Percent-encoding, held against urllib's."""

from __future__ import annotations

import tracemalloc
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.http.percent import percent_decode, percent_encode, percent_octets

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, st.sampled_from(["", "/", " ", "!#$&+^`|", "%/?:"]))
def test_what_is_encoded_is_encoded_as_elsewhere(text: str, safe: str) -> None:
    assert percent_encode(text, safe) == quote(text, safe)


@given(TEXT)
def test_what_was_encoded_is_decoded(text: str) -> None:
    assert percent_decode(percent_encode(text, "")) == text


def test_half_of_a_surrogate_pair_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        percent_encode("\ud800", "")


@given(st.binary(max_size=40))
def test_octets(octets: bytes) -> None:
    text = "".join(f"%{octet:02x}" for octet in octets)
    assert percent_octets(text) == unquote_to_bytes(text) == octets


@pytest.mark.parametrize("text", ["%", "%4", "%x", "%4g", "a%%41"])
def test_a_malformed_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a % is not followed by two hexadecimal digits"):
        percent_octets(text)


def test_percent_decode_keeps_plus() -> None:
    assert percent_decode("a+b%20c") == "a+b c"
    assert percent_decode("plain") == "plain"
    with pytest.raises(ValueError, match="hexadecimal"):
        percent_decode("%x")
    with pytest.raises(ValueError, match="UTF-8"):
        percent_decode("%ff")


@given(
    st.lists(
        st.sampled_from(
            ["%3D", "%3d0A", "%0D%0A", "%0a", "%25", "%C3%A9", "%2B", "=", "=3D", "=\n", "\r\n", " \n", "_", "é", "."]
        )
    )
)
def test_escapes_are_decoded_as_elsewhere(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert percent_decode(text) == unquote(text, errors="strict")


def test_a_megabyte_of_escapes_makes_no_object_for_each() -> None:
    text = "%41" * (1 << 20)
    tracemalloc.start()
    try:
        assert percent_decode(text) == "A" * (1 << 20)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 << 20
