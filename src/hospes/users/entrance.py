"""Signing in: how an anonymous visitor's record gets into an account. The order of its writes, and why, stands in `account`.

Laws:

* All of it happens in the visitor's turn and in the account's, taken in this order; nobody takes them in the other.
* What the rule for merging makes is looked at before anything is written.
* An account belongs to a login name for as long as it exists: the name is bound, and unbound, in the account's turn.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from hospes.store import Conflict, Record, Store, StoreError
from hospes.store.contract import Clock
from hospes.store.turns import Held, Turns
from hospes.users import account as accounts
from hospes.users.account import Account, Kind, Pass, Token, kind_of, open_account
from hospes.users.merging import Merge
from hospes.users.options import VisitorOptions
from hospes.users.seal import record_key
from hospes.users.values import Kept, decode, encode

SPACE: Final = "users"
LOGINS: Final = "logins"
_TRIES: Final = 5


class Arrival(Struct):
    """An anonymous visitor who signs in.

    Args:
        key: Key of the record.
        version: The record's; 0 if nothing is stored. It is moved on by what is written here.
        expires: The record's end.
        was: What the visitor is when the account is new: content, first request, public id.
        is_known: Whether a cookie has been told, by which somebody could come back.
    """

    key: bytes
    version: int
    expires: float
    was: Kept
    is_known: bool


class Entered(Struct, frozen=True):
    """Signed in.

    Args:
        held: The account's turn.
        locator: The account's.
        secret: The cookie's.
        record: The account's record, as it is now.
    """

    held: Held
    locator: bytes
    secret: bytes
    record: Record


class Entrance:
    """Where visitors sign in.

    Args:
        store: Keeps the records; it is open.
        turns: Gives the turns.
        options: How visitors are remembered.
        clock: Tells the time in seconds since the epoch.
    """

    def __init__(self, store: Store, turns: Turns, options: VisitorOptions, clock: Clock) -> None:
        self._store = store
        self._turns = turns
        self._options = options
        self._clock = clock

    async def sign_in(self, name: str, merge: Merge, arrival: Arrival) -> Entered:
        """Move an anonymous visitor, whose turn is held, into the account of a login name; a name without one gets one.

        Raises:
            TypeError: if `merge` gives no dict, or one with values that cannot be kept.
            ValueError: for an impossible name or value.
            StoreError: if the store, or the account's turn, cannot be had; nothing has moved then, unless it is
                `StoreUnavailable`, which leaves that open.
        """
        locator, held = await self._enter(name)
        try:
            entered = await self._move(Account(name, locator), held, merge, arrival)
        except BaseException:
            self._turns.give_back(held)
            raise
        # The account knows the token, so the visitor's old record counts no more, whether or not this can be written.
        with suppress(StoreError):
            if arrival.version:
                await self._lay_stone(arrival.key, arrival.version, arrival.expires)
            elif arrival.is_known:
                await self._lay_stone(arrival.key, 0, self._clock() + self._options.max_age)
        return entered

    async def knows(self, record: Record, secret: bytes) -> bool:
        """Whether the cookie that led to a record is still good for it.

        Args:
            record: What the store has.
            secret: Hash of the cookie's secret; b"" where it is an anonymous visitor's.
        """
        if kind_of(record.value) is Kind.MOVING:
            return not secret and not await self._has_moved(record.value)
        return self.knows_now(record, secret)

    def knows_now(self, record: Record, secret: bytes) -> bool:
        """The same, without waiting: of who is on the move nobody can tell, and this is false."""
        kind = kind_of(record.value)
        if kind is Kind.ACCOUNT:
            return open_account(record.value)[0].find(secret, self._clock()) is not None
        return not secret and kind is Kind.VISITOR

    async def forget(self, account: Account) -> None:
        """Delete an account, whose turn is held, and the name's way to it."""
        await self._settle(account)
        await self._store.delete(SPACE, record_key(account.locator))
        await self._store.delete(LOGINS, accounts.login_key(account.name))

    def new_pass(self, secret: bytes, now: float) -> Pass:
        """A pass for the device that signs in now."""
        return Pass(accounts.secret_hash(secret), now, self.end_of(now))

    def end_of(self, since: float) -> float:
        """When a device is signed out that signed in at `since` and does not come back."""
        return min(self._clock() + self._options.login_idle, since + self._options.login_age)

    async def _has_moved(self, octets: bytes) -> bool:
        to, nonce, _ = accounts.open_moving(octets)
        record = await self._store.get(SPACE, to)
        if record is None or kind_of(record.value) is not Kind.ACCOUNT:
            return False
        token = open_account(record.value)[0].token
        return token is not None and token.nonce == nonce

    async def _move(self, new: Account, held: Held, merge: Merge, arrival: Arrival) -> Entered:
        """Steps 0 and 1."""
        store, most = self._store, self._options.size
        account, kept, version = new, Kept({}, arrival.was.created, arrival.was.public_id, b""), 0
        if held.record is not None:
            account, inner = open_account(held.record.value)
            kept, version = decode(inner), held.record.version
            await self._settle(account)
        merged = _merged(merge, arrival.was.content, kept.content)
        octets = encode(merged, kept.created, kept.public_id, most)
        secret = accounts.new_secret()
        token = None
        if arrival.version:
            was = encode(arrival.was.content, arrival.was.created, arrival.was.public_id, most)
            token = Token(arrival.key, accounts.new_nonce())
            note = accounts.moving(held.key, token.nonce, was)
            arrival.version = await store.compare_and_set(SPACE, arrival.key, note, arrival.version, expires=arrival.expires)
        now = self._clock()
        octets = replace(account, token=token).admit(self.new_pass(secret, now), now).encode(octets)
        version = await store.compare_and_set(SPACE, held.key, octets, version)
        return Entered(held, account.locator, secret, Record(octets, version))

    async def _settle(self, account: Account) -> None:
        """Bring the account's last move to its end, if a crash has left it half-way."""
        token = account.token
        if token is None:
            return
        record = await self._store.get(SPACE, token.source)
        if record is not None and kind_of(record.value) is Kind.MOVING and accounts.open_moving(record.value)[1] == token.nonce:
            await self._lay_stone(token.source, record.version, record.expires)

    async def _lay_stone(self, key: bytes, version: int, expires: float | None) -> None:
        with suppress(Conflict):  # somebody else has done it
            await self._store.compare_and_set(SPACE, key, accounts.STONE, version, expires=expires)

    async def _enter(self, name: str) -> tuple[bytes, Held]:
        """The locator of a name's account, which is bound to it, and the account's turn."""
        key = accounts.login_key(name)
        for _ in range(_TRIES):
            bound = await self._store.get(LOGINS, key)
            locator = bound.value if bound is not None else accounts.new_secret()
            held = await self._turns.take(SPACE, record_key(locator))
            try:
                if await self._is_bound(key, locator):
                    return locator, held
            except BaseException:
                self._turns.give_back(held)
                raise
            self._turns.give_back(held)  # the account was forgotten, or somebody else was faster
        raise Conflict(f"the account of this login name was made and forgotten {_TRIES} times while somebody signed in")

    async def _is_bound(self, key: bytes, locator: bytes) -> bool:
        bound = await self._store.get(LOGINS, key)
        if bound is not None:
            return bound.value == locator
        try:
            await self._store.compare_and_set(LOGINS, key, locator, 0)
        except Conflict:
            return False
        return True


def _merged(merge: Merge, anonymous: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if not anonymous:
        return known  # there is nothing to decide
    merged: Any = merge(dict(anonymous), dict(known))
    if not isinstance(merged, dict):
        raise TypeError(f"the rule for merging gave {type(merged).__qualname__}: it is to give a dict")
    return cast("dict[str, Any]", merged)  # encode looks at what is in it
