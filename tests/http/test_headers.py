"""Header fields."""

from __future__ import annotations

import copy
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.http.headers import Headers


def test_names_ignore_case_and_keep_their_first_spelling() -> None:
    headers = Headers({"X-Token": "a"})
    headers["x-token"] = "b"
    headers.add("X-TOKEN", "c")
    assert headers["x-ToKeN"] == "b, c"
    assert list(headers) == ["X-Token"]
    assert "x-token" in headers
    assert "X-Other" not in headers
    assert not headers.__contains__(5)
    del headers["X-TOKEN"]
    assert not headers
    with pytest.raises(KeyError):
        headers["X-Token"]
    with pytest.raises(KeyError):
        del headers["X-Token"]


def test_several_lines() -> None:
    headers = Headers()
    headers.add("Accept", "text/html")
    headers.add("accept", ["text/plain", "*/*"])
    assert headers["Accept"] == "text/html, text/plain, */*"
    assert headers.get_all("ACCEPT") == ["text/html", "text/plain", "*/*"]
    assert list(headers.lines()) == [("Accept", "text/html"), ("Accept", "text/plain"), ("Accept", "*/*")]
    assert len(headers) == 1
    headers["Accept"] = "a/b"
    assert headers.get_all("accept") == ["a/b"]


def test_get_all_gives_a_list_of_ones_own() -> None:
    headers = Headers({"A": "1"})
    headers.get_all("A").append("2")
    assert headers.get_all("A") == ["1"]
    assert headers.get_all("B") == []


def test_lines_of_cookie_are_joined_as_cookies_are() -> None:
    assert Headers([("Cookie", "a=1"), ("cookie", "b=2")])["Cookie"] == "a=1; b=2"


def test_get() -> None:
    headers = Headers({"A": "1"})
    assert headers.get("a") == "1"
    assert headers.get("b") is None
    assert headers.get("b", "2") == "2"
    assert headers.get("b", default=3) == 3


@pytest.mark.parametrize("value", ["v", "", "é", "€ 😀", "\x80\xff", "a\tb", '"q, r"', " spaced "])
def test_values_are_kept_as_they_are(value: str) -> None:
    assert Headers({"X": value})["X"] == value


def test_numbers_and_enums_are_written_out() -> None:
    class Colour(str, Enum):  # noqa: UP042 (its str() is "Colour.RED", a StrEnum's is not)
        RED = "red"

    class Length(int):
        def __str__(self) -> str:
            return "not this"

    headers = Headers({"Content-Length": 5, "X-Colour": Colour.RED, "X-All": ["a", Colour.RED], "X-Length": Length(7)})
    assert list(headers.items()) == [("Content-Length", "5"), ("X-Colour", "red"), ("X-All", "a, red"), ("X-Length", "7")]
    assert type(headers["X-Colour"]) is str


@pytest.mark.parametrize("value", [None, True, b"x", 1.5, {"a"}, [None], ["a", b"b"], [["a"]]])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"field X: .* is neither text nor a number"):
        Headers({"X": value})
    headers = Headers({"X": "1"})
    with pytest.raises(TypeError):
        headers["X"] = value
    with pytest.raises(TypeError):
        headers.add("X", value)
    assert headers.get_all("X") == ["1"]


@pytest.mark.parametrize("value", ["a\r\nb", "a\rb", "a\nb", "a\0b", "\x01", "\x7f", "a\x0bb", "\r\n", ["a", "b\n"]])
def test_what_would_break_the_message_is_refused(value: Any) -> None:
    headers = Headers({"X": "1"})
    with pytest.raises(ValueError, match="field X: "):
        headers["X"] = value
    with pytest.raises(ValueError, match="field X: "):
        headers.add("X", value)
    with pytest.raises(ValueError, match="field X: "):
        Headers([("X", value)])
    assert headers.get_all("X") == ["1"]


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"field X: .*surrogate"):
        Headers({"X": "a\ud800"})


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\r\n", "a\n", "é", "a(", "a\0"])
def test_a_name_is_a_token(name: str) -> None:
    headers = Headers()
    with pytest.raises(ValueError, match="field name"):
        headers[name] = "1"
    with pytest.raises(ValueError, match="field name"):
        headers.add(name, "é")
    assert not headers


def test_a_field_without_a_line_is_none() -> None:
    headers = Headers({"A": [], "B": ["1"]})
    headers.add("C", ())
    assert list(headers) == ["B"]
    headers["B"] = []
    headers["D"] = ()
    assert not headers


def test_made_of_mappings_pairs_and_headers() -> None:
    lines = [("Set-Cookie", "a=1"), ("X", "2"), ("Set-Cookie", "b=2")]
    headers = Headers(lines)
    expected = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "2")]
    assert list(headers.lines()) == expected
    assert list(Headers(headers).lines()) == expected
    assert list(Headers(iter(lines)).lines()) == expected
    assert list(Headers({"Set-Cookie": ["a=1", "b=2"], "X": 2}).lines()) == expected
    assert list(Headers(MappingProxyType({"Set-Cookie": ("a=1", "b=2"), "x": "2"})).lines()) == [*expected[:2], ("x", "2")]
    assert list(Headers({"A": "1", "a": "2"}).lines()) == [("A", "1"), ("A", "2")]
    assert not Headers(None)


def test_copies_are_independent() -> None:
    headers = Headers({"A": ["1", "2"]})
    for twin in (headers.copy(), copy.copy(headers), copy.deepcopy(headers), Headers(headers)):
        assert twin == headers
        twin.add("a", "3")
        twin["B"] = "4"
        assert list(headers.lines()) == [("A", "1"), ("A", "2")]


def test_equality() -> None:
    assert Headers({"A": "1", "B": "2"}) == Headers([("b", "2"), ("a", "1")])
    assert Headers({"A": ["1", "2"]}) != Headers({"A": ["2", "1"]})
    assert Headers({"A": ["1", "2"]}) != Headers({"A": "1, 2"})
    assert Headers({"A": "1"}) != {"A": "1"}
    with pytest.raises(TypeError):
        hash(Headers())


def test_as_a_mutable_mapping() -> None:
    headers = Headers({"A": "1"})
    headers.update({"a": "2", "b": "3"})
    assert headers.setdefault("B", "4") == "3"
    assert headers.setdefault("C", "5") == "5"
    assert headers.pop("a") == "2"
    assert dict(headers) == {"b": "3", "C": "5"}
    assert repr(headers) == "Headers([('b', '3'), ('C', '5')])"


def test_from_wire() -> None:
    headers = Headers.from_wire([(b"host", b"x"), (b"accept", b"a/b"), (b"x", b"caf\xe9"), (b"accept", b"c/d")])
    assert list(headers.lines()) == [("host", "x"), ("accept", "a/b"), ("accept", "c/d"), ("x", "café")]
    headers["Host"] = "y"
    assert next(iter(headers)) == "host"


NAMES = st.text(st.sampled_from("abcAZ09-_!~"), min_size=1, max_size=5)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_no_line_is_lost_or_moved(lines: list[tuple[str, str]]) -> None:
    headers = Headers(lines)
    assert sorted((name.lower(), value) for name, value in headers.lines()) == sorted(
        (name.lower(), value) for name, value in lines
    )
    for name in headers:
        assert headers.get_all(name) == [value for each, value in lines if each.lower() == name.lower()]
