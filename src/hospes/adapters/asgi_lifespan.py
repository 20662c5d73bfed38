"""The lifespan of an ASGI application: told of the start, and of the stop.

    us                                  the application
    lifespan.startup          ──▶
                              ◀──       lifespan.startup.complete, or .failed
    … requests …
    lifespan.shutdown         ──▶
                              ◀──       lifespan.shutdown.complete, or .failed

Laws:

* It begins before the first request and ends after the last one.
* An application that has none says so by raising, or by returning; with `auto` that is well, with `on` it is an error.
* A start that failed is an error, whichever; what the application said of it is in its text. One that raised after it heard of
  the start is served (the specification has it so), with a warning: it meant to do something then.
* What it raises while requests are served is logged at once; a stop gets `STOP` seconds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Literal, TypeAlias

from hospes.adapters.asgi import LIFESPAN_SPEC, VERSION, AsgiApplication, Message
from hospes.errors import SetupError

LOG: Final = logging.getLogger("hospes.adapters")
LifespanMode: TypeAlias = Literal["auto", "on", "off"]
STOP: Final = 10.0
"""Seconds for an application to answer `lifespan.shutdown`."""
_RETURNS: Final = 1.0
"""Seconds for an application to return after its last answer."""


class AsgiLifespan:
    """One life of an application.

    Args:
        application: The application.
        required: Whether it has to have a lifespan.
    """

    def __init__(self, application: AsgiApplication, required: bool) -> None:
        self._application = application
        self._required = required
        self._state: dict[str, Any] = {}
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self._answer: asyncio.Future[Message] | None = None
        self._task: asyncio.Task[None] | None = None
        self._event = ""
        self._heard = False
        self._started = False

    async def begin(self) -> dict[str, Any] | None:
        """Start the application.

        Returns:
            What it has put into the scope's `state`; None where it has no lifespan.

        Raises:
            SetupError: where it says that its start failed, or has no lifespan and is to have one.
        """
        scope = {"type": "lifespan", "asgi": {"version": VERSION, "spec_version": LIFESPAN_SPEC}, "state": self._state}
        self._task = asyncio.ensure_future(self._run(scope))
        message = await self._ask("startup")
        if message is None:
            failure = None if self._task.cancelled() else self._task.exception()
            if self._required:
                raise SetupError(
                    "the ASGI application has no lifespan, and lifespan='on' demands one",
                    remedy="take lifespan='auto', or have the application answer the scope 'lifespan'",
                ) from failure
            if self._heard and failure is not None:
                LOG.warning("the ASGI application raised in its start, and is served without a lifespan", exc_info=failure)
            return None
        if message["type"] == "lifespan.startup.failed":
            await self._over()
            raise SetupError(_told("start", message), remedy="its own log says more")
        self._started = True
        self._task.add_done_callback(self._ended)
        return self._state

    async def end(self) -> None:
        """Stop the application.

        Raises:
            RuntimeError: where it says that this failed, raises, or does not answer in time.
        """
        if not self._started:  # or ended since
            return
        assert self._task is not None
        self._started = False
        message = await self._ask("shutdown", STOP)
        late = message is None and not self._task.done()
        failure = None if late or message is not None or self._task.cancelled() else self._task.exception()
        if failure is not None:
            raise RuntimeError("the ASGI application failed to stop") from failure
        await self._over()
        if late:
            raise RuntimeError(f"the ASGI application did not answer 'lifespan.shutdown' within {STOP:g} seconds")
        if message is None:
            return
        if message["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(_told("stop", message))

    async def _run(self, scope: dict[str, Any]) -> None:
        await self._application(scope, self._receive, self._send)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """It has returned, or raised; before it was told to stop there is nothing left to tell it."""
        if self._started:
            self._started = False
            if not task.cancelled() and (failure := task.exception()) is not None:
                LOG.error("the ASGI application's lifespan failed while requests were served", exc_info=failure)

    async def _ask(self, event: str, within: float | None = None) -> Message | None:
        """Tell of an event; gives the answer, None where the application ended without one, or the time did."""
        assert self._task is not None
        self._event = event
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait(event)
        await asyncio.wait((self._task, self._answer), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return self._answer.result() if self._answer.done() else None

    async def _over(self) -> None:
        """Wait until the application has returned; one that never does has said all there was to say."""
        assert self._task is not None
        await asyncio.wait((self._task,), timeout=_RETURNS)
        if self._task.cancel():
            await asyncio.wait((self._task,))
        if not self._task.cancelled() and (failure := self._task.exception()) is not None:
            LOG.error("the ASGI application's lifespan failed", exc_info=failure)

    async def _receive(self) -> Message:
        event = await self._events.get()
        self._heard = True
        return {"type": f"lifespan.{event}"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        expected = (f"lifespan.{self._event}.complete", f"lifespan.{self._event}.failed")
        if self._answer is None or self._answer.done() or kind not in expected:
            raise RuntimeError(f"the ASGI application sent {kind!r}, which has no place there in its lifespan")
        self._answer.set_result(message)


def _told(what: str, message: Message) -> str:
    said = message.get("message", "")
    return f"the ASGI application failed to {what}" + (f": {said}" if said else "")
