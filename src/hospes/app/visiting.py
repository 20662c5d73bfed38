"""Who comes: visitors, sessions and keys in an application, and the one store that keeps them.

Laws:

* A program in which nobody asks for what the store keeps opens none. One in which a handler does, or anything a handler asks for,
  opens it at start, where a store that cannot be used is said.
* Nor does such a program load what keeps them: whoever asks for `User`, `Session` or `Keyring` has loaded its module; as long as
  nobody has, nobody can ask. All else of theirs is named with its package here (`users.Visitors`), and is loaded by that.
* Visitors and sessions are in one store. Who wants both turns takes the visitor's first, so that nobody waits in a circle.
* Objects of a visitor ("session") are made for the one whose request it is, so asking for one asks for the visitor first.
* A visitor who signs in or out takes his session along under a new id: who planted, or saw, the old one has no part in it.
* What another site's page made a browser send gets neither a visitor nor a session: that would be somebody else's.
* What lives longer than a request lives on one event loop: an application may be started several times at once there, not on two.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hospes import sessions, users
from hospes.binding import ProviderRegistry
from hospes.binding import VisitorOptions as ObjectOptions
from hospes.errors import SetupError, check_kind
from hospes.http.request import SAFE_METHODS, Request
from hospes.store.health import answers

if TYPE_CHECKING:
    from hospes.binding import Provided
    from hospes.filters import Csrf
    from hospes.sessions import OwnSessions, Session, SessionFactory, SessionOptions, Sessions, StoredSessions
    from hospes.signing import Keyring, Keys
    from hospes.store import Store
    from hospes.users import User, VisitorOptions, Visitors


class Guests(Struct, frozen=True, kw_only=True):
    """How an application knows who comes.

    Args:
        store_url: Where visitors, sessions and keys are kept.
        visitors: How visitors are remembered; None for the usual way.
        sessions: How sessions are kept, or a factory of the program's own; None for the usual way.
        keys: The secrets that sign; none for one that is made once and kept in the store.
        csrf: What looks at where requests come from; None for nobody.
    """

    store_url: str
    visitors: VisitorOptions | None = None
    sessions: SessionOptions | SessionFactory | None = None
    keys: Keys = ()
    csrf: Csrf | None = None


class Visiting(ProviderRegistry):
    """The provided objects of an application, its visitors and sessions among them.

    Args:
        guests: How the application knows who comes.
    """

    def __init__(self, guests: Guests) -> None:
        super().__init__(ObjectOptions(key=_key, arrive=self.take))
        self.guests = guests
        self.sessions = SessionDoor(self)
        self._is_wanted = False
        self._recogniser: Visitors | None = None
        self._own = _own_sessions(guests.sessions)
        _check_visitors(guests.visitors)
        self._stored: StoredSessions | None = None
        self._starts = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._unasked: dict[str, Callable[[], None]] = {
            "hospes.users.user": lambda: self.add_direct(users.User, self.take_soon),
            "hospes.sessions.session": lambda: self.add_direct(sessions.Session, self.take_session_soon),
            "hospes.signing": self._provide_keys,
        }
        """What is still to be provided, by the module that nobody has loaded yet."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where it runs; None as long as it does not."""
        return self._loop

    def find(self, wanted: Any) -> Provided | None:
        """The provider of a type; see `ProviderRegistry.find`."""
        found = super().find(wanted)
        if found is not None and (found.scope == "session" or self._is_kept(found.kind)):
            self._is_wanted = True
        return found

    def take_soon(self, request: Request) -> users.User | Awaitable[users.User]:
        """The request's visitor, or what has to be awaited for it; see `take`."""
        visitors = self._recogniser
        if visitors is not None and (request.method in SAFE_METHODS or self._may_take_now(request)):
            user = visitors.take_now(request)
            if user is not None:
                return user
        return self.take(request)

    def _may_take_now(self, request: Request) -> bool:
        """Whether a request that asks for a change need not wait; its session's turn would have to step aside.

        Raises:
            HttpError: 403, if another site's page made it.
        """
        if self.guests.csrf is not None:
            self.guests.csrf.check(request)
        return request.session is None

    async def take(self, request: Request) -> User:
        """The request's visitor, in his turn.

        Raises:
            HttpError: 403, if another site's page made it; 503, if the turn does not come in time, or the store is away.
        """
        visitors = self._recogniser
        if visitors is None:
            visitors = await self._open()
        if request.method in SAFE_METHODS:
            return await visitors.take(request)
        if self.guests.csrf is not None:
            self.guests.csrf.check(request)
        stay = self._stored.step_aside(request) if self._stored is not None and request.visitor is None else None
        user = await visitors.take(request)
        if stay is not None:
            await stay.step_in()
        return user

    def take_session_soon(self, request: Request) -> sessions.Session | Awaitable[sessions.Session]:
        """The request's session, or what has to be awaited for it; see `take_session`."""
        stored = self._stored
        session = stored.recall(request) if stored is not None else None
        return session if session is not None else self.take_session(request)

    async def take_session(self, request: Request) -> Session:
        """The request's session, in its turn if the request may ask for changes.

        Raises:
            HttpError: 403, if another site's page made it; 503, if the turn does not come in time, or the store is away.
        """
        session: Session = await self.sessions.take(request)
        return session

    async def take_keys(self) -> Keyring:
        """The application's keys.

        Raises:
            StoreError: if they are in the store, and that is away.
        """
        from hospes.signing import Keyring  # whoever asks has loaded it

        if self.guests.keys:
            return Keyring(self.guests.keys)
        return await Keyring.of(await self.open_store())

    @property
    def open_sessions(self) -> Sessions[Any] | None:
        """Where sessions come from, if that is open."""
        return self._own or self._stored

    async def open_store(self) -> Store:
        """The application's store.

        Raises:
            StoreError: if it is away.
        """
        return (self._recogniser or await self._open()).store

    async def store_problem(self, within: float) -> str:
        """Why the store cannot be used now; "" if it can, or nobody has asked for it.

        Args:
            within: Seconds for it to answer.
        """
        visitors = self._recogniser
        return "" if visitors is None else await answers(visitors.store, within)

    async def all_sessions(self) -> Sessions[Any]:
        """Where sessions come from."""
        if self._own is not None:
            return self._own
        if self._stored is None:
            await self._open()
        assert self._stored is not None
        return self._stored

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
                await self._close()

    def _is_kept(self, kind: Any) -> bool:
        """Whether objects of this type come from the store."""
        match f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else "":
            case "hospes.users.user.User":
                return True
            case "hospes.sessions.session.Session":
                return self._own is None
            case "hospes.signing.Keyring":
                return not self.guests.keys
            case _:
                return False

    def _provided_exactly(self, kind: Any) -> Provided | None:
        for module in [each for each in self._unasked if each in sys.modules]:
            self._unasked.pop(module)()
        return super()._provided_exactly(kind)

    def _provide_keys(self) -> None:
        from hospes.signing import Keyring

        self.add(self.take_keys, "app", namespace={"Keyring": Keyring})

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
                options = self.guests.visitors or users.VisitorOptions()
                visitors = users.Visitors.at(self.guests.store_url, options, company=self._accompany)
                await visitors.open()
                kept = self.guests.sessions if self.guests.sessions is not None else sessions.SessionOptions()
                if isinstance(kept, sessions.SessionOptions):
                    self._stored = sessions.StoredSessions(visitors.store, visitors.turns, kept)
                self._recogniser = visitors
            return self._recogniser

    @asynccontextmanager
    async def _accompany(self, request: Request) -> AsyncGenerator[None]:
        """Around a visitor's signing in or out: the session gives way to the turns that takes, and has another id after it."""
        stay = self._stored.step_aside(request) if self._stored is not None else None
        try:
            yield
        finally:
            if stay is not None:
                await stay.step_in()
        session = await (await self.all_sessions()).take(request, create=False)
        if session is not None and session.can_rotate:
            session.rotate()

    async def _close(self) -> None:
        visitors, self._recogniser = self._recogniser, None
        sessions, self._stored = self._stored, None
        try:
            if sessions is not None:
                await sessions.close()
        finally:
            if visitors is not None:
                await visitors.close()


