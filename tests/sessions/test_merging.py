"""Two changed a session at the same time, and nothing is lost that need not be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.sessions.merging import merge
from hospes.store.values import fingerprint

NOT_READ: frozenset[str] = frozenset()

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # name: base, mine, theirs, result
    "nobody changed": ({"a": 1}, {"a": 1}, {"a": 1}, {"a": 1}),
    "I changed": ({"a": 1, "b": 2}, {"a": 9, "b": 2}, {"a": 1, "b": 2}, {"a": 9, "b": 2}),
    "they changed": ({"a": 1}, {"a": 1}, {"a": 9, "c": 3}, {"a": 9, "c": 3}),
    "different names": ({}, {"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
    "I removed": ({"a": 1, "b": 2}, {"b": 2}, {"a": 1, "b": 3}, {"b": 3}),
    "they removed": ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 2}, {"b": 3}),
    "both removed": ({"a": 1, "l": [1]}, {}, {}, {}),
    "I removed what they changed": ({"a": 1, "d": {}}, {}, {"a": 2, "d": {"x": 1}}, {}),
    "I changed what they removed": ({"a": 1}, {"a": 2}, {}, {"a": 2}),
    "counted": ({"n": 5}, {"n": 6}, {"n": 8}, {"n": 9}),
    "counted down": ({"n": 5}, {"n": 4}, {"n": 3}, {"n": 2}),
    "counted from nothing": ({}, {"n": 1}, {"n": 1}, {"n": 2}),
    "counted in halves": ({"n": 1}, {"n": 1.5}, {"n": 2}, {"n": 2.5}),
    "a bool is no number": ({"n": 1}, {"n": True}, {"n": 3}, {"n": True}),
    "true is not one": ({"n": 1}, {"n": 1}, {"n": True}, {"n": True}),
    "text": ({"t": "a"}, {"t": "b"}, {"t": "c"}, {"t": "b"}),
    "another kind": ({"t": 1}, {"t": "b"}, {"t": 2}, {"t": "b"}),
    "lists grew": ({"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, {"l": [1, 3, 2]}),
    "lists began": ({}, {"l": [2]}, {"l": [3]}, {"l": [3, 2]}),
    "emptied here, grew there": ({"l": [1]}, {"l": []}, {"l": [1, 2]}, {"l": [2]}),
    "removed here, grew there": ({"l": [1]}, {}, {"l": [1, 2]}, {"l": [2]}),
    "grew here, removed there": ({"l": [1]}, {"l": [1, 2]}, {}, {"l": [2]}),
    "changed here, grew there": ({"l": [1, 2]}, {"l": [2, 1]}, {"l": [1, 2, 3]}, {"l": [2, 1, 3]}),
    "elements": ({"l": [1, {"n": 1}, 7]}, {"l": [5, {"n": 2}, 7]}, {"l": [1, {"n": 3}, 8]}, {"l": [5, {"n": 4}, 8]}),
    "lists that say nothing": ({"l": [1, 2]}, {"l": [3]}, {"l": [4]}, {"l": [3]}),
    "dicts": ({"d": {"a": 1, "b": 1}}, {"d": {"a": 2, "b": 1}}, {"d": {"a": 1, "b": 5}}, {"d": {"a": 2, "b": 5}}),
    "dicts began": ({}, {"d": {"a": 1}}, {"d": {"b": 1}}, {"d": {"b": 1, "a": 1}}),
    "nan": ({"n": float("nan")}, {"n": float("nan")}, {"n": 1.0}, {"n": 1.0}),
}


@pytest.mark.parametrize("name", CASES)
def test_of_two_changes(name: str) -> None:
    base, mine, theirs, result = CASES[name]
    assert fingerprint(merge(base, mine, theirs)) == fingerprint(result)


def test_what_was_not_read_is_replaced() -> None:
    base, mine, theirs = {"page": 3, "n": 0}, {"page": 7, "n": 1}, {"page": 5, "n": 1}
    assert merge(base, mine, theirs, {"n"}) == {"page": 7, "n": 2}
    assert merge({"a": 1}, {}, {"a": 2}, NOT_READ) == {}


CONTENT = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=2),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
        max_leaves=5,
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(CONTENT, CONTENT)
def test_one_change_is_that_change(base: dict[str, Any], changed: dict[str, Any]) -> None:
    for read in (NOT_READ, frozenset("abc")):
        assert sorted_print(merge(base, changed, base, read)) == sorted_print(changed)
        assert sorted_print(merge(base, base, changed, read)) == sorted_print(changed)


@settings(max_examples=200)
@given(CONTENT, CONTENT, CONTENT)
def test_whatever_there_is_comes_together_and_harms_nobody(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    before = [fingerprint(each) for each in (base, mine, theirs)]
    assert set(merge(base, mine, theirs)) <= set(mine) | set(theirs)
    assert [fingerprint(each) for each in (base, mine, theirs)] == before


def sorted_print(content: dict[str, Any]) -> bytes:
    return fingerprint({name: content[name] for name in sorted(content)})
