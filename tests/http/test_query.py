"""Queries and urlencoded forms."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.http.query import parse_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1", {"a": ["1"]}),
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("a", {"a": [""]}),
        ("a=", {"a": [""]}),
        ("=1", {"": ["1"]}),
        ("a=b=c", {"a": ["b=c"]}),
        ("&&a=1&&b=2&", {"a": ["1"], "b": ["2"]}),
        ("a=1?b=2", {"a": ["1?b=2"]}),
        ("?a=1", {"?a": ["1"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
        ("a+b=c+d", {"a b": ["c d"]}),
        ("a=%2B", {"a": ["+"]}),
        ("a=%26b%3D1", {"a": ["&b=1"]}),
        ("a=%2541", {"a": ["%41"]}),
        ("%61=1&a=2", {"a": ["1", "2"]}),
        ("n=%C3%A9", {"n": ["é"]}),
        ("n=é+%C3%A9", {"n": ["é é"]}),
        ("n=%e2%82%ac", {"n": ["€"]}),
        ("n=%00", {"n": ["\0"]}),
    ],
)
def test_reads(text: str, expected: dict[str, list[str]]) -> None:
    assert parse_query(text, 10) == expected


@pytest.mark.parametrize(
    "value", ["%", "%4", "%zz", "%4g", "x%", "%-1", "%+1", "% 1", "%%41", "%ff", "%C3", "%C3x", "%ED%A0%80", "%C0%80"]
)
def test_refuses_what_cannot_be_decoded_and_names_the_parameter(value: str) -> None:
    for text in (f"colour={value}", f"a=1&colour={value}&b=2"):
        with pytest.raises(HttpError) as caught:
            parse_query(text, 10)
        assert caught.value.code == 400
        assert "'colour'" in caught.value.explain
    with pytest.raises(HttpError):
        parse_query(f"{value}=1", 10)


def test_a_long_name_is_shortened_in_the_error() -> None:
    with pytest.raises(HttpError) as caught:
        parse_query("n" * 500 + "=%", 10)
    assert len(caught.value.explain) < 150


def test_limit() -> None:
    assert len(parse_query("a&b", 3)) == 2
    assert len(parse_query("a&b&c", 3)) == 3
    with pytest.raises(HttpError) as caught:
        parse_query("a&b&c&d", 3)
    assert caught.value.code == 400


def test_empty_pieces_do_not_count() -> None:
    assert parse_query("&&&a&&b&&&c&&&", 3) == {"a": [""], "b": [""], "c": [""]}
    assert parse_query("&" * 1_000_000, 1) == {}


def test_large_input_finishes() -> None:
    assert parse_query("a=" + "%41" * 100_000, 1) == {"a": ["A" * 100_000]}
    with pytest.raises(HttpError):
        parse_query("%" * 1_000_000, 1)
    assert parse_query("=" * 1_000_000, 1) == {"": ["=" * 999_999]}


@given(st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=3), max_size=5))
def test_reads_what_others_build(values: dict[str, list[str]]) -> None:
    assert parse_query(urlencode(values, doseq=True), 100) == values


@given(st.text(max_size=200))
def test_only_http_errors_escape(text: str) -> None:
    with suppress(HttpError):
        parse_query(text, 20)
