"""Who comes: a request's visitor, recognised by the cookie or taken in as a new one.

Laws:

* Every request that asks gets a visitor. A cookie that we did not issue, or whose visitor was forgotten by us, is as none.
* In one request there is one User, however often and wherever it is asked for.
* A new visitor costs no write until something is stored (but for the seal's key, once in a store's life).
* What a cookie means is remembered, so that whoever comes again is recognised at once. That is no more than what the cookie
  itself says: whether it still counts is asked of the record, each time.
* When the store is away there is no visitor: 503, before the handler has done anything.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from hospes.errors import SetupError
from hospes.http import Request
from hospes.store import Store, open_store
from hospes.store.contract import Clock
from hospes.store.rangelock import RangeLock
from hospes.store.turns import Turns, place_of
from hospes.store.url import file_of
from hospes.users import guest as guests
from hospes.users import seal
from hospes.users.account import read_pass
from hospes.users.entrance import SPACE, Entrance
from hospes.users.guest import Guest
from hospes.users.house import Company, House, alone
from hospes.users.options import VisitorOptions
from hospes.users.sweeping import Sweeper
from hospes.users.user import User
from hospes.users.values import HEAD
from hospes.users.visit import Face, Visit

_MOST_FAMILIAR: Final = 8_192
_LONGEST_FAMILIAR: Final = 512  # octets of a Cookie field

_VISIT: Final = "hospes.visit"
"""Where a request's state has its visit: a mounted application gets a Request of its own, and the same state."""


class _Familiar:
    """Who has come with a Cookie field.

    Args:
        guest: Who that is.
        is_sealed: Whether we have looked at the seal.
    """

    __slots__ = ("face", "guest", "head", "is_sealed", "key", "place")

    def __init__(self, guest: Guest, is_sealed: bool) -> None:
        self.guest = guest
        self.is_sealed = is_sealed
        self.key = guest.key
        self.place = place_of(guest.key)
        self.head = b""
        """Of the plain record for which the cookie is known to count, whoever asks and whenever, and whatever its content."""
        self.face: Face | None = None
        """That record's; None where there was none yet."""


