"""Visitors in an application: who asks for `User` gets the request's visitor, and the store is opened for that alone.

Laws:

* A program in which nobody asks for a visitor opens no store. One in which a handler does opens it at start, where a store that
  cannot be used is said.
* Objects of a visitor ("session") are made for the one whose request it is, so asking for one asks for the visitor first.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hospes.binding import Provided, Provider, ProviderRegistry, Reads, VisitorOptions
from hospes.http.request import Request
from hospes.users import User, Visitors


class Visiting:
    """The provided objects of an application, its visitors among them.

    Args:
        store_url: Where visitors are kept.
    """

    def __init__(self, store_url: str) -> None:
        self.store_url = store_url
        self.registry = ProviderRegistry(VisitorOptions(key=_key))
        self.registry.add(self.take, "request")
        self._is_wanted = False
        self._visitors: Visitors | None = None
        self._opening: asyncio.Lock | None = None

    def find(self, wanted: Any) -> Provider | None:
        """The provider of a type for a handler; see `Providers`."""
        provided = self.registry.find(wanted)
        if provided is not None and provided.scope == "session":
            self._is_wanted = True
            return _ForVisitor(provided, self)
        self._is_wanted = self._is_wanted or wanted is User
        return provided

    async def take(self, request: Request) -> User:
        """The request's visitor, in his turn.

        Raises:
            HttpError: 503, if the turn does not come in time, or the store is away.
        """
        if self._visitors is None:
            await self._open()
        assert self._visitors is not None
        return await self._visitors.take(request)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The time in which the application runs.

        Raises:
            SetupError: if the store is wanted and cannot be used.
        """
        self._opening = asyncio.Lock()
        async with self.registry.opened():
            try:
                if self._is_wanted:
                    await self._open()
                yield
            finally:
                visitors, self._visitors = self._visitors, None
                if visitors is not None:
                    await visitors.close()

    async def _open(self) -> None:
        assert self._opening is not None, "an application takes visitors only while it runs"
        async with self._opening:
            if self._visitors is None:
                visitors = Visitors.at(self.store_url)
                await visitors.open()
                self._visitors = visitors


class _ForVisitor:
    """A provider of a visitor's object: the visitor comes first."""

    waits = True

    def __init__(self, provided: Provided, visiting: Visiting) -> None:
        self._provided = provided
        self._visiting = visiting

    @property
    def reads(self) -> Reads:
        """What of the content the provider needs."""
        return self._provided.reads

    async def get(self, request: Request) -> Any:
        """The object, or an awaitable of it."""
        await self._visiting.take(request)
        value = self._provided.get(request)
        return await value if self._provided.waits and inspect.isawaitable(value) else value


def _key(request: Request) -> str | None:
    user = request.user
    return user.id if isinstance(user, User) else None
