"""What a visitor keeps becomes JSON and comes back."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.users.plain import from_plain, to_plain

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
)
keys = st.text() | st.sampled_from(["$", "$bytes", "$dict", "$float", "$datetime"])
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20)


@given(values)
def test_there_and_back(value: Any) -> None:
    text = json.dumps(to_plain(value), allow_nan=False)
    assert from_plain(json.loads(text)) == value


@pytest.mark.parametrize("value", [1 << 4095, 1 << 4096, -(1 << 4096), 1 << 30_000], ids=int.bit_length)
def test_long_integers(value: int) -> None:
    assert from_plain(json.loads(json.dumps(to_plain(value)))) == value


def test_what_it_looks_like() -> None:
    value = {"a": b"\0", "b": datetime(2026, 5, 1, tzinfo=UTC), "c": [math.inf], "d": {"$bytes": 1}, "e": {"$x": 1, "y": 2}}
    assert to_plain(value) == {
        "a": {"$bytes": "AA=="},
        "b": {"$datetime": "2026-05-01T00:00:00+00:00"},
        "c": [{"$float": "inf"}],
        "d": {"$dict": {"$bytes": 1}},
        "e": {"$x": 1, "y": 2},
    }
    assert math.isnan(from_plain(to_plain(math.nan)))


@pytest.mark.parametrize(
    "wrong", [{"$bytes": 1}, {"$bytes": "é"}, {"$x": "a"}, {"$dict": []}, {"$datetime": "x"}, {"$float": "x"}, {"$": None}]
)
def test_other_marks_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_plain({"deep": [wrong]})
