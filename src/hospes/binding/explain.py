"""Why JSON does not fit a type: all that is wrong with it, each error with its place.

The decoder stops at the first error, which is right for the fast way and unkind to whoever has to mend the content. So content
that was refused is decoded once more, into plain values, and walked beside the type.

Laws:

* An error names its place as a JSON Pointer fragment (RFC 6901 §6): `#/items/3/price`.
* The decoder's own first error is always among the errors, for it alone decides whether content fits.
* The work is bounded: `STEPS` values are looked at, `MOST` errors and a count of the others are given. No part is looked at again
  for each of its parents, but for what has no error of its own and is checked as a whole (`__post_init__`, unions, tags).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, get_args, get_origin

import msgspec

from hospes.binding.annotations import element_of, is_optional, is_union, plain, strip_meta, type_of
from hospes.binding.errors import MOST, Unfit, shown
from hospes.binding.models import Member, members_of
from hospes.binding.pydantic import is_pydantic, validated
from hospes.binding.scalars import converter_for
from hospes.binding.words import NOT_ALLOWED, escaped, told
from hospes.http.problem import FieldError

STEPS = 10_000
"""Values looked at: some tens of milliseconds at the most."""

_DECODER = msgspec.json.Decoder()


def explain(content: bytes, annotation: Any, first: Exception) -> list[FieldError]:
    """All that is wrong with JSON content.

    Args:
        content: What the decoder refused; no deeper than the limit.
        annotation: The type it should have fitted.
        first: What the decoder said.
    """
    try:
        value = _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        return [FieldError("json", "#", f"this is no JSON: {_lower(str(error))}")]
    walk = _Walk()
    with suppress(RecursionError):  # where a program has lifted the limit of depth: then what was found until there
        walk.look(value, annotation, "#")
    steps, message = told(str(first))
    place = "#" + steps
    # An error at or below that place is the same one, told better.
    if not any(each.pointer == place or each.pointer.startswith(place + "/") for each in walk.errors):
        walk.errors.insert(0, FieldError("json", place, message))
    if walk.steps > STEPS:
        walk.errors.append(FieldError("json", "#", f"only the first {STEPS} values were looked at; there may be more errors"))
    return walk.errors


class _Walk:
    """A value beside its type."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.steps = 0

    def look(self, value: Any, annotation: Any, pointer: str) -> None:
        """Collect the errors of a value and of all inside it."""
        self.steps += 1
        kind = type_of(value)
        if self.steps > STEPS or len(self.errors) > 10 * MOST or (kind is type(None) and is_optional(annotation)):
            return
        before = len(self.errors)
        if is_pydantic(plain(annotation)):
            self._pydantic(value, plain(annotation), pointer)
            return
        if kind is dict:
            self._object(value, annotation, pointer)
        elif kind is list:
            self._list(value, annotation, pointer)
        if len(self.errors) == before:
            self._whole(value, annotation, pointer)

    def _pydantic(self, value: Any, kind: Any, pointer: str) -> None:
        try:
            validated(kind.model_validate, value, "json", pointer)
        except Unfit as unfit:
            self.errors.extend(unfit.errors)

    def _object(self, value: dict[str, Any], annotation: Any, pointer: str) -> None:
        members = members_of(annotation)
        if members is not None:
            self._members(value, members, pointer)
            return
        kind = plain(annotation)
        arguments = get_args(kind)
        if get_origin(kind) is dict and len(arguments) == 2:
            for key, each in value.items():
                if self.steps > STEPS:
                    break
                self.look(each, arguments[1], f"{pointer}/{escaped(key)}")

    def _members(self, value: dict[str, Any], members: Any, pointer: str) -> None:
        each: Member
        for each in members:
            if each.key in value:
                self.look(value[each.key], each.annotation, f"{pointer}/{escaped(each.key)}")
            elif each.required:
                self.errors.append(FieldError("json", f"{pointer}/{escaped(each.key)}", "missing"))

    def _list(self, value: list[Any], annotation: Any, pointer: str) -> None:
        element = element_of(annotation)
        arguments = get_args(plain(annotation))
        if element is not None and arguments:
            for index, each in enumerate(value):
                if self.steps > STEPS:
                    break
                self.look(each, element[1], f"{pointer}/{index}")
        elif get_origin(plain(annotation)) is tuple and len(arguments) == len(value):
            for index, (each, kind) in enumerate(zip(value, arguments, strict=True)):
                self.look(each, kind, f"{pointer}/{index}")

    def _whole(self, value: Any, annotation: Any, pointer: str) -> None:
        """What only msgspec can say: of a single value, and of an object or a list whose parts are right."""
        try:
            msgspec.convert(value, annotation if is_union(plain(annotation)) else strip_meta(annotation), str_keys=True)
        except msgspec.ValidationError as error:
            steps, message = told(str(error))
            if not steps and message == NOT_ALLOWED:
                message = _choices(annotation)
            if not steps and message.startswith("expected "):
                message += f", got {shown(value)}"
            self.errors.append(FieldError("json", pointer + steps, message))


def _choices(annotation: Any) -> str:
    """What an Enum or a Literal allows."""
    converter = converter_for(annotation)
    return NOT_ALLOWED if converter is None else f"expected {converter.expected}"


def _lower(text: str) -> str:
    text = text.removeprefix("JSON is malformed: ")
    return text[:1].lower() + text[1:]
