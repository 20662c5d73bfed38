"""The life of a server: until a signal says stop, or in a thread of a host program.

Laws:

* The first SIGINT, SIGTERM or SIGQUIT drains; a second one ends at once. A loop that is blocked by a handler does not notice the
  first; then the second is a KeyboardInterrupt in that handler, so Ctrl+C always works.
* SIGHUP has certificates read again, SIGUSR1 (and SIGHUP) log files opened again, where there are any. systemd, which asks for a
  reload by SIGHUP, is told that it is done even where there is nothing; anywhere else SIGHUP is a terminal's end then, and ours.
* Handlers of signals are put back as they were.
* A thread's `start` returns when the server listens, or raises what kept it from that; its `stop` returns within a bound.
* In a thread the handler comes to be before the server listens, and goes when the server has stopped, all in one task.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType, TracebackType
from typing import Final

from hospes.http.handler import Handler
from hospes.server.carriers import run_on_loop
from hospes.server.notify import Notifier
from hospes.server.server import Server, ServerOptions, Stopped
from hospes.server.service import LOG
from hospes.server.watching import watched
from hospes.server.worker import Worker

QUIET: Final = 1.0
"""Seconds at a stop by signal for which a connection has to have been idle before it is closed: who has asked within the last
second is likely to ask again, and a request that meets a closing connection is lost."""
_STOPS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGQUIT") if hasattr(signal, name)]
_RELOADS: Final = [getattr(signal, name) for name in ("SIGHUP", "SIGUSR1") if hasattr(signal, name)]
_JOIN: Final = 5.0
"""Seconds beyond the drain time until a thread that does not end is given up."""


async def serve(
    handler: Handler,
    options: ServerOptions | None = None,
    *,
    ready: Callable[[Server], object] | None = None,
    draining: Callable[[], object] | None = None,
    signals: bool = True,
    worker: Worker | None = None,
    stop: asyncio.Event | None = None,
) -> int:
    """Serve until a signal asks to stop, or this is cancelled.

    Args:
        handler: What answers requests.
        options: Where and how; see `ServerOptions`.
        ready: Called with the server when it listens.
        draining: Called when a signal has asked to stop, before anything else happens.
        signals: Whether SIGINT, SIGTERM and SIGQUIT stop it; only in the main thread, elsewhere they never do.
        worker: This process, where a foreman started it.
        stop: Set, it stops the server as the first signal does.

    Returns:
        The exit status for the process: 0 after a drain, 128 and the signal's number where a second signal ended it at once.

    Raises:
        SetupError: if it cannot listen.
    """
    server = Server(worker.counted(handler) if worker is not None else handler, options)
    notifier = Notifier.of_this_process() if worker is None else Notifier("")
    wish = _Wish(server, notifier, stop if stop is not None else asyncio.Event())
    await server.start()
    hears = signals and threading.current_thread() is threading.main_thread()
    try:
        with wish.heard(worker is not None) if hears else nullcontext(), watched(), _told(server, worker, wish) as stops:
            if ready is not None:
                ready(server)
            await wish.stop.wait()
            stops()
            if draining is not None:
                draining()
            stopping = asyncio.ensure_future(server.stop(quiet=QUIET))
            impatient = asyncio.ensure_future(wish.at_once.wait())
            await asyncio.wait((stopping, impatient), return_when=asyncio.FIRST_COMPLETED)
            impatient.cancel()
            if wish.at_once.is_set():
                await server.stop(0)
                return 128 + wish.number
            return _report(await stopping)
    finally:
        await server.stop(0)


def _report(stopped: Stopped) -> int:
    LOG.info("stopped: %d requests finished, %d connections cut off", stopped.finished, stopped.aborted)
    return 0


class _Wish:
    """What the signals ask for."""

    def __init__(self, server: Server, notifier: Notifier, stop: asyncio.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server
        self.notifier = notifier
        self.stop = stop
        self.at_once = asyncio.Event()
        self.number = 0

    @contextmanager
    def heard(self, at_work: bool) -> Generator[None]:
        # signal.signal and not loop.add_signal_handler: it is there on every system, and works while the loop is blocked.
        before = {each: signal.signal(each, self._hear) for each in _STOPS}
        if at_work or self._server.reloads or self.notifier.listens:  # else it is a terminal's end, and does what it always did
            before.update((each, signal.signal(each, self._hear_more)) for each in _RELOADS)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler if handler is not None else signal.SIG_DFL)  # None: not set from Python

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.number and not self.stop.is_set():  # the loop has had no turn since the first
            raise KeyboardInterrupt
        wish = self.at_once if self.number else self.stop
        self.number = number
        self._loop.call_soon_threadsafe(wish.set)

    def _hear_more(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._reload, number in _RELOADS[:1])

    def _reload(self, certificate: bool) -> None:
        if not certificate:
            self._server.reload(False)
            return
        self.notifier.reloading()
        if self.notifier.listens and not self._server.reloads:
            LOG.warning(
                "a reload was asked for, and there is nothing to read again: only with --workers the program is loaded anew"
            )
        self._server.reload(True)
        self.notifier.ready(_status(self._server))


def _status(server: Server) -> str:
    return f"serves at {', '.join(server.urls)}"


def _told(server: Server, worker: Worker | None, wish: _Wish) -> AbstractContextManager[Callable[[], object]]:
    """Tell whoever started us that we serve, and go on; the function tells that we stop."""
    return _telling(server, wish.notifier) if worker is None else _beating(server, worker, wish)


@contextmanager
def _beating(server: Server, worker: Worker, wish: _Wish) -> Generator[Callable[[], object]]:
    """Tell the foreman, who knows when we stop."""
    options = server.options
    worker.begin(options.timeouts.drain + options.unready, wish.stop.set)
    try:
        yield _nothing
    finally:
        worker.end()


@contextmanager
def _telling(server: Server, notifier: Notifier) -> Generator[Callable[[], object]]:
    """Tell systemd, if it listens."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def alive() -> None:
        nonlocal timer
        notifier.alive()
        timer = loop.call_later(notifier.interval, alive)

    if notifier.interval:
        alive()
    notifier.ready(_status(server))
    try:
        yield notifier.stopping
    finally:
        if timer is not None:
            timer.cancel()


