"""JSON in and out."""

from __future__ import annotations

import json as stdlib
import math
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.http.headers import Headers
from hospes.http.json import CONTAINERS, DIGITS, check_depth, check_digits, decode, encode
from hospes.limits import Limits


def refused(content: bytes, depth: int = 100, digits: int = DIGITS) -> HttpError:
    with pytest.raises(HttpError) as caught:
        decode(content, depth=depth, digits=digits)
    assert caught.value.code == 400
    return caught.value


# Depth.


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"1" + closing * depth


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"[":', b"}]")])
def test_depth(opening: bytes, closing: bytes) -> None:
    step = opening.count(b"[") - opening.count(b'"[') + opening.count(b"{")
    for times in (9, 10):
        decode(nested(times, opening, closing), depth=10 * step)
    error = refused(nested(11, opening, closing), depth=10 * step)
    assert (error.message, error.explain) == ("JSON is nested too deeply", f"Arrays and objects may stand {10 * step} deep.")


def test_depth_is_not_the_number_of_brackets() -> None:
    assert decode(b"[" + b"[[]]," * 1000 + b"{}]", depth=3) == [[[]]] * 1000 + [{}]
    refused(b"[" + b"[[]]," * 1000 + b"{}]", depth=2)
    refused(b"[" + b"[[]]," * 1000 + b"[[[]]]]", depth=3)


@pytest.mark.parametrize(
    "text",
    ["[[[[[[", "]]]]]", '"[[[[', '\\"[[[[', "\\[[[[", '[[[["[', '["', "\\\\", '\\\\"[[[', 'a\\\\\\"[[[', "é[{[{"],
)
def test_brackets_in_strings_do_not_count(text: str) -> None:
    value = [{text: text}, text]
    for content in (stdlib.dumps(value), stdlib.dumps(value, ensure_ascii=False), stdlib.dumps({text: [text]})):
        assert decode(content.encode(), depth=2) == stdlib.loads(content)
        refused(content.encode(), depth=1)


def test_brackets_in_escapes_do_not_count() -> None:
    assert decode(b'["\\u005b\\u005B\\u007b[\\\\", "\\\\\\"[[["]', depth=1) == ["[[{[\\", '\\"[[[']


def test_content_that_is_longer_than_one_step() -> None:
    # Strings and depth go on from one step of the scan to the next, wherever that falls.
    for offset in range(65_530, 65_542):
        content = b"[[" + b'"' + b"[" * offset + b'"' + b",[[1]]" * 3 + b"]]"
        check_depth(content, 4)
        with pytest.raises(HttpError):
            check_depth(content, 3)


def test_an_unclosed_string_hides_what_no_decoder_will_reach() -> None:
    content = b'["' + b"[" * 1000
    check_depth(content, 5)
    assert refused(content).message == "The content is no valid JSON"


def test_closing_brackets_alone() -> None:
    check_depth(b"]" * 1000 + b"[" * 5, 3)
    refused(b"]" * 1000 + b"[" * 5)


def test_a_recursion_error_never_escapes() -> None:
    depth = sys.getrecursionlimit() * 50
    refused(nested(depth))
    refused(nested(depth, b'{"a":', b"}"))
    assert refused(nested(depth), depth=depth).message == "The content is no valid JSON"


# Arrays and objects in all.


@pytest.mark.parametrize("content", [b"[[],{},[]]", b'[{"[[[":[]},"[{",{"a":"}"}]', b"[" * 4 + b"]" * 4])
def test_containers(content: bytes) -> None:
    for most in (4, 5):
        assert decode(content, depth=5, containers=most) is not None
        assert decode(content, depth=4, containers=most) is not None
    with pytest.raises(HttpError) as caught:
        decode(content, depth=5, containers=3)
    error = caught.value
    assert (error.code, error.message, error.explain) == (400, "JSON holds too much", "Arrays and objects may be 3 in all.")


def test_the_usual_number_of_containers() -> None:
    assert Limits().json_containers == CONTAINERS
    check_depth(b"[" + b"[]," * (CONTAINERS - 2) + b"[]]", 2)
    with pytest.raises(HttpError, match="too much"):
        check_depth(b"[" + b"[]," * (CONTAINERS - 1) + b"[]]", 2)


# Digits.


def test_digits() -> None:
    assert decode(b"[999, -999]", depth=1, digits=3) == [999, -999]
    for content in (b"[1, 1000]", b"-1000", b'{"a": 1000}', b"1000"):
        assert decode(content, depth=1, digits=4) is not None
        error = refused(content, digits=3)
        assert (error.message, error.explain) == ("JSON holds too large a number", "An integer may have 3 digits.")


