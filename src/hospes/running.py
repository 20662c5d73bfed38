"""`App`: the application with all the ways to run it.

Laws:

* This is one of the few rooms where application, server and store meet; each of them knows nothing of the others.
* However an app is run, it is the same handler behind the same waist.
* The server stops before the application does, so that no request meets an application that is being taken down.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from contextlib import suppress
from functools import partial

from hospes.app import Application
from hospes.errors import SetupError
from hospes.http.request import Address, Connection
from hospes.limits import Limits, Timeouts
from hospes.logger import get_logger
from hospes.server import Server, ServerOptions, ServingThread, Tls, serve
from hospes.server.carriers import carrier_name
from hospes.testing import TestDoor


class App(Application):
    """Serves HTTP: declare routes on it, then run it.

    Args:
        store: URL of the store that keeps visitors; the environment's `HOSPES_STORE`, else `sqlite:///hospes.db`.
        threads: Threads for plain handlers; a few more than there are processors by default.
        templates: Folder of the templates; `templates` in the working directory by default.
        sessions: How sessions are kept, or a factory of the program's own.
        keys: Secrets for signed values, the newest first; else one is made at random and kept in the store.
        csrf: What another site's pages may send; False for everything.
        visitors: How visitors are remembered.
    """

    def run(
        self,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Serve until Ctrl+C or SIGTERM; requests under way are finished then, and a second signal ends at once.

        Args:
            host: Address to listen on; this machine alone by default, "" for every interface.
            port: Port; 8080. 0 takes a free one.
            tls: Certificate and key; plain HTTP by default.
            limits: How much a peer may send.
            timeouts: How long it may take.

        Raises:
            SetupError: for a mistake in the program, an address that cannot be had, or where a loop runs already.
            SystemExit: where a second signal ended it.
        """
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise SetupError("run() was called where an event loop runs already", remedy="write `await app.serve()` there")
        get_logger(factory="hospes")  # what hospes has to say is shown where the program has set up no logging of its own
        status = asyncio.run(self.serve(_options(host, port, tls, limits, timeouts)))
        if status:
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
        options = options if options is not None else ServerOptions()
        async with self.started(options.timeouts.queue) as handler:
            return await serve(handler, options, ready=self._announce, signals=signals)

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
        return ServingThread(partial(self.started, options.timeouts.queue), options)

    def test(self, *, scheme: str = "http", limits: Limits | None = None) -> TestDoor:
        """A client that asks this app without sockets: `with app.test() as client: …`, or `async with`.

        Args:
            scheme: What the requests seem to have come by, "http" or "https".
            limits: How much they may bring.
        """
        peers = Address("127.0.0.1", 50_000), Address("testserver", 443 if scheme == "https" else 80)
        return TestDoor(self, Connection(*peers, scheme, limits or Limits()))

    def _announce(self, server: Server) -> None:
        """The start-up panel."""
        lines = {
            "address": server.url,
            "carrier": f"{carrier_name(tls=server.options.tls is not None)}, {python()}",
            "store": _without_password(self.store_url),
            "stop": "Ctrl+C",
        }
        rows = (f"    {name:<9}{value}\n" for name, value in lines.items())
        sys.stdout.write(f"\n  hospes {version()}\n\n{''.join(rows)}\n")
        sys.stdout.flush()


def version() -> str:
    """This package's version."""
    from importlib.metadata import version  # slow to import, and seldom asked for

    return version("hospes")


def python() -> str:
    """The interpreter and its version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def _options(host: str, port: int, tls: Tls | None, limits: Limits | None, timeouts: Timeouts | None) -> ServerOptions:
    return ServerOptions(host, port, tls=tls, limits=limits or Limits(), timeouts=timeouts or Timeouts())


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
