"""Whose session it is: a request's, recognised by its cookie, or a new one.

Laws:

* An id is made here and nowhere else. One that a client made up, or whose session has ended, is as none: its bearer gets another.
* In one request there is one session, however often and wherever it is asked for.
* What a cookie means is remembered, so that whoever comes again and only reads has his session at once.
* When the store is away there is no session: 503, before the handler has done anything.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, Final, Generic, Protocol, TypeVar

from hospes.http import Request, Response
from hospes.http.asking import LEFT, Answered
from hospes.http.request import SAFE_METHODS
from hospes.sessions.cookie import SessionCookie
from hospes.sessions.options import SessionOptions
from hospes.sessions.record import SPACE, Kept, decode, is_id, key_of, new_id
from hospes.sessions.session import Session, SessionFactory
from hospes.sessions.stay import TOO_LATE, House, Stay
from hospes.store import QuickStore, Record, Store
from hospes.store.contract import Clock
from hospes.store.turns import Turns

_STAY: Final = "hospes.session"
_TAKING: Final = "hospes.session.taking"
_MOST_FAMILIAR: Final = 8_192
_LONGEST_FAMILIAR: Final = 512  # octets of a Cookie field


class _Kept(Protocol):
    """A session in one request, and what is to be done at its end."""

    is_serving: bool
    is_superseded: bool

    @property
    def session(self) -> Session: ...

    def __call__(self, response: Response | None) -> Awaitable[None]: ...

    def linger(self) -> None: ...

    async def settle(self) -> None: ...


K = TypeVar("K", bound=_Kept)


class Sessions(ABC, Generic[K]):
    """Gives requests their sessions. It belongs to one loop; see `StoredSessions` and `OwnSessions`."""

    async def take(self, request: Request, create: bool = True) -> Session | None:
        """The request's session; it fills `request.session`.

        It registers a finisher, which has to run: with the response, or with None when the request is given up.

        Args:
            request: Whose session.
            create: Whether to begin one where there is none.

        Raises:
            HttpError: 503, if its turn does not come in time, or the store is away.
        """
        kept: K | None = request.state.get(_STAY)
        if kept is not None and kept.is_serving and kept.session.is_valid:
            return kept.session
        # Two tasks of one request may ask at the same time.
        async with request.state.setdefault(_TAKING, asyncio.Lock()):
            earlier: K | None = request.state.get(_STAY)
            if earlier is None or not earlier.is_serving:
                found = await self.find(request) or (self.begin(request) if create else None)
            elif earlier.session.is_valid:
                return earlier.session
            else:  # it was ended, and is not to be found again
                found = self.begin(request) if create else None
                earlier.is_superseded = found is not None
            made = await found if inspect.isawaitable(found) else found
            return _kept_by(request, made) if made is not None else None

    def take_now(self, request: Request, create: bool = True) -> Session | None:
        """The session that `take` has found for this request, or a new one, for whoever cannot wait: nothing is looked up here.

        Args:
            request: Whose session.
            create: Whether to begin one where none has been found.

        Raises:
            RuntimeError: where one would have to begin, and the answer, which has to bring its cookie, has left.
        """
        kept: K | None = request.state.get(_STAY)
        if kept is not None and kept.is_serving and kept.session.is_valid:
            return kept.session
        if not create:
            return None
        if type(request.finishers) is Answered:
            raise RuntimeError(TOO_LATE)
        if kept is not None and kept.is_serving:
            kept.is_superseded = True
        return _kept_by(request, self.begin_now(request))

    def linger(self, request: Request) -> None:
        """Let the request's session be changed after its answer, too, until `settle`: the function that answered goes on."""
        kept: K | None = request.state.get(_STAY)
        if kept is not None:
            kept.linger()

    async def settle(self, request: Request) -> None:
        """Make durable what was changed since the answer.

        Raises:
            HttpError: 503, if the session's turn does not come in time, or the store is away.
            Conflict: if the session has ended in the meantime.
        """
        kept: K | None = request.state.get(_STAY)
        if kept is not None:
            await kept.settle()

    @abstractmethod
    async def find(self, request: Request) -> K | None:
        """The session that the request's cookie names."""

    @abstractmethod
    def begin(self, request: Request) -> Any:
        """A new one, or an awaitable of it."""

    @abstractmethod
    def begin_now(self, request: Request) -> K:
        """A new one, without waiting."""

    def step_aside(self, request: Request) -> Stay | None:
        """Give the turn at the request's session back for a moment; the stay whose `step_in` takes it again, None for nothing.

        Whoever wants two turns takes the visitor's first. Where everybody does, nobody waits in a circle.
        """
        return None

    async def close(self) -> None:
        """Finish the writes under way."""


def _kept_by(request: Request, made: _Kept) -> Session:
    if request.notes is None:
        request.notes = {_STAY: made}
    else:
        request.notes[_STAY] = made
    session = request.session = made.session
    if request.finishers is None:
        request.finishers = [made]
    else:
        request.finish_with(made)
    return session


