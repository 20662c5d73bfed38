"""The three rules, and what they do where both sides have something."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.users import keep_both, keep_mine, keep_theirs
from hospes.users.merging import Merge

MINE: dict[str, Any] = {"cart": [3], "seen": {"a": 1, "b": [2]}, "theme": "dark", "draft": "x", "odd": 1}
KNOWN: dict[str, Any] = {"cart": [1, 2], "seen": {"a": 9, "b": [1]}, "theme": "light", "mail": "a@b", "odd": [1]}
ONLY = {"draft": "x", "mail": "a@b"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (keep_both, {"cart": [1, 2, 3], "seen": {"a": 9, "b": [1, 2]}, "theme": "light", "odd": [1]}),
        (keep_theirs, {"cart": [1, 2], "seen": {"a": 9, "b": [1]}, "theme": "light", "odd": [1]}),
        (keep_mine, {"cart": [3], "seen": {"a": 1, "b": [2]}, "theme": "dark", "odd": 1}),
    ],
)
def test_rules(rule: Merge, expected: dict[str, Any]) -> None:
    assert rule(MINE, KNOWN) == expected | ONLY
    assert rule(MINE, {}) == MINE
    assert rule({}, KNOWN) == KNOWN
