"""Sources of the types that are injected, and of what binds in its own way.

Law: the type alone decides; of the parameter's name only a cookie and a model binding hear.
"""

from __future__ import annotations

import inspect
from typing import Any

from hospes.binding import content as contents
from hospes.binding import texts
from hospes.binding.annotations import class_of
from hospes.binding.itself import ModelBinding, injected_response
from hospes.binding.markers import BytesBody, ModelDict, RegGroups
from hospes.binding.signature import EMPTY, Argument
from hospes.binding.source import Reads, Source
from hospes.http.content import ContentReader
from hospes.http.cookies import is_jar
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Response


def injected(argument: Argument, kind: Any, forms: bool) -> Source | None:
    """Sources of the types that are injected, named by annotation or by a default object."""
    wanted = class_of(type(argument.default) if argument.annotation is EMPTY else kind)
    if wanted is None:
        return None
    content = Reads.CONTENT if forms else Reads.NOTHING
    if issubclass(wanted, Request):
        return Source(lambda request: request, content, is_weak=True)
    if issubclass(wanted, Response):
        return Source(injected_response, is_object=True)
    if wanted is Headers:
        return Source(lambda request: request.headers)
    if is_jar(wanted):
        from hospes.binding.morsels import cookies  # whoever asks has loaded what is slow in it

        return Source(cookies)
    if issubclass(wanted, ContentReader):
        return Source(lambda request: request.reader, Reads.STREAM, is_object=True)
    if issubclass(wanted, ModelDict):
        return Source(lambda request: _model_dict(request, forms), Reads.FORM if forms else Reads.NOTHING, is_weak=True)
    if issubclass(wanted, RegGroups):
        return Source(lambda request: RegGroups(request.reg_groups))
    if wanted is bytes or issubclass(wanted, BytesBody):
        return Source(contents.octets(wanted), Reads.OCTETS)
    return None


def _model_dict(request: Request, forms: bool) -> ModelDict:
    values = texts.parameters_of(request, forms)
    return ModelDict((name, each[0] if len(each) == 1 else list(each)) for name, each in values.items())


def by_binding(argument: Argument, wanted: type, binding: type[ModelBinding], forms: bool) -> Source:
    name = argument.name
    value = None if argument.default is EMPTY else argument.default

    def read(request: Request) -> Any:
        return binding(request, injected_response(request), name, wanted, value).bind()

    return Source(
        read,
        Reads.CONTENT if forms else Reads.NOTHING,
        is_weak=True,
        is_object=True,
        waits=inspect.iscoroutinefunction(binding.bind),
    )
