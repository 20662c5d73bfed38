"""A server of one application: `HttpServer`, and the guests in other servers.

Laws:

* `start` blocks until somebody calls `shutdown` or a signal asks to stop; it works in any thread. A signal that the program
  handles itself is left to it.
* `shutdown` drains. Called from elsewhere it returns when the port is free again; called on the server's own thread, by a handler
  or by a signal's handler of the program's, it returns at once.
"""

from __future__ import annotations

import asyncio
import signal
import ssl as tls
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict, Unpack

from hospes.compat.simple_http_server.app_conf import AppConf, get_app_conf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.compat.simple_http_server.logger import get_logger
from hospes.compat.simple_http_server.tls import context_of
from hospes.errors import SetupError
from hospes.http.asking import running_loop
from hospes.limits import Limits, Timeouts
from hospes.server import Server, ServerOptions, serve
from hospes.server.carriers import run_on_loop
from hospes.sessions import SessionFactory

_TAG: Final = "simple_http_server"
_PATIENCE: Final = 5.0
"""Seconds beyond the drain time that `shutdown` waits."""


class Options(TypedDict, total=False):
    """What a server may be told beside host and port."""

    ssl: bool
    ssl_protocol: int
    ssl_check_hostname: bool
    keyfile: str
    certfile: str
    keypass: str
    ssl_context: tls.SSLContext | None
    ssl_contex: tls.SSLContext | None
    resources: Mapping[str, str]
    connection_idle_time: float | None
    keep_alive: bool
    keep_alive_max_request: int | None
    gzip_content_types: Iterable[str]
    gzip_compress_level: int
    prefer_coroutine: bool
    prefer_corountine: bool
    app_conf: AppConf | None
    session_factory: SessionFactory | None


class HttpServer:
    """A server.

    Args:
        host: Address and port; "" is every interface.
        options: See `server.start`.

    Raises:
        SetupError: for an unknown option, or one that cannot be.
    """

    def __init__(self, host: tuple[str, int] = ("", 9090), **options: Unpack[Options]) -> None:
        _check_names(options)
        self.host, self.port = host
        self._conf = options.get("app_conf") or get_app_conf()
        self._ways = ways_of(options)
        self._options = _server_options(self.host, self.port, options)
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._is_asked = False
        self._is_over = threading.Event()
        self._is_over.set()
        self.ready = False
        """Whether it listens."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; the port that was found, where it was asked for 0."""
        return self._server.address if self._server is not None else (self.host, self.port)

    def start(self) -> None:
        """Serve until `shutdown`, or a signal.

        Raises:
            SetupError: for a mistake in the program, an address that cannot be had, or where a loop runs already.
        """
        if running_loop() is not None:
            remedy = "write `await server.start_async()` there"
            raise SetupError("start() was called where an event loop runs already", remedy=remedy)
        run_on_loop(self._serve(signals=_are_signals_free()))

    async def start_async(self) -> None:
        """Serve on the running loop until `shutdown`.

        Raises:
            SetupError: for a mistake in the program, or an address that cannot be had.
        """
        await self._serve(signals=False)

    def application(self) -> FaceApp:
        """What it serves as a hospes app, for what simple_http_server does not have: tests, running inside a program."""
        return FaceApp(self._conf, self._ways)

    def shutdown(self) -> None:
        """Stop in order."""
        self._is_asked = True
        loop, stop = self._loop, self._stop
        if loop is None or stop is None or self._is_over.is_set():
            return
        if running_loop() is loop:
            stop.set()
            return
        loop.call_soon_threadsafe(stop.set)
        if self._thread is not threading.current_thread():
            self.wait()

    def wait(self) -> None:
        """Wait until it has stopped, within the time that a drain takes."""
        self._is_over.wait(self._options.timeouts.drain + _PATIENCE)

    async def _serve(self, *, signals: bool) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._thread = threading.current_thread()
        self._is_over.clear()
        try:
            async with self.application().started(self._options.timeouts.queue) as handler:
                if self._is_asked:
                    return
                await serve(handler, self._options, ready=self._listens, signals=signals, stop=self._stop)
        finally:
            self.ready = False
            self._loop = None
            self._is_over.set()

    def _listens(self, server: Server) -> None:
        self._server = server
        self.ready = True
        mode = "on one loop" if self._ways.on_loop else "in threads"
        get_logger(_TAG).info("listening on %s, handlers run %s", server.url, mode)


def ways_of(options: Options) -> Ways:
    """How an application is served, of what a program said."""
    return Ways(
        on_loop=bool(options.get("prefer_coroutine") or options.get("prefer_corountine")),
        session_factory=options.get("session_factory"),
        resources=_resources(options.get("resources") or {}),
        gzip_content_types=frozenset(options.get("gzip_content_types") or ()),
        gzip_compress_level=options.get("gzip_compress_level", 9),
    )


def _resources(given: Any) -> Mapping[str, str]:
    """Folders by the patterns of their paths.

    Raises:
        SetupError: for what is no dict; a README has shown a set.
    """
    if not hasattr(given, "items"):
        raise SetupError(
            f"resources= is a {type(given).__name__}, and has to say which folder belongs to which path",
            remedy='write a dict: resources={"/p/*": "/folder", "**.css": "/styles"}',
        )
    return {pattern if pattern.startswith(("/", "*")) else f"/{pattern}": folder for pattern, folder in given.items()}


def _check_names(options: Mapping[str, Any]) -> None:
    unknown = sorted(options.keys() - Options.__annotations__.keys())
    if unknown:
        known = ", ".join(Options.__annotations__)
        raise SetupError(f"a server has no option {unknown[0]!r}", remedy=f"there are: {known}")


def _server_options(host: str, port: int, options: Options) -> ServerOptions:
    most = options.get("keep_alive_max_request") if options.get("keep_alive", True) else 1
    idle = options.get("connection_idle_time")
    return ServerOptions(
        host,
        port,
        tls=_tls(options) if options.get("ssl") else None,
        limits=Limits() if most is None else Limits(requests_per_connection=most),
        timeouts=Timeouts() if idle is None else Timeouts(keep_alive=idle),
    )


def _tls(options: Options) -> tls.SSLContext:
    given = options.get("ssl_context") or options.get("ssl_contex")
    if given is not None:
        return given
    return context_of(
        options.get("certfile", ""),
        options.get("keyfile", ""),
        options.get("keypass", ""),
        options.get("ssl_check_hostname", False),
    )


def _are_signals_free() -> bool:
    """Whether nobody but Python handles the signals that end a server."""
    usual = (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler)  # a shell ignores SIGINT for what it starts with `&`
    return all(signal.getsignal(each) in usual for each in (signal.SIGINT, signal.SIGTERM))
