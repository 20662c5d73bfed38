"""Whichever way something comes into the dict, or leaves it, it passes by the two methods that check."""

from __future__ import annotations

import pytest

from hospes.compat.alink.checked import CheckedDict


class _Noting(CheckedDict[str]):
    def __init__(self) -> None:
        super().__init__()
        self.passed: list[str] = []

    def __setitem__(self, name: str, value: str) -> None:
        self.passed.append(f"+{name}")
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self.passed.append(f"-{name}")
        super().__delitem__(name)


def test_what_is_put_in_and_taken_out_is_checked() -> None:
    noting = _Noting()
    noting |= {"a": "1"}
    assert noting.setdefault("b", "2") == "2"
    assert noting.setdefault("b", "3") == "2"
    assert noting.pop("a") == "1"
    assert noting.pop("a", "none") == "none"
    assert noting.passed == ["+a", "+b", "-a"]
    assert noting == {"b": "2"}
    assert isinstance(noting, _Noting)


def test_what_is_not_there_and_has_no_default_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        _Noting().pop("nothing")
