"""Finding, exporting, importing and erasing visitors.

Laws:

* What is erased is erased as `user.forget()` does it: with the login name, and with a move that a crash has left half-way.
* An import never replaces what is there, unless it is told to.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Final

from hospes.errors import SetupError
from hospes.store import Conflict, Record, Store
from hospes.store.turns import Turns
from hospes.tools import transfer
from hospes.tools.lines import Line, from_line, to_line
from hospes.tools.transfer import TOGETHER, Entry, Imported, put_entry
from hospes.users.account import Kind, kind_of, login_key, open_account
from hospes.users.entrance import LOGINS, SPACE, Entrance
from hospes.users.options import VisitorOptions
from hospes.users.seal import record_key

__all__ = ["erase", "everything", "find", "from_line", "lines", "read", "sweep", "take_in", "to_line"]

_ID: Final = re.compile(r"[0-9a-f]{32}")
_PEOPLE: Final = frozenset({Kind.VISITOR, Kind.ACCOUNT, Kind.MOVING})


async def everything(store: Store) -> AsyncIterator[tuple[bytes, Record]]:
    """The record of everybody, by ascending key."""
    async for key, record in store.scan(SPACE):
        if kind_of(record.value) in _PEOPLE:
            yield key, record


async def find(store: Store, who: str) -> tuple[bytes, Record]:
    """A visitor's record.

    Args:
        store: Is open.
        who: A public id, or a login name. Finding by id reads every record.

    Raises:
        SetupError: if there is no such visitor.
    """
    if who:
        bound = await store.get(LOGINS, login_key(who))
        if bound is not None:
            key = record_key(bound.value)
            record = await store.get(SPACE, key)
            if record is not None:
                return key, record
    if _ID.fullmatch(who):
        async for key, record in everything(store):
            if to_line(key, record)["id"] == who:
                return key, record
    raise SetupError(f"the store has no visitor with the id or the login name {who!r}", remedy="`hospes users list` lists them")


async def erase(store: Store, key: bytes, record: Record) -> None:
    """Delete a visitor and everything that leads to him."""
    if kind_of(record.value) is Kind.ACCOUNT:
        options = VisitorOptions()
        account, _ = open_account(record.value)
        await Entrance(store, Turns(store, options.wait), options, time.time).forget(account)
    else:
        await store.delete(SPACE, key)


async def sweep(store: Store) -> int:
    """Remove every record whose time is over; gives how many."""
    swept = 0
    while count := await store.sweep(time.time(), TOGETHER):
        swept += count
    return swept


async def lines(store: Store) -> AsyncIterator[Line]:
    """Everything in the users' space."""
    async for key, record in store.scan(SPACE):
        yield to_line(key, record)


def read(texts: Iterable[str]) -> Iterator[Entry]:
    """The records of lines of JSON; empty lines are passed over.

    Raises:
        SetupError: if a line is none that `lines` gives.
    """
    return transfer.read(texts, from_line, "visitor")


async def take_in(store: Store, entries: Iterable[Entry], overwrite: bool) -> Imported:
    """Write records, several at a time, and bind the names of accounts.

    Args:
        store: Is open.
        entries: Key, value and end of each.
        overwrite: Whether to replace what is there.
    """

    async def write(entry: Entry) -> bool:
        if not await put_entry(store, SPACE, overwrite, entry):
            return False
        value = entry[1]
        if kind_of(value) is Kind.ACCOUNT:
            account, _ = open_account(value)
            with suppress(Conflict):  # the name is bound: to this account, or to one that was there before
                await store.compare_and_set(LOGINS, login_key(account.name), account.locator, 0)
        return True

    return await transfer.take_in(entries, write)