class StoredSessions(Sessions[Stay]):
    """The sessions in a store.

    Args:
        store: Keeps them; it is open.
        turns: Gives the turns.
        options: How they are kept.
        clock: Tells the time in seconds since the epoch, as the store's own clock does; `time.time` by default.
    """

    def __init__(
        self,
        store: Store,
        turns: Turns,
        options: SessionOptions = SessionOptions(),  # noqa: B008 (frozen)
        clock: Clock = time.time,
    ) -> None:
        self._house = House(store, turns, options, clock)
        self._recall = store.recall if isinstance(store, QuickStore) else None
        # By Cookie field and scheme: which cookie is in it, and the record's key.
        self._familiar: dict[tuple[bytes | None, str], tuple[SessionCookie, bytes]] = {}

    def recall(self, request: Request) -> Session | None:
        """The session of a request that asks for no change, as `take` gives it, if nothing has to be waited for; else None, and
        nothing has happened."""
        recall = self._recall
        if recall is None or request.method not in SAFE_METHODS:
            return None
        familiar = self._familiar.get((request.cookie_field, request.connection.scheme))
        notes = request.notes
        if familiar is None or (notes is not None and (_STAY in notes or _TAKING in notes)):
            return None
        cookie, key = familiar
        known = recall(SPACE, key)
        if known is None:
            return None
        kept = self._opened(known[0])
        return _kept_by(request, Stay(self._house, cookie, known[0], kept, None, key)) if kept is not None else None

    async def find(self, request: Request) -> Stay | None:
        """The session that the request's cookie names, in its turn if the request may ask for changes."""
        house = self._house
        field = request.cookie_field
        cookie = SessionCookie.of(request, house.options)
        if not is_id(cookie.value):
            return None
        key = key_of(cookie.value)
        if field is not None and len(field) <= _LONGEST_FAMILIAR:
            if len(self._familiar) >= _MOST_FAMILIAR:
                self._familiar.clear()
            self._familiar[field, request.scheme] = cookie, key
        if request.method in SAFE_METHODS:
            record = await house.store.get(SPACE, key)
            kept = self._opened(record)
            return Stay(house, cookie, record, kept, None, key) if kept is not None else None
        held = await house.turns.take(SPACE, key)
        try:
            kept = self._opened(held.record)
            if kept is None:
                house.turns.give_back(held)
                return None
            return Stay(house, cookie, held.record, kept, held, key)
        except BaseException:
            house.turns.give_back(held)
            raise

    def begin(self, request: Request) -> Stay:
        """A new session, which nobody else can know."""
        return Stay(self._house, SessionCookie.of(request, self._house.options), None, None, None)

    begin_now = begin

    def step_aside(self, request: Request) -> Stay | None:
        """Give the turn back for a moment; see `Sessions.step_aside`."""
        stay: Stay | None = request.state.get(_STAY)
        return stay if stay is not None and stay.step_aside() else None

    async def close(self) -> None:
        """Finish the writes under way."""
        await self._house.underway.join()

    def _opened(self, record: Record | None) -> Kept | None:
        """A record's content; None where its session has ended."""
        if record is None:
            return None
        kept = decode(record.value)
        return kept if self._house.clock() < kept.created + self._house.options.lifetime else None


class Own:
    """A session of a program's own factory in one request."""

    def __init__(self, factory: SessionFactory, session: Session, cookie: SessionCookie) -> None:
        self._factory = factory
        self._cookie = cookie
        self.session = session
        self.is_serving = True
        self.is_superseded = False
        self._lingers = False

    async def __call__(self, response: Response | None) -> None:
        """The request's finisher: have the session saved, tell the cookie."""
        if not self.is_serving:
            return
        self.is_serving = self._lingers and response is not None
        if response is None:
            return
        if response is LEFT:
            if self.session.id != self._cookie.value:
                raise RuntimeError(TOO_LATE)
            return
        await _asked(self._factory.save, self.session)
        cookie = self._cookie
        if self.session.is_valid:
            id = self.session.id
            if id != cookie.value:
                cookie.tell(response, id)
        elif cookie.value and not self.is_superseded:
            cookie.remove(response)

    def linger(self) -> None:
        """Let it count as the request's after the answer, too, until `settle`."""
        self._lingers = self.is_serving = True

    async def settle(self) -> None:
        """Have it saved once more."""
        if self._lingers:
            self._lingers = self.is_serving = False
            await _asked(self._factory.save, self.session)


class OwnSessions(Sessions[Own]):
    """The sessions of a program's own factory.

    Args:
        factory: Where they come from.
        options: Names the cookie; the rest is the factory's business.
    """

    def __init__(self, factory: SessionFactory, options: SessionOptions = SessionOptions()) -> None:  # noqa: B008 (frozen)
        self._factory = factory
        self._options = options

    async def find(self, request: Request) -> Own | None:
        """The session that the factory has under the cookie's value."""
        cookie = SessionCookie.of(request, self._options)
        if not cookie.value:
            return None
        session = await _asked(self._factory.get_session, cookie.value, False)
        return Own(self._factory, session, cookie) if session is not None and session.is_valid else None

    async def begin(self, request: Request) -> Own:
        """A new one, under an id of ours: what the client sent is never adopted."""
        session = await _asked(self._factory.get_session, new_id(), True)
        return Own(self._factory, session, SessionCookie.of(request, self._options))

    def begin_now(self, request: Request) -> Own:
        """The same without waiting: the factory is asked at once, where this is called.

        Raises:
            TypeError: for a factory whose `get_session` is to be awaited.
        """
        session = self._factory.get_session(new_id(), True)
        if inspect.isawaitable(session):
            if inspect.iscoroutine(session):
                session.close()
            name = type(self._factory).__qualname__
            raise TypeError(f"{name}.get_session() is async, and a session is wanted at once: await request.get_session() before")
        return Own(self._factory, session, SessionCookie.of(request, self._options))


async def _asked(method: Any, *arguments: Any) -> Any:
    """What a factory's method gives; a plain one may wait, and does so in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    answer = await asyncio.to_thread(method, *arguments)
    return await answer if inspect.isawaitable(answer) else answer
