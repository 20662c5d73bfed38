"""What is inside annotations."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, NewType, Optional, Union

import pytest
from msgspec import Meta

from hospes.binding.annotations import (
    class_of,
    element_of,
    is_optional,
    is_union,
    meta_of,
    metadata_of,
    plain,
    strip_meta,
    type_of,
)

UserId = NewType("UserId", int)
ONE = Meta(ge=1)


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        Optional[int],  # noqa: UP045 (the older spelling)
        int | None,
        Annotated[int, ONE],
        Annotated[int | None, "x"],
        Annotated[int, "x"] | None,
        UserId,
        Union[None, UserId],  # noqa: UP007 (the older spelling)
    ],
)
def test_plain(annotation: Any) -> None:
    assert plain(annotation) is int


def test_unions_of_several_stay() -> None:
    assert plain(int | str | None) == int | str | None
    assert is_union(int | str)
    assert is_union(Union[int, str])  # noqa: UP007 (the older spelling)
    assert not is_union(list[int])


def test_optional() -> None:
    older = Optional[int]  # noqa: UP045 (the older spelling)
    assert all(is_optional(each) for each in (None, type(None), older, int | None, Annotated[int | None, 1], int | str | None))
    assert not any(is_optional(each) for each in (int, int | str, Annotated[int, None], list[int | None]))


def test_metadata_of_all_layers() -> None:
    assert metadata_of(Annotated[Annotated[int, ONE] | None, "x"]) == ("x", ONE)
    assert metadata_of(int) == ()
    assert meta_of(Annotated[int, "x", ONE]) == (ONE,)


def test_strip_meta_keeps_the_constraints_only() -> None:
    assert strip_meta(Annotated[int | None, "x", ONE]) == Annotated[int, ONE]
    assert strip_meta(int) is int


@pytest.mark.parametrize(
    ("annotation", "element"),
    [
        (list, (list, str)),
        (list[int], (list, int)),
        (Sequence[int], (list, int)),
        (set[int], (set, int)),
        (AbstractSet[int], (set, int)),
        (frozenset[int], (frozenset, int)),
        (tuple[int, ...], (tuple, int)),
        (list[int] | None, (list, int)),
        (tuple[int, str], None),
        (dict[str, int], None),
        (int, None),
    ],
)
def test_elements(annotation: Any, element: Any) -> None:
    assert element_of(annotation) == element


def test_classes() -> None:
    assert class_of(int) is int
    assert class_of(list[int]) is None
    assert type_of(1) is int


def test_aliases_of_the_type_statement() -> None:
    class TypeAliasType:
        """Python 3.12's, which 3.11 lacks."""

        def __init__(self, value: Any) -> None:
            self.__value__ = value

    assert plain(TypeAliasType(int)) is int
    alias = TypeAliasType(Annotated[int | None, "x"])
    assert plain(alias) is int
    assert is_optional(alias)
    assert metadata_of(alias) == ("x",)
