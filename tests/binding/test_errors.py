"""What errors show, and how much of it."""

from __future__ import annotations

import pytest

from hospes.binding.errors import MOST, SHOWN, Unfit, limited, shown, unfit
from hospes.http.problem import FieldError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", "'abc'"),
        ("a\x00\n\x1b", r"'a\x00\n\x1b'"),
        ("x" * SHOWN, repr("x" * SHOWN)),
        ("x" * (SHOWN + 1), repr("x" * SHOWN) + "…"),
        (12, "12"),
        (1.5, "1.5"),
        (None, "null"),
        (True, "true"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
        (10**100, "a number of many digits"),
    ],
)
def test_values_are_shown_shortened(value: object, text: str) -> None:
    assert shown(value) == text


def test_unfit_holds_its_errors() -> None:
    assert unfit("query", "a", "missing").errors == (FieldError("query", "a", "missing"),)
    assert Unfit(FieldError("a", "b", "c"), FieldError("d", "e", "f")).errors[1].message == "f"


@pytest.mark.parametrize("count", [MOST - 1, MOST])
def test_as_many_as_fit_are_listed(count: int) -> None:
    assert limited([FieldError("json", "#", "x")] * count) == [FieldError("json", "#", "x")] * count


def test_the_others_are_counted() -> None:
    listed = limited([FieldError("json", "#", "x")] * (MOST + 3))
    assert len(listed) == MOST + 1
    assert listed[-1].message == "3 more errors are not shown"
