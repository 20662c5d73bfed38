"""http_server's server: paths and functions, middlewares, folders.

Law: all of it runs over `hospes.App`; this file only declares.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import Any

from hospes.binding import BytesBody
from hospes.compat.http_server.dispatching import Dispatcher, Middleware
from hospes.compat.http_server.url import Path
from hospes.errors import SetupError
from hospes.files import StaticFolder
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.running import App, show_log
from hospes.server import Server, ServerOptions
from hospes.server.carriers import run_on_loop
from hospes.server.lifecycle import serve


class WebServer:
    """A server.

    Args:
        host: Address to listen on; this machine alone by default, "" for every interface.
        port: Port; 8080 by default, 0 for a free one.
        route: Paths and their functions; the first that matches answers.
        DEBUG: Whether failures are shown, to this machine alone.
        maxConnection: Connections that may be open at the same time.

    Attributes:
        route: The paths; may be added to until the server runs.
        Middlewares: Functions `(request, response) -> (request, response)`, called in their order before all else.

    Raises:
        SetupError: for a route that holds something else than `Path`.
        ValueError: for a number of connections that is not positive.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8080,
        route: Iterable[Path] = (),
        DEBUG: bool = False,
        maxConnection: int = Limits().connections,
    ) -> None:
        self.host = host
        self.port = port
        self.route = list(route)
        self.DEBUG = DEBUG
        self.Middlewares: list[Middleware] = []
        self._limits = Limits(connections=maxConnection)
        self._folders: dict[str, StaticFolder] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        _check(self.route)

    def fileServer(self, url: str, folder: str | os.PathLike[str]) -> None:
        """Serve the files of a folder below a URL, where no Path matches; several folders may be served.

        Raises:
            SetupError: if there is no such folder.
        """
        self._folders["/" + url.strip("/") if url.strip("/") else ""] = StaticFolder(folder)

    def run(self) -> None:
        """Serve until `shutdown`, Ctrl+C or SIGTERM; requests under way are finished then.

        Raises:
            SetupError: if the address cannot be had, or the server runs already.
        """
        if self._loop is not None:
            raise SetupError("this server runs already", remedy="shutdown() it first, or make another WebServer")
        show_log()
        status = run_on_loop(self._serve())
        if status:
            sys.exit(status)

    def shutdown(self) -> None:
        """Stop, from any thread or function; `run` returns when the requests under way are finished."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            loop.call_soon_threadsafe(stop.set)

    def application(self) -> App:
        """The server as a hospes app, for what http_server does not have: tests, several workers, running inside a program.

        Raises:
            SetupError: for a route that holds something else than `Path`.
        """
        _check(self.route)
        dispatcher = Dispatcher(self.route, self.Middlewares, self._folders, self.DEBUG)
        app = App()

        def answer(request: Request, content: BytesBody) -> Response:
            return dispatcher.answer(request)

        app.route(regexp="(?s).*")(answer)
        return app

    async def _serve(self) -> int:
        options = ServerOptions(self.host, self.port, limits=self._limits)
        stop = self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        try:
            async with self.application().started(options.timeouts.queue) as handler:
                return await serve(handler, options, ready=self._announce, stop=stop)
        finally:
            self._loop = self._stop = None

    def _announce(self, server: Server) -> None:
        self.port = server.address[1]
        sys.stdout.write(f"http_server: {server.url} (Ctrl+C stops it)\n")
        sys.stdout.flush()


def _check(route: Iterable[Any]) -> None:
    for each in route:
        if not isinstance(each, Path):
            raise SetupError(
                f"WebServer(route=[… {each!r} …]) holds something else than a Path",
                remedy='write Path(r"^/$", index, name="index")',
            )
