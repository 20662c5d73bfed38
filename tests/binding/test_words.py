"""msgspec's errors in plain words, and their places."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hospes.binding.words import NOT_ALLOWED, escaped, in_words, pointer_in, shortened, told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Expected `int`, got `str` - at `$.a`", "expected an integer"),
        ("Expected `int | str | null`, got `float` - at `$.r`", "expected an integer or a string or null"),
        ("Expected `int` >= 1 - at `$.i`", "expected an integer >= 1"),
        ("Expected `str` of length <= 3", "expected a string of length <= 3"),
        ("Expected `array` of length 2, got 1 - at `$.m`", "expected a list of length 2"),
        ("Expected `object`, got `array`", "expected an object"),
        ("Invalid UUID - at `$.h`", "expected a UUID"),
        ("Invalid enum value 'q' - at `$.d`", NOT_ALLOWED),
        ("Invalid value 'C' - at `$.type`", NOT_ALLOWED),
        ("Must not be negative", "must not be negative"),
        ("Object contains unknown field `a\x00b`", "object contains unknown field `a?b`"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert in_words(text) == words


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("no place", ""),
        ("x - at `$`", ""),
        ("x - at `$.items[3].price`", "/items/3/price"),
        ("x - at `$[0][1]`", "/0/1"),
        ("x - at `$.a/b.c~d`", "/a~1b/c~0d"),
        ("x - at `$.f[...].g`", "/f"),
    ],
)
def test_pointers(text: str, pointer: str) -> None:
    assert pointer_in(text) == pointer


def test_a_missing_member_is_named_by_its_place() -> None:
    assert told("Object missing required field `a/b` - at `$.items[0]`") == ("/items/0/a~1b", "missing")
    assert told("Object missing required field `a`") == ("/a", "missing")
    assert told("Expected `int`, got `str` - at `$.a`") == ("/a", "expected an integer")


def test_a_key_that_does_not_fit() -> None:
    assert told("Expected `int`, got `str` - at `key` in `$.a`") == ("/a", "a key does not fit: expected an integer")


def test_shortened() -> None:
    assert shortened("a" * 159) == "a" * 159
    assert shortened("a" * 161) == "a" * 160 + "…"
    assert shortened("a\nb") == "a?b"


def test_escaped() -> None:
    assert escaped("~/a") == "~0~1a"


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, "x"), (float, "x"), (str, 1), (bool, 1), (list[int], 1), (dict[str, int], 1), (bytes, 1), (None, 1)],
)
def test_no_word_of_msgspec_is_left(kind: Any, value: object) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    assert in_words(str(caught.value)).startswith(("expected a", "expected true", "expected null"))
