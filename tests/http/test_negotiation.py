"""Preferences: media types, codings, languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.http.headers import Headers
from hospes.http.negotiation import add_vary, choose, choose_encoding, choose_language, parse_accept, parse_weights


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("text/html", [("text/html", 1000)]),
        ("text/html;q=0.5, */*;q=0.001", [("text/html", 500), ("*/*", 1)]),
        ("text/html;level=1;q=0.25;ext=x", [("text/html; level=1", 250)]),
        ('a/b;x="1,2";q=0.1, c/d', [('a/b; x="1,2"', 100), ("c/d", 1000)]),
        ("a/b;q=1.000, c/d;q=0., e/f;Q=1", [("a/b", 1000), ("c/d", 0), ("e/f", 1000)]),
        (",, a/b ,,", [("a/b", 1000)]),
        ("broken, a/b;q=2, c/d;q=0.1234, e/f;q=, g/h;q=-1, i/j;q=1.001, */k, l/m", [("l/m", 1000)]),
        ('a/b;x="open, c/d', []),
    ],
)
def test_reads_accept(value: str, expected: list[tuple[str, int]]) -> None:
    assert [(str(each.range), each.weight) for each in parse_accept(value)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("gzip", {"gzip": 1000}),
        ("GZIP;q=0.5 , br ; q=0.25,*;q=0", {"gzip": 500, "br": 250, "*": 0}),
        ("gzip;q=0.5, gzip", {"gzip": 500}),
        ("gzip;q=2, b r, ;q=1, x;y=1, br", {"br": 1000}),
    ],
)
def test_reads_weights(value: str, expected: dict[str, int]) -> None:
    assert parse_weights(value) == expected


JSON, HTML = "application/json", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("offers", "accept", "expected"),
    [
        ([JSON, HTML], None, JSON),
        ([JSON, HTML], "", JSON),
        ([JSON, HTML], "*/*", JSON),
        ([JSON, HTML], "nonsense", JSON),
        ([], None, None),
        ([], "*/*;q=0.5", None),
        ([JSON, HTML], "text/html", HTML),
        ([JSON, HTML], "text/*", HTML),
        ([JSON, HTML], "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ([JSON, HTML], "image/png", None),
        ([JSON, HTML], "application/json;q=0, */*", HTML),
        ([JSON, HTML], "*/*, application/json;q=0", HTML),
        ([JSON], "application/json;q=0", None),
        ([JSON, HTML], "application/json;q=0.5, text/html;q=0.500", JSON),
        ([JSON, HTML], "application/json;q=0.5, text/html;q=0.501", HTML),
        ([HTML], "text/html;charset=UTF-8;q=0.1, text/html;q=0", HTML),
        ([HTML], "text/html;level=1", None),
        (["text/html;level=1", "text/plain"], "text/*;q=0.3, text/html;q=0.7, text/html;level=1;q=0.2", "text/plain"),
        ([JSON, HTML], "TEXT/HTML", HTML),
    ],
)
def test_chooses_a_media_type(offers: list[str], accept: str | None, expected: str | None) -> None:
    assert choose(offers, accept) == expected


@pytest.mark.parametrize(
    ("offers", "accept", "expected"),
    [
        (["br", "gzip"], None, "identity"),
        (["br", "gzip"], "", "identity"),
        (["br", "gzip"], "gzip, br", "br"),
        (["br", "gzip"], "gzip", "gzip"),
        (["gzip"], "x-gzip", "gzip"),
        (["gzip"], "GZip", "gzip"),
        (["gzip"], "gzip;q=0", "identity"),
        (["gzip"], "gzip;q=0, *", "identity"),
        (["gzip"], "deflate", "identity"),
        (["br", "gzip"], "gzip;q=0.9, br;q=0.5", "gzip"),
        (["br", "gzip"], "*", "br"),
        (["br", "gzip"], "br;q=0, *;q=0.5", "gzip"),
        (["gzip"], "gzip;q=0.5, identity", "identity"),
        (["gzip"], "gzip;q=0.5, identity;q=0.5", "gzip"),
        (["identity", "gzip"], "gzip;q=0.5, identity;q=0.5", "identity"),
        (["gzip"], "gzip;q=0.001", "gzip"),
        (["gzip"], "identity;q=0", None),
        (["gzip"], "*;q=0", None),
        (["gzip"], "*;q=0, identity;q=0.1", "identity"),
        (["gzip"], "*;q=0, gzip", "gzip"),
        (["gzip"], "identity;q=0, gzip;q=0.1", "gzip"),
        ([], "gzip", "identity"),
    ],
)
def test_chooses_a_coding(offers: list[str], accept: str | None, expected: str | None) -> None:
    assert choose_encoding(offers, accept) == expected


@pytest.mark.parametrize(
    ("offers", "accept", "expected"),
    [
        (["en", "de"], None, "en"),
        ([], None, None),
        (["en", "de"], "de", "de"),
        (["en", "de"], "DE, en;q=0.9", "de"),
        (["en-GB", "de-CH"], "de", "de-CH"),
        (["en", "de"], "de-CH", "de"),
        (["en", "de"], "de-CH-1996, en;q=0.5", "en"),
        (["en", "de"], "fr", None),
        (["en", "de"], "fr, *;q=0.5", "en"),
        (["en", "de"], "en;q=0, *", "de"),
        (["en-GB", "en"], "en;q=0.5, en-GB;q=0.1", "en"),
        (["en"], "en-US, en;q=0", None),
        (["en"], "en-US;q=0", None),
        (["dex"], "de", None),
    ],
)
def test_chooses_a_language(offers: list[str], accept: str | None, expected: str | None) -> None:
    assert choose_language(offers, accept) == expected


def test_large_input_finishes() -> None:
    for value in (
        "," * 200_000,
        ";" * 200_000,
        'a/b;x="' + "\\" * 200_000,
        '"' * 200_000,
        '"\\' * 100_000,
        "a/b;q=" + "1" * 200_000,
    ):
        choose([JSON], value)
        choose_encoding(["gzip"], value)
        choose_language(["en"], value)
    choose([JSON], "a/b," * 4_000)
    choose_language(["en"], "-".join("a" * 4_000))


@given(st.text(st.sampled_from('abq*/;=,.01 "\\-')))
def test_whatever_is_sent_an_offer_or_nothing_is_chosen(value: str) -> None:
    assert choose([JSON, HTML], value) in {JSON, HTML, None}
    assert choose_encoding(["a", "b"], value) in {"a", "b", "identity", None}
    assert choose_language(["a", "b"], value) in {"a", "b", None}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], "Accept-Encoding"),
        (["Cookie"], "Cookie, Accept-Encoding"),
        (["Cookie", "Origin"], "Cookie, Origin, Accept-Encoding"),
        (["Cookie , accept-ENCODING"], "Cookie , accept-ENCODING"),
        (["*"], "*"),
        ([""], "Accept-Encoding"),
    ],
)
def test_adds_to_vary(there: list[str], expected: str) -> None:
    headers = Headers({"Vary": there})
    add_vary(headers, "Accept-Encoding")
    assert headers["Vary"] == expected
