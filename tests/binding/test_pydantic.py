"""Pydantic models, by their face."""

from __future__ import annotations

from typing import Any

import pytest

from hospes.binding.errors import Unfit
from hospes.binding.pydantic import is_pydantic, pydantic_in, validated
from hospes.http.problem import FieldError


class Row:
    pass


class Invalid(ValueError):
    def errors(self) -> list[dict[str, Any]]:
        return [{"type": "missing", "loc": ("a/b", 0), "msg": "Field required"}, {"loc": (), "msg": "Wrong"}]


class Pydantic:
    """What pydantic's BaseModel offers, as far as binding asks."""

    @classmethod
    def model_validate_json(cls, content: bytes) -> Pydantic:
        return cls()

    @classmethod
    def model_validate(cls, value: Any) -> Pydantic:
        if value == "invalid":
            raise Invalid
        if value == "wrong":
            raise ValueError("plainly wrong")
        return cls()


def test_pydantic_is_known_by_its_face() -> None:
    assert is_pydantic(Pydantic)
    assert not is_pydantic(Row)
    assert pydantic_in(list[Pydantic]) is Pydantic
    assert pydantic_in(dict[str, list[Pydantic]]) is Pydantic
    assert pydantic_in(Pydantic) is None
    assert pydantic_in(list[Row]) is None


def test_its_errors_are_told_with_their_places() -> None:
    assert isinstance(validated(Pydantic.model_validate, "right", "json", "#"), Pydantic)
    for value, root, errors in (
        ("invalid", "#/x", [("#/x/a~1b/0", "missing"), ("#/x", "Wrong")]),
        ("invalid", "", [("a~1b/0", "missing"), ("", "Wrong")]),
        ("wrong", "#", [("#", "plainly wrong")]),
    ):
        with pytest.raises(Unfit) as caught:
            validated(Pydantic.model_validate, value, "json", root)
        assert list(caught.value.errors) == [FieldError("json", pointer, message) for pointer, message in errors]
