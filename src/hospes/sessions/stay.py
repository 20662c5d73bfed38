"""One session in one request, from its loading to its commit.

    take ─→ serving ──finish──→ answered ←──end── inside ←─begin─ (async with session.turn())
               │                   ↑
               │                settle
               ├─linger, finish──→ lingering: the function goes on while its answer leaves
               └──cancelled──→ abandoned: nothing is kept

A request that may ask for a change (POST, PUT …) has the session's turn from the beginning, so that others of the same session
wait for it. One that may not (GET, HEAD; RFC 9110 §9.2.1) takes none: it reads what is there, and whoever writes does not keep it
waiting. If it changes the session nevertheless, it takes the turn at its end and carries its changes over to what is there then
(`merging`).

Laws:

* A request that changes nothing writes nothing, but for one move of the record's end in a minute.
* The change is durable before the response leaves; if it cannot be made so, another response leaves, without a cookie.
* Every write is a compare-and-set. Where the turn was lost (a lease that ran out), the change is carried over, never lost.
* A session that another request has ended stays ended: what this one stored is refused with 409. Signing out is final.
* Under a new id the record is written before the old one is deleted; a crash between the two leaves the old one as it was.
* A session that lingers can be changed, without a turn, until `settle`, which carries the changes over as at the end of a GET.
* A turn is given back exactly once, and not before the write that ends it is over, even if the peer leaves.
* Who is through holds the session no more: else both would hold each other until a collector comes. Who begins a `turn()` block
  brings it along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hospes.http import Response
from hospes.http.asking import LEFT, running_loop
from hospes.http.blocks import owner
from hospes.http.request import DONE
from hospes.sessions.cookie import SessionCookie
from hospes.sessions.merging import merge
from hospes.sessions.options import SessionOptions
from hospes.sessions.record import HEAD, SPACE, VALUES, Kept, decode, encode, is_plain, key_of, new_id
from hospes.sessions.stored import StoredSession, known_session
from hospes.store import Conflict, Record, Store
from hospes.store.contract import Clock, StoreError
from hospes.store.shapes import Shapes
from hospes.store.turns import Held, Turns
from hospes.store.underway import Heard, Underway
from hospes.store.values import fingerprint

_RENEWAL: Final = 60.0  # seconds between two moves of a record's end
_TRIES: Final = 5
_EMPTY: Final = fingerprint({})
_REFUSAL: Final = (
    "this request has been answered, the change would be lost: write `async with session.turn():` around it (in a thread "
    "`with session.turn():`), which takes the session's turn for as long as the block lasts"
)
TOO_LATE: Final = (
    "there is no session yet, and the answer, which has to bring its cookie, has left without one: begin the session before "
    "that, in the handler (`session: Session`), or in a websocket's on_handshake"
)


@dataclass(frozen=True, slots=True)
class House:
    """What all stays share.

    Args:
        store: Keeps the records; it is open.
        turns: Gives the turns.
        options: How sessions are kept.
        clock: Tells the time in seconds since the epoch.
        underway: What is being written.
        loop: Where all of it happens.
        shapes: What is declared of sessions' values.
        is_print: The shapes', which is asked at every request's end.
    """

    store: Store
    turns: Turns
    options: SessionOptions
    clock: Clock
    underway: Underway = field(default_factory=Underway)
    loop: asyncio.AbstractEventLoop | None = field(default_factory=running_loop)
    shapes: Shapes = field(init=False)
    is_print: Callable[[bytes, Mapping[str, Any]], bool] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", Shapes(self.options.types, VALUES))
        object.__setattr__(self, "is_print", self.shapes.is_print)


class Stay:
    """Keeps a session; a `Keeper`, and its request's finisher, which makes the changes durable, tells the cookie and gives the
    turn back.

    Args:
        house: What all stays share.
        cookie: The cookie of the request.
        record: The session's record; None for a new session, which nobody else can know.
        kept: The record, decoded.
        held: The turn, where the request has it.
        key: The record's; b"" for who is not known.
    """

    __slots__ = (
        "_announce",
        "_cookie",
        "_created",
        "_ended",
        "_held",
        "_house",
        "_id",
        "_idle",
        "_inside",
        "_is_abandoned",
        "_is_answered",
        "_key",
        "_line",
        "_lingers",
        "_next_id",
        "_print",
        "_record",
        "is_serving",
        "is_superseded",
        "session",
    )

    def __init__(
        self, house: House, cookie: SessionCookie, record: Record | None, kept: Kept | None, held: Held | None, key: bytes = b""
    ) -> None:
        self.is_serving = True
        """Whether its request has not been answered yet, or goes on all the same."""
        self.is_superseded = False
        """Whether the request goes on with another session, whose cookie counts."""
        self._house = house
        self._cookie = cookie
        self._held = held
        self._id = cookie.value if record is not None else ""
        self._key = key
        self._next_id = ""
        self._announce = self._ended = self._is_abandoned = self._is_answered = self._lingers = False
        self._inside: object = None
        self._line: asyncio.Lock | None = None  # of the blocks and the finisher
        if record is None or kept is None:
            accessed = house.clock()
            kept = Kept({}, accessed, house.options.idle, _EMPTY)
        else:
            accessed = record.expires - kept.idle if record.expires is not None else house.clock()
        self._take_over(record, kept)
        shapes = house.shapes
        if shapes.types:
            shapes.shaped(kept.attributes)
        self.session = known_session(kept, accessed, record is None, self, shapes)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it is."""
        assert self._house.loop is not None
        return self._house.loop

    @property
    def refusal(self) -> str:
        """Why the session cannot be changed now; "" if it can. After a cancelled request nobody cares: nothing is kept."""
        if self._is_answered and self._lingers and not self._id:
            return TOO_LATE
        may_change = self.is_serving or self._inside is not None or self._is_abandoned
        return "" if may_change else _REFUSAL

    def establish(self) -> str:
        """Let the session last, and give its id; "" where the answer has left without a cookie."""
        if not self._id and self.is_serving and not self._is_answered:
            self._id = new_id()
        return self._next_id or self._id

    def rotate(self) -> None:
        """Have the session go on under a new id."""
        self._check_serving("session.rotate() changes the cookie")
        if self._record is not None:
            self._next_id = new_id()
        elif self._id:
            self._id = new_id()

    def invalidate(self) -> None:
        """Have the record deleted, and the cookie removed."""
        self._check_serving("session.invalidate() removes the cookie")
        self._ended = True

    def __call__(self, response: Response | None) -> Awaitable[None]:
        """Finish.

        Args:
            response: What is to leave; None where the request was cancelled, and its changes are dropped; `LEFT` where it has
                left before the session was asked for.

        Raises:
            RuntimeError: for a new session, whose cookie nothing can bring any more.
        """
        if response is LEFT:
            return self._miss()
        if self._line is not None:
            return self._finish_in_line(self._line, response)
        if response is None or not self.is_serving or self._ended:
            return self._finish(response)
        work = self._work()
        if work is not None or self._announce:
            return self._conclude(work, response)
        self._answer()
        self._part()
        self._give_back()
        return DONE

    def finish_quietly(self) -> bool:
        """Give the turn back, if there is nothing to write and nothing to tell; False: nothing has happened."""
        if self._line is not None or not self.is_serving or self._ended or self._announce or self._is_changed() or self._is_due():
            return False
        self._answer()
        self._part()
        self._give_back()
        return True

    def finish_later(self, heard: Heard) -> bool:
        """Write what has changed, if that is all, and have `heard` called; False: nothing has happened. See `LaterFinisher`."""
        is_usual = self._line is None and self.is_serving and not (self._ended or self._announce or self._lingers)
        if not is_usual or not self._is_changed() or not self._commit_soon(heard):
            return False
        self._answer()
        return True

    def _miss(self) -> Awaitable[None]:
        """Come too late for an answer: nothing is held."""
        self._answer()
        self._give_back()
        if self._record is None:
            raise RuntimeError(TOO_LATE)
        return DONE

    async def _finish_in_line(self, line: asyncio.Lock, response: Response | None) -> None:
        async with line:  # a block of another task ends first
            await self._finish(response)

    async def begin(self, kept: StoredSession) -> bool:
        """Take the session's turn and bring it up to date; False where it is held already, by the request or by whoever asks."""
        asking = owner()
        if self._inside is asking or (self.is_serving and (self._held is not None or self._record is None)):
            return False
        if self._line is None:
            self._line = asyncio.Lock()
        await self._line.acquire()
        self.session = kept
        try:
            await self._enter()
            if self._is_changed():  # what was changed before the block is not the block's to undo
                await self._house.underway.undisturbed(self._commit())
                await self._enter()
        except BaseException:
            self._give_back()
            self._line.release()
            raise
        self._inside = asking
        return True

    async def end(self, failed: bool) -> None:
        """Make the changes of a `turn()` block durable, unless it failed, and give the turn back."""
        assert self._line is not None
        assert self._record is not None
        try:
            self._inside = None
            if failed:
                kept = decode(self._record.value)
                self.session.show(self._house.shapes.shaped(kept.attributes), kept.idle)
                self._give_back()
            elif self._is_changed():
                await self._house.underway.undisturbed(self._commit())
            else:
                self._give_back()
        finally:
            self._line.release()

    def linger(self) -> None:
        """Let the session be changed after the answer, too, until `settle`."""
        self._lingers = True
        self.is_serving = not self._is_abandoned

    async def settle(self) -> None:
        """Make durable what was changed since the answer."""
        if self._lingers and self.is_serving:
            self._lingers = self.is_serving = False
            if self._is_answered and not self._ended and self._is_changed():
                await self._house.underway.undisturbed(self._commit())

    def step_aside(self) -> bool:
        """Give the request's turn back for a moment; False where it has none."""
        if self._held is None or not self.is_serving or self._inside is not None:
            return False
        self._give_back()
        return True

    async def step_in(self) -> None:
        """Take the turn again after `step_aside`, and bring the session up to date."""
        await self._enter()

    # The record.

    def _take_over(self, record: Record | None, kept: Kept) -> None:
        """Know what the store has."""
        self._record, self._created, self._idle, self._print = record, kept.created, kept.idle, kept.print

    async def _enter(self) -> None:
        """Have the turn, and in the session what others have written, with one's own changes."""
        if self._held is not None:
            return
        self._check_record()
        held = await self._house.turns.take(SPACE, key_of(self._id))
        self._held = held
        try:
            self._carry_over(held.record)
        except BaseException:
            self._give_back()
            raise

    def _carry_over(self, record: Record | None) -> None:
        mine = self._record
        if record is None or mine is None:
            raise Conflict("the session has ended in the meantime")
        if record.version == mine.version:
            return
        session, theirs, base = self.session, decode(record.value), decode(mine.value)
        idle = theirs.idle if session.max_inactive_interval == base.idle else session.max_inactive_interval
        shapes = self._house.shapes
        merged = merge(base.attributes, shapes.plain(session.attributes), theirs.attributes, session.looked_at)
        session.show(shapes.shaped(merged), idle)
        self._take_over(record, theirs)

    def _check_record(self) -> None:
        if self._record is None:
            raise Conflict("there is no such session any more, or there never was: nothing had been stored in it")

    def _is_changed(self) -> bool:
        session = self.session
        if self._record is None and not self._id:
            return bool(session.attributes)
        is_print = self._house.is_print
        is_same = is_print(self._print, session.attributes) and session.max_inactive_interval == self._idle
        if is_same and self._held is not None and not self._house.shapes.is_kept(session.attributes):
            return True  # which is refused, with its place
        return not is_same or self._record is None or bool(self._next_id)

    async def _commit(self) -> None:
        """Write the session. The turn is given back, whatever comes of it."""
        try:
            for _ in range(_TRIES):
                if self._record is not None:
                    await self._enter()
                try:
                    await self._put()
                except Conflict:  # the turn was lost, and somebody else wrote: once more, with what is there now
                    self._give_back()
                    if self._record is None:
                        raise
                else:
                    return
            raise Conflict
        finally:
            self._give_back()

    def _commit_soon(self, heard: Heard) -> bool:
        """As `_commit`, begun at once; False where that has no way, or others have written in between."""
        house, idle = self._house, self.session.max_inactive_interval
        if not house.turns.is_prompt or self._record is None or self._next_id:
            return False
        held = self._enter_now(self._record)
        if held is None:
            return False
        try:
            octets, now_print = self._encoded()
        except Exception:  # it is to be met where it can be answered
            return False
        expires = house.clock() + idle

        def written(version: int, failure: Exception | None) -> None:
            self._give_back()
            if isinstance(failure, Conflict):  # the turn was lost, and somebody else wrote: once more, with what is there now
                house.underway.start(self._commit(), heard)
            elif failure is None:
                self._take_over(Record(octets, version, expires), Kept({}, self._created, idle, now_print))
                self._part()
            house.underway.end()
            if not isinstance(failure, Conflict):
                heard(failure)

        house.turns.write_soon(held, octets, expires, written)
        house.underway.begin()
        return True

    def _enter_now(self, record: Record) -> Held | None:
        """Have the turn, if it is free and the record is still as it was."""
        if self._held is not None:
            return self._held
        turns = self._house.turns
        try:
            held = turns.take_now(SPACE, self._key or key_of(self._id))
        except StoreError:  # likewise
            return None
        if held is None:
            return None
        if held.record is None or held.record.version != record.version:
            turns.give_back(held)
            return None
        self._held = held
        return held

    def _encoded(self) -> tuple[bytes, bytes]:
        """The record, and its attributes' print."""
        shapes, session = self._house.shapes, self.session
        attributes = shapes.plain(session.attributes)
        shapes.check(attributes)
        octets = encode(attributes, self._created, session.max_inactive_interval, self._house.options.size)
        return octets, octets[HEAD:] if is_plain(octets) else fingerprint(attributes)

    async def _put(self) -> None:
        house, idle = self._house, self.session.max_inactive_interval
        octets, now_print = self._encoded()
        expires = house.clock() + idle
        if self._record is not None and not self._next_id:
            assert self._held is not None
            version = await house.turns.write(self._held, octets, expires)
        else:
            id, old = self.establish(), self._id if self._record is not None else ""
            version = await house.store.compare_and_set(SPACE, key_of(id), octets, 0, expires=expires)
            if old:
                await house.store.delete(SPACE, key_of(old))
            self._id, self._key, self._next_id, self._announce = id, b"", "", True
        self._take_over(Record(octets, version, expires), Kept({}, self._created, idle, now_print))

    async def _touch(self, expires: float) -> None:
        try:
            await self._house.store.touch(SPACE, key_of(self._id), expires)
        finally:
            self._give_back()

    async def _delete(self) -> None:
        try:
            await self._house.store.delete(SPACE, key_of(self._id))
        finally:
            self._give_back()

    # The request's end.

    async def _finish(self, response: Response | None) -> None:
        if not self.is_serving:
            return
        if response is None:
            self.is_serving, self._is_abandoned = False, True
            self._give_back()
            return
        await self._conclude(self._work(), response)

    async def _conclude(self, work: Awaitable[None] | None, response: Response) -> None:
        self._answer()
        if work is None:
            self._give_back()
        else:
            await work
        self._tell(response)
        self._part()

    def _answer(self) -> None:
        self._is_answered, self.is_serving = True, self._lingers

    def _part(self) -> None:
        """Let go of the session, unless it is still needed here."""
        if not self._lingers and self._line is None and hasattr(self, "session"):
            del self.session

    def _work(self) -> Awaitable[None] | None:
        """What there is to write, to be awaited; None for nothing."""
        record, underway = self._record, self._house.underway
        if self._ended:
            return underway.undisturbed(self._delete()) if record is not None else None
        if self._is_changed():
            self.establish()
            return underway.awaited(self._commit_soon) or underway.undisturbed(self._commit())
        return underway.undisturbed(self._touch(self._house.clock() + self._idle)) if self._is_due() else None

    def _is_due(self) -> bool:
        """Whether the record's end is to be moved."""
        record, idle = self._record, self._idle
        if record is None or record.expires is None:
            return False
        return record.expires - idle + (idle / 10 if idle < 10 * _RENEWAL else _RENEWAL) <= self._house.clock()

    def _tell(self, response: Response) -> None:
        if self._ended:
            if self._cookie.value and not self.is_superseded:
                self._cookie.remove(response)
        elif self._announce:
            self._cookie.tell(response, self._id)

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._house.turns.give_back(held)

    def _check_serving(self, what: str) -> None:
        if not self.is_serving or self._is_answered:
            raise RuntimeError(f"{what} too, and this request's answer has left without that")
