"""Looking at annotations: what is inside `Annotated`, `Optional`, unions, aliases and new types.

Law: a question about an annotation is answered here once, so that `X | None`, `Optional[X]`, `Annotated[X | None, …]` and
`type Alias = X | None` are the same everywhere.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, NewType, Union, cast, get_args, get_origin

import msgspec


def plain(annotation: Any) -> Any:
    """The type without `Annotated`, `NewType` and aliases; of a union with None and one other member, that member."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # Python 3.12's `type X = …`
            annotation = annotation.__value__
        elif is_union(annotation) and len(members := _without_none(annotation)) == 1:
            annotation = members[0]
        else:
            return annotation


def class_of(kind: Any) -> type[Any] | None:
    """The class that a type is; None for what is no class, such as `list[int]` or a union."""
    return cast("type[Any]", kind) if isinstance(kind, type) else None


def type_of(value: object) -> type[Any]:
    """A value's own class."""
    return type(value)


def is_union(annotation: Any) -> bool:
    """Whether it is `A | B` or `Union[A, B]`."""
    return get_origin(annotation) in {Union, types.UnionType}


def is_optional(annotation: Any) -> bool:
    """Whether None is one of its values."""
    if get_origin(annotation) is Annotated:
        return is_optional(get_args(annotation)[0])
    if type(annotation).__name__ == "TypeAliasType":
        return is_optional(annotation.__value__)
    return annotation is None or annotation is type(None) or (is_union(annotation) and type(None) in get_args(annotation))


def metadata_of(annotation: Any) -> tuple[Any, ...]:
    """What stands beside the type in `Annotated`, also inside an optional and an alias, outermost first."""
    found: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            inner, *metadata = get_args(annotation)
            found, annotation = (*found, *metadata), inner
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif is_union(annotation) and len(members := _without_none(annotation)) == 1:
            annotation = members[0]
        else:
            return found


def meta_of(annotation: Any) -> tuple[msgspec.Meta, ...]:
    """The constraints of an annotation."""
    return tuple(each for each in metadata_of(annotation) if isinstance(each, msgspec.Meta))


def strip_meta(annotation: Any) -> Any:
    """The type with its constraints and nothing else beside it, not optional: what msgspec is asked to check."""
    kind = plain(annotation)
    for each in reversed(meta_of(annotation)):
        kind = Annotated[kind, each]
    return kind


def element_of(annotation: Any) -> tuple[type, Any] | None:
    """For a collection of one kind of element, its class (list, set, frozenset, tuple) and the element's type; else None."""
    kind = plain(annotation)
    if isinstance(kind, type) and kind in {list, set, frozenset, tuple}:
        return kind, str
    made = _COLLECTIONS.get(get_origin(kind))
    if made is None:
        return None
    arguments = get_args(kind)
    if made is tuple and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        return None
    return made, arguments[0]


def _without_none(annotation: Any) -> list[Any]:
    return [each for each in get_args(annotation) if each is not type(None)]


_COLLECTIONS: dict[Any, type] = {
    list: list,
    Sequence: list,
    set: set,
    AbstractSet: set,
    frozenset: frozenset,
    tuple: tuple,
}
