"""Options are checked where they stand."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.sessions import SessionOptions
from hospes.sessions.options import check_seconds


def test_defaults() -> None:
    options = SessionOptions()
    assert (options.cookie, options.idle, options.lifetime, options.size) == ("hospes_session", 1_800, 604_800, 65_536)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0}, {"size": 1.5}, {"size": True}, {"idle": 0}, {"idle": -1}, {"idle": float("inf")}, {"idle": float("nan")},
        {"idle": "30"}, {"idle": True}, {"lifetime": 0}, {"cookie": ""}, {"cookie": "a b"}, {"cookie": "-a"}, {"cookie": "é"},
        {"cookie": "a;b"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"SessionOptions\({name}="):
        SessionOptions(**wrong)


@pytest.mark.parametrize("right", [{"size": 1}, {"idle": 0.5}, {"lifetime": 1}, {"cookie": "sid-1_x"}])
def test_what_is_right_is_taken(right: dict[str, Any]) -> None:
    ((name, value),) = right.items()
    assert getattr(SessionOptions(**right), name) == value


def test_seconds() -> None:
    assert check_seconds("x", 3) == 3
    with pytest.raises(ValueError, match="x: it is a positive number of seconds"):
        check_seconds("x", 0)


def test_what_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match=r"SessionOptions\(types=\{'a': …\}\): Type unions may not contain more than one"):
        SessionOptions(types={"a": list[int] | list[str]})
