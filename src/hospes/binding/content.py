"""Readers of content: models from JSON and from forms, plain JSON, octets, files.

Laws:

* JSON is taken from content that says it is JSON: `application/json` or `application/*+json`. Anything else is refused, which
  also keeps another site's page from posting JSON as text without being asked first.
* The decoder is made when the application starts; a request that fits is decoded once, straight into the model.
* One model serves JSON, a form, and a query where the route's requests have no content: by the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_origin

import msgspec

from hospes.binding.annotations import element_of, plain, type_of
from hospes.binding.completing import completing
from hospes.binding.errors import Unfit, unfit
from hospes.binding.explain import explain
from hospes.binding.markers import BytesBody, JSONBody
from hospes.binding.models import Member
from hospes.binding.pydantic import is_pydantic, pydantic_in, validated
from hospes.binding.source import Otherwise, Read
from hospes.binding.words import in_words
from hospes.errors import HttpError
from hospes.http import json
from hospes.http.direct import Origin, Usual
from hospes.http.multipart import MultipartFile
from hospes.http.problem import FieldError
from hospes.http.request import Request

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
"""Media types that are forms."""

_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError)


def is_form(request: Request) -> bool:
    """Whether the content is a form."""
    media_type = request.media_type
    return media_type is not None and media_type.essence in FORMS


def json_value(annotation: Any, otherwise: Otherwise) -> Read:
    """Reads the content as JSON of a type."""
    decode = decoder_for(annotation)

    def read(request: Request) -> Any:
        content = request.body
        if not content:
            return otherwise()
        _check_type(request)
        _check_limits(content, request)
        return decode(content)

    return read


def _check_limits(content: bytes, request: Request) -> None:
    limits = request.connection.limits
    json.check_depth(content, limits.json_depth, limits.json_containers)
    json.check_digits(content, limits.json_digits)


def decoder_for(annotation: Any) -> Callable[[bytes], Any]:
    """A function that decodes JSON into a type, or raises `Unfit` with all that is wrong.

    Raises:
        TypeError: if msgspec cannot decode into the type.
    """
    kind = plain(annotation)
    if is_pydantic(kind):
        return _pydantic_decoder(kind)
    hook = _hook if pydantic_in(annotation) is not None else None
    decode = msgspec.json.Decoder(annotation, dec_hook=hook).decode
    complete = completing(annotation)

    def checked(content: bytes) -> Any:
        try:
            value = decode(content)
        except _REFUSED as error:
            raise Unfit(*explain(content, annotation, error)) from None
        if complete is not None:
            complete(value)
        return value

    return checked


def usual_json(annotation: Any, made: Callable[[Any], Any] | None = None) -> Usual | None:
    """What `json_value` reads of the usual request; None where the decoder is not all there is to it.

    Args:
        annotation: The type.
        made: Makes the argument of the decoded value.
    """
    if is_pydantic(plain(annotation)) or pydantic_in(annotation) is not None or completing(annotation) is not None:
        return None
    decode = msgspec.json.Decoder(annotation).decode
    return Usual(Origin.CONTENT, decode=decode if made is None else lambda content: made(decode(content)))


def json_object(otherwise: Otherwise) -> Read:
    """Reads the content as a JSON object."""
    read_dict = json_value(dict[str, Any], otherwise)

    def read(request: Request) -> Any:
        value: Any = read_dict(request)
        return JSONBody(value) if type_of(value) is dict else value

    return read


def text_decoder(annotation: Any) -> Callable[[Request, str, str, str], Any]:
    """A function that decodes JSON in a parameter: (request, source, name, text) → value."""
    decode = decoder_for(annotation)

    def read(request: Request, source: str, name: str, text: str) -> Any:
        content = text.encode()
        try:
            _check_limits(content, request)
            return decode(content)
        except HttpError as error:
            raise unfit(source, name, f"{error.message}: {error.explain}") from None
        except Unfit as error:
            errors = (FieldError(source, name + each.pointer.removeprefix("#"), each.message) for each in error.errors)
            raise Unfit(*errors) from None

    return read


def model_of_members(annotation: Any, members: Sequence[tuple[Member, Read]]) -> Read:
    """Reads a model member by member from parameters; what is missing is left to the model's own defaults."""
    kind = get_origin(plain(annotation)) or plain(annotation)

    def read(request: Request) -> Any:
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for member, read_member in members:
            try:
                value = read_member(request)
            except Unfit as unfit_member:
                errors.extend(unfit_member.errors)
            else:
                if value is not ABSENT:
                    values[member.name] = value
        if errors:
            raise Unfit(*errors)
        try:
            return kind(**values)
        except (ValueError, TypeError) as error:
            raise unfit("form" if request.content is not None else "query", "", in_words(str(error))) from None

    return read


def pydantic_of_parameters(kind: Any, forms: bool) -> Read:
    """Reads a pydantic model from parameters."""

    def read(request: Request) -> Any:
        values = request.parameters if forms and request.content is not None else request.query
        given = {name: each[0] if len(each) == 1 else each for name, each in values.items()}
        source = "form" if forms and request.content is not None else "query"
        return validated(kind.model_validate, given, source, "")

    return read


ABSENT = object()
"""What a member's reader gives where the request does not bring the member."""


def by_content(of_json: Read, of_form: Read) -> Read:
    """Reads a form where the content is one, JSON otherwise."""

    def read(request: Request) -> Any:
        return of_form(request) if request.content is not None and is_form(request) else of_json(request)

    return read


def octets(annotation: Any) -> Read:
    """Reads the content as it came."""
    if plain(annotation) is BytesBody:
        return lambda request: BytesBody(request.body)
    return lambda request: request.body


def one_file(name: str, otherwise: Otherwise) -> Read:
    """Reads the first file of a form's field."""

    def read(request: Request) -> Any:
        files = _files(request, name)
        return files[0] if files else otherwise()

    return read


def all_files(name: str, made: Callable[[list[Any]], Any], otherwise: Otherwise) -> Read:
    """Reads all files of a form's field."""

    def read(request: Request) -> Any:
        files = _files(request, name)
        return made(files) if files else otherwise()

    return read


def is_file(annotation: Any) -> bool:
    """Whether an argument is a file or a collection of files."""
    element = element_of(annotation)
    return plain(annotation) is MultipartFile or (element is not None and plain(element[1]) is MultipartFile)


def _files(request: Request, name: str) -> list[MultipartFile]:
    """The files of a field; none where no file was chosen, for which browsers send an empty one without a name."""
    if request.content is None:
        return []
    form = request.form
    files = [each for each in form.files.get(name, ()) if each.filename or not each.is_empty]
    if not files and name in form.fields:
        raise unfit("form", name, "expected a file, got a text")
    return files


def _check_type(request: Request) -> None:
    media_type = request.media_type
    if media_type is None:
        raise unfit("json", "#", "expected content of type application/json, got content without a type")
    if media_type.type != "application" or (media_type.subtype != "json" and not media_type.subtype.endswith("+json")):
        raise unfit("json", "#", f"expected content of type application/json, got {media_type.essence[:80]}")


def _hook(kind: Any, value: Any) -> Any:
    """Pydantic models inside what msgspec decodes."""
    return kind.model_validate(value)


def _pydantic_decoder(kind: Any) -> Callable[[bytes], Any]:
    return lambda content: validated(kind.model_validate_json, content, "json", "#")
