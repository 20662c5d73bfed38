"""Readers of texts: values of the path, parameters of query and form, header fields, cookies.

Laws:

* A reader of a path value or of a parameter is one Python call; what it converts with is C wherever it can be.
* Where a route's requests cannot bring a form, only the query is asked. Where they can, the form's values come first.
* The text that was refused is shown, shortened; cookies and fields that often hold secrets are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from hospes.binding.errors import Unfit, shown, unfit
from hospes.binding.markers import RegGroup
from hospes.binding.scalars import Converter, usual_kind
from hospes.binding.source import Otherwise, Read
from hospes.http.direct import Origin, Usual
from hospes.http.request import Request


class Place(Struct, frozen=True):
    """Where a text is looked for."""

    source: str
    """path, query, header or cookie; query stands for the form too where `forms`."""
    name: str
    forms: bool = False

    def source_in(self, request: Request) -> str:
        """The source's name in an error."""
        if self.source == "query" and self.forms and request.content is not None and self.name not in request.query:
            return "form"
        return self.source


def refusal(place: Place, request: Request, text: str, expected: str, pointer: str = "") -> Unfit:
    """Say that a text is not what was expected."""
    message = expected if place.source in {"header", "cookie"} else f"{expected}, got {shown(text)}"
    return unfit(place.source_in(request), pointer or place.name, message)


def parameters_of(request: Request, forms: bool) -> Mapping[str, list[str]]:
    """Form and query together, or the query alone."""
    return request.parameters if forms and request.content is not None else request.query


def path_value(name: str, converter: Converter) -> Read:
    """Reads what `{name}` matched."""
    check, make, place = converter.check, converter.make, Place("path", name)
    if make is None:
        return lambda request: request.path_values[name]

    def read(request: Request) -> Any:
        text = request.path_values[name]
        try:
            if check is None or check(text) is not None:
                return make(text)
        except ValueError:
            pass
        raise _refused(place, request, text, converter)

    return read


def usual_path_value(name: str, converter: Converter) -> Usual | None:
    """What `path_value` reads of the usual request."""
    kind = usual_kind(converter)
    return None if kind is None else Usual(Origin.PATH, name, kind)


def usual_parameter(place: Place, converter: Converter | None, otherwise: Otherwise) -> Usual | None:
    """What `first_parameter` reads of the usual request."""
    kind = None if converter is None else usual_kind(converter)
    if kind is None:
        return None
    return Usual(Origin.QUERY, place.name, kind, (otherwise.value,) if otherwise.make is None else ())


def reg_group(group: int, converter: Converter, as_marker: bool) -> Read:
    """Reads what a group of a regexp route matched; a `RegGroup`, or a value of the declared type."""
    place = Place("path", f"group {group}")

    def read(request: Request) -> Any:
        try:
            text = request.reg_groups[group]
        except IndexError:
            raise unfit("path", place.name, f"the path has {len(request.reg_groups)} groups, counted from 0") from None
        return RegGroup(group, text) if as_marker else _converted(place, request, text, converter)

    return read


def first_parameter(place: Place, converter: Converter, otherwise: Otherwise) -> Read:
    """Reads the first value of a parameter."""
    name, forms, check, make = place.name, place.forms, converter.check, converter.make
    value, fresh = otherwise.value, otherwise.make

    def read(request: Request) -> Any:
        values = (request.parameters if forms and request.content is not None else request.query).get(name)
        if not values:
            return value if fresh is None else fresh()
        text = values[0]
        if make is None:
            return text
        try:
            if check is None or check(text) is not None:
                return make(text)
        except ValueError:
            pass
        raise _refused(place, request, text, converter)

    return read


def all_parameters(place: Place, made: Callable[[list[Any]], Any], converter: Converter, otherwise: Otherwise) -> Read:
    """Reads every value of a parameter into a list, a set or a tuple."""

    def read(request: Request) -> Any:
        values = parameters_of(request, place.forms).get(place.name)
        return made(_each(place, request, values, converter)) if values else otherwise()

    return read


