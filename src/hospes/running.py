"""`App`, and another framework's application, with all the ways to run them.

Laws:

* This is one of the few rooms where application, server and store meet; each of them knows nothing of the others.
* However an app is run, it is the same handler behind the same waist.
* Who only declares, and who is served by somebody else, loads no server: `server` is a package that loads what it is asked for.
* The server stops before the application does, so that no request meets an application that is being taken down.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hospes import server
from hospes.app.application import Application
from hospes.app.life import Life
from hospes.errors import SetupError, check_kind
from hospes.execution.pool import WAIT
from hospes.http.handler import Handler
from hospes.http.request import Address, Connection

if TYPE_CHECKING:
    from hospes.adapters import AsgiGuest, WsgiGuest
    from hospes.limits import Limits, Timeouts
    from hospes.server import Server, ServerOptions, ServingThread, Tls, Worker, Workers
    from hospes.testing import TestDoor

_log: Final = logging.getLogger("hospes.running")

loading: Final[ContextVar[str]] = ContextVar("hospes_loading", default="")
"""The program that the command line is loading; it serves what it finds there, so `run()` in it has nothing to do."""


class Runnable(ABC):
    """What can be served: an `App`, or another framework's application; all the ways to do it."""

    @abstractmethod
    def started(self, queue: float = ...) -> AbstractAsyncContextManager[Handler]:
        """Start, give the handler that answers requests, and stop.

        Args:
            queue: Seconds that a request may wait for a thread.
        """

    def asgi(self, limits: Limits | None = None) -> AsgiGuest:
        """As an ASGI 3 application, for another server: `application = app.asgi()`.

        Args:
            limits: How much a request may bring.
        """
        from hospes.adapters import to_asgi

        return to_asgi(opened=self.started, limits=limits)

    def wsgi(self, limits: Limits | None = None) -> WsgiGuest:
        """As a WSGI application, for another server: `application = app.wsgi()`.

        Args:
            limits: How much a request may bring.
        """
        from hospes.adapters import to_wsgi

        return to_wsgi(opened=self.started, limits=limits)

    @abstractmethod
    def panel(self) -> dict[str, str]:
        """What the start-up panel says of it, in lines by name."""

    def run(
        self,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        workers: int | Literal["auto"] | Workers | None = None,
        options: ServerOptions | None = None,
    ) -> None:
        """Serve until Ctrl+C or SIGTERM; requests under way are finished then, and a second signal ends at once.

        With workers, this program is started again for each of them, up to this very call, and serves there; here they are only
        looked after. In a worker the call does not return.

        Where `hospes run` is loading the program, that serves it, and this only says so.

        Args:
            host: Address to listen on; this machine alone by default, "" for every interface.
            port: Port; 8080. 0 takes a free one.
            tls: Certificate and key; plain HTTP by default.
            limits: How much a peer may send.
            timeouts: How long it may take.
            workers: Processes that serve; a number, "auto" for one per processor, or `Workers`. By default this process serves.
            options: All of that and more in one object, in place of the others.

        Raises:
            SetupError: for a mistake in the program, an address that cannot be had, or where a loop runs already.
            SystemExit: where a second signal ended it.
        """
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise SetupError("run() was called where an event loop runs already", remedy="write `await app.serve()` there")
        show_log()
        if program := loading.get():
            _log.warning(
                'run() in %s is passed over, the command line serves: put it below `if __name__ == "__main__":`', program
            )
            return
        chosen = _checked("run(options={})", options) or _options(host, port, tls, limits, timeouts)
        many = workers if isinstance(workers, server.Workers) or workers is None else server.Workers(workers)
        worker = server.Worker.of_this_process(many.max_requests) if many is not None else None
        if many is not None and worker is None:
            status = run_workers(chosen, many)
        else:
            status = server.run_on_loop(self._serve(chosen, True, worker))
        if status or worker is not None:
            sys.exit(status)

    async def serve(self, options: ServerOptions | None = None, *, signals: bool = True) -> int:
        """Serve on the running loop, until a signal asks to stop or this is cancelled.

        Args:
            options: Where and how; `127.0.0.1:8080` by default.
            signals: Whether SIGINT and SIGTERM stop it; only ever in the main thread.

        Returns:
            The exit status for the process: 0 after a drain, else 128 and the second signal's number.

        Raises:
            SetupError: for a mistake in the program, or an address that cannot be had.
        """
        return await self._serve(_checked("serve({})", options) or server.ServerOptions(), signals, None)

    async def _serve(self, options: ServerOptions, signals: bool, worker: Worker | None) -> int:
        ready: Callable[[Server], object] | None = self._announce
        if worker is not None:
            ready = None  # the foreman announces all of them
            worker.facts = self.panel()
            options = replace(options, bind=tuple(f"fd:{number}" for number in worker.sockets()))
        draining = self.begin_to_drain if isinstance(self, Application) else None
        async with self.started(options.timeouts.queue) as handler:
            return await server.serve(handler, options, ready=ready, draining=draining, signals=signals, worker=worker)

    def serving(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> ServingThread:
        """Serve in a background thread: `with app.serving() as server: …`, or its `start()` and `stop()`.

        Args:
            host: Address to listen on.
            port: Port; a free one by default, `server.url` tells which.
            tls: Certificate and key.
            limits: How much a peer may send.
            timeouts: How long it may take.
        """
        options = _options(host, port, tls, limits, timeouts)
        return server.ServingThread(partial(self.started, options.timeouts.queue), options)

    def _announce(self, started: Server) -> None:
        """The start-up panel."""
        _show_panel(started.options, started.urls, self.panel())


class App(Application, Runnable):
    """Serves HTTP: declare routes on it, then run it.

    Args:
        store: URL of the store that keeps visitors; the environment's `HOSPES_STORE`, else `sqlite:///hospes.db`.
        threads: Threads for plain handlers; a few more than there are processors by default.
        templates: Folder of the templates, or a jinja2 environment; `templates` in the working directory by default.
        sessions: How sessions are kept, or a factory of the program's own.
        keys: Secrets for signed values, the newest first; else one is made at random and kept in the store.
        csrf: What another site's pages may send; False for everything.
        visitors: How visitors are remembered.
    """

    def test(self, *, scheme: str = "http", limits: Limits | None = None) -> TestDoor:
        """A client that asks this app without sockets: `with app.test() as client: …`, or `async with`.

        Args:
            scheme: What the requests seem to have come by, "http" or "https".
            limits: How much they may bring.
        """
        from hospes.limits import Limits
        from hospes.testing import TestDoor  # for tests only

        if limits is not None:
            check_kind("test(limits={})", limits, Limits, "Limits(body=50 * MiB)")
        if scheme not in ("http", "https"):
            raise SetupError(f"test(scheme={scheme!r}) is none that requests come by", remedy='write test(scheme="https")')

        peers = Address("127.0.0.1", 50_000), Address("testserver", 443 if scheme == "https" else 80)
        return TestDoor(self, Connection(*peers, scheme, limits if limits is not None else Limits()))

    def mount(self, prefix: str, handler: Any) -> None:
        """Let another application, or any handler, answer below a prefix; it sees paths without it.

        Args:
            prefix: Where; `/api` for example.
            handler: Another App, an ASGI 3 or WSGI application (it is found out which; `from_asgi` and `from_wsgi` say it), or a
                function from a Request to a Response.

        Raises:
            SetupError: for a prefix that does not begin with a slash, or is taken, and for what cannot answer.
        """
        super().mount(prefix, handler if isinstance(handler, (Application, type)) or not callable(handler) else _handler(handler))

    def panel(self) -> dict[str, str]:
        return {"store": _without_password(self.store_url)}


class Hosting(Runnable):
    """Another framework's application, with the ways to serve it; `host` makes it.

    Args:
        handler: What answers.
        name: What the start-up panel calls it.
    """

    def __init__(self, handler: Handler, name: str) -> None:
        self.handler = handler
        self._name = name

    @asynccontextmanager
    async def started(self, queue: float = WAIT) -> AsyncGenerator[Handler]:
        life = Life()
        try:
            await life.begin_owner(self.handler)
            yield self.handler
        finally:
            await life.end()

    def panel(self) -> dict[str, str]:
        return {"hosting": self._name}


Interface: TypeAlias = Literal["", "hospes", "asgi", "wsgi"]
"""How an application is called; "" finds it out."""


def host(application: Any, interface: Interface = "") -> Runnable:
    """Serve an application of another framework: `host(flask_app).run()`.

    Args:
        application: An ASGI 3 or WSGI application; a handler or an App as well.
        interface: "asgi" or "wsgi" where that cannot be found out; "hospes" for a handler.

    Raises:
        SetupError: where what it is cannot be told; what to do stands in it.
    """
    from hospes.adapters import from_asgi, from_wsgi

    if isinstance(application, Runnable):
        return application
    name = getattr(application, "__qualname__", "") or type(application).__qualname__
    if interface == "asgi":
        return Hosting(from_asgi(application), f"{name}, ASGI")
    if interface == "wsgi":
        return Hosting(from_wsgi(application), f"{name}, WSGI")
    handler: Handler = application if interface == "hospes" else _handler(application)
    kind = {"HostedAsgi": ", ASGI", "HostedWsgi": ", WSGI"}.get(type(handler).__name__, "")
    return Hosting(handler, f"{name}{kind}")


def _handler(application: Any) -> Handler:
    from hospes.adapters import handler_of  # not needed by most programs

    return handler_of(application)


def run_workers(options: ServerOptions, workers: Workers) -> int:
    """Have workers serve: this program, started again for each of them.

    Args:
        options: Where and how.
        workers: How many.

    Returns:
        The exit status for the process.

    Raises:
        SetupError: for an address that cannot be had, or where this program cannot be started again.
    """

    def announce(urls: tuple[str, ...], count: int, facts: Mapping[str, str]) -> None:
        _show_panel(options, urls, {"workers": str(count), **facts})

    return server.Foreman(options, workers, announce).run()


def _show_panel(options: ServerOptions, urls: tuple[str, ...], more: Mapping[str, str]) -> None:
    rows = [("address", url) for url in urls]
    rows.append(("carrier", f"{server.carrier_name(tls=not options.is_plain)}, {python()}"))
    rows += more.items()
    rows.append(("stop", "Ctrl+C"))
    lines = "".join(f"    {name:<9}{value}\n" for name, value in rows)
    sys.stdout.write(f"\n  hospes {version()}\n\n{lines}\n")
    sys.stdout.flush()


def version() -> str:
    """This package's version."""
    from importlib.metadata import version  # slow to import, and seldom asked for

    return version("hospes")


def python() -> str:
    """The interpreter and its version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def _checked(call: str, options: ServerOptions | None) -> ServerOptions | None:
    if options is not None:
        check_kind(call, options, server.ServerOptions, "ServerOptions(port=8000)")
    return options


def _options(host: str, port: int, tls: Tls | None, limits: Limits | None, timeouts: Timeouts | None) -> ServerOptions:
    from hospes.limits import Limits, Timeouts

    chosen = limits if limits is not None else Limits(), timeouts if timeouts is not None else Timeouts()
    return server.ServerOptions(host, port, tls=tls, limits=chosen[0], timeouts=chosen[1])


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def show_log() -> None:
    """Show what hospes has to say where the program has set up no logging of its own. Not in the background: the last words of a
    process that is killed are worth waiting for."""
    if not logging.getLogger().handlers and not logging.getLogger("hospes").handlers:
        from hospes.logger import LineFormatter

        handler = logging.StreamHandler()
        handler.setFormatter(LineFormatter())
        logging.getLogger("hospes").addHandler(handler)
        logging.getLogger("hospes").setLevel(logging.INFO)