class Visitors:
    """Recognises visitors, keeps what is remembered of them, and sweeps what is over out of the store.

    It belongs to the loop and the process that open it.

    Args:
        store_factory: Makes the store, which is opened and closed together with this.
        options: How visitors are remembered.
        clock: Tells the time in seconds since the epoch, as the store's own clock does; `time.time` by default.
        company: What goes along with a visitor who signs in or out; nothing by default.
    """

    def __init__(
        self,
        store_factory: Callable[[], Store],
        options: VisitorOptions = VisitorOptions(),  # noqa: B008 (frozen)
        clock: Clock = time.time,
        company: Company = alone,
    ) -> None:
        self._store_factory = store_factory
        self._options = options
        self._clock = clock
        self._company = company
        self._house: House | None = None
        self._sealer: seal.Sealer | None = None
        self._sweeper: Sweeper | None = None
        self._familiar: dict[tuple[bytes | None, str], _Familiar] = {}  # by Cookie field and scheme
        self._taking: dict[int, list[asyncio.Future[None]]] = {}  # by id of the request: who waits for its User

    @classmethod
    def at(
        cls,
        url: str,
        options: VisitorOptions = VisitorOptions(),  # noqa: B008 (frozen)
        clock: Clock = time.time,
        company: Company = alone,
    ) -> Visitors:
        """Visitors in the store that a URL names; their turns are parted between processes where the store is shared.

        Args:
            url: As `hospes.store.open_store` takes it.
            options: How visitors are remembered; a `turn_file` is found beside the store's file, if it has one.
            clock: Tells the time in seconds since the epoch; `time.time` by default.
            company: What goes along with a visitor who signs in or out; nothing by default.

        Raises:
            SetupError: if no engine has this URL's scheme, or the URL is incomplete.
        """
        open_store(url, clock)  # checks the URL, and touches nothing
        file = file_of(url)
        if file is not None and not options.turn_file:
            options = replace(options, turn_file=file + "-turns")
        return cls(partial(open_store, url, clock), options, clock, company)

    async def open(self) -> None:
        """Open the store.

        Raises:
            SetupError: if the store's place is wrong, damaged, or of a newer release.
        """
        store = self._store_factory()
        await store.open()
        options = self._options
        # The real path: two names of one file are one lock.
        lock = RangeLock(os.path.realpath(options.turn_file)) if options.turn_file else None  # noqa: ASYNC240 (once, at start)
        turns = Turns(store, options.wait, lock)
        entrance = Entrance(store, turns, options, self._clock)
        sealer = self._sealer = seal.Sealer(store)
        self._sweeper = Sweeper(store, options.sweep, self._clock)
        self._sweeper.start()
        self._house = House(store, turns, options, self._clock, asyncio.get_running_loop(), sealer, entrance, self._company)

    async def close(self) -> None:
        """Finish the writes under way and close the store; a second call does nothing."""
        house, self._house = self._house, None
        if house is None:
            return
        assert self._sweeper is not None
        await self._sweeper.stop()
        await house.underway.join()
        await house.store.close()
        house.turns.close()

    async def __aenter__(self) -> Visitors:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def store(self) -> Store:
        """The open store, for others who keep something in it.

        Raises:
            SetupError: if this is not open in this process.
        """
        return self._opened()[0].store

    @property
    def turns(self) -> Turns:
        """What gives the turns at the store's records.

        Raises:
            SetupError: if this is not open in this process.
        """
        return self._opened()[0].turns

    async def take(self, request: Request) -> User:
        """The request's visitor, whose turn the request has from here until its response is finished.

        It fills `request.user`, unless a filter put something there, and registers a finisher, which has to run: with
        the response, or with None when the request is given up.

        Raises:
            HttpError: 503, if the turn does not come in time, or the store is away.
            SetupError: if this is not open in this process.
        """
        if type(request.visitor) is User:
            return request.visitor
        visit: Visit | None = request.state.get(_VISIT)
        if visit is not None and visit.is_serving:
            return visit.user
        return await self._take_once(request)

    def take_now(self, request: Request) -> User | None:
        """The request's visitor, as `take` gives it, if nothing has to be waited for; else None, and nothing has happened.

        Raises:
            StoreError: if the store's files cannot be used, or the record not be read.
        """
        house = self._house
        if house is None or request.visitor is not None or id(request) in self._taking:
            return None
        familiar = self._familiar.get((request.cookie_field, request.connection.scheme))
        if familiar is None or (request.notes is not None and _VISIT in request.notes):
            return None
        guest = familiar.guest
        held = house.turns.take_now(SPACE, familiar.key, familiar.place)
        if held is None:
            return None
        record = held.record
        visit: Visit | None = None
        try:
            if familiar.face is not None and record is not None and record.value.startswith(familiar.head):
                visit = Visit(house, guest, held, request, familiar.face)
            elif familiar.is_sealed if record is None else house.entrance.knows_now(record, guest.secret):
                visit = Visit(house, guest, held, request)
                face = visit.face
                if face is not None and record is not None:
                    familiar.head, familiar.face = record.value[:HEAD], face
        finally:
            if visit is None:
                house.turns.give_back(held)
        return self._settled(request, visit) if visit is not None else None

    def _settled(self, request: Request, visit: Visit) -> User:
        if request.finishers is None:
            request.finishers = [visit]
        else:
            request.finish_with(visit)
        if request.visitor is None:
            request.visitor = visit.user
        if request.notes is None:
            request.notes = {_VISIT: visit}
        else:
            request.notes[_VISIT] = visit
        return visit.user

    async def _take_once(self, request: Request) -> User:
        waiting = self._taking.get(id(request))
        if waiting is not None:  # two tasks of one request ask at the same time
            first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append(first)
            await first
            return await self.take(request)
        others: list[asyncio.Future[None]] = []
        self._taking[id(request)] = others
        try:
            visit = await self._visit(request)
        finally:
            del self._taking[id(request)]
            for each in others:
                if not each.done():
                    each.set_result(None)
        return self._settled(request, visit)

    async def _visit(self, request: Request) -> Visit:
        house, sealer = self._opened()
        field = request.cookie_field
        is_secure = request.scheme == "https"
        cookie = ("__Host-" if is_secure else "") + house.options.cookie
        value = request.cookies.get(cookie)
        if value is not None and (guest := _guest(cookie, value, is_secure)) is not None:
            visit = await _recognise(house, sealer, guest, request)
            if visit is not None:
                if field is not None and len(field) <= _LONGEST_FAMILIAR:
                    self._get_familiar((field, request.scheme), guest, not visit.is_kept)
                return visit
        return Visit(house, guests.visitor(cookie, await sealer.issue(), is_secure, is_new=True), None, request)

    def _get_familiar(self, sign: tuple[bytes, str], guest: Guest, is_sealed: bool) -> None:
        if len(self._familiar) >= _MOST_FAMILIAR:
            self._familiar.clear()
        known = self._familiar.get(sign)
        self._familiar[sign] = _Familiar(guest, is_sealed or (known is not None and known.is_sealed))

    def _opened(self) -> tuple[House, seal.Sealer]:
        if self._house is None or self._sealer is None:
            raise SetupError("the visitors' store is not open", remedy="Await Visitors.open() first, in each process.")
        return self._house, self._sealer


def _guest(cookie: str, value: str, is_secure: bool) -> Guest | None:
    """Who has this cookie; None if it is nothing that we could have made."""
    if seal.read(value) is not None:
        return guests.visitor(cookie, value, is_secure, is_new=False)
    found = read_pass(value)
    return guests.member(cookie, *found, is_secure) if found is not None else None


async def _recognise(house: House, sealer: seal.Sealer, guest: Guest, request: Request) -> Visit | None:
    """The visit of a visitor with a cookie, in its turn; None if the cookie is not ours."""
    held = await house.turns.take(SPACE, guest.key)
    try:
        if held.record is None:
            is_known = not guest.secret and await sealer.is_ours(guest.value)
        else:
            is_known = await house.entrance.knows(held.record, guest.secret)
        if not is_known:
            house.turns.give_back(held)
            return None
        return Visit(house, guest, held, request)
    except BaseException:
        house.turns.give_back(held)
        raise
