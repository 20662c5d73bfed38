"""Decoded dataclasses are complete: what the content left out is in the object itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from hospes.binding.completing import completing
from hospes.binding.content import decoder_for


@dataclass
class Item:
    name: str
    amount: int = 1
    tags: list[str] = field(default_factory=list)


@dataclass
class Order:
    items: list[Item]
    by_name: dict[str, Item] | None = None


@dataclass(slots=True)
class Slotted:
    name: str
    amount: int = 1


@dataclass(frozen=True)
class Frozen:
    name: str = "x"


@dataclass
class Plain:
    name: str
    tags: list[str] = field(default_factory=list)


@dataclass
class Tree:
    name: str = ""
    below: list[Tree] = field(default_factory=list)


class Holder(msgspec.Struct):
    item: Item


@pytest.mark.parametrize(
    ("kind", "content", "encoded"),
    [
        (Item, b'{"name":"tea"}', b'{"name":"tea","amount":1,"tags":[]}'),
        (Item, b'{"name":"tea","amount":2}', b'{"name":"tea","amount":2,"tags":[]}'),
        (list[Item], b'[{"name":"tea"}]', b'[{"name":"tea","amount":1,"tags":[]}]'),
        (dict[str, Item], b'{"a":{"name":"tea"}}', b'{"a":{"name":"tea","amount":1,"tags":[]}}'),
        (Item | None, b'{"name":"tea"}', b'{"name":"tea","amount":1,"tags":[]}'),
        (Holder, b'{"item":{"name":"tea"}}', b'{"item":{"name":"tea","amount":1,"tags":[]}}'),
        (Frozen, b"{}", b'{"name":"x"}'),
        (Tree, b'{"below":[{}]}', b'{"name":"","below":[{"name":"","below":[]}]}'),
    ],
)
def test_what_was_left_out_is_there_again(kind: Any, content: bytes, encoded: bytes) -> None:
    value = decoder_for(kind)(content)
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(encoded)


def test_members_inside_of_members() -> None:
    value = decoder_for(Order)(b'{"items":[{"name":"a"}],"by_name":{"b":{"name":"b"}}}')
    assert vars(value.items[0]) == {"name": "a", "amount": 1, "tags": []}
    assert vars(value.by_name["b"])["amount"] == 1


@pytest.mark.parametrize("kind", [Slotted, Plain, str, list[int], dict[str, Any], Any])
def test_what_cannot_be_met_costs_nothing(kind: Any) -> None:
    assert completing(kind) is None
