"""Visitors in an application: who asks for `User` gets the request's visitor, and the store is opened for that alone.

Laws:

* A program in which nobody asks for a visitor opens no store. One in which a handler does, or anything a handler asks for, opens
  it at start, where a store that cannot be used is said.
* Objects of a visitor ("session") are made for the one whose request it is, so asking for one asks for the visitor first.
* What lives longer than a request lives on one event loop: an application may be started several times at once there, not on two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from hospes.binding import Provided, ProviderRegistry, VisitorOptions
from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.users import User, Visitors


class Visiting(ProviderRegistry):
    """The provided objects of an application, its visitors among them.

    Args:
        store_url: Where visitors are kept.
    """

    def __init__(self, store_url: str) -> None:
        super().__init__(VisitorOptions(key=_key, arrive=self.take))
        self.store_url = store_url
        self._is_wanted = False
        self._recogniser: Visitors | None = None
        self._starts = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self.add(self.take, "request")

    def find(self, wanted: Any) -> Provided | None:
        """The provider of a type; see `ProviderRegistry.find`."""
        found = super().find(wanted)
        if found is not None and (found.kind is User or found.scope == "session"):
            self._is_wanted = True
        return found

    async def take(self, request: Request) -> User:
        """The request's visitor, in his turn.

        Raises:
            HttpError: 503, if the turn does not come in time, or the store is away.
        """
        visitors = self._recogniser
        if visitors is None:
            visitors = await self._open()
        return await visitors.take(request)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The time in which the application runs.

        Raises:
            SetupError: if the store is wanted and cannot be used, or the application runs on another loop already.
        """
        self._begin(asyncio.get_running_loop())
        try:
            async with self.opened():
                if self._is_wanted:
                    await self._open()
                yield
        finally:
            self._starts -= 1
            if self._starts == 0:
                visitors, self._recogniser = self._recogniser, None
                if visitors is not None:
                    await visitors.close()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._starts and self._loop is not loop:
            raise SetupError(
                "this application runs already, on another event loop",
                remedy="stop it there first, or make another App: what an App provides belongs to one loop",
            )
        if not self._starts:
            self._loop, self._opening = loop, asyncio.Lock()
        self._starts += 1

    async def _open(self) -> Visitors:
        assert self._opening is not None, "an application takes visitors only while it runs"
        async with self._opening:
            if self._recogniser is None:
                visitors = Visitors.at(self.store_url)
                await visitors.open()
                self._recogniser = visitors
            return self._recogniser


def _key(request: Request) -> str | None:
    user = request.user
    return user.id if isinstance(user, User) else None