def test_only_integers_are_counted() -> None:
    content = b'["123456", "\\"12345", 1.23456, 1234.5, 12345e1, 1e-0000001, -0.00001]'
    assert len(decode(content, depth=1, digits=3)) == 7


def test_msgspec_keeps_the_usual_limit() -> None:
    # If a release of msgspec changes this, check_digits has to keep the limit itself.
    assert Limits().json_digits == DIGITS == sys.get_int_max_str_digits()
    for size in (DIGITS - 1, DIGITS):
        assert decode(b"1" * size, depth=1) == int("1" * size)
    assert decode(b"-" + b"1" * (DIGITS - 1), depth=1) < 0
    for content in (b"1" * (DIGITS + 1), b"-" + b"1" * DIGITS, b"[" + b"1" * 100_000 + b"]"):
        assert refused(content, digits=10**6).message == "The content is no valid JSON"


# Everything else that can be wrong.


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"[",
        b"{",
        b'{"a"',
        b'{"a":}',
        b"{a: 1}",
        b"[1,]",
        b"[1 2]",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"1e",
        b"1e999",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nul",
        b"True",
        b"1 2",
        b"'a'",
        b'"a',
        b'"\\x"',
        b'"\\ud800"',
        b'"\n"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'{"\xc0\x80": 1}',
        b"\xef\xbb\xbf{}",
        '"a"'.encode("utf-16"),
        b"\0",
        b"// a\n1",
    ],
)
def test_what_is_no_json(content: bytes) -> None:
    error = refused(content)
    assert error.message == "The content is no valid JSON"
    assert error.explain
    assert error.__cause__ is None


def test_the_error_says_where() -> None:
    assert "byte 4" in refused(b'{"a"}').explain


@pytest.mark.parametrize("value", [None, True, 0, -1, 1.5, "", "é€😀", [], {}, [[1], {"a": [None]}], 2**64, -(2**70), "\0"])
def test_what_is_json(value: Any) -> None:
    assert decode(stdlib.dumps(value).encode(), depth=3) == value
    assert decode(b" \r\n\t" + encode(value) + b" ", depth=3) == value


def large() -> list[tuple[str, bytes]]:
    size = 2_000_000
    return [
        ("opening", b"[" * size),
        ("closing", b"]" * size),
        ("pairs", b"[" + b"[]," * (size // 3) + b"1]"),
        ("quotes", b'"' * size + b"[" * 101),
        ("backslashes", b"[" * 101 + b'"' + b"\\" * size),
        ("escaped quotes", b'["' + b'\\"' * size + b'"]' + b"[" * 101),
        ("strings", b'["a[",' * (size // 6)),
        ("digits", b"1" * size),
        ("numbers", b"[" + b"11," * (size // 3) + b"1]"),
        ("fractions", b"[" + b"1.1," * (size // 4) + b"1]"),
        ("minuses", b"-" * size),
        ("points", b"1." * size),
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in large()])
def test_linear_time(content: bytes) -> None:
    with suppress(HttpError):
        check_depth(content, 100)
    with suppress(HttpError):
        check_digits(content, 10)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def depth_of(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    inner: list[Any] = list(value.values() if isinstance(value, dict) else value)
    return 1 + max(map(depth_of, inner), default=0)


@given(PLAIN.filter(lambda value: "\ud800" not in repr(value)))
def test_depth_agrees_with_the_value(value: Any) -> None:
    content = stdlib.dumps(value).encode()
    depth = depth_of(value)
    check_depth(content, depth)
    if depth:
        with pytest.raises(HttpError):
            check_depth(content, depth - 1)


@given(st.binary(max_size=40))
def test_only_http_errors_escape(content: bytes) -> None:
    with suppress(HttpError):
        decode(content, depth=3, digits=3)


# Out.


class Colour(Enum):
    RED = "red"


class Markup(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "never asked"


@dataclass
class Point:
    x: int
    y: float


class Item(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, None, True, "é"]}, '{"a":[1,null,true,"é"]}'),
        ((1, 2), "[1,2]"),
        (Point(1, 2.5), '{"x":1,"y":2.5}'),
        (Item("a"), '{"name":"a"}'),
        (Colour.RED, '"red"'),
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
        (math.nan, "null"),
        (math.inf, "null"),
        ([Markup("<b>")], '["<b>"]'),
        ({"fields": Headers({"A": ["b", "c"]})}, '{"fields":{"A":"b, c"}}'),
    ],
)
def test_encodes(value: object, expected: str) -> None:
    assert encode(value).decode() == expected


def test_what_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()})
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="list has no JSON form: it refers to itself, or nests too deeply"):
        encode(circle)
    with pytest.raises(ValueError, match="4300 digits"):
        encode(10**5000)
    with pytest.raises(ValueError, match="surrogates"):
        encode("\ud800")
