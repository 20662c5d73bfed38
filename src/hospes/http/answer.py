"""What a handler may return, and how it becomes a Response.

Laws:

* One function decides, for handlers, error handlers and filters alike.
* Exact types are looked up in a table; the order of the questions for the rest is written once, below.
* What cannot be sent is an error that names the type and says what may be returned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, TypeGuard, cast, runtime_checkable

from hospes.http import json
from hospes.http.cookies import SetCookie, is_jar
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import JSON, Response

if TYPE_CHECKING:
    from http.cookies import BaseCookie


@runtime_checkable
class Answer(Protocol):
    """An object that knows how to become a response to a request: files, templates, event streams."""

    def respond(self, request: Request) -> Response:
        """The response; it may look at the request's fields (conditions, ranges, preferences)."""
        ...


Additions: TypeAlias = "Headers | BaseCookie[Any] | SetCookie"


def to_response(value: object, request: Request, status: int = 200) -> Response:
    """Make the response that `value` stands for.

    Args:
        value: What a handler returned.
        request: What it answers.
        status: The route's status, for values that name none.

    Raises:
        TypeError: for a value that is no answer.
        ValueError: for a status outside 200 to 599, and for what has no JSON form because of its value.
    """
    make = _EXACT.get(type(value))
    if make is not None:
        return make(value, status)
    if isinstance(value, Response):
        return value
    # As isinstance(value, Answer), a tenth of its time; asked of the type, because a model may have a field of that name.
    if callable(getattr(type(value), "respond", None)):
        response = cast("Answer", value).respond(request)
        if response.status == 200:  # a template that names none, for one; 206, 304 and their like stand
            response.status = status
        return response
    if isinstance(value, tuple):
        return _of_tuple(cast("tuple[object, ...]", value), request, status)
    if _adds(value):
        return _with(Response(None, status), value)
    if isinstance(value, int):  # an http.HTTPStatus, for one
        return _status(value, status)
    try:
        return Response(value, status)
    except TypeError as error:
        _refuse(value, error)


def _refuse(value: object, error: TypeError) -> NoReturn:
    if isinstance(value, type):
        raise TypeError(
            f"a handler returned the class {value.__qualname__}, which is no answer: return an object of it"
        ) from None
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, BaseException):
        raise TypeError(f"a handler returned {kind}, which is no answer: raise it") from None
    if isinstance(value, Awaitable):
        if isinstance(value, Coroutine):
            value.close()  # nobody will await it, and that is said here
        raise TypeError(f"a handler returned {kind}, which is no answer: `return await …`, in an `async def`") from None
    raise TypeError(
        f"a handler returned {kind}, which is no answer: return str, bytes, dict, list, a dataclass, a Struct, None, "
        f"an int status, a Response, an iterator, or a tuple of these ({error})"
    ) from error


def _json(value: object, status: int) -> Response:
    try:
        content = json.encode(value)
    except TypeError as error:
        raise TypeError(f"a handler returned a {type(value).__name__} that has no JSON form: {error}") from error
    return Response(content, status, content_type=JSON)


def _status(value: Any, status: int) -> Response:
    _check_status(value)
    return Response(None, value)


def _check_status(code: int) -> None:
    if not 200 <= code <= 599:
        raise ValueError(
            f"status {int(code)}: an answer's status is 200 to 599; a returned int is one, str({int(code)}) is a text"
        )


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
    code: int | None = None
    additions: list[Additions] = []
    for each in values:
        if _adds(each):
            additions.append(each)
        elif isinstance(each, int) and not isinstance(each, bool):
            code = int(each) if code is None else code
        elif body is None:
            body = each
    if code is not None:
        _check_status(code)
    response = to_response(body, request, status)
    if code is not None:
        response.status = code
    for each in additions:
        _with(response, each)
    return response


def _adds(value: object) -> TypeGuard[Additions]:
    """Whether it is no body, but something to add to a response."""
    return isinstance(value, (Headers, SetCookie)) or is_jar(type(value))


def _with(response: Response, addition: Additions) -> Response:
    """The response with further fields, which replace those of the same name, or with further cookies."""
    if isinstance(addition, Headers):
        for name in addition:
            if name.lower() == "set-cookie":  # each line is a cookie of its own (RFC 6265 §3)
                response.headers.add(name, addition.get_all(name))
            else:
                response.headers[name] = addition.get_all(name)
    elif isinstance(addition, SetCookie):
        response.set_cookie(addition)
    else:
        response.cookies.load(addition)
    return response
