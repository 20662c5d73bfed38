"""Sources and what stands in for what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

import msgspec
import pytest

from hospes.binding.errors import Unfit
from hospes.binding.source import Otherwise, Reads, Source, default, required


@dataclass
class Model:
    n: int


class Row(msgspec.Struct):
    n: int


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize("value", [None, 1, "a", b"", 1.5, True, (1, "a"), Colour.RED, date(2026, 1, 1), frozenset({1}), object])
def test_what_nobody_can_change_is_shared(value: Any) -> None:
    assert default(value).make is None
    assert default(value)() is value


@pytest.mark.parametrize("value", [[], {}, set(), [1], {"a": [1]}, {1}, ([],), bytearray(b"x"), Model(1), Row(1)])
def test_what_could_be_changed_is_copied(value: Any) -> None:
    otherwise = default(value)
    first, second = otherwise(), otherwise()
    assert first == second == value
    assert first is not second
    assert first is not value


def test_inner_lists_are_copied_too() -> None:
    value = {"a": [1]}
    default(value)()["a"].append(2)
    assert value == {"a": [1]}


def test_required() -> None:
    with pytest.raises(Unfit) as caught:
        required("query", "a")()
    assert [(each.source, each.pointer, each.message) for each in caught.value.errors] == [("query", "a", "missing")]
    assert Otherwise()() is None


def test_reads_are_ordered_by_how_much_is_read() -> None:
    assert Reads.NOTHING < Reads.STREAM < Reads.FORM < Reads.CONTENT < Reads.OCTETS
    assert not Reads.NOTHING
    assert Source(lambda request: 1).reads is Reads.NOTHING
