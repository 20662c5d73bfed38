"""Options are checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.users import VisitorOptions
from hospes.users.options import renewal


def test_defaults() -> None:
    options = VisitorOptions()
    assert (options.cookie, options.max_age, options.size, options.wait) == ("hospes", 34_560_000, 65_536, 10.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_age": 0},
        {"max_age": 1.5},
        {"size": 0},
        {"wait": 0},
        {"sweep": 0},
        {"login_idle": 0},
        {"login_age": -1},
        {"cookie": ""},
        {"cookie": "a b"},
        {"cookie": "-a"},
        {"cookie": "é"},
    ],
)
def test_mistakes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"VisitorOptions\({next(iter(wrong))}="):
        VisitorOptions(**wrong)


@pytest.mark.parametrize(
    "right", [{"max_age": 1}, {"size": 1}, {"wait": 0.01}, {"sweep": 0.1}, {"login_idle": 1}, {"cookie": "My-shop_2"}]
)
def test_limits_are_allowed(right: dict[str, Any]) -> None:
    ((name, value),) = right.items()
    assert getattr(VisitorOptions(**right), name) == value


@pytest.mark.parametrize(("seconds", "expected"), [(400 * 86_400, 86_400), (864_001, 86_400), (864_000, 86_400), (3600, 360)])
def test_renewals_come_in_time(seconds: int, expected: float) -> None:
    assert renewal(VisitorOptions(max_age=seconds), is_member=False) == expected
    assert renewal(VisitorOptions(login_idle=seconds), is_member=True) == expected