class SessionDoor:
    """What `Request.get_session` asks; a `hospes.http.request.SessionSource`.

    Args:
        visiting: Of whose application it is.
    """

    def __init__(self, visiting: Visiting) -> None:
        self._visiting = visiting

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where the application runs."""
        return self._visiting.loop

    async def take(self, request: Request, create: bool = True) -> Any:
        """The request's session; None where there is none and `create` is false.

        Raises:
            HttpError: 403, if another site's page made the request; 503, if its turn does not come in time, or the store is away.
        """
        self._check(request)
        return await (await self._visiting.all_sessions()).take(request, create)

    def take_now(self, request: Request, create: bool = True) -> Any:
        """The session that `take` has found, or a new one, for whoever cannot wait; see `Sessions.take_now`.

        Raises:
            HttpError: 403, if another site's page made the request.
            RuntimeError: where nobody has waited for a session yet, so that the store is not open.
        """
        self._check(request)
        sessions = self._visiting.open_sessions
        if sessions is None:
            raise RuntimeError("the sessions' store is not open yet: await request.get_session(create=False) before")
        return sessions.take_now(request, create)

    def linger(self, request: Request) -> None:
        """Let the request's session be changed after its answer, too; see `Sessions.linger`."""
        sessions = self._visiting.open_sessions
        if sessions is not None:
            sessions.linger(request)

    async def settle(self, request: Request) -> None:
        """Make durable what was changed since the answer; see `Sessions.settle`."""
        sessions = self._visiting.open_sessions
        if sessions is not None:
            await sessions.settle(request)

    def _check(self, request: Request) -> None:
        csrf = self._visiting.guests.csrf
        if csrf is not None and request.method not in SAFE_METHODS:
            csrf.check(request)


def _own_sessions(given: object) -> OwnSessions | None:
    if given is None or isinstance(given, sessions.SessionOptions):
        return None
    if not isinstance(given, sessions.SessionFactory):
        raise SetupError(
            f"App(sessions={given!r}) is neither SessionOptions nor a SessionFactory",
            remedy="write App(sessions=SessionOptions(idle=3_600)), or give an object of your own SessionFactory",
        )
    return sessions.OwnSessions(given)


def _check_visitors(given: object) -> None:
    if given is not None:
        check_kind("App(visitors={})", given, users.VisitorOptions, "VisitorOptions(max_age=30 * 86_400)")


def _key(request: Request) -> str | None:
    user = request.visitor
    return user.id if isinstance(user, users.User) else None