def _nothing() -> None:
    pass


class ServingThread:
    """A server on a loop of its own in a background thread, for programs that do something else besides.

    Args:
        opened: Gives what answers requests for as long as it is entered, as `App.started` does; all of that in the thread. Where
            a handler needs no such care: `lambda: nullcontext(handler)`.
        options: Where and how.
    """

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Handler]], options: ServerOptions | None = None) -> None:
        self._opened = opened
        self._options = options if options is not None else ServerOptions()
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._run, name="hospes-server", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._drain: float | None = None

    @property
    def server(self) -> Server:
        """The server.

        Raises:
            RuntimeError: before `start`.
        """
        if self._server is None:
            raise RuntimeError("there is no server yet: start() makes it")
        return self._server

    @property
    def url(self) -> str:
        """The server's URL, once started."""
        return self.server.url

    def start(self) -> None:
        """Serve; returns when the server listens.

        Raises:
            SetupError: if it cannot listen.
            RuntimeError: if it was started before.
            BaseException: what `opened` raised.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self, drain: float | None = None) -> None:
        """Stop in order, and wait for it. Safe to call twice, and from any other thread.

        Args:
            drain: Seconds for requests under way; `timeouts.drain` by default.

        Raises:
            TimeoutError: if the thread does not end, because a handler blocks its loop, or what was opened does not close.
        """
        if self._loop is None or self._stop is None or not self._thread.is_alive():
            return
        self._drain = drain
        with suppress(RuntimeError):  # closed in this moment
            self._loop.call_soon_threadsafe(self._stop.set)
        allowed = self._options.timeouts.drain if drain is None else drain
        self._thread.join(allowed + _JOIN)
        if self._thread.is_alive():
            raise TimeoutError("the server's thread does not end: a handler blocks its loop, or what was opened does not close")

    def __enter__(self) -> ServingThread:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            run_on_loop(self._serve())
        except BaseException as error:
            if self._ready.is_set():
                LOG.exception("the server's thread failed")
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._opened() as handler:
            self._server = server = Server(handler, self._options)
            await server.start()
            self._ready.set()
            await self._stop.wait()
            await server.stop(self._drain)
