"""Filters: one plain onion around handlers, composed when the application starts.

Laws:

* The first filter registered is the outermost. Each runs once per request.
* A filter is `async (request, call_next) -> response`, or plain; a plain one runs in a thread, and its `call_next` waits there
  (see `threads`).
* What a filter gives is its answer; None is none, because whoever forgets `return` would answer every request with nothing.
* A filter for some paths costs routes that can never match it nothing.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from hospes.app.places import awaited, is_async
from hospes.app.threads import Inside, Threads
from hospes.binding.signature import name_of
from hospes.errors import SetupError
from hospes.http.answer import to_response
from hospes.http.handler import CallNext
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.lazily import signature_of
from hospes.routing import compile_path_test


class Layer(Struct, frozen=True):
    """One registered filter."""

    function: Callable[..., Any]
    guards: Callable[[str], bool] | None = None
    """Whether it applies to a raw path; None where it applies to all."""
    source: str = ""

    @classmethod
    def of(cls, function: Any, path: str = "", regexp: str = "", source: str = "") -> Layer:
        """Check a filter and what it guards.

        Raises:
            SetupError: for something that cannot be called, and a pattern or regexp that is malformed.
        """
        if isinstance(function, type) or not callable(function):
            what = f"the class {function.__name__}" if isinstance(function, type) else type(function).__name__
            raise SetupError(
                f"filter was given {what}, which is no function",
                where=(source,) if source else (),
                remedy="give a function, or an object with `async def __call__(self, request, call_next)`",
            )
        return cls(function, compile_path_test(path, regexp, source) if path or regexp else None, source)

    def takes_what_is_inside(self) -> Layer:
        """The same, where the function can be called with a request and what is inside.

        Raises:
            SetupError: where it cannot.
        """
        try:
            signature = signature_of(self.function)
        except (TypeError, ValueError):  # a callable written in C says nothing of itself
            return self
        try:
            signature.bind(None, None)
        except TypeError:
            call = f"{name_of(self.function)}({', '.join(signature.parameters)})"
            raise SetupError(
                f"the filter {call} cannot be called with a request and what is inside of it",
                where=(self.source,) if self.source else (),
                remedy="write `async def name(request: Request, call_next: CallNext) -> Response`",
            ) from None
        return self

    def applies(self, path: str) -> bool:
        """Whether it guards a raw path."""
        return self.guards is None or self.guards(path)


def wrap(inner: CallNext, layer: Layer, threads: Threads) -> CallNext:
    """Put a filter around what is inside it, for every path."""
    if not is_async(layer.function):
        return _wrap_plain(inner, layer, threads)
    function = awaited(layer.function)

    async def filtered(request: Request) -> Response:
        answer = await function(request, inner)
        return answer if type(answer) is Response else _made(answer, layer, request)

    return filtered


def wrap_where(inner: CallNext, layer: Layer, threads: Threads) -> CallNext:
    """Put a filter around what is inside it, for the paths it guards."""
    filtered = wrap(inner, layer, threads)

    async def guarded(request: Request) -> Response:
        return await (filtered if layer.applies(request.head.path) else inner)(request)

    return guarded


def _wrap_plain(inner: CallNext, layer: Layer, threads: Threads) -> CallNext:
    function = layer.function

    async def filtered(request: Request) -> Response:
        inside = Inside(inner, asyncio.get_running_loop())

        def call() -> Response:
            return _made(function(request, inside.ask), layer, request)

        response: Response = await threads.run(call, inside.abandon)
        return response

    return filtered


def _made(answer: object, layer: Layer, request: Request) -> Response:
    if answer is None or inspect.iscoroutine(answer):
        what = "nothing"
        if answer is not None:
            answer.close()
            what = "what it did not await"
        raise TypeError(
            f"the filter {name_of(layer.function)}() at {layer.source or '?'} returned {what}: "
            "`return await call_next(request)`, or an answer of its own"
        )
    return to_response(answer, request)
