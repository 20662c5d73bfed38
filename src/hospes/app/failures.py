"""From a failure to an answer: the program's error handlers, and the default.

Laws:

* The most telling handler answers: the exception's own type (nearest base first), then the exact status, then its class
  ("5xx", "50x"), then the bare one; without any, RFC 9457 details or a page.
* An exception that is no `HttpError` is logged with its traceback and answered as a bare 500: its text never reaches the peer.
* An error handler that fails is logged, and the default answers for it.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hospes.errors import ClientDisconnected, HttpError, ProtocolError, SetupError
from hospes.http.answer import to_response
from hospes.http.problem import problem_response
from hospes.http.request import Request
from hospes.http.response import Response

logger = logging.getLogger("hospes.app")

ErrorKey: TypeAlias = "int | str | type[Exception]"
Off: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a plain function in the thread pool."""

_ARGUMENTS = ("code", "message", "explain")


class ErrorHandler:
    """A program's function for some failures.

    Its parameters are filled by name: `request`, `error`, `code`, `message`, `explain`; those named otherwise by their annotation
    (Request, an exception type).

    Raises:
        SetupError: for a parameter that none of these can fill.
    """

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.source = source
        self._sources = [_source(each, function, source) for each in _positions(function)]

    def call(self, request: Request, error: Exception, status: HttpError) -> Any:
        """Call the function with what it asks for."""
        given = {"request": request, "error": error, "code": status.code, "message": status.message, "explain": status.explain}
        return self.function(*(given[name] for name in self._sources))


def _positions(function: Callable[..., Any]) -> list[tuple[str, object, bool]]:
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return [
        (each.name, each.annotation, each.default is not each.empty) for each in parameters if each.kind is not each.VAR_KEYWORD
    ]


def _source(parameter: tuple[str, object, bool], function: Callable[..., Any], source: str) -> str:
    name, annotation, _ = parameter
    if name in {"request", "error", *_ARGUMENTS}:
        return name
    if annotation is Request:
        return "request"
    if isinstance(annotation, type) and issubclass(annotation, Exception):
        return "error"
    raise SetupError(
        f"the error handler {function.__name__}() has a parameter {name!r} that nothing fills",
        where=(source,),
        remedy="an error handler takes request, error, code, message and explain, in any number and order",
    )


class Failures:
    """The error handlers of an application."""

    def __init__(self) -> None:
        self._types: dict[type[Exception], ErrorHandler] = {}
        self._codes: dict[str, ErrorHandler] = {}

    def add(self, keys: Sequence[ErrorKey], handler: ErrorHandler) -> None:
        """Register a handler for exception types, codes (404), classes ("5xx", "50x"); without keys for everything.

        Raises:
            SetupError: for a key that is none of these.
        """
        for key in keys or ("",):
            if isinstance(key, type):
                self._types[key] = handler
            else:
                self._codes[code_key(key, handler.source)] = handler

    def find(self, error: Exception, code: int) -> ErrorHandler | None:
        """The handler for a failure, None where the default answers."""
        for each in type(error).__mro__:
            if each in self._types and each is not HttpError:
                return self._types[each]
        text = str(code)
        for key in (text, text[:2] + "x", text[0] + "xx"):
            if key in self._codes:
                return self._codes[key]
        return (self._types.get(HttpError) if isinstance(error, HttpError) else None) or self._codes.get("")

    async def answer(self, request: Request, error: Exception, off: Off) -> Response:
        """The response for a failure.

        Args:
            request: What failed.
            error: How.
            off: Runs a plain error handler in the thread pool.
        """
        status = as_http_error(error)
        if status.code == 500 and not isinstance(error, HttpError):
            logger.error("%s %s failed", request.head.method, _shown(request), exc_info=error)
        handler = self.find(error, status.code)
        # A plain error handler needs a thread, and there is none to be had for this very error.
        if handler is not None and (handler.is_async or status.code != 503):
            try:
                value = (
                    await handler.call(request, error, status)
                    if handler.is_async
                    else await off(lambda: handler.call(request, error, status))
                )
                response = to_response(value, request, status.code)
                for name, line in status.headers.items():
                    response.headers.setdefault(name, line)
            except Exception:
                logger.exception("the error handler %s() failed itself", handler.function.__name__)
            else:
                return response
        return problem_response(status, _accept(request))


def as_http_error(error: Exception) -> HttpError:
    """The answer that an exception stands for."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, ProtocolError):
        return HttpError(error.status, "", error.reason)
    if isinstance(error, ClientDisconnected):
        return HttpError(400, "The client has gone")
    return HttpError(500)


_CODE = re.compile(r"[45](?:[0-9][0-9x]|xx)|")


def code_key(key: int | str, source: str) -> str:
    """`404`, `"404"`, `"50x"`, `"5xx"` or `""` as the table's key.

    Raises:
        SetupError: for anything else.
    """
    text = str(key).lower()
    if not _CODE.fullmatch(text):
        raise SetupError(
            f"error handler for {key!r}: that is no error status",
            where=(source,),
            remedy='name a status (404, "404"), a class ("5xx", "50x"), an exception type, or nothing for all',
        )
    return text


def _accept(request: Request) -> str | None:
    try:
        return request.headers.get("accept")
    except HttpError:
        return None


def _shown(request: Request) -> str:
    """The path for the log: without the query, control characters escaped."""
    return request.head.path.encode("unicode_escape").decode("ascii")
