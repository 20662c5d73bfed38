"""Messages that have come and were not taken yet; a `hospes.http.websocket.Mailbox`, for channels that have none of their own.

Laws:

* Messages are given in order, the end comes behind them all.
* When more waits here than is taken, the channel pauses, and with it the peer.
* A message is taken where it is given out: who is cancelled while he waits has taken none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from typing import Any

from hospes.http.bell import Bell
from hospes.http.websocket import Channel, Message


class Mailbox:
    """Keeps messages for one task.

    Args:
        channel: Where they come from.
        messages: So many wait at the most before it pauses.
        octets: The same in octets (of text: characters).
    """

    __slots__ = ("_bell", "_channel", "_ended", "_held", "_messages", "_most", "_most_octets", "_paused")

    def __init__(self, channel: Channel, messages: int, octets: int) -> None:
        self._channel = channel
        self._most, self._most_octets = messages, octets
        self._messages: deque[Message] = deque()
        self._held = 0
        self._paused = self._ended = False
        self._bell = Bell(asyncio.get_running_loop())

    @property
    def is_awaited(self) -> bool:
        return self._bell.is_awaited

    def put(self, message: Message) -> None:
        self._messages.append(message)
        self._held += len(message)
        self._bell.ring()
        if (len(self._messages) >= self._most or self._held >= self._most_octets) and not self._paused:
            self._paused = True
            self._channel.pause()

    def end(self) -> None:
        self._ended = True
        self._bell.ring()

    def __await__(self) -> Generator[Any, None, Message]:
        if self._bell.is_awaited:
            raise RuntimeError("two tasks receive from one websocket at once; let one of them do it")
        while not self._messages:
            if self._ended:
                raise StopAsyncIteration
            yield from self._bell.__await__()
        message = self._messages.popleft()
        self._held -= len(message)
        if self._paused and len(self._messages) <= self._most // 2 and self._held <= self._most_octets // 2:
            self._paused = False
            self._channel.resume()
        return message
