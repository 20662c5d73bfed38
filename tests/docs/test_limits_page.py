"""The page of limits, compared with the code: every limit and timeout stands there with its default, in the code's order."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hospes.limits import KiB, Limits, MiB, Timeouts

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "guide" / "limits.md").read_text("utf-8")
CODE = (ROOT / "src" / "hospes" / "limits.py").read_text("utf-8")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
ROW = re.compile(
    r"^\| `(?P<name>\w+)` \| (?P<default>[^|]+) \| (?P<unit>[^|]+) \| (?P<answer>[^|]+) \| (?P<why>[^|]+) \|$", re.MULTILINE
)
STATUS = re.compile(r'^    (\w+): (?:int|float) = .+\n    """[^"]*?\b(4\d\d|503)\b', re.MULTILINE)
"""A field in limits.py whose docstring names a status."""


def rows(title: str) -> list[re.Match[str]]:
    """The rows of the table below a heading."""
    pieces = SECTION.split(PAGE)
    return list(ROW.finditer(dict(zip(pieces[1::2], pieces[2::2], strict=True))[title]))


def shown(value: float, unit: str) -> str:
    """A default as the page writes it: `16 MiB`, `8,448`, `0.5`."""
    for name, size in (("MiB", MiB), ("KiB", KiB)):
        if unit == "octets" and value >= size and value % size == 0:
            return f"{value // size:.0f} {name}"
    return f"{value:,.0f}" if value % 1 == 0 else str(value)


@pytest.mark.parametrize("kind", [Limits, Timeouts])
def test_every_field_is_told_with_its_default(kind: type[Limits] | type[Timeouts]) -> None:
    table = rows(kind.__name__)
    assert [row["name"] for row in table] == [each.name for each in fields(kind)]
    defaults = kind()
    assert {row["name"]: row["default"] for row in table} == {
        row["name"]: shown(getattr(defaults, row["name"]), row["unit"]) for row in table
    }


def test_the_answer_is_the_status_that_the_code_names() -> None:
    named = dict(STATUS.findall(CODE))
    assert named.keys() >= {"request_line", "body", "connections_per_address", "header", "queue"}
    told = {row["name"]: row["answer"] for row in [*rows("Limits"), *rows("Timeouts")]}
    assert {name: told[name] for name in named} == named


def test_numbers_are_written_as_people_read_them() -> None:
    told = [shown(16 * MiB, "octets"), shown(8_448, "octets"), shown(16_384, "connections"), shown(0.5, "seconds")]
    assert told == ["16 MiB", "8,448", "16,384", "0.5"]
