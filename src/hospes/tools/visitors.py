"""Finding, exporting, importing and erasing visitors.

Laws:

* What is erased is erased as `user.forget()` does it: with the login name, and with a move that a crash has left half-way.
* An import looks at every line before it writes the first record, and says which line is wrong.
* An import never replaces what is there, unless it is told to.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from hospes.errors import SetupError
from hospes.store import Conflict, Record, Store
from hospes.tools.lines import Line, from_line, to_line
from hospes.users.account import Kind, kind_of, login_key, open_account
from hospes.users.entrance import LOGINS, SPACE, Entrance
from hospes.users.options import VisitorOptions
from hospes.users.seal import record_key
from hospes.users.turns import Turns

_TOGETHER: Final = 256  # writes under way at once: they share their commits
_ID: Final = re.compile(r"[0-9a-f]{32}")
_PEOPLE: Final = frozenset({Kind.VISITOR, Kind.ACCOUNT, Kind.MOVING})


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines.

    Args:
        written: Records that were written.
        kept: Records that were there already, and stayed.
    """

    written: int
    kept: int


async def everybody(store: Store) -> AsyncIterator[tuple[bytes, Record]]:
    """Every visitor's record, by ascending key."""
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
        async for key, record in everybody(store):
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
    while count := await store.sweep(time.time(), _TOGETHER):
        swept += count
    return swept


async def lines(store: Store) -> AsyncIterator[Line]:
    """Everything in the users' space."""
    async for key, record in store.scan(SPACE):
        yield to_line(key, record)


def read(texts: Iterable[str]) -> Iterator[tuple[bytes, bytes, float | None]]:
    """The records of lines of JSON; empty lines are passed over.

    Raises:
        SetupError: if a line is none that `lines` gives.
    """
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            yield from_line(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise SetupError(f"line {number} is no visitor: {error}", remedy="nothing was imported") from None


async def take_in(store: Store, records: Iterable[tuple[bytes, bytes, float | None]], overwrite: bool) -> Imported:
    """Write records, several at a time, and bind the names of accounts.

    Args:
        store: Is open.
        records: Key, value and end of each.
        overwrite: Whether to replace what is there.
    """
    written = total = 0
    batch: list[Any] = []
    for record in records:
        batch.append(_take_in(store, record, overwrite))
        total += 1
        if len(batch) == _TOGETHER:
            written += sum(await asyncio.gather(*batch))
            batch = []
    written += sum(await asyncio.gather(*batch))
    return Imported(written, total - written)


async def _take_in(store: Store, record: tuple[bytes, bytes, float | None], overwrite: bool) -> bool:
    key, value, expires = record
    if overwrite:
        await store.put(SPACE, key, value, expires=expires)
    else:
        try:
            await store.compare_and_set(SPACE, key, value, 0, expires=expires)
        except Conflict:
            return False
    if kind_of(value) is Kind.ACCOUNT:
        account, _ = open_account(value)
        with suppress(Conflict):  # the name is bound: to this account, or to one that was there before
            await store.compare_and_set(LOGINS, login_key(account.name), account.locator, 0)
    return True
