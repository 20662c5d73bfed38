"""Dates, written and read."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.wire.date import format_date, parse_date

THEN = 784111777
IN_2026 = 1_780_000_000


def test_format() -> None:
    assert format_date(THEN) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_date(THEN + 0.999) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert format_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"
    assert format_date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT"


@pytest.mark.parametrize("epoch", [1e15, -1e15, 1e300, float("inf"), float("nan")])
def test_no_such_year(epoch: float) -> None:
    with pytest.raises(ValueError, match="year"):
        format_date(epoch)


@given(st.integers(-2_000_000_000, 200_000_000_000))
def test_round_trip(epoch: int) -> None:
    assert parse_date(format_date(epoch)) == epoch
    assert format_date(epoch) == email.utils.formatdate(epoch, usegmt=True)


@pytest.mark.parametrize("text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_three_forms(text: str) -> None:
    assert parse_date(text) == THEN


def test_leap_second_and_last_moment() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == parse_date("Sun, 01 Jan 2017 00:00:00 GMT")
    assert parse_date("Sat, 31 Dec 2016 23:59:59 GMT") == 1483228799
    assert parse_date("Sat Dec 31 23:59:59 2016") == 1483228799


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 1995 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:3\u0667 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Monday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  0 08:49:37 1994",
    ],
)
def test_no_dates(text: str) -> None:
    assert parse_date(text) is None
    assert parse_date(text, IN_2026) is None


@pytest.mark.parametrize(
    ("text", "now", "year"),
    [
        ("Wednesday, 01-Jan-69 00:00:00 GMT", None, "1969"),
        ("Sunday, 01-Jan-68 00:00:00 GMT", None, "2068"),
        ("Saturday, 01-Jan-00 00:00:00 GMT", None, "2000"),
        ("Friday, 01-Jan-99 00:00:00 GMT", None, "1999"),
        ("Wednesday, 01-Jan-76 00:00:00 GMT", IN_2026, "2076"),
        ("Saturday, 01-Jan-77 00:00:00 GMT", IN_2026, "1977"),
        ("Saturday, 01-Jan-00 00:00:00 GMT", IN_2026, "2000"),
    ],
)
def test_two_digit_years(text: str, now: float | None, year: str) -> None:
    epoch = parse_date(text, now)
    assert epoch is not None
    assert format_date(epoch)[12:16] == year
