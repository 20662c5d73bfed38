"""From a failure to an answer: the program's error handlers, and the default.

Laws:

* The most telling handler answers: that of the exception's own type (nearest base first), then of the exact status, of its class
  ("50x", then "5xx"), of a type as general as HttpError or Exception, then the one without a key. Without any: RFC 9457 details,
  or a page.
* An exception that is no `HttpError` is logged with its traceback, once, and answered as a bare 500: its text never reaches the
  peer, unless a handler of the program's own shows it.
* A store's failure is logged with its reason, which the visitor does not see; an outage does not fill the log.
* An error handler that fails is logged, and the default answers for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from hospes import store
from hospes.app.places import awaited, is_async
from hospes.app.threads import LOG, Threads
from hospes.binding import Site
from hospes.binding.signature import EMPTY, Argument, arguments_of, name_of
from hospes.errors import ClientDisconnected, HospesError, HttpError, ProtocolError, SetupError
from hospes.execution import PoolSaturated
from hospes.http.answer import to_response
from hospes.http.problem import problem_response
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.lazily import regexp

if TYPE_CHECKING:
    from hospes.store import StoreError

ErrorKey: TypeAlias = "int | str | type[Exception]"
Show: TypeAlias = Callable[[HttpError, "str | None"], Response]

_GENERAL: Final = (HttpError, HospesError, Exception)
"""Types that say less of a failure than its status does."""
_SILENCE: Final = 1.0
"""Seconds between two lines in the log about a store's failures of one kind."""
_BY_POSITION: Final = ("code", "message", "explain")
_BY_NAME: Final = frozenset({"request", "error", *_BY_POSITION})
_Kind = inspect.Parameter


class ErrorHandler:
    """A program's function for some failures.

    Its parameters are filled by their names (`request`, `error`, `code`, `message`, `explain`), else by their annotations
    (Request, an exception type), else by their position, as code, message and explain.

    Args:
        function: The function; async or not.
        source: Its `file:line`.
        namespace: Local names that its string annotations use.

    Raises:
        SetupError: for a parameter that none of these can fill.
    """

    def __init__(self, function: Callable[..., Any], source: str, namespace: Mapping[str, Any] | None = None) -> None:
        self.source = source
        self.name = name_of(function)
        self.is_async = is_async(function)
        self._function = awaited(function) if self.is_async else function
        arguments = arguments_of(function, Site(path_names=None, source=source, namespace=namespace or {}))
        self._positional: list[str] = []
        self._named: dict[str, str] = {}
        for position, argument in enumerate(arguments):
            self._take(argument, position)

    def _take(self, argument: Argument, position: int) -> None:
        if argument.is_variadic:
            return
        wanted = _wanted(argument)
        if not wanted and argument.kind is not _Kind.KEYWORD_ONLY and position < len(_BY_POSITION):
            wanted = _BY_POSITION[position] if argument.default is EMPTY else ""
        if not wanted:
            if argument.default is EMPTY:
                raise SetupError(
                    f"the error handler {self.name}() has a parameter {argument.name!r} that nothing fills",
                    where=(self.source,),
                    remedy="an error handler takes request, error, code, message and explain, in any number and order",
                )
        elif argument.kind is _Kind.POSITIONAL_ONLY:
            self._positional.append(wanted)
        else:
            self._named[argument.name] = wanted

    def call(self, request: Request, error: Exception, status: HttpError) -> Any:
        """Call the function with what it asks for."""
        given = {
            "request": request,
            "error": error,
            "code": status.code,
            "message": status.message,
            "explain": status.explain,
        }
        positional = [given[wanted] for wanted in self._positional]
        return self._function(*positional, **{name: given[wanted] for name, wanted in self._named.items()})


def _wanted(argument: Argument) -> str:
    if argument.name in _BY_NAME:
        return argument.name
    annotation = argument.annotation
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    if all(isinstance(each, type) and issubclass(each, Exception) for each in kinds):
        return "error"
    return "request" if annotation is Request else ""


