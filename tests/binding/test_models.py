"""Models and their members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, NotRequired, TypedDict, TypeVar, Union

import msgspec
import pytest

from hospes.binding.models import Member, holds_model, is_model, members_of

T = TypeVar("T")


class Row(msgspec.Struct, rename="camel"):
    row_id: int
    note: str = ""


class Array(msgspec.Struct, array_like=True):
    n: int


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


@dataclass
class Size:
    width: Annotated[int, msgspec.Meta(ge=1)]
    tags: list[str] = field(default_factory=list[str])
    area: int = field(init=False, default=0)


class Named(TypedDict):
    name: str
    nick: NotRequired[str]


class Pydantic:
    """What pydantic's BaseModel offers, as far as binding asks."""

    @classmethod
    def model_validate_json(cls, content: bytes) -> Pydantic:
        return cls()

    @classmethod
    def model_validate(cls, value: Any) -> Pydantic:
        return cls()


@pytest.mark.parametrize("kind", [Row, Array, Page[Row], Size, Named, Pydantic, Row | None, Annotated[Row, "x"]])
def test_models(kind: Any) -> None:
    assert is_model(kind)
    assert holds_model(kind)


@pytest.mark.parametrize("kind", [int, list[Row], dict, str | None, Any, Row | Size, Union[Row, Size]])  # noqa: UP007 (the older spelling)
def test_what_is_no_model(kind: Any) -> None:
    assert not is_model(kind)


def test_collections_hold_models() -> None:
    assert all(holds_model(each) for each in (list[Row], dict[str, Size], tuple[Row, ...], Row | int, list[Named] | None))
    assert not any(holds_model(each) for each in (list[int], dict[str, Any], tuple[int, ...], int | str, list))


def test_members() -> None:
    assert members_of(Row) == [Member("row_id", "rowId", int, True), Member("note", "note", str, False)]
    assert members_of(Page[int]) == [Member("items", "items", list[int], True)]
    assert members_of(Size) == [
        Member("width", "width", Annotated[int, msgspec.Meta(ge=1)], True),
        Member("tags", "tags", list[str], False),
    ]
    named = members_of(Named)
    assert named is not None
    assert [(each.name, each.required) for each in named] == [("name", True), ("nick", False)]
    assert named[1].annotation is str
    assert members_of(Array) is None
    assert members_of(int) is None
    assert members_of(Row | int) is None
    assert members_of(Union[Row, int]) is None  # noqa: UP007 (the older spelling)
