"""Patterns: what is read, what is refused, and how segments are tested."""

from __future__ import annotations

import re
import time

import pytest
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.routing.pattern import CONVERTERS, Field, Kind, parse_pattern


def kinds(text: str) -> list[Kind]:
    return [segment.kind for segment in parse_pattern(text).segments]


def values(segment: str, text: str) -> tuple[str, ...] | None:
    found = re.fullmatch(parse_pattern(f"/{segment}").segments[0].expression, text, re.DOTALL)
    return None if found is None else found.groups() or (found.group(),)


def test_kinds() -> None:
    assert kinds("/a/{b:int}/{c}.x/{d}/{e:str}/{f:path}") == [
        Kind.LITERAL,
        Kind.TYPED,
        Kind.MIXED,
        Kind.PLAIN,
        Kind.PLAIN,
        Kind.PATH,
    ]
    assert kinds("/*") == [Kind.STAR]
    assert kinds("**/a") == [Kind.DEEP, Kind.LITERAL]


def test_the_leading_slash_may_be_left_out() -> None:
    assert parse_pattern("*/star").text == "/*/star"
    assert parse_pattern("a").key == parse_pattern("/a").key


def test_the_root_and_a_trailing_slash_are_empty_segments() -> None:
    assert [segment.key for segment in parse_pattern("/").segments] == [""]
    assert [segment.key for segment in parse_pattern("/a/").segments] == ["a", ""]


def test_names_and_fields() -> None:
    pattern = parse_pattern("/{a}/{b}-{c:int}/**")
    assert pattern.names == ("a", "b", "c", "*")
    assert pattern.fields == (Field("a"), Field("b"), Field("c", "int"))
    assert not pattern.is_static
    assert parse_pattern("/a.b/+(c)").is_static


def test_the_key_forgets_names_and_nothing_else() -> None:
    assert parse_pattern("/{a}/{b:str}-{c:int}").key == parse_pattern("/{x}/{y}-{z:int}").key == "/{}/{}-{:int}"
    assert parse_pattern("/{a:int}").key != parse_pattern("/{a}").key
    assert parse_pattern("/a").key != parse_pattern("/a/").key


@pytest.mark.parametrize(
    ("converter", "good", "bad"),
    [
        ("int", ["0", "-7", "007", "9" * 64], ["", "-", "+1", "1.0", "٣", "1\n", "9" * 65, " 1"]),
        ("float", ["1", "-1.5", "2e10", "1.5E-3"], ["", ".5", "1.", "nan", "inf", "1e", "1e1234"]),
        (
            "uuid",
            ["12345678-1234-5678-1234-567812345678", "ABCDEF00-1234-5678-1234-abcdefabcdef"],
            ["", "12345678123456781234567812345678", "12345678-1234-5678-1234-56781234567"],
        ),
        ("date", ["2024-02-29", "1999-12-31"], ["", "2024-13-01", "2024-00-10", "2024-01-32", "24-1-1"]),
    ],
)
def test_converters(converter: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        assert values(f"{{x:{converter}}}", text) == (text,)
    for text in bad:
        assert values(f"{{x:{converter}}}", text) is None


def test_every_converter_may_be_written() -> None:
    for name in CONVERTERS:
        assert parse_pattern(f"/{{x:{name}}}").fields == (Field("x", name),)


@pytest.mark.parametrize(
    ("segment", "text", "expected"),
    [
        ("{x}.html", "a.html", ("a",)),
        ("{x}.html", "a.html.html", ("a.html",)),
        ("{x}.html", ".html", None),
        ("{x}.html", "axhtml", None),
        ("v{x}", "v1", ("1",)),
        ("v{x}", "v", None),
        ("{a}-{b}.html", "1-2-3.html", ("1", "2-3")),
        ("{a}-{b}.html", "1-.html", None),
        ("{slug}-{id:int}", "my-old-post-5", ("my-old-post", "5")),
        ("{slug}-{id:int}", "my-old-post", None),
        ("{a}-{b}-{c:int}", "x-y-z-5", ("x", "y-z", "5")),
        ("{a:int}x{b:int}", "10x20", ("10", "20")),
        ("{a:int}x{b}", "10x20", ("10", "20")),
        ("p{a:int}-{b:int}-{c}", "p1-2-3-4", ("1", "2", "3-4")),
        ("{a}-{b:int}-{c}", "x-y-2-z", ("x-y", "2", "z")),
        ("{a}@{day:date}", "x@y@2024-01-01", ("x@y", "2024-01-01")),
        ("{x}.txt", "a/b\nc.txt", ("a/b\nc",)),
    ],
)
def test_mixed_segments(segment: str, text: str, expected: tuple[str, ...] | None) -> None:
    assert values(segment, text) == expected


@pytest.mark.parametrize("segment", ["{a}-{b}-{c}-{d}-{e:int}", "{a}1{b:int}x", "{a}-{b:int}-{c}-{d:float}y"])
@pytest.mark.parametrize("unit", ["-", "1", "x-", "1-", "-1"])
def test_mixed_segments_are_tested_in_linear_time(segment: str, unit: str) -> None:
    start = time.process_time()
    assert values(segment, unit * (8192 // len(unit)) + "!") is None
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unclosed_brace", "/a/{x"),
        ("stray_brace", "/a/x}"),
        ("nested_brace", "/a/{{x}}"),
        ("empty_name", "/a/{}"),
        ("empty_name_with_converter", "/a/{:int}"),
        ("bad_name", "/a/{user-id}"),
        ("unknown_converter", "/a/{x:integer}"),
        ("duplicate_name", "/{x}/{x:int}"),
        ("adjacent_fields", "/{a}{b}"),
        ("path_within_segment", "/x{a:path}"),
        ("star_within_segment", "/files/*.html"),
        ("three_stars", "/files/***"),
        ("two_wildcards", "*/star/*"),
        ("wildcard_in_the_middle", "/star/*/end"),
        ("two_paths", "/{a:path}/{b:path}"),
    ],
)
def test_mistakes(name: str, text: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse_pattern(text, "/home/ada/shop/main.py:7")
    assert caught.value.where == ("/home/ada/shop/main.py:7",)
    assert caught.value.remedy
    check_golden(f"routing/{name}", str(caught.value))


def test_a_mistake_without_a_source() -> None:
    with pytest.raises(SetupError) as caught:
        parse_pattern("/{")
    assert caught.value.where == ()
