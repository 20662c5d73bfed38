"""Hears when a turn has come: the subscription of one store object.

By the same subscription the server knows that we live: who waits for a turn of ours sees at once when it is gone (see
`hospes.store.redis_scripts.TAKE`). So the bell is there before the first turn is taken, and comes back by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import redis.exceptions as errors

from hospes.store.redis_link import Connection

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between two tries to connect


class Bell:
    """Listens to one channel, on which tokens are called.

    Args:
        make: Makes the connection.
        channel: Its name.
        quiet: Seconds without a word after which the server is asked whether it is there, and after as many more is not.
        hung: Called whenever we begin to listen.
    """

    def __init__(self, make: Callable[[], Connection], channel: str, quiet: float, hung: Callable[[], None]) -> None:
        self.listens = asyncio.Event()
        """Set while we listen."""
        self._make = make
        self._channel = channel
        self._quiet = quiet
        self._hung = hung
        self._expected: dict[bytes, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if that has not been done."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_listening(), name="hospes store bell")

    async def close(self) -> None:
        """Listen no longer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def expect(self, token: bytes) -> asyncio.Future[None]:
        """A future that is done when the token is called; `forget` has to follow."""
        called = self._expected[token] = asyncio.get_running_loop().create_future()
        return called

    def forget(self, token: bytes) -> None:
        """Expect the token no longer."""
        self._expected.pop(token, None)

    async def _keep_listening(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            connection = self._make()
            try:
                async with asyncio.timeout(2 * self._quiet):
                    await connection.connect()
                    await connection.send_command("SUBSCRIBE", self._channel)
                await self._listen(connection)
            except (errors.RedisError, OSError):  # a TimeoutError is one of these
                if self.listens.is_set():
                    pause = _FIRST_PAUSE
            finally:
                self.listens.clear()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self, connection: Connection) -> None:
        """Until the connection breaks, or the server says nothing."""
        is_asked = False
        while True:
            message: Sequence[Any] | None = await connection.read_response(timeout=self._quiet)
            if message is not None:
                is_asked = False
                self._hear(message)
            elif is_asked:
                return
            else:
                is_asked = True
                await connection.send_command("PING", check_health=False)

    def _hear(self, message: Sequence[Any]) -> None:
        if message[0] == b"subscribe":
            self.listens.set()
            self._hung()
        elif message[0] == b"message":
            called = self._expected.get(message[2])
            if called is not None and not called.done():
                called.set_result(None)
