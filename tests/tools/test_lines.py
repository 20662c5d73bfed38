"""A record becomes a line of JSON and comes back, octet by octet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.tools.support import ACCOUNT, CREATED, DATA, END, LOCATOR, MOVES, value

from hospes.store import Record, StoreError
from hospes.tools.lines import from_line, to_line
from hospes.users.account import STONE, Account, Pass, Token, moving

TOKEN = Token(MOVES, b"n" * 16)
LINE: dict[str, Any] = to_line(MOVES, Record(value({"a": 1}, 1), 1, END))
ACCOUNT_LINE = to_line(ACCOUNT, Record(Account("ada", LOCATOR, (Pass(b"s" * 32, 1.0, 2.0),)).encode(value({}, 1)), 1))


@pytest.mark.parametrize(
    "octets",
    [
        value({}, 1),
        value(DATA, 2),
        moving(ACCOUNT, b"m" * 16, value(DATA, 3)),
        STONE,
        Account("ada", LOCATOR).encode(value(DATA, 4)),
        Account("Löwe", LOCATOR, (Pass(b"s" * 32, CREATED, END), Pass(b"t" * 32, 1.0, 2.5)), TOKEN).encode(value({}, 5)),
    ],
)
@pytest.mark.parametrize("expires", [None, END, 0.0])
def test_there_and_back(octets: bytes, expires: float | None) -> None:
    text = json.dumps(to_line(MOVES, Record(octets, 7, expires)))
    assert from_line(json.loads(text)) == (MOVES, octets, expires)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "ghost"}, "its kind is 'ghost'"),
        ({"key": "00"}, "'00' is not 32 octets"),
        ({"key": 7}, "wrong type"),
        ({"key": "zz"}, "hexadecimal"),
        ({"created": None}, "created is no time"),
        ({"created": "yesterday"}, "isoformat"),
        ({"id": ""}, "16 octets"),
        ({"data": []}, "data is no object"),
        ({"data": {"a": {"$x": 1}}}, "marks no value"),
        ({"expires": 1}, "wrong type"),
    ],
)
def test_other_lines_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_line(LINE | change)


@pytest.mark.parametrize("missing", ["kind", "key", "expires", "created", "id", "data"])
def test_a_line_is_complete(missing: str) -> None:
    with pytest.raises(ValueError, match=f"it has no '{missing}'"):
        from_line({name: each for name, each in LINE.items() if name != missing})


@pytest.mark.parametrize("change", [{"logins": [7]}, {"logins": None}, {"locator": 7}, {"logins": [{}]}, {"from": "00"}])
def test_other_accounts_are_refused(change: dict[str, Any]) -> None:
    assert from_line(ACCOUNT_LINE)
    with pytest.raises(ValueError, match=r"wrong type|it has no|octets"):
        from_line(ACCOUNT_LINE | change)


@pytest.mark.parametrize("line", [None, [], "visitor", 7])
def test_a_line_is_an_object(line: Any) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        from_line(line)


def test_a_damaged_record_is_an_error() -> None:
    with pytest.raises(StoreError, match="damaged"):
        to_line(MOVES, Record(b"\1x", 1))
