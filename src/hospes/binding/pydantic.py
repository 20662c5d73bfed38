"""Pydantic models, known by their face: hospes does not depend on pydantic, and does not import it.

Law: what a pydantic model refuses is told as everything else is, each error with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from hospes.binding.annotations import plain
from hospes.binding.errors import Unfit, unfit
from hospes.binding.words import escaped
from hospes.http.problem import FieldError


def is_pydantic(kind: Any) -> bool:
    """Whether it is a pydantic model, or behaves like one."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_validate")


def pydantic_in(annotation: Any) -> type | None:
    """The pydantic model inside a collection or union; None where the annotation is one itself, or has none."""
    kind = plain(annotation)
    if is_pydantic(kind):
        return None
    for each in get_args(kind):
        inner = plain(each)
        if is_pydantic(inner):
            return inner if isinstance(inner, type) else None
        if (deeper := pydantic_in(inner)) is not None:
            return deeper
    return None


def validated(validate: Callable[[Any], Any], given: object, source: str, root: str) -> Any:
    """What a model's own validation makes of a value.

    Args:
        validate: `model_validate` or `model_validate_json`.
        given: The value.
        source: Where it comes from, for errors.
        root: Its own place, to which pydantic's are added: a JSON Pointer with `#`, or "" for parameters.

    Raises:
        Unfit: with everything pydantic found wrong.
    """
    try:
        return validate(given)
    except ValueError as error:
        listed: Any = getattr(error, "errors", None)
        if listed is None:
            raise unfit(source, root, str(error)) from None
        errors = (_of_pydantic(each, source, root) for each in listed())
        raise Unfit(*errors) from None


def _of_pydantic(error: Mapping[str, Any], source: str, root: str) -> FieldError:
    steps = "/".join(escaped(str(step)) for step in error.get("loc", ()))
    pointer = f"{root}/{steps}" if root and steps else root or steps
    message = "missing" if error.get("type") == "missing" else str(error.get("msg", "does not fit"))
    return FieldError(source, pointer, message)
