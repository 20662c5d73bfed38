"""The frozen application: from a request to the endpoint that answers it.

Laws:

* Routes come first; what no route has goes to the mount or the folder with the longest prefix, and then it is 404. A path that a
  route has for other methods is 405, with Allow.
* Nothing is decided here that could have been decided when the application started.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from hospes.errors import HttpError
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.routing import AutomaticOptions, BadPath, Match, Matcher, MethodNotAllowed, Outcome


@dataclass(frozen=True, slots=True)
class Mount:
    """A handler that owns the paths below a prefix.

    `prefix` is percent-encoded and has no slash at its end.
    """

    prefix: str
    endpoint: Handler

    def owns(self, path: str) -> bool:
        """Whether a path lies at or below the prefix."""
        return path.startswith(self.prefix) and (len(path) == len(self.prefix) or path[len(self.prefix)] == "/")


class Dispatcher:
    """An application as carriers call it.

    Args:
        matcher: The frozen routes.
        mounts: What owns paths below a prefix.
        missed: Answers requests that nothing answers, by raising; filters and error handlers stand around it.
        services: What answers and bindings may need of the application, by type.
    """

    def __init__(self, matcher: Matcher[Handler], mounts: list[Mount], missed: Handler, services: Mapping[type, Any]) -> None:
        self._match = matcher.match
        self._mounts = sorted(mounts, key=lambda mount: -len(mount.prefix))
        self._missed = missed
        self._services = services

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        head = request.head
        request.services = self._services
        try:
            outcome: Outcome[Handler] = self._match(head.method, head.path, request)
        except HttpError as error:
            # A malformed query, met while a condition looked for a parameter.
            return self._miss(request, error)
        if type(outcome) is Match:
            endpoint, path_values, reg_groups = outcome
            if path_values:
                request.path_values = path_values
            if reg_groups:
                request.reg_groups = reg_groups
            return endpoint(request)
        if not isinstance(outcome, (MethodNotAllowed, AutomaticOptions)):
            for mount in self._mounts:
                if mount.owns(head.path):
                    return mount.endpoint(request)
        return self._miss(request, outcome)

    def _miss(self, request: Request, outcome: object) -> Response | Awaitable[Response]:
        request.state["hospes.outcome"] = outcome
        return self._missed(request)


async def miss(request: Request) -> Response:
    """Say why nothing answered.

    Raises:
        HttpError: 400, 404, 405 or 501.
    """
    outcome = request.state.pop("hospes.outcome", None)
    if isinstance(outcome, HttpError):
        raise outcome
    if isinstance(outcome, BadPath):
        raise HttpError(400, "The path cannot be read", "Its percent-encoding is malformed or not UTF-8.")
    if isinstance(outcome, MethodNotAllowed):
        allow = ", ".join(outcome.allow)
        raise HttpError(405, "", f"This path answers {allow}.", {"Allow": allow})
    if isinstance(outcome, AutomaticOptions):
        return Response(None, 204, {"Allow": ", ".join(outcome.allow)})
    if request.head.path == "*":
        # OPTIONS * asks about the server as a whole (RFC 9110 §9.3.7).
        return Response(None, 204)
    if request.head.method == "CONNECT":
        raise HttpError(501, "", "This server is no proxy.")
    raise HttpError(404)
