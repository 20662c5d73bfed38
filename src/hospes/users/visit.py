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
* `expires` of a record is moved only together with the cookie's, once a day at most, so that both end at the same time. An
  account's record has no end; its passes have.
* Signing in and out is done at once where it is awaited, else before the response leaves; a response of 4xx or 5xx signs nobody
  in. Like a write it runs to its end, whoever leaves.
* Who becomes somebody else is accompanied: what belongs to the request's visitor elsewhere, a session, changes with him.
* Who is answered holds neither User nor request: else these would hold each other until a collector comes. Who begins a `turn()`
  block brings the User along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from enum import Enum
from functools import partial
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from hospes.http import Request, Response, SetCookie
from hospes.http.asking import LEFT
from hospes.http.blocks import owner
from hospes.http.request import DONE, SAFE_METHODS
from hospes.store import Conflict, Record
from hospes.store.turns import Held
from hospes.store.underway import Heard
from hospes.store.values import is_kept
from hospes.users import guest as guests
from hospes.users.account import Account, Kind, login_key, new_secret, open_account, open_moving
from hospes.users.entrance import SPACE, Arrival
from hospes.users.guest import Guest
from hospes.users.house import House
from hospes.users.merging import Merge
from hospes.users.seal import public_id
from hospes.users.user import User, known_user
from hospes.users.values import HEAD, Kept, decode, encode, fingerprint, is_plain, plain

_REFUSAL: Final = (
    "this request's turn is over, the change would be lost: write `async with user.turn():` around it (in a thread "
    "`with user.turn():`), which takes the visitor's turn for as long as the block lasts"
)
_TOO_LATE: Final = (
    "this visitor is new, and the answer, which has to bring a cookie, has left without one: ask for the visitor before that, in "
    "the handler (`user: User`), or in a websocket's on_handshake"
)
_SIGNED_OUT: Final = (
    "this visitor signs out in this request; write `await user.logout()`, and what is put in after it belongs to the new visitor "
    "that it leaves behind"
)
_EMPTY: Final = fingerprint({})
_ACCOUNT: Final = bytes([Kind.ACCOUNT.value])
_MOVING: Final = bytes([Kind.MOVING.value])

Face: TypeAlias = tuple[str, float, bytes]
"""What stays the same of a record, as it is asked for: public id in hexadecimal, first request, public id."""


class _State(Enum):
    SERVING = "the request has the turn"
    INSIDE = "a turn() block has the turn"
    CLOSED = "nobody has the turn"
    ABANDONED = "the request was cancelled"


class _Leaving(Enum):
    NOT = 0
    HERE = 1
    EVERYWHERE = 2


# A member of an Enum costs as much as a call in Python 3.11, a name of the module next to nothing.
_SERVING: Final = _State.SERVING
_INSIDE: Final = _State.INSIDE
_CLOSED: Final = _State.CLOSED
_ABANDONED: Final = _State.ABANDONED
_STAYS: Final = _Leaving.NOT


