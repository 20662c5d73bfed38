"""All that is wrong with JSON, with its place, and within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.binding.errors import MOST
from hospes.binding.explain import STEPS, explain


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=5)]
    price: Annotated[float, msgspec.Meta(ge=0)]
    colour: Colour = Colour.RED
    kind: Literal["a", "b"] = "a"
    when: datetime | None = None
    parts: list[Item] = []


class Order(msgspec.Struct, rename="camel"):
    all_items: list[Item]
    by_name: dict[str, Item] = {}
    pair: tuple[int, str] = (0, "")
    choice: int | list[int] | None = None
    note: str | None = None


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    name: str


@dataclass
class Range:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


class Deep(TypedDict):
    ranges: list[Range]


def explained(content: bytes, kind: Any) -> list[tuple[str, str]]:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(content, type=kind)
    found = explain(content, kind, caught.value)
    assert {each.source for each in found} == {"json"}
    return [(each.pointer, each.message) for each in found]


@pytest.mark.parametrize(
    ("kind", "content", "errors"),
    [
        (Item, b"[]", [("#", "expected an object, got a list")]),
        (Item, b"{}", [("#/name", "missing"), ("#/price", "missing")]),
        (
            Item,
            b'{"name":"","price":-1}',
            [("#/name", "expected a string of length >= 1, got ''"), ("#/price", "expected a number >= 0.0, got -1")],
        ),
        (
            Item,
            b'{"name":"abcdef","price":"1"}',
            [("#/name", "expected a string of length <= 5, got 'abcdef'"), ("#/price", "expected a number, got '1'")],
        ),
        (Item, b'{"name":"a","price":1,"colour":"green"}', [("#/colour", "expected one of 'red', 'blue', got 'green'")]),
        (Item, b'{"name":"a","price":1,"kind":"c"}', [("#/kind", "expected one of 'a', 'b', got 'c'")]),
        (
            Item,
            b'{"name":"a","price":1,"when":"x"}',
            [("#/when", "expected a date and time such as 2026-01-31T12:00:00Z, got 'x'")],
        ),
        (Item, b'{"name":"a","price":null}', [("#/price", "expected a number, got null")]),
        (
            Order,
            b'{"allItems":[{"name":"a","price":1},{"name":1,"price":"x"},2]}',
            [
                ("#/allItems/1/name", "expected a string, got 1"),
                ("#/allItems/1/price", "expected a number, got 'x'"),
                ("#/allItems/2", "expected an object, got 2"),
            ],
        ),
        (
            Order,
            b'{"allItems":{},"byName":{"a/b~c":{"name":"a"}}}',
            [("#/allItems", "expected a list, got an object"), ("#/byName/a~1b~0c/price", "missing")],
        ),
        (
            Order,
            b'{"allItems":[],"pair":["x",1]}',
            [("#/pair/0", "expected an integer, got 'x'"), ("#/pair/1", "expected a string, got 1")],
        ),
        (Order, b'{"allItems":[],"pair":[1]}', [("#/pair", "expected a list of length 2, got a list")]),
        (Order, b'{"allItems":[],"choice":"x"}', [("#/choice", "expected an integer or a list or null, got 'x'")]),
        (Order, b'{"allItems":[],"choice":[1,"x"]}', [("#/choice/1", "expected an integer")]),
        (Order, b'{"allItems":[],"note":5}', [("#/note", "expected a string, got 5")]),
        (Strict, b'{"a":1,"b":2}', [("#", "object contains unknown field `b`")]),
        (Cat | Dog, b'{"type":"Cat"}', [("#/lives", "missing")]),
        (Cat | Dog, b'{"type":"Cow"}', [("#/type", "not one of the values that are allowed")]),
        (Cat | Dog, b"{}", [("#/type", "missing")]),
        (
            Deep,
            b'{"ranges":[{"low":1,"high":2},{"low":2,"high":1},{"low":"x","high":1}]}',
            [("#/ranges/1", "low must not be above high"), ("#/ranges/2/low", "expected an integer, got 'x'")],
        ),
        (list[int], b'[1,"a",2,"b"]', [("#/1", "expected an integer, got 'a'"), ("#/3", "expected an integer, got 'b'")]),
        (dict[str, int], b'{"a":"x"}', [("#/a", "expected an integer, got 'x'")]),
        (Item, b'{"name', [("#", "this is no JSON: input data was truncated")]),
        (Item, b"{} {}", [("#", "this is no JSON: trailing characters (byte 4)")]),
        (int, b'"\xff"', [("#", "this is no JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte")]),
    ],
)
def test_explains(kind: Any, content: bytes, errors: list[tuple[str, str]]) -> None:
    assert explained(content, kind) == errors


def test_values_are_shown_shortened() -> None:
    assert explained(b'["' + b"x" * 1000 + b'"]', list[int]) == [("#/0", f"expected an integer, got '{'x' * 40}'…")]


def test_a_tree_as_deep_as_the_limit_allows() -> None:
    content = b'{"name":1,"price":1,"parts":[' * 40 + b"]}" * 40
    assert explained(content, Item)[0][0] == "#/name"
    assert len(explained(content, Item)) == 40


def test_deeper_than_python_can_walk() -> None:
    content = b'{"name":"a","price":1,"parts":[' * 450 + b"1" + b"]}" * 450
    found = explained(content, Item)
    assert found[0] == ("#" + "/parts/0" * 450, "expected an object")


def test_what_only_the_decoder_refuses() -> None:
    assert explained(b"1e999", float) == [("#", "this is no JSON: number out of range")]
    assert explained(b'{"x":1}', dict[int, int]) == [("#", "a key does not fit: expected an integer")]


def test_the_work_is_bounded() -> None:
    count = STEPS * 3
    content = b"[" + b"1," * count + b'"x"]'
    found = explained(content, list[int])
    # The decoder knows the place, although nobody walked that far.
    assert found == [
        (f"#/{count}", "expected an integer"),
        ("#", f"only the first {STEPS} values were looked at; there may be more errors"),
    ]


def test_many_errors_end_the_walk() -> None:
    content = b"[" + b",".join([b'"x"'] * (MOST * 50)) + b"]"
    assert MOST < len(explained(content, list[int])) <= MOST * 11


def test_many_keys_end_the_walk() -> None:
    content = b"{" + b",".join(b'"k%d":%d' % (index, index) for index in range(STEPS * 2)) + b',"z":"x"}'
    assert len(explained(content, dict[str, int])) == 2


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "price", "allItems", "parts", "x"]), inner, max_size=4)
    ),
)


@given(JSON_VALUES, st.sampled_from([Item, Order, Strict, Cat | Dog, Deep, list[Item], dict[str, Item], Range]))
def test_whatever_is_refused_is_explained(value: Any, kind: Any) -> None:
    content = msgspec.json.encode(value)
    try:
        msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        found = explain(content, kind, error)
        assert found
        assert all(each.pointer.startswith("#") and each.message for each in found)
