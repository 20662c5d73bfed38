"""The frozen application: from a request to the endpoint that answers it.

Laws:

* Routes come first; what no route has goes to the mount or the folder with the longest prefix, and then it is 404 (but for a
  favicon, which every browser asks for). A path that a route has for other methods is 405, with Allow.
* A prefix is compared as routes are: segment by segment, each decoded once (RFC 3986 §6.2.2.2), so that no spelling of a path
  leads elsewhere than another one.
* A condition on parameters is asked of form and query together. A form is read for it only where a route of this very path has
  such a condition; what is wrong with the form then is told as it would be by the handler's binding.
* Nothing is decided here that could have been decided when the application started.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hospes.app.favicon import favicon, is_favicon
from hospes.binding.content import is_form
from hospes.errors import HttpError
from hospes.http.direct import Map
from hospes.http.handler import Handler
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Response

if TYPE_CHECKING:
    from hospes.files import FilePattern
from hospes.routing import AutomaticOptions, BadPath, Match, Matcher, MethodNotAllowed, NotFound, Outcome, split_path


class Mount:
    """A handler that owns the paths below a prefix.

    Args:
        prefix: Percent-encoded, without a slash at its end.
        endpoint: Answers; it gets the request as it came.
        files: Which of the paths it owns, where it is a folder; None for all.
    """

    __slots__ = ("_below", "_files", "_prefix", "_segments", "endpoint")

    def __init__(self, prefix: str, endpoint: Handler, files: FilePattern | None = None) -> None:
        self._files = files
        self._prefix = prefix
        self._below = f"{prefix}/"
        self._segments = split_path(prefix) or []
        self.endpoint = endpoint

    def __repr__(self) -> str:
        return f"Mount({self._prefix!r})"

    @property
    def order(self) -> tuple[int, int, bool]:
        """Who is asked first: the mount whose prefix has the most segments, then the one that owns the least below it."""
        files = self._files
        return (-len(self._segments), -len(files.ending), files.deep) if files is not None else (-len(self._segments), 0, True)

    def prefix_of(self, path: str) -> str | None:
        """The prefix as a raw path has it; None for a path that it does not own."""
        prefix = self._prefix_of(path)
        if prefix is None or self._files is None or self._files.covers(path[len(prefix) :]):
            return prefix
        return None

    def _prefix_of(self, path: str) -> str | None:
        if path.startswith(self._below) or (path == self._prefix and path):
            return self._prefix
        if "%" not in path:
            return None
        raw = path.split("/")[: len(self._segments)]
        return "/".join(raw) if split_path("/".join(raw)) == self._segments else None


class Dispatcher:
    """An application as carriers call it.

    Args:
        matcher: The frozen routes.
        mounts: What owns paths below a prefix.
        missed: Answers requests that nothing answers, by raising; filters and error handlers stand around it.
        services: What answers and bindings may need of the application, by type.
    """

    def __init__(self, matcher: Matcher[Handler], mounts: Sequence[Mount], missed: Handler, services: Mapping[type, Any]) -> None:
        self.map: Map | None = None
        """What carriers may know of it; see `hospes.http.direct`."""
        self._match = matcher.match
        self._asks_parameters = matcher.asks_parameters
        self._mounts = sorted(mounts, key=lambda mount: mount.order)
        self._missed = missed
        self._services = services

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        head = request.head
        request.services = self._services
        try:
            conditioned = _FormFirst(request) if self._asks_parameters and request.content is not None else request
            outcome: Outcome[Handler] = self._match(head.method, head.path, conditioned)
        except HttpError as error:
            # A malformed query, met while a condition looked for a parameter.
            return self._miss(request, error)
        except _FormWanted:
            return self._with_form(request)
        if type(outcome) is Match:
            endpoint, path_values, reg_groups = outcome
            if path_values:
                request.path_values = path_values
            if reg_groups:
                request.reg_groups = reg_groups
            return endpoint(request)
        if isinstance(outcome, NotFound):
            for mount in self._mounts:
                if mount.prefix_of(head.path) is not None:
                    return mount.endpoint(request)
        return self._miss(request, outcome)

    async def _with_form(self, request: Request) -> Response:
        """Read the form, and begin again."""
        try:
            await request.read_form()
        except HttpError as error:
            answer = self._miss(request, error)
        else:
            answer = self(request)
        return answer if isinstance(answer, Response) else await answer

    def _miss(self, request: Request, outcome: object) -> Response | Awaitable[Response]:
        request.state[_OUTCOME] = outcome
        return self._missed(request)


class _FormWanted(Exception):
    """A condition asked for parameters before the form was read."""


class _FormFirst:
    """A request with content, as conditions see it: its parameters are not to be had without its form."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def headers(self) -> Headers:
        return self._request.headers

    @property
    def parameters(self) -> Mapping[str, Sequence[str]]:
        request = self._request
        if not request.has("form") and is_form(request):
            raise _FormWanted
        return request.parameters


_OUTCOME = "hospes.outcome"


async def miss(request: Request) -> Response:
    """Say why nothing answered.

    Raises:
        HttpError: 400, 404, 405 or 501.
    """
    outcome = request.state.pop(_OUTCOME, None)
    if isinstance(outcome, HttpError):
        raise outcome
    if isinstance(outcome, BadPath):
        raise HttpError(400, "The path cannot be read", "Its percent-encoding is malformed or not UTF-8.")
    if isinstance(outcome, MethodNotAllowed):
        allow = ", ".join(outcome.allow)
        raise HttpError(405, "", f"This path answers {allow}.", {"Allow": allow})
    if isinstance(outcome, AutomaticOptions):
        return Response(None, 204, {"Allow": ", ".join(outcome.allow)})
    if is_favicon(request):
        return favicon()
    if request.head.method == "CONNECT":
        raise HttpError(501, "", "This server is no proxy.")
    raise HttpError(404)
