"""What a handler may return, and how it becomes a Response.

Laws:

* One function decides, for handlers, error handlers and filters alike.
* Exact types are looked up in a table; the order of the questions for the rest is written once, below.
* What cannot be sent is an error that names the type and says what may be returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookies import BaseCookie
from typing import Any, Protocol, cast, runtime_checkable

from hospes.http import json
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import JSON, Response


@runtime_checkable
class Answer(Protocol):
    """An object that knows how to become a response to a request: files, templates, event streams."""

    def respond(self, request: Request) -> Response:
        """The response; it may look at the request's fields (conditions, ranges, preferences)."""
        ...


def to_response(value: object, request: Request, status: int = 200) -> Response:
    """Make the response that `value` stands for.

    Args:
        value: What a handler returned.
        request: What it answers.
        status: The route's status, for values that name none.

    Raises:
        TypeError: for a value that is no answer.
        ValueError: for a status outside 200 to 599.
    """
    make = _EXACT.get(type(value))
    if make is not None:
        return make(value, status)
    if isinstance(value, Response):
        return value
    if isinstance(value, Answer):
        return value.respond(request)
    if isinstance(value, tuple):
        return _of_tuple(cast("tuple[object, ...]", value), request, status)
    if isinstance(value, Headers):
        return Response(None, status, value)
    if isinstance(value, BaseCookie):
        return _with_cookies(Response(None, status), cast("BaseCookie[Any]", value))
    return _body(value, status)


def _body(value: object, status: int) -> Response:
    try:
        return Response(value, status)
    except TypeError as error:
        raise TypeError(
            f"a handler returned {type(value).__module__}.{type(value).__qualname__}, which is no answer: return str, bytes, dict, "
            f"list, a dataclass, a Struct, None, an int status, a Response, an iterator, or a tuple of these ({error})"
        ) from error


def _json(value: object, status: int) -> Response:
    return Response(json.encode(value), status, content_type=JSON)


def _status(value: Any, status: int) -> Response:
    return Response(None, value)


_EXACT: Mapping[type, Callable[[object, int], Response]] = {
    str: Response,
    bytes: Response,
    dict: _json,
    list: _json,
    bool: _json,
    int: _status,
    type(None): Response,
}


def _of_tuple(values: tuple[object, ...], request: Request, status: int) -> Response:
    """First int is the status, all Headers and cookies are taken, the first other element is the body; the rest is ignored."""
    body: object = None
    body_found = False
    code: int | None = None
    for each in values:
        if type(each) is int:
            code = each if code is None else code
        elif not body_found and not isinstance(each, (Headers, BaseCookie)) and each is not None:
            body, body_found = each, True
    response = to_response(body, request, status)
    if code is not None:
        if not 200 <= code <= 599:
            raise ValueError(f"status {code}: an answer's status is 200 to 599")
        response.status = code
    for each in values:
        if isinstance(each, Headers):
            for name in each:
                response.headers[name] = each.get_all(name)
        elif isinstance(each, BaseCookie):
            _with_cookies(response, cast("BaseCookie[Any]", each))
    return response


def _with_cookies(response: Response, cookies: BaseCookie[Any]) -> Response:
    for name, morsel in cookies.items():
        response.cookies[name] = morsel
    return response