class Visit:
    """Keeps a User; a `Keeper`, and its request's finisher, which makes the changes durable, tells the cookie and gives the turn
    back.

    Args:
        house: What all visits share.
        guest: Who it is.
        held: The turn, with the record in it; None for a new visitor, whom nobody else can know.
        request: Whose visitor it is.
        face: The record's, where it is known.

    Raises:
        StoreError: 500, if the record cannot be read.
    """

    __slots__ = (
        "_account",
        "_announce",
        "_changing",
        "_created",
        "_expires",
        "_forgotten",
        "_guest",
        "_held",
        "_house",
        "_inside",
        "_is_usual",
        "_leaves",
        "_print",
        "_public_id",
        "_reads",
        "_request",
        "_state",
        "_version",
        "_wanted",
        "user",
    )

    _account: Account | None
    _created: float
    _expires: float
    _print: bytes
    _public_id: bytes
    _version: int
    user: User

    def __init__(self, house: House, guest: Guest, held: Held | None, request: Request, face: Face | None = None) -> None:
        self._held: Held | None = None
        self._house = house
        self._request = request
        self._reads = request.method in SAFE_METHODS  # and changes next to never what is kept
        self._guest = guest
        self._state = _SERVING
        self._announce = guest.is_new
        self._is_usual = not guest.is_new  # at most the content is to be written
        self._forgotten = False
        self._inside: object = None
        self._wanted: tuple[str, Merge] | None = None
        self._leaves = _STAYS
        self._changing: asyncio.Task[None] | None = None
        record = held.record if held is not None else None
        if face is None or record is None:
            content = self._load(record)
            id, created = self._public_id.hex(), self._created
        else:
            self._account, self._version, self._expires = None, record.version, record.expires or 0.0
            id, created, self._public_id = face
            self._created = created
            self._print = record.value[HEAD:]
            content = plain(self._print)
            if house.shapes.types:
                content = house.shapes.shaped(content)
        self.user = known_user(content, id, created, guest.is_new, self, house.shapes)
        if self._account is not None:
            self.user.name = self._account.name
        self._held = held  # from here on it is ours to give back

    @property
    def is_serving(self) -> bool:
        """Whether its request has not been answered yet."""
        return self._state is _SERVING

    @property
    def is_kept(self) -> bool:
        """Whether the store has a record of the visitor."""
        return self._version != 0

    @property
    def face(self) -> Face | None:
        """What stays the same of an anonymous visitor's plain record; None where there is none, or another one."""
        record = self._held.record if self._held is not None else None
        if record is None or not is_plain(record.value):
            return None
        return self.user.id, self._created, self._public_id

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it is."""
        return self._house.loop

    @property
    def refusal(self) -> str:
        """Why the User cannot be changed now; "" if it can. After a cancelled request nobody cares: nothing is kept."""
        if self._forgotten:
            return "this visitor was forgotten in this request: nothing more can be kept"
        if self._leaves is not _STAYS:
            return _SIGNED_OUT
        return _REFUSAL if self._state is _CLOSED else ""

    @property
    def account(self) -> Account | None:
        """Whose account this is; None for an anonymous visitor."""
        return self._account

    def __call__(self, response: Response | None) -> Awaitable[None]:
        """Finish.

        Args:
            response: What is to leave; None where the request was cancelled, and its changes are dropped; `LEFT` where it has
                left before the visitor was asked for.

        Raises:
            RuntimeError: for a new visitor, whom nothing can bring a cookie any more.
        """
        if response is LEFT:
            return self._miss()
        wants_change = self._wanted is not None or self._leaves is not _STAYS or self._changing is not None
        if response is None or wants_change or self._state is not _SERVING:
            return self._finish(response)
        work = self._conclude(renews=True)
        del self.user, self._request
        if work is not None or self._announce:
            return self._tell_after(work, response)
        return DONE

    def _miss(self) -> Awaitable[None]:
        """Come too late for an answer: nothing is held."""
        self._state = _CLOSED
        self._give_back()
        if self._guest.is_new:
            self._request.visitor = None
            raise RuntimeError(_TOO_LATE)
        return DONE

    def finish_quietly(self) -> bool:
        """Give the turn back, if there is nothing to write and nothing to tell; False: nothing has happened."""
        house = self._house
        if not self._is_usual or self._state is not _SERVING:
            return False
        if self._version:
            now = house.clock()
            if self._account is not None:
                if self._is_due(now):
                    return False
            elif now + house.options.max_age - self._expires >= house.renewals[0]:  # as `_is_due`, without a call
                return False
        is_print = house.is_print
        if not is_print(self._print, self.user):
            return False
        if not self._reads and not house.shapes.is_kept(self.user):
            return False
        self._state = _CLOSED
        del self.user, self._request
        self._give_back()
        return True

    def finish_later(self, heard: Heard) -> bool:
        """Write what has changed, if that is all, and have `heard` called; False: nothing has happened. See `LaterFinisher`."""
        house = self._house
        is_usual = self._is_usual and self._state is _SERVING and self._account is None and house.turns.is_prompt
        if not is_usual or not self._version or self._is_due(house.clock()):
            return False
        try:
            octets, now_print = self._encoded(house.shapes.plain(self.user))
        except Exception:  # it is to be met where it can be answered
            return False
        if not self._put_soon(octets, now_print, self._expires, heard):
            return False
        self._state = _CLOSED
        del self.user, self._request
        return True

    def _is_due(self, now: float) -> bool:
        """Whether the cookie is to be renewed."""
        house = self._house
        if self._account is None:
            return now + house.options.max_age - self._expires >= house.renewals[0]
        return self._end(now) - self._expires >= house.renewals[1]

    async def _tell_after(self, work: Awaitable[None] | None, response: Response) -> None:
        if work is not None:
            await work
        if self._announce:
            self._tell(response)

    async def _finish(self, response: Response | None) -> None:
        if self._changing is not None:
            await asyncio.wait([self._changing])
        if self._state is not _SERVING:
            return
        if response is None:
            self._state = _ABANDONED
            self._give_back()
            return
        if self._wanted is not None or self._leaves is not _STAYS:
            await self._settle_at_the_end(response.status)
        await self._tell_after(self._conclude(renews=True), response)

    async def begin(self, kept: User) -> bool:
        """Take the turn and load the record anew; False if the turn is held already, by the request or by whoever asks."""
        asking = owner()
        if self._state is _SERVING or (self._state is _INSIDE and self._inside is asking):
            return False
        turns = self._house.turns
        held = await turns.take(SPACE, self._guest.key)
        try:
            if held.record is None and (self._version or self._forgotten):
                raise Conflict("the visitor was forgotten in the meantime")
            if held.record is not None and not await self._house.entrance.knows(held.record, self._guest.secret):
                raise Conflict("the visitor has signed in, or out, in the meantime")
            content = self._load(held.record)
        except BaseException:
            turns.give_back(held)
            raise
        self.user, self._reads = kept, False
        self._fill(content)
        self._held, self._inside, self._state = held, asking, _INSIDE
        return True

    async def end(self, failed: bool) -> None:
        """Make the changes of a `turn()` block durable, unless it failed, and give the turn back."""
        self._inside = None
        if failed:
            self._state = _CLOSED
            self._give_back()
        else:
            work = self._conclude(renews=False)
            if work is not None:
                await work

    def forget(self) -> None:
        """Have the record deleted at the request's end, and the cookie removed."""
        self._check_serving("user.forget() removes the cookie")
        self._is_usual = False
        self._forgotten = True
        self._announce = True
        self._wanted = None

    def login(self, name: str, merge: Merge) -> None:
        """Have the visitor signed in: now if `settle` is awaited, else at the end."""
        self._check_serving("user.login() changes the cookie")
        login_key(name)  # refuses an impossible name here, where the program can say so
        self._is_usual = False
        self._wanted = (name, merge)

    def logout(self, everywhere: bool) -> None:
        """Have the visitor signed out, likewise; somebody anonymous is not."""
        self._check_serving("user.logout() changes the cookie")
        self._is_usual = False
        self._wanted = None
        if self._account is not None and self._leaves is not _Leaving.EVERYWHERE:
            self._leaves = _Leaving.EVERYWHERE if everywhere else _Leaving.HERE

    async def settle(self) -> None:
        """Sign out, and in, as was asked for."""
        if self._wanted is None and self._leaves is _STAYS:
            return
        self._check_serving("signing in or out changes the cookie")
        task = self._changing = self._house.underway.start(self._change())
        await asyncio.shield(task)

    def _check_serving(self, what: str) -> None:
        if self._state is not _SERVING:
            raise RuntimeError(f"{what} too, and this request's answer has left without that")

    async def _settle_at_the_end(self, status: int) -> None:
        if status >= 400:
            self._wanted = None  # what failed after user.login() may have been the other half of the check
        try:
            await self.settle()
        except BaseException:
            if self._changing is not None:
                await asyncio.wait([self._changing])
            self._state = _CLOSED
            self._give_back()
            raise

    async def _change(self) -> None:
        """Become somebody else, in company."""
        async with self._house.company(self._request):
            await self._become_another()

    async def _become_another(self) -> None:
        """Sign out and in. Where it fails, what was written is known, and the visit is whose it was."""
        wanted, self._wanted = self._wanted, None
        account = self._account
        if account is not None and (self._leaves is not _STAYS or (wanted is not None and wanted[0] != account.name)):
            await self._sign_out(account)
        if wanted is None:
            return
        if self._account is None:
            await self._sign_in(*wanted)
        else:
            await self._rotate(self._account)

    async def _sign_out(self, account: Account) -> None:
        """Keep the account as it is now, without the pass, and be a new visitor."""
        house, guest = self._house, self._guest
        value = await house.sealer.issue()
        left = replace(account, passes=()) if self._leaves is _Leaving.EVERYWHERE else account.dismiss(guest.secret)
        record, _ = self._encoded(house.shapes.plain(self.user))
        await house.store.compare_and_set(SPACE, guest.key, left.encode(record), self._version)
        self._give_back()
        self._leaves = _STAYS
        self._guest = guests.visitor(guest.cookie, value, guest.secure, is_new=True)
        self._become(self._load(None))

    async def _sign_in(self, name: str, merge: Merge) -> None:
        """Move into the account, and have its turn instead of one's own."""
        guest = self._guest
        was = Kept(dict(self._house.shapes.plain(self.user)), self._created, self._public_id, b"")
        arrival = Arrival(guest.key, self._version, self._expires, was, is_known=not guest.is_new)
        try:
            entered = await self._house.entrance.sign_in(name, merge, arrival)
        finally:
            self._version = arrival.version
        self._give_back()
        self._held = entered.held
        self._guest = guests.member(guest.cookie, entered.locator, entered.secret, guest.secure)
        self._become(self._load(entered.record))

    async def _rotate(self, account: Account) -> None:
        """Sign in again as oneself: another cookie."""
        house, guest, now = self._house, self._guest, self._house.clock()
        secret = new_secret()
        account = account.dismiss(guest.secret).admit(house.entrance.new_pass(secret, now), now)
        octets = account.encode(self._encoded(house.shapes.plain(self.user))[0])
        version = await house.store.compare_and_set(SPACE, guest.key, octets, self._version)
        self._guest = guests.member(guest.cookie, account.locator, secret, guest.secure)
        self._become(self._load(Record(octets, version)))

    def _become(self, content: dict[str, Any]) -> None:
        """Show who it is now."""
        self._fill(content)
        user, account = self.user, self._account
        user.id, user.name = self._public_id.hex(), account.name if account is not None else ""
        user.is_new = self._guest.is_new
        user.change_created(self._created)
        self._announce = True

    def _load(self, record: Record | None) -> dict[str, Any]:
        """Take over what the store has, and give its content."""
        self._account = None
        if record is None:
            self._version, self._expires, self._print = 0, 0.0, _EMPTY
            self._created, self._public_id = self._house.clock(), public_id(self._guest.id)
            return {}
        octets = record.value
        self._version, self._expires = record.version, record.expires or 0.0
        if octets[:1] == _ACCOUNT:
            account, octets = open_account(octets)
            mine = account.find(self._guest.secret, self._house.clock())
            self._account, self._expires = account, mine.until if mine is not None else 0.0
        elif octets[:1] == _MOVING:
            octets = open_moving(octets)[2]  # it has not moved: `Entrance.knows` has looked
        kept = decode(octets)
        self._print, self._created, self._public_id = kept.print, kept.created, kept.public_id
        return self._house.shapes.shaped(kept.content)

    def _encoded(self, content: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """An anonymous visitor's record, and its content's print."""
        self._house.shapes.check(content)
        octets = encode(content, self._created, self._public_id, self._house.options.size)
        return octets, octets[HEAD:] if is_plain(octets) else fingerprint(content)

    def _fill(self, content: dict[str, Any]) -> None:
        """What the store gave needs no looking at, and is no change."""
        user: dict[str, Any] = self.user
        dict.clear(user)  # pyright: ignore[reportUnknownMemberType]  # dict's own, past User's checks
        dict.update(user, content)  # pyright: ignore[reportUnknownMemberType]

    def _write(self, renews: bool) -> Coroutine[Any, Any, None] | asyncio.Future[None] | None:
        """What there is to write; None for nothing."""
        if self._forgotten:
            return self._delete() if self._version else None
        house = self._house
        end = self._end(house.clock())
        is_due = renews and end - self._expires >= house.renewals[self._account is not None]
        content = house.shapes.plain(self.user)
        now_print = fingerprint(content)
        is_same = now_print == self._print and now_print and (self._reads or is_kept(content))
        if not is_same or (is_due and self._account is not None):
            octets, now_print = self._encoded(content)
            expires = end if is_due or not self._version else self._expires
            soon = house.underway.awaited(partial(self._put_soon, octets, now_print, expires))
            return soon if soon is not None else self._put(octets, now_print, expires)
        return self._touch(end) if self._version and is_due else None

    def _end(self, now: float) -> float:
        """When the visitor's cookie will end if it is renewed now."""
        account, house = self._account, self._house
        if account is None:
            return now + house.options.max_age
        mine = account.find(self._guest.secret, now)
        return house.entrance.end_of(mine.since if mine is not None else now)

    async def _put(self, octets: bytes, print: bytes, expires: float) -> None:
        guest, account = self._guest, self._account
        end: float | None = expires
        if account is not None:
            if expires != self._expires:
                account = account.renew(guest.secret, expires)
            octets, end = account.encode(octets), None
        self._version = await self._set(octets, end)
        if expires != self._expires:
            self._announce = True
        self._account, self._print, self._expires = account, print, expires

    def _put_soon(self, octets: bytes, print: bytes, expires: float, heard: Heard) -> bool:
        """As `_put`, begun at once and ended by giving the turn back; False where that has no way."""
        held, house = self._held, self._house
        version = held.record.version if held is not None and held.record is not None else 0
        if held is None or self._account is not None or self._version != version or not house.turns.is_prompt:
            return False

        def written(version: int, failure: Exception | None) -> None:
            house.underway.end()
            self._give_back()
            if failure is None:
                self._announce = self._announce or expires != self._expires
                self._version, self._print, self._expires = version, print, expires
            heard(failure)

        house.turns.write_soon(held, octets, expires, written)
        house.underway.begin()
        return True

    async def _set(self, octets: bytes, end: float | None) -> int:
        house, held = self._house, self._held
        if held is not None and self._version == (held.record.version if held.record is not None else 0):
            return await house.turns.write(held, octets, end)
        # A new visitor has no turn, and who has signed in has written in his already.
        return await house.store.compare_and_set(SPACE, self._guest.key, octets, self._version, expires=end)

    async def _touch(self, expires: float) -> None:
        if await self._house.store.touch(SPACE, self._guest.key, expires):
            self._expires = expires
            self._announce = True

    async def _delete(self) -> None:
        if self._account is not None:
            await self._house.entrance.forget(self._account)
        else:
            await self._house.store.delete(SPACE, self._guest.key)

    def _conclude(self, renews: bool) -> Awaitable[None] | None:
        """Give the turn back, now or when what there is to write has been written: by awaiting what this gives."""
        self._state = _CLOSED
        try:
            write = self._write(renews)
        except BaseException:
            self._give_back()
            raise
        if write is None:
            self._give_back()
            return None
        return write if isinstance(write, asyncio.Future) else self._house.underway.undisturbed(self._written(write))

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
            house = self._house
            age = house.options.max_age if self._account is None else max(1, int(self._expires - house.clock()))
            response.set_cookie(SetCookie(guest.cookie, guest.value, max_age=age, secure=guest.secure))
        # RFC 9111 §7.3: Set-Cookie alone does not keep a shared cache from handing the answer, and the cookie, to others.
        response.headers.setdefault("Cache-Control", "private")

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._house.turns.give_back(held)
