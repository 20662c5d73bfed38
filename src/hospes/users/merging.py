"""What becomes of an anonymous visitor's data when he signs in: rules for `user.login(name, merge=…)`.

A rule is any function `(anonymous, known) -> dict`: what the visitor had, what the account has, and what the account is to have.
It must not wait, and may change its arguments. These three lose nothing but what the two do not agree on:

| rule | where both have a key |
|---|---|
| `keep_both` | lists are joined, the account's first; dicts are merged by the same rule; else the account's value stays |
| `keep_theirs` | the account's value stays |
| `keep_mine` | the visitor's value replaces it |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

Merge: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def keep_both(anonymous: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Everything of both, see the table.

    Args:
        anonymous: What the visitor had.
        known: What the account has.
    """
    return {**known, **{key: _joined(value, known[key]) if key in known else value for key, value in anonymous.items()}}


def keep_theirs(anonymous: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Both, and the account's value where they differ."""
    return {**anonymous, **known}


def keep_mine(anonymous: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Both, and the visitor's value where they differ."""
    return {**known, **anonymous}


def _joined(value: Any, known: Any) -> Any:
    if isinstance(value, list) and isinstance(known, list):
        return [*known, *value]
    if isinstance(value, dict) and isinstance(known, dict):
        return keep_both(cast("dict[str, Any]", value), cast("dict[str, Any]", known))
    return known
