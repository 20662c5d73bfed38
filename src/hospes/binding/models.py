"""Models: types that a JSON object, or a form, is made into.

Laws:

* A dataclass, a msgspec Struct, a TypedDict and a pydantic model are models; `list[Model]`, `dict[str, Model]` and the like are
  made of them. hospes does not import pydantic: a class with pydantic's `model_validate_json` counts as one.
* A model is the same whatever brings it: what JSON names a member, a form and a query name a parameter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from msgspec import Struct

from hospes.binding.annotations import class_of, is_union, plain
from hospes.binding.pydantic import is_pydantic


class Member(Struct, frozen=True):
    """One member of a model."""

    name: str
    """Its attribute, or its key in a TypedDict."""
    key: str
    """Its name in JSON and in forms."""
    annotation: Any
    required: bool


def is_model(annotation: Any) -> bool:
    """Whether it is a model itself."""
    kind = _model_class(annotation)
    if kind is None:
        return False
    return dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct) or is_typeddict(kind) or is_pydantic(kind)


def holds_model(annotation: Any) -> bool:
    """Whether it is a model, a collection of models, or a union that has one."""
    kind = plain(annotation)
    if is_model(kind):
        return True
    if is_union(kind) or get_origin(kind) is not None:
        return any(holds_model(each) for each in get_args(kind) if each is not Ellipsis)
    return False


def members_of(annotation: Any) -> Sequence[Member] | None:
    """The members of a dataclass, Struct or TypedDict; None for anything else, and for a Struct that is a JSON array.

    Raises:
        NameError: if an annotation names what cannot be found.
    """
    origin = _model_class(annotation)
    if origin is None:
        return None
    if issubclass(origin, msgspec.Struct):
        return None if origin.__struct_config__.array_like else _of_struct(plain(annotation))
    if is_typeddict(origin):
        return _of_typed_dict(origin)
    if dataclasses.is_dataclass(origin):
        return _of_dataclass(origin)
    return None


def _model_class(annotation: Any) -> type[Any] | None:
    """The class itself; that of a generic model with arguments, such as `Page[Item]`, too."""
    kind = plain(annotation)
    return class_of(get_origin(kind) or kind)


def _of_struct(kind: Any) -> list[Member]:
    return [Member(each.name, each.encode_name, each.type, each.required) for each in msgspec.structs.fields(kind)]


def _of_typed_dict(kind: type[Any]) -> list[Member]:
    needed: frozenset[str] = getattr(kind, "__required_keys__")  # noqa: B009 (typing has no name for such a class)
    members: list[Member] = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        # Where annotations are strings, Python has not seen NotRequired when it made `__required_keys__`.
        wrapper = get_origin(hint)
        required = wrapper is Required or (wrapper is not NotRequired and name in needed)
        members.append(Member(name, name, get_args(hint)[0] if wrapper in {Required, NotRequired} else hint, required))
    return members


def _of_dataclass(kind: Any) -> list[Member]:
    hints = get_type_hints(kind, include_extras=True)
    missing = dataclasses.MISSING
    return [
        Member(each.name, each.name, hints[each.name], each.default is missing and each.default_factory is missing)
        for each in dataclasses.fields(kind)
        if each.init
    ]
