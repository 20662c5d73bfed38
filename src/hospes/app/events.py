"""Server-sent events: an answer that goes on, for the browser's EventSource (WHATWG HTML, "Server-sent events").

Laws:

* An event never spills into the next: line ends in its data become lines of their own, and in its name they are refused.
* A silent stream sends a comment now and then, so that proxies keep it and a peer that has gone is noticed.
* The source runs in one task from its first step to its closing, so that it may enter timeouts and task groups; it is closed
  however the stream ends. It is one event ahead of the peer at the most.
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
    """One event.

    Args:
        data: Text, or anything that has a JSON form.
        event: Its name, for the browser's `addEventListener`; "message" there if it has none.
        id: What the browser sends as `Last-Event-ID` when it connects again.
        retry: Milliseconds after which the browser is to connect again.

    Raises:
        ValueError: if `event` or `id` holds a line end or NUL, or `retry` is negative.
    """

    data: Any = ""
    event: str = ""
    id: str = ""
    retry: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if any(octet in value for octet in "\r\n\0"):
                raise ValueError(f"Event({name}={value!r}): it must be one line without NUL")
        if self.retry is not None and self.retry < 0:
            raise ValueError(f"Event(retry={self.retry}): milliseconds to wait, 0 or more")

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

    Raises:
        TypeError: if the source is no async iterable.
        ValueError: if the heartbeat is not positive.
    """

    def __init__(self, source: AsyncIterable[Any], heartbeat: float = 15.0) -> None:
        if not hasattr(source, "__aiter__"):
            raise TypeError(
                f"EventStream({type(source).__name__}): events come from an async generator, or another async iterable"
            )
        if not heartbeat > 0:
            raise ValueError(f"EventStream(heartbeat={heartbeat}): seconds, more than none")
        self.source = source
        self.heartbeat = heartbeat

    def respond(self, request: Request) -> Response:
        """The streamed response."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(Stream(_Encoded(self.source, self.heartbeat)), 200, headers)


class _Encoded(AsyncIterator[bytes]):
    """The events of a source as octets; a pump of its own asks the source."""

    def __init__(self, source: AsyncIterable[Any], heartbeat: float) -> None:
        self._source = source
        self._heartbeat = heartbeat
        self._pump: asyncio.Task[None] | None = None
        self._waiting: list[Any] = []  # one event at the most
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def __anext__(self) -> bytes:
        if self._pump is None:
            self._pump = asyncio.create_task(self._pumped(), name="hospes: a source of events")
            self._pump.add_done_callback(lambda _: self._news.set())
        while not self._waiting:
            if self._pump.done():
                if self._pump.cancelled():
                    raise RuntimeError("the source of events was cancelled")
                self._pump.result()
                raise StopAsyncIteration
            self._news.clear()
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._news.wait()
            except TimeoutError:
                return _COMMENT
        event = self._waiting.pop()
        self._room.set()
        return (event if isinstance(event, Event) else Event(event)).encode()

    async def aclose(self) -> None:
        """Close the source; again is nothing.

        Raises:
            Exception: what its closing raised.
        """
        if self._pump is None:
            await _close(self._source)
        elif not self._pump.done():
            self._pump.cancel()
            await asyncio.wait((self._pump,))
            if not self._pump.cancelled():
                self._pump.result()

    async def _pumped(self) -> None:
        events = aiter(self._source)
        try:
            async for event in events:
                self._waiting.append(event)
                self._news.set()
                while self._waiting:
                    self._room.clear()
                    await self._room.wait()
        finally:
            await _close(events)


async def _close(source: object) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
