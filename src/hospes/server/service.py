"""What all connections of a server share: the handler, the limits, the heads of usual answers, and the list of connections.

Laws:

* A connection is listed from the moment its descriptor is accepted until it is lost, so that the limits count it and a stop
  finds it.
* Of what a peer sends nothing gets into the log but the method and the path, still percent-encoded and therefore free of
  control characters: no query, no field, no content.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context
from time import time
from typing import Any, Final, Protocol

from hospes.execution import Driver
from hospes.http.connection import Address, Hint
from hospes.http.connection import Connection as Ends
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.websocket import WebSocketContent
from hospes.limits import Limits, Timeouts
from hospes.server.answers import Prefixes, refusal
from hospes.server.ends import ends
from hospes.server.proxies import Trust

LOG: Final = logging.getLogger("hospes.server")


class Listed(Protocol):
    """A connection, as it is listed: what the supervision and a stop ask of it."""

    deadline: float
    unsent: bool

    def expire(self, now: float) -> None:
        """See `supervision.Supervised`."""

    def check_writing(self, now: float) -> None:
        """See `supervision.Supervised`."""

    def stop_if_idle(self, since: float) -> None:
        """The server stops: close if no request has been under way or coming in since then."""

    def abort(self) -> None:
        """End at once, whatever is under way."""


class Service:
    """The common part of a server's connections.

    Args:
        handler: What answers requests.
        limits: What a peer may send.
        timeouts: How long a peer is waited for.
        driver: Runs the handler, on the loop that the connections live on.
    """

    __slots__ = (
        "_addresses",
        "_tasks",
        "connections",
        "draining",
        "driver",
        "ending",
        "handler",
        "limits",
        "on_lost",
        "on_refused",
        "prefixes",
        "timeouts",
        "told",
        "trust",
    )

    def __init__(self, handler: Handler, limits: Limits, timeouts: Timeouts, driver: Driver) -> None:
        self.handler = handler
        self.limits = limits
        self.timeouts = timeouts
        self.driver = driver
        self.prefixes = Prefixes(time)
        self.draining = False
        """Whether the server is about to stop: every answer is its connection's last."""
        self.connections: set[Listed] = set()
        """The open ones, those whose TLS handshake is under way among them."""
        self.on_lost: Callable[[], object] = _nothing
        """Called whenever a connection has gone."""
        self.on_refused: Callable[[Address, int], object] = _nothing
        """Called with a peer's address and a status when a connection answers by itself, to what is no request."""
        self.trust: Trust | None = None
        """Whose connections begin with a preamble; None for nobody's."""
        self.told: dict[Listed, Ends] = {}
        """The ends that a proxy has told, of connections that are about to be made."""
        self.ending = 0
        """Websockets whose peer has gone and whose program has not come to its end."""
        self._addresses: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def admit(self, host: str) -> bool:
        """Count a connection of a peer address; False where it has too many. `lost` takes it back."""
        self._addresses[host] += 1
        most = self.limits.connections_per_address
        return not most or self._addresses[host] <= most

    def ends_of(self, connection: Listed, transport: asyncio.BaseTransport, hint: Hint) -> Ends:
        """Who is connected with whom."""
        return self.told.pop(connection, None) or ends(transport, self.limits, hint)

    def refuse(self, client: Address, status: int, reason: str) -> bytes:
        """A whole answer that a connection gives by itself, its last."""
        self.on_refused(client, status)
        return refusal(status, reason, self.prefixes.date())

    def lost(self, connection: Listed, host: str | None) -> None:
        """Forget a connection, which need not have come to be (`host` is None then)."""
        self.connections.discard(connection)
        if host is not None:
            self._addresses[host] -= 1
            if not self._addresses[host]:
                del self._addresses[host]
        self.on_lost()

    def spawn(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> asyncio.Task[None]:
        """Run something beside the handlers; `settle` waits for it."""
        task = self.driver.loop.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def discard(self, content: object) -> None:
        """Close content that nobody will send."""
        if isinstance(content, FileContent):
            content.close()
        elif isinstance(content, (Stream, WebSocketContent)):
            self.spawn(_close(content))

    async def settle(self) -> None:
        """Wait until handlers and senders have ended."""
        while self.driver.running or self._tasks:
            await self.driver.join()
            if self._tasks:
                await asyncio.wait(self._tasks)


def _nothing(*_: object) -> None:
    pass


async def _close(content: Stream | WebSocketContent) -> None:
    try:
        await content.aclose()
    except Exception:
        LOG.exception("closing the source of a response that is not sent failed")
