"""The waist: the one shape that carriers, applications, filters, clients and adapters speak.

Law: a handler takes a Request and gives a Response, at once or when awaited. It does not raise: whoever stands at the waist
turns failures into responses; what escapes all the same is a defect that the carrier answers with a bare 500.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, runtime_checkable

from hospes.http.request import Request
from hospes.http.response import Response

Handler: TypeAlias = Callable[[Request], Response | Awaitable[Response]]
"""A response that is given at once has been made inline; an awaitable is driven on the loop."""

CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What a filter calls to go on inwards."""

Filter: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]
"""One layer around handlers: `async (request, call_next) -> response`."""


@runtime_checkable
class AnswersAt(Protocol):
    """A handler that can be told which path it is asked for, so that whoever mounts it need not make it a request of its own."""

    def answer_at(self, request: Request, path: str) -> Response:
        """Answer a request.

        Args:
            request: As it came to whoever has mounted this.
            path: The path below that place, percent-encoded, with a slash in front.
        """
        ...
