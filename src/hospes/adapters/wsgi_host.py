"""A WSGI application as a handler (PEP 3333).

    handler = from_wsgi(application)
    async with handler.running():            # its threads; a server or an App does this
        response = await handler(request)

Laws:

* It is a Handler as any other: a server serves it, an App mounts it, filters stand around it.
* It has threads of its own, as many as requests are to be handled at once; what is beyond waits within bounds, then it is a 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import copy_context
from types import EllipsisType
from typing import Final

from hospes.adapters.wsgi import FileWrapper, WsgiApplication
from hospes.adapters.wsgi_environ import VARIABLES, give_hints
from hospes.adapters.wsgi_exchange import WsgiExchange, start
from hospes.errors import check_callable
from hospes.execution import Job, ThreadPool, default_threads
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Timeouts

BACKGROUND: Final = 10.0
"""Seconds at the end for what an application still does after its answers: what it returned is closed then."""
_THREADS_END: Final = 2.0
"""Seconds at the end for threads that still run something. The server has drained before; what is left does not end."""


class HostedWsgi:
    """A handler that has a WSGI application answer; `from_wsgi` makes it.

    Args:
        application: Its `(environ, start_response)`.
        threads: The most threads.
        queue: Seconds that a request may wait for one.
        body_limit: Octets of content taken, None for no bound; the server's limit by default.

    Attributes:
        pool: The threads; None until the first request.
    """

    is_wsgi: Final = True
    """A carrier that knows how to may have `application` called in the `pool` by itself, and an `exchange` take over."""
    variables: Final = VARIABLES
    file_wrapper: Final = FileWrapper
    give_hints: Final = staticmethod(give_hints)

    def __init__(
        self, application: WsgiApplication, threads: int, queue: float, body_limit: int | EllipsisType | None = ...
    ) -> None:
        self.application = application
        self._threads = threads
        self._queue = queue
        self.body_limit = body_limit
        self.pool: ThreadPool | None = None

    def __call__(self, request: Request) -> Job[Response]:
        """Have the application answer, in a thread."""
        content = request.content
        if content is not None:
            if self.body_limit is not ...:
                content.limit = self.body_limit
            content.check_declared()
        pool = self.pool
        if pool is None or pool.loop is not asyncio.get_running_loop():
            pool = self.pool = ThreadPool(self._threads, wait=self._queue)
        return start(self.application, request, pool, copy_context())

    def exchange(self, request: Request, pool: ThreadPool) -> WsgiExchange:
        """One request and its answer, which has not begun.

        Args:
            request: The request.
            pool: Whose thread it is in.
        """
        return WsgiExchange(self.application, request, pool)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The life of its threads."""
        try:
            yield
        finally:
            pool, self.pool = self.pool, None
            if pool is not None:
                await pool.close(BACKGROUND if pool.follows else _THREADS_END)


def from_wsgi(
    application: WsgiApplication,
    *,
    threads: int = 0,
    queue: float = Timeouts().queue,
    body_limit: int | EllipsisType | None = ...,
) -> HostedWsgi:
    """Make a handler of a WSGI application.

    Args:
        application: Its `(environ, start_response)`.
        threads: The most threads, and so the most requests at once; a few more than there are processors by default.
        queue: Seconds that a request may wait for a thread before it is answered with 503; 5.0 by default.
        body_limit: Octets of a request's content that are taken, None for no bound; the server's limit by default.

    Raises:
        SetupError: for what cannot be called.
    """
    check_callable("WSGI application", application, "give what takes its place in a server; an App is mounted, or runs, as it is")
    return HostedWsgi(application, threads or default_threads(), queue, body_limit)
