"""From a request to its answer: middlewares in their order, then the first Path that matches, then the folders, then 404.

Laws:

* Middlewares see every request, files among them, so that one of them can be a guard; one that answers ends the way.
* A function that sends nothing and returns nothing to go to is a mistake, and says so; nobody gets an empty answer.
* All of it runs in one thread of the pool.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hospes.app.dispatcher import Mount
from hospes.compat.http_server.debugging import failure_page, is_here, missing_page
from hospes.compat.http_server.requests import Requests
from hospes.compat.http_server.response import Client, Response
from hospes.compat.http_server.url import Path, Redirect, RedirectToFunction
from hospes.errors import HttpError
from hospes.files import File, StaticFolder
from hospes.http import Redirect as HospesRedirect
from hospes.http.request import Request
from hospes.http.response import Response as HospesResponse

Middleware: TypeAlias = Callable[[Requests, Response], "tuple[Requests, Response]"]

_log = logging.getLogger("hospes.compat.http_server")


@dataclass(slots=True)
class Dispatcher:
    """Answers requests.

    Args:
        route: The paths, in their order.
        middlewares: What stands before them.
        folders: Folders by the prefix they are served below.
        debug: Whether failures are shown to this machine.
    """

    route: Sequence[Path]
    middlewares: Sequence[Middleware]
    folders: Mapping[str, StaticFolder]
    debug: bool
    _mounts: list[Mount] = field(init=False)

    def __post_init__(self) -> None:
        mounts = [Mount(prefix, folder) for prefix, folder in self.folders.items()]
        self._mounts = sorted(mounts, key=lambda mount: mount.order)

    def answer(self, request: Request) -> HospesResponse:
        """The answer to a request whose content has been read.

        Raises:
            HttpError: where there is nothing, or the request cannot be read.
        """
        shows = self.debug and is_here(request.client.host, request.headers, request.host)
        try:
            return self._answer(request)
        except HttpError as error:
            if error.code == 404 and shows:
                return missing_page(request.path, self.route, self.folders)
            raise
        except Exception as error:
            if not shows:
                raise
            _log.exception("%s failed", request.method)
            return failure_page(error)

    def _answer(self, request: Request) -> HospesResponse:
        asked, response = Requests(request), Response(Client(request.client.host, request.client.port))
        for middleware in self.middlewares:
            asked, response = _both(middleware, middleware(asked, response))
            if response.answer is not None:
                return _sent(response, request)
        path = next((each for each in self.route if each.matches(asked.path)), None)
        if path is None:
            return self._file(request, response)
        returned = path.function(asked, response)
        if isinstance(returned, Redirect):
            response.redirect(returned.path)
        elif isinstance(returned, RedirectToFunction):
            response.redirect(returned.path_in(self.route))
        elif response.answer is None:
            raise TypeError(
                f"{path.name}() sent nothing: call response.send(content, status, type), or return Redirect(path)"
                + (f"; it returned {type(returned).__qualname__}" if returned is not None else "")
            )
        return _sent(response, request)

    def _file(self, request: Request, response: Response) -> HospesResponse:
        for mount in self._mounts:
            prefix = mount.prefix_of(request.head.path)
            if prefix is not None:
                found: Any = mount.endpoint(request.below(prefix))  # a folder answers at once
                return _with(found, response)
        raise HttpError(404)


def _both(middleware: Middleware, returned: Any) -> tuple[Requests, Response]:
    match returned:
        case (Requests() as asked, Response() as response):
            return asked, response
        case _:
            name = getattr(middleware, "__name__", repr(middleware))
            raise TypeError(f"the middleware {name}() returned {type(returned).__qualname__}: `return request, response`")


def _sent(response: Response, request: Request) -> HospesResponse:
    answer = response.answer
    if isinstance(answer, HttpError):
        raise answer
    assert answer is not None
    return _with(answer.respond(request) if isinstance(answer, File) else answer, response)


def _with(answer: HospesResponse, response: Response) -> HospesResponse:
    """The answer with the response's fields and cookies; where a redirect leads is the redirect's to say."""
    for name in response.headers:
        if not (isinstance(answer, HospesRedirect) and name.lower() == "location"):
            answer.headers[name] = response.headers.get_all(name)
    if response.cookies:
        answer.cookies = response.cookies
        answer.headers.setdefault("Cache-Control", "private")  # RFC 9111 §7.3: or others get the cookies, too
    return answer
