"""Server-sent events: an answer that goes on, for the browser's EventSource (WHATWG HTML, "Server-sent events").

Laws:

* An event never spills into the next: line ends in its data become lines of their own, and in its name they are refused.
* A silent stream sends a comment now and then, so that proxies keep it and a peer that has gone is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

from hospes.http import json
from hospes.http.content import Stream
from hospes.http.request import Request
from hospes.http.response import Response

_COMMENT = b":\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `data` may be text, or anything that has a JSON form.

    Raises:
        ValueError: if `event` or `id` holds a line end or NUL.
    """

    data: Any = ""
    event: str = ""
    id: str = ""
    retry: int | None = None
    """Milliseconds after which the browser is to connect again."""

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if any(octet in value for octet in "\r\n\0"):
                raise ValueError(f"Event({name}={value!r}): it must be one line without NUL")

    def encode(self) -> bytes:
        """The event as it is sent."""
        text = self.data if isinstance(self.data, str) else json.encode(self.data).decode()
        lines = [f"event: {self.event}"] if self.event else []
        lines += [f"id: {self.id}"] if self.id else []
        lines += [f"retry: {self.retry}"] if self.retry is not None else []
        lines += [f"data: {line}" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
        return ("\n".join(lines) + "\n\n").encode()


class EventStream:
    """An answer of events.

    Args:
        source: Gives `Event`s, or their data, as they happen.
        heartbeat: Seconds of silence after which a comment is sent; 15.
    """

    def __init__(self, source: AsyncIterable[Any], heartbeat: float = 15.0) -> None:
        self.source = source
        self.heartbeat = heartbeat

    def respond(self, request: Request) -> Response:
        """The streamed response."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(Stream(self._encoded()), 200, headers)

    async def _encoded(self) -> AsyncIterator[bytes]:
        source = aiter(self.source)
        coming: asyncio.Future[Any] = asyncio.ensure_future(_next(source))
        try:
            while True:
                done, _ = await asyncio.wait((coming,), timeout=self.heartbeat)
                if not done:
                    yield _COMMENT
                    continue
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    return
                yield (event if isinstance(event, Event) else Event(event)).encode()
                coming = asyncio.ensure_future(_next(source))
        finally:
            coming.cancel()
            await asyncio.wait((coming,))
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source)