class ErrorHandlers:
    """The error handlers of an application, by what they are for.

    Args:
        on_conflict: What happens when two are for the same: "error" (the default), or "last", where the later one counts.
    """

    def __init__(self, on_conflict: Literal["error", "last"] = "error") -> None:
        self._on_conflict = on_conflict
        self._table: dict[str | type[Exception], ErrorHandler] = {}

    def add(self, keys: Sequence[ErrorKey], handler: ErrorHandler) -> None:
        """Register a handler for exception types, codes (404), classes ("5xx", "50x"); without keys for everything.

        Raises:
            SetupError: for a key that is none of these, or has a handler.
        """
        for key in [_table_key(each, handler.source) for each in keys or ("",)]:
            other = self._table.get(key)
            if other is not None and self._on_conflict == "error":
                what = key.__name__ if isinstance(key, type) else key or "everything"
                raise SetupError(
                    f"two error handlers are for {what}, {other.name}() and {handler.name}()",
                    where=(handler.source, other.source),
                    remedy="keep one of them",
                )
            self._table[key] = handler

    def find(self, error: Exception, code: int) -> ErrorHandler | None:
        """The handler for a failure, None where the default answers."""
        kinds = [each for each in type(error).__mro__ if issubclass(each, Exception)]
        text = str(code)
        keys: list[str | type[Exception]] = [each for each in kinds if each not in _GENERAL]
        keys += [text, f"{text[:2]}x", f"{text[0]}xx", *(each for each in kinds if each in _GENERAL), ""]
        return next((self._table[key] for key in keys if key in self._table), None)


_CODE = regexp(r"[45](?:[0-9][0-9x]|xx)|")


def _table_key(key: Any, source: str) -> str | type[Exception]:
    """`404`, `"404"`, `"50x"`, `"5xx"`, `""` or an exception type as the table's key."""
    if isinstance(key, type) and issubclass(key, Exception):
        return key
    text = str(int(key)) if isinstance(key, int) else key.lower() if isinstance(key, str) else None
    if text is None or not _CODE.fullmatch(text):
        raise SetupError(
            f"error handler for {key!r}: that is no error status",
            where=(source,),
            remedy='name a status (404, "404"), a class ("5xx", "50x"), an exception type, or nothing for all',
        )
    return text


class Failures:
    """Answers failures, for one run of an application.

    Args:
        handlers: The program's own.
        threads: Where plain ones run.
        show: Answers, by the error and the request's Accept, where the program has no handler; `problem_response` by default.
    """

    def __init__(self, handlers: ErrorHandlers, threads: Threads, show: Show = problem_response) -> None:
        self._handlers = handlers
        self._threads = threads
        self._show = show
        self._told: dict[type[StoreError], tuple[float, int]] = {}  # when, and how many were not told since

    async def answer(self, request: Request, error: Exception) -> Response:
        """The response for a failure. It raises nothing but what is no Exception, such as a cancellation."""
        status = as_http_error(error)
        if status.code == 500 and not isinstance(error, HttpError):
            LOG.error("%s %s failed", request.head.method, _shown(request), exc_info=error)
        elif status.code >= 500 and isinstance(error, store.StoreError):
            self._tell(request, error)
        handler = self._handlers.find(error, status.code)
        if handler is not None:
            try:
                response = await self._ask(handler, request, error, status)
            except PoolSaturated:
                pass  # there is no thread for a plain handler; the pool has logged why
            except Exception:
                LOG.exception("the error handler %s() failed itself", handler.name)
            else:
                return response
        return self._show(status, _accept(request))

    def _tell(self, request: Request, error: StoreError) -> None:
        now, kind = monotonic(), type(error)
        since, more = self._told.get(kind, (now - _SILENCE, 0))
        if now - since < _SILENCE:
            self._told[kind] = since, more + 1
            return
        self._told[kind] = now, 0
        LOG.error("%s %s: %s%s", request.head.method, _shown(request), error, f"; {more} more before that" if more else "")

    async def _ask(self, handler: ErrorHandler, request: Request, error: Exception, status: HttpError) -> Response:
        if handler.is_async:
            return _made(await handler.call(request, error, status), request, status)
        if isinstance(error, PoolSaturated):
            raise error
        call = partial(handler.call, request, error, status)
        response: Response = await self._threads.run(lambda: _made(call(), request, status))
        return response


def _made(value: object, request: Request, status: HttpError) -> Response:
    """The answer that an error handler gave; its status is the failure's where it says none."""
    response = to_response(value, request, status.code)
    for name, line in status.headers.items():
        response.headers.setdefault(name, line)
    return response


def as_http_error(error: Exception) -> HttpError:
    """The answer that an exception stands for."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, ProtocolError):
        return HttpError(error.status, "", error.reason)
    if isinstance(error, ClientDisconnected):
        return HttpError(400, "The client has gone")
    return HttpError(500)


def _accept(request: Request) -> str | None:
    try:
        return request.headers.get("accept")
    except HttpError:
        return None


def _shown(request: Request) -> str:
    """The path for the log: without the query, control characters escaped."""
    return request.head.path.encode("unicode_escape").decode("ascii")
