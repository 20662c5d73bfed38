"""alink's servers: routes that get the visitor's user, then files, then the program's own 404.

Laws:

* Every visitor is recognised by a cookie, or given one; requests of one visitor take turns.
* The order is: route, file below the template path, `_404_func`, 404. A route's function that returns None passes on to the
  files.
* All of it runs over `hospes.App`; this file only declares.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from hospes.binding import BytesBody
from hospes.compat.alink.request import Request
from hospes.compat.alink.response import Http_Response
from hospes.compat.alink.service import Cookie, User
from hospes.errors import HttpError, SetupError
from hospes.files import StaticFolder
from hospes.http.request import Request as HospesRequest
from hospes.http.response import OCTETS, Response, text_type
from hospes.running import App
from hospes.server import Tls
from hospes.users import User as KeptUser
from hospes.users import VisitorOptions

Function: TypeAlias = Callable[[User, Request], "Http_Response | None"]

logger = logging.getLogger("hospes.compat.alink")

_CARRIERS_OWN: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields that the server makes itself: an answer that was got from elsewhere has those of that connection."""
_VISITOR: Final = frozenset({VisitorOptions().cookie, "__Host-" + VisitorOptions().cookie})
_PATTERN_SIGNS = re.compile(r"[{}*]")


class HttpServer:
    """A server.

    Attributes:
        host: Address to listen on; this machine alone by default, "" for every interface.
        port: Port; 3030.
        _404_func: Answers, like a route's function, what neither a route nor a file does; None for the usual 404.
    """

    _404_func: Function | None = None

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = 3030
        self._tls: Tls | None = None
        self._routes: dict[str, dict[str, Function]] = {}
        self._folder: StaticFolder | None = None
        self._runs = False

    def add_route(self, path: str, method_list: str | Iterable[str], func: Function) -> None:
        """Let a function answer a path. Of two for one path and method the later one counts.

        Args:
            path: The path, with or without its first slash; literally.
            method_list: Methods, in any case.
            func: Called with user and request; returns an Http_Response, or None to pass on to the files.

        Raises:
            SetupError: if the function is none, or `async`, or the server runs already.
        """
        self._check(func)
        methods = self._routes.setdefault("/" + path.removeprefix("/"), {})
        for method in [method_list] if isinstance(method_list, str) else method_list:
            if method.upper() in methods:
                logger.warning("%s %s has two routes; the later one counts", method.upper(), path)
            methods[method.upper()] = func

    def set_template_path(self, folderpath: str | os.PathLike[str]) -> None:
        """Serve the files of a folder where no route answers; `/` is its index.html.

        Raises:
            SetupError: if there is no such folder.
        """
        self._folder = StaticFolder(folderpath)

    def mainloop(self) -> None:
        """Serve until Ctrl+C or SIGTERM.

        Raises:
            SetupError: if the address cannot be had, or the store of the users cannot be used.
        """
        self.application().run(self.host, self.port, tls=self._tls)

    def application(self) -> App:
        """The server as a hospes app, for what alink does not have: tests, several workers, running inside a program."""
        self._runs = True
        app = App()
        for path, methods in self._routes.items():
            literal = rf"^{re.escape(path)}\Z" if _PATTERN_SIGNS.search(path) else ""
            for method, func in methods.items():
                app.route("" if literal else path, method, regexp=literal)(self._endpoint(func))
        app.route(regexp="(?s).*")(self._endpoint(None))
        return app

    def _check(self, func: Function) -> None:
        if self._runs:
            raise SetupError("the server runs already", remedy="add routes before mainloop()")
        if not callable(func) or inspect.iscoroutinefunction(func):
            raise SetupError(
                f"{func!r} cannot answer a route" if not callable(func) else f"{func.__name__}() is async",
                remedy="give a plain function of user and request; it runs in a thread of its own and may block",
            )

    def _endpoint(self, func: Function | None) -> Callable[[HospesRequest, BytesBody, KeptUser], Response]:
        def answer(request: HospesRequest, content: BytesBody, kept: KeptUser) -> Response:
            cookie = _cookie_of(request, kept)
            user, asked = User(kept, cookie), Request.received(request, bytes(content))

            async def tell(response: Response | None) -> None:
                changes = cookie.changes(secure=request.scheme == "https")
                if response is not None and changes:
                    for each in changes:
                        response.set_cookie(each)
                    response.headers.setdefault("Cache-Control", "private")  # RFC 9111 §7.3: or others get the cookies, too

            request.finish_with(tell)
            found = func(user, asked) if func is not None else None
            if found is not None:
                return _response(found, func)
            file = self._file(request)
            if file is not None:
                return file
            missing = self._404_func(user, asked) if self._404_func is not None else None
            if missing is None:
                raise HttpError(404)
            return _response(missing, self._404_func)

        return answer

    def _file(self, request: HospesRequest) -> Response | None:
        if self._folder is None or request.method not in {"GET", "HEAD"}:
            return None
        try:
            return self._folder(request)
        except HttpError as error:
            if error.code == 404:
                return None
            raise


class HttpsServer(HttpServer):
    """A server that speaks TLS.

    Args:
        crt: Path of the certificate, PEM, with its chain.
        key: Path of its private key, PEM.
    """

    def __init__(self, crt: str, key: str) -> None:
        super().__init__()
        self._tls = Tls(crt, key)


def _cookie_of(request: HospesRequest, kept: KeptUser) -> Cookie:
    """What the client has sent, but for the secret by which it is recognised."""
    return Cookie({name: value for name, value in request.cookies.items() if name not in _VISITOR}, id=kept.id)


def _response(found: Any, func: Any) -> Response:
    """The core's response for what a function returned.

    Raises:
        TypeError: if that is no Http_Response.
    """
    if not isinstance(found, Http_Response):
        raise TypeError(
            f"{getattr(func, '__name__', func)}() returned {type(found).__qualname__}; return an Http_Response, or None"
        )
    response = Response(found.content, found.status_code, content_type="")
    for name in found.headers:
        if name.lower() not in _CARRIERS_OWN:
            response.headers[name] = found.headers.get_all(name)
    if not response.content_type and found.content:
        response.content_type = _looks_like(found.content)
    return response


def _looks_like(content: bytes) -> str:
    """The media type of content whose program names none; browsers may not guess it."""
    try:
        return text_type(content.decode())
    except UnicodeDecodeError:
        return OCTETS
