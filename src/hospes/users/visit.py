"""One visitor's record, from its loading to its commit.

    take ─→ SERVING ──finish──→ CLOSED ←──end── INSIDE ←─begin─ (stream, websocket: async with user.turn())
               └──cancelled──→ ABANDONED

Laws:

* The turn is held in SERVING and INSIDE and until the write that ends it is over, and is given back exactly once.
* A write under way is not stopped by a peer that leaves: it runs to its end, and only then is the turn given back.
  Otherwise the next one would read the record as it was before, and fail.
* The change is durable before the response leaves; if it cannot be made so, another response leaves, without a cookie.
* Every write is a compare-and-set. So where turns are not what they should be (a removed lock file), a change is refused with
  an error, never lost in silence.
* `expires` of a record is moved only together with the cookie's, once a day at most, so that both end at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from hospes.http import Response, SetCookie
from hospes.store import Conflict, Record, Store
from hospes.store.contract import Clock
from hospes.users.options import VisitorOptions
from hospes.users.seal import public_id
from hospes.users.turns import Held, Turns
from hospes.users.user import User
from hospes.users.values import decode, encode, fingerprint

SPACE: Final = "users"
RENEWAL: Final = 86_400.0
"""Seconds between two renewals of a cookie and its record."""

_REFUSAL: Final = (
    "this request's turn is over, the change would be lost: write `async with user.turn():` around it, which takes the "
    "visitor's turn for as long as the block lasts"
)
_EMPTY: Final = fingerprint({})


@dataclass(frozen=True, slots=True)
class House:
    """What all visits share.

    Args:
        store: Keeps the records; it is open.
        turns: Gives the turns.
        options: How visitors are remembered.
        clock: Tells the time in seconds since the epoch.
        loop: Where all of it happens.
        writing: Writes under way.
    """

    store: Store
    turns: Turns
    options: VisitorOptions
    clock: Clock
    loop: asyncio.AbstractEventLoop
    writing: set[asyncio.Task[None]] = field(default_factory=set)


class Guest(NamedTuple):
    """Who comes, as the request shows.

    Args:
        cookie: Name of the cookie.
        value: Its value.
        secure: Whether it came over TLS.
        id: The id in it; a secret.
        key: The record's key.
        is_new: Whether the cookie has yet to be set.
    """

    cookie: str
    value: str
    secure: bool
    id: bytes
    key: bytes
    is_new: bool


class _State(Enum):
    SERVING = "the request has the turn"
    INSIDE = "a turn() block has the turn"
    CLOSED = "nobody has the turn"
    ABANDONED = "the request was cancelled"


class Visit:
    """Keeps a User; a `Keeper`.

    Args:
        house: What all visits share.
        guest: Who it is.
        held: The turn, with the record in it; None for a new visitor, whom nobody else can know.

    Raises:
        StoreError: 500, if the record cannot be read.
    """

    __slots__ = (
        "_announce",
        "_created",
        "_expires",
        "_forgotten",
        "_guest",
        "_held",
        "_house",
        "_inside",
        "_print",
        "_public_id",
        "_state",
        "_version",
        "user",
    )

    def __init__(self, house: House, guest: Guest, held: Held | None) -> None:
        self._held: Held | None = None
        self._house = house
        self._guest = guest
        self._state = _State.SERVING
        self._announce = guest.is_new
        self._forgotten = False
        self._inside: asyncio.Task[Any] | None = None
        content = self._load(held.record if held is not None else None)
        self.user = User(id=self._public_id.hex(), created=self._created, is_new=guest.is_new, keeper=self)
        self._fill(content)
        self._held = held  # from here on it is ours to give back

    @property
    def is_serving(self) -> bool:
        """Whether its request has not been answered yet."""
        return self._state is _State.SERVING

    @property
    def refusal(self) -> str:
        """Why the User cannot be changed now; "" if it can. After a cancelled request nobody cares: nothing is kept."""
        if self._forgotten:
            return "this visitor was forgotten in this request: nothing more can be kept"
        return _REFUSAL if self._state is _State.CLOSED else ""

    async def finish(self, response: Response | None) -> None:
        """The request's finisher: make the changes durable, tell the cookie, give the turn back.

        Args:
            response: What is to leave; None where the request was cancelled, and its changes are dropped.
        """
        if self._state is not _State.SERVING:
            return
        if response is None:
            self._state = _State.ABANDONED
            self._give_back()
            return
        await self._conclude(renews=True)
        if self._announce:
            self._tell(response)

    async def begin(self) -> bool:
        """Take the turn and load the record anew; False if the turn is held already, by the request or by this task."""
        task = asyncio.current_task()
        if self._state is _State.SERVING or (self._state is _State.INSIDE and self._inside is task):
            return False
        turns = self._house.turns
        held = await turns.take(SPACE, self._guest.key)
        try:
            if held.record is None and (self._version or self._forgotten):
                raise Conflict("the visitor was forgotten in the meantime")
            content = self._load(held.record)
        except BaseException:
            turns.give_back(held)
            raise
        self._fill(content)
        self._held, self._inside, self._state = held, task, _State.INSIDE
        return True

    async def end(self, failed: bool) -> None:
        """Make the changes of a `turn()` block durable, unless it failed, and give the turn back."""
        self._inside = None
        if failed:
            self._state = _State.CLOSED
            self._give_back()
        else:
            await self._conclude(renews=False)

    def forget(self) -> None:
        """Have the record deleted at the request's end, and the cookie removed."""
        if self._state is not _State.SERVING:
            raise RuntimeError("user.forget() removes the cookie too, and this request's answer has left without that")
        self._forgotten = True
        self._announce = True

    def _load(self, record: Record | None) -> dict[str, Any]:
        """Take over what the store has, and give its content."""
        if record is None:
            self._version, self._expires, self._print = 0, 0.0, _EMPTY
            self._created, self._public_id = self._house.clock(), public_id(self._guest.id)
            return {}
        kept = decode(record.value)
        self._version, self._expires, self._print = record.version, record.expires or 0.0, kept.print
        self._created, self._public_id = kept.created, kept.public_id
        return kept.content

    def _fill(self, content: dict[str, Any]) -> None:
        """What the store gave needs no looking at, and is no change."""
        user: dict[str, Any] = self.user
        dict.clear(user)  # pyright: ignore[reportUnknownMemberType]  # dict's own, past User's checks
        dict.update(user, content)  # pyright: ignore[reportUnknownMemberType]

    def _write(self, renews: bool) -> Coroutine[Any, Any, None] | None:
        """What there is to write; None for nothing."""
        if self._forgotten:
            return self._delete() if self._version else None
        house = self._house
        now, age = house.clock(), house.options.max_age
        is_due = self._expires - age + RENEWAL <= now
        now_print = fingerprint(self.user)
        if now_print != self._print or not now_print:
            octets = encode(self.user, self._created, self._public_id, house.options.size)
            moves = not self._version or (renews and is_due)
            return self._put(octets, now_print, now + age if moves else self._expires)
        if self._version and renews and is_due:
            return self._touch(now + age)
        return None

    async def _put(self, octets: bytes, print: bytes, expires: float) -> None:
        house, held = self._house, self._held
        if held is not None:
            self._version = await house.turns.write(held, octets, expires)
        else:
            self._version = await house.store.compare_and_set(SPACE, self._guest.key, octets, 0, expires=expires)
        if expires != self._expires:
            self._announce = True
        self._print, self._expires = print, expires

    async def _touch(self, expires: float) -> None:
        if await self._house.store.touch(SPACE, self._guest.key, expires):
            self._expires = expires
            self._announce = True

    async def _delete(self) -> None:
        await self._house.store.delete(SPACE, self._guest.key)

    async def _conclude(self, renews: bool) -> None:
        """Write what there is to write, in a task of its own that nobody cancels, and give the turn back."""
        self._state = _State.CLOSED
        try:
            write = self._write(renews)
        except BaseException:
            self._give_back()
            raise
        if write is None:
            self._give_back()
            return
        house = self._house
        task = house.loop.create_task(self._written(write))
        house.writing.add(task)
        task.add_done_callback(house.writing.discard)
        await asyncio.shield(task)

    async def _written(self, write: Coroutine[Any, Any, None]) -> None:
        try:
            await write
        finally:
            self._give_back()

    def _tell(self, response: Response) -> None:
        guest = self._guest
        if self._forgotten:
            response.set_cookie(SetCookie(guest.cookie, "", max_age=0, expires=0, secure=guest.secure))
        else:
            age = self._house.options.max_age
            response.set_cookie(SetCookie(guest.cookie, guest.value, max_age=age, secure=guest.secure))
        # RFC 9111 §7.3: Set-Cookie alone does not keep a shared cache from handing the answer, and the cookie, to others.
        response.headers.setdefault("Cache-Control", "private")

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._house.turns.give_back(held)
