"""Finding, exporting and importing sessions; a session's record as a line of JSON, and back.

Laws:

* `from_line(to_line(key, record))` is the key and the record, but for its version. Times have microseconds.
* A line holds nothing by which somebody could take part in the session: the store has a hash of its id.
* What is no such line is refused, saying what is wrong with it.
* An import never replaces what is there, unless it is told to.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from typing import Any, Final

from hospes.errors import SetupError
from hospes.sessions.options import check_seconds
from hospes.sessions.record import SPACE, decode, encode
from hospes.store import Record, Store
from hospes.tools import transfer
from hospes.tools.lines import ANY_SIZE, Line, checked, content_of, date, octets_of, seconds
from hospes.tools.transfer import Entry, Imported, put_entry
from hospes.users.plain import to_plain

_KEY: Final = re.compile(r"[0-9a-f]{4,64}")


def everything(store: Store) -> AsyncIterator[tuple[bytes, Record]]:
    """Every session's record, by ascending key."""
    return store.scan(SPACE)


async def find(store: Store, which: str) -> tuple[bytes, Record]:
    """A session's record.

    Args:
        store: Is open.
        which: The key in hexadecimal digits, or at least four of those it begins with. Finding by a part reads every record.

    Raises:
        SetupError: if there is no such session, or several.
    """
    found: list[tuple[bytes, Record]] = []
    if _KEY.fullmatch(which):
        found = [(key, record) async for key, record in everything(store) if key.hex().startswith(which)]
    if not found:
        raise SetupError(f"the store has no session with the key {which!r}", remedy="`hospes sessions list` lists them")
    if len(found) > 1:
        raise SetupError(f"{len(found)} sessions have a key that begins with {which!r}", remedy="write more of it")
    return found[0]


def to_line(key: bytes, record: Record) -> Line:
    """What a record says.

    Raises:
        StoreError: 500, if it is damaged, or of a newer release.
    """
    kept = decode(record.value)
    return {
        "key": key.hex(),
        "created": date(kept.created),
        "expires": date(record.expires),
        "idle": kept.idle,
        "data": to_plain(kept.attributes),
    }


def from_line(line: Any) -> Entry:
    """Key, value and end of the record.

    Raises:
        ValueError: if the line is none that `to_line` makes; it says why.
    """
    return checked(line, _record)


async def lines(store: Store) -> AsyncIterator[Line]:
    """Everything in the sessions' space."""
    async for key, record in everything(store):
        yield to_line(key, record)


def read(texts: Iterable[str]) -> Iterator[Entry]:
    """The records of lines of JSON; empty lines are passed over.

    Raises:
        SetupError: if a line is none that `lines` gives.
    """
    return transfer.read(texts, from_line, "session")


async def take_in(store: Store, entries: Iterable[Entry], overwrite: bool) -> Imported:
    """Write records, several at a time.

    Args:
        store: Is open.
        entries: Key, value and end of each.
        overwrite: Whether to replace what is there.
    """
    return await transfer.take_in(entries, partial(put_entry, store, SPACE, overwrite))


def _record(line: Line) -> Entry:
    octets = encode(*content_of(line), check_seconds("its idle", line["idle"]), ANY_SIZE)
    return octets_of(line["key"], 32), octets, seconds(line["expires"])
