"""An ASGI 3 application as a handler.

    handler = from_asgi(application)
    async with handler.running():            # its lifespan; a server or an App does this
        response = await handler(request)

Laws:

* It is a Handler as any other: a server serves it, an App mounts it, filters stand around it.
* Each application runs in tasks of its own, which may outlive the request (see `asgi_exchange`); at the end of `running` they get
  `BACKGROUND` seconds, and are cancelled then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager, suppress
from types import EllipsisType
from typing import Any, Final

from hospes.adapters.asgi import AsgiApplication, Scope
from hospes.adapters.asgi_exchange import AsgiExchange
from hospes.adapters.asgi_lifespan import AsgiLifespan, LifespanMode
from hospes.adapters.asgi_scope import http_scope, websocket_scope
from hospes.adapters.asgi_websocket import AsgiWebSocket
from hospes.errors import SetupError, check_callable
from hospes.execution import Driver
from hospes.http.handshake import asks_for_websocket, check_handshake
from hospes.http.request import Request
from hospes.http.response import Response

LOG: Final = logging.getLogger("hospes.adapters")
BACKGROUND: Final = 10.0
"""Seconds at the end for what an application still does after its answers."""
_CANCELLED: Final = 1.0


class HostedAsgi:
    """A handler that has an ASGI application answer; `from_asgi` makes it.

    Args:
        application: Its `async (scope, receive, send)`.
        lifespan: "auto", "on" or "off".
        body_limit: Octets of content taken, None for no bound; the server's limit by default.

    Attributes:
        driver: Runs the application; None until the first request.
        state: What its lifespan has left for every scope; None where it has none.
    """

    is_asgi: Final = True
    """A carrier that knows how to may call `application` by itself, in `driver`'s seat, and have an `exchange` take over."""

    def __init__(
        self, application: AsgiApplication, lifespan: LifespanMode = "auto", body_limit: int | EllipsisType | None = ...
    ) -> None:
        if lifespan not in {"auto", "on", "off"}:
            raise SetupError(f"lifespan={lifespan!r}", remedy='it is "auto", "on" or "off"')
        self.application = application
        self._lifespan: LifespanMode = lifespan
        self.body_limit = body_limit
        self.state: dict[str, Any] | None = None
        self.driver: Driver | None = None

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """Have the application answer: the response, where that takes one step."""
        content = request.content
        if content is not None:
            if self.body_limit is not ...:
                content.limit = self.body_limit
            content.check_declared()
        driver = self.driver
        if driver is None or driver.loop is not asyncio.get_running_loop():
            driver = self.driver = Driver(interrupts=(KeyboardInterrupt,))
        application = self.application
        if request.head.upgrade and asks_for_websocket(request):
            check_handshake(request)
            websocket = AsgiWebSocket(request)
            scope = websocket_scope(request, self.state)
            driver.start_inside(lambda each: application(scope, each.receive, each.send), websocket, websocket.ended)
            return websocket.answered()
        exchange = self.exchange(request, http_scope(request, self.state))
        driver.start_inside(AsgiExchange.run, exchange, exchange.ended)
        return exchange.response() if exchange.answers else exchange.answered()

    def exchange(self, request: Request, scope: Scope) -> AsgiExchange:
        """A conversation with the application, which has not begun.

        Args:
            request: What it is about.
            scope: What the application is told of it.
        """
        return AsgiExchange(self.application, scope, request)

    @staticmethod
    def completed() -> AsgiExchange:
        """A conversation that is over, of which nothing is known any more."""
        return AsgiExchange.completed()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The application's life.

        Raises:
            SetupError: where its start fails.
        """
        lifespan: AsgiLifespan | None = None
        if self._lifespan != "off":
            lifespan = AsgiLifespan(self.application, self._lifespan == "on")
            self.state = await lifespan.begin()
        try:
            yield
        finally:
            try:
                await self._settle()
            finally:
                if lifespan is not None:
                    await lifespan.end()
                self.state = None

    async def _settle(self) -> None:
        """Wait for what goes on after its answer."""
        driver, self.driver = self.driver, None
        if driver is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(driver.join(), BACKGROUND)
        if driver.running:
            LOG.warning("%d calls of the ASGI application did not end in time and are cancelled", len(driver.running))
            driver.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(driver.join(), _CANCELLED)
        driver.close()


def from_asgi(
    application: AsgiApplication, *, lifespan: LifespanMode = "auto", body_limit: int | EllipsisType | None = ...
) -> HostedAsgi:
    """Make a handler of an ASGI 3 application.

    Args:
        application: Its `async (scope, receive, send)`.
        lifespan: "auto" tells it of start and stop if it wants to know, "on" demands that it does, "off" never tells.
        body_limit: Octets of a request's content that are taken, None for no bound; the server's limit by default.

    Raises:
        SetupError: for another lifespan, and for what cannot be called.
    """
    check_callable("ASGI application", application, "give what takes its place in a server; an App is mounted, or runs, as it is")
    return HostedAsgi(application, lifespan, body_limit)
