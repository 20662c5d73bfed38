"""Texts and the values they are converted to."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from hospes.binding.scalars import Converter, converter_for


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Slug(str):
    __slots__ = ()


class Even(int):
    def __new__(cls, text: str) -> Even:
        self = super().__new__(cls, text)
        if self % 2:
            raise ValueError("odd")
        return self


UserId = NewType("UserId", int)


def conv(annotation: Any) -> Converter:
    converter = converter_for(annotation)
    assert converter is not None
    return converter


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "", ""),
        (str, " a ", " a "),
        (Any, "a", "a"),
        (object, "a", "a"),
        (int, "16", 16),
        (int, "-007", -7),
        (int, "+1", 1),
        (UserId, "5", 5),
        (float, "1.5", 1.5),
        (float, "-1e3", -1000.0),
        (float, ".5", 0.5),
        (float, "5.", 5.0),
        (float, "7", 7.0),
        (bool, "0", False),
        (bool, "false", False),
        (bool, "FALSE", False),
        (bool, "", False),
        (bool, "1", True),
        (bool, "no", True),
        (bool, "off", True),
        (Decimal, "1.10", Decimal("1.10")),
        (datetime, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (date, "2026-01-31", date(2026, 1, 31)),
        (time, "12:30:00", time(12, 30)),
        (timedelta, "PT1H30M", timedelta(hours=1, minutes=30)),
        (UUID, "00000000-0000-4000-8000-000000000001", UUID("00000000-0000-4000-8000-000000000001")),
        (Colour, "red", Colour.RED),
        (Level, "2", Level.HIGH),
        (Literal["a", 1, True, None], "1", 1),
        (Literal["a", 1, True, None], "true", True),
        (Literal["a", 1, True, None], "", None),
        (Literal[Colour.RED], "red", Colour.RED),
        (int | str, "5", 5),
        (str | int, "5", 5),
        (int | str, "x", "x"),
        (int | None, "5", 5),
        (str | None, "5", "5"),
        (Slug, "a-b", Slug("a-b")),
        (Even, "4", 4),
        (Annotated[int, Meta(ge=1, le=100)], "100", 100),
        (Annotated[str, Meta(pattern="^a+$")], "aa", "aa"),
    ],
)
def test_converts(annotation: Any, text: str, value: object) -> None:
    made = conv(annotation)(text)
    assert made == value
    assert type(made) is type(value) or isinstance(made, (Even, Slug))


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (int, "", "expected an integer"),
        (int, "abc", "expected an integer"),
        (int, " 1", "expected an integer"),
        (int, "1_000", "expected an integer"),
        (int, "١", "expected an integer"),
        (int, "1.0", "expected an integer"),
        (int, "9" * 5000, "expected an integer"),
        (float, "", "expected a number"),
        (float, "nan", "expected a number"),
        (float, "inf", "expected a number"),
        (float, "1e999", "expected a number"),
        (float, "1_0", "expected a number"),
        (Decimal, "NaN", "expected a decimal number"),
        (Decimal, " 1", "expected a decimal number"),
        (Decimal, "1e9999999999999999999999", "expected a decimal number"),
        (datetime, "yesterday", "expected a date and time such as 2026-01-31T12:00:00Z"),
        (date, "2026-02-30", "expected a date such as 2026-01-31"),
        (time, "25:00:00", "expected a time such as 12:00:00"),
        (timedelta, "1h", "expected a duration such as PT1H30M"),
        (UUID, "x", "expected a UUID"),
        (Colour, "green", "expected one of 'red', 'blue'"),
        (Level, "LOW", "expected one of '1', '2'"),
        (int | float, "x", "expected an integer or a number"),
        (Even, "3", "expected an integer"),
        (Annotated[int, Meta(ge=1, le=100)], "0", "expected an integer >= 1"),
        (Annotated[int, Meta(ge=1, le=100)], "101", "expected an integer <= 100"),
        (Annotated[int, Meta(ge=1)], "x", "expected an integer"),
        (Annotated[str, Meta(max_length=2)], "abc", "expected a string of length <= 2"),
        (Annotated[str | None, Meta(pattern="^a+$")], "b", "expected a string matching regex '^a+$'"),
    ],
)
def test_refuses(annotation: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        conv(annotation)(text)
    assert str(caught.value) == message


def test_long_choices_are_counted() -> None:
    many = Enum("many", {f"name{index}": f"value{index}" for index in range(100)})  # type: ignore[misc]  # made at run time on purpose
    assert conv(many).expected == "one of 100 values"


@pytest.mark.parametrize(
    "annotation", [list[int], dict, bytes, complex, list[int] | None, int | bytes, type(None), tuple[int, str]]
)
def test_what_text_has_not(annotation: Any) -> None:
    assert converter_for(annotation) is None


@given(st.integers())
def test_integers_come_back(value: int) -> None:
    assert conv(int)(str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    assert conv(float)(repr(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_come_back(value: Decimal) -> None:
    assert conv(Decimal)(str(value)) == value


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_dates_and_ids_come_back(moment: datetime, uid: UUID) -> None:
    assert conv(datetime)(moment.isoformat()) == moment
    assert conv(date)(moment.date().isoformat()) == moment.date()
    assert conv(time)(moment.time().isoformat()) == moment.time()
    assert conv(UUID)(str(uid)) == uid


@given(st.text(), st.sampled_from([int, float, bool, Decimal, datetime, date, time, timedelta, UUID, Colour, Level, int | date]))
def test_only_value_errors_escape(text: str, annotation: Any) -> None:
    with suppress(ValueError):
        value = conv(annotation)(text)
        assert not isinstance(value, float) or math.isfinite(value)