def fixed_parameters(place: Place, converters: tuple[Converter, ...], otherwise: Otherwise) -> Read:
    """Reads the values of a parameter into a tuple of so many."""

    def read(request: Request) -> Any:
        values = parameters_of(request, place.forms).get(place.name)
        if not values:
            return otherwise()
        if len(values) != len(converters):
            raise unfit(place.source_in(request), place.name, f"expected {len(converters)} values, got {len(values)}")
        each = zip(values, converters, strict=True)
        return tuple(_converted(place, request, text, converter) for text, converter in each)

    return read


def remaining_parameters(taken: frozenset[str], converter: Converter, forms: bool) -> Read:
    """Reads the first values of all parameters that no other argument takes."""

    def read(request: Request) -> dict[str, Any]:
        return {
            name: _converted(Place("query", name, forms), request, values[0], converter)
            for name, values in parameters_of(request, forms).items()
            if name not in taken and values
        }

    return read


def json_parameter(place: Place, decode: Callable[[Request, str, str, str], Any], otherwise: Otherwise) -> Read:
    """Reads a parameter that is JSON."""

    def read(request: Request) -> Any:
        values = parameters_of(request, place.forms).get(place.name)
        return decode(request, place.source_in(request), place.name, values[0]) if values else otherwise()

    return read


def all_json_parameters(
    place: Place,
    made: Callable[[list[Any]], Any],
    decode: Callable[[Request, str, str, str], Any],
    otherwise: Otherwise,
) -> Read:
    """Reads every value of a parameter, each of which is JSON."""

    def read(request: Request) -> Any:
        values = parameters_of(request, place.forms).get(place.name)
        if not values:
            return otherwise()
        source, several = place.source_in(request), len(values) > 1
        decoded: list[Any] = []
        errors: list[Any] = []
        for index, text in enumerate(values):
            try:
                decoded.append(decode(request, source, f"{place.name}/{index}" if several else place.name, text))
            except Unfit as error:
                errors.extend(error.errors)
        if errors:
            raise Unfit(*errors)
        return made(decoded)

    return read


def header_field(place: Place, names: tuple[str, ...], converter: Converter, otherwise: Otherwise) -> Read:
    """Reads a header field, under the first of `names` that is there."""

    def read(request: Request) -> Any:
        headers = request.headers
        for name in names:
            text = headers.get(name)
            if text is not None:
                return _converted(place, request, text, converter)
        return otherwise()

    return read


def header_lines(
    place: Place, names: tuple[str, ...], made: Callable[[list[Any]], Any], converter: Converter, otherwise: Otherwise
) -> Read:
    """Reads the lines of a header field, one by one."""

    def read(request: Request) -> Any:
        for name in names:
            lines = request.headers.get_all(name)
            if lines:
                return made(_each(place, request, lines, converter))
        return otherwise()

    return read


def cookie_value(place: Place, converter: Converter, otherwise: Otherwise) -> Read:
    """Reads a cookie's value."""

    def read(request: Request) -> Any:
        text = request.cookies.get(place.name)
        return otherwise() if text is None else _converted(place, request, text, converter)

    return read


def _each(place: Place, request: Request, texts: list[str], converter: Converter) -> list[Any]:
    """Convert every text, and tell all that do not fit."""
    if converter.make is None:
        return list(texts)
    values: list[Any] = []
    errors: list[Any] = []
    for index, text in enumerate(texts):
        try:
            values.append(converter(text))
        except ValueError as error:
            pointer = f"{place.name}/{index}" if len(texts) > 1 else place.name
            errors.extend(refusal(place, request, text, str(error), pointer).errors)
    if errors:
        raise Unfit(*errors)
    return values


def _converted(place: Place, request: Request, text: str, converter: Converter) -> Any:
    try:
        return converter(text)
    except ValueError as error:
        raise refusal(place, request, text, str(error)) from None


def _refused(place: Place, request: Request, text: str, converter: Converter) -> Unfit:
    """Say what is wrong with a text that the quick way has refused."""
    try:
        converter(text)
    except ValueError as error:
        return refusal(place, request, text, str(error))
    return refusal(place, request, text, f"expected {converter.expected}")
