"""Copying a store into another, and comparing the two.

Both are read side by side, in the order of their keys. So nothing has to be remembered between two runs: what an interrupted run
has copied is equal already, and the next one goes on behind it.

Laws:

* Before anything is written everything is compared: a target that has records of its own is refused, unless told otherwise.
* The end is a comparison of all records anew, with a count and a checksum.
* The source is only read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from hospes.errors import SetupError
from hospes.store import Record, Store

SPACES: Final = ("keys", "logins", "sessions", "users")
"""Everything that a program keeps. The keys come first: without them cookies are nobody's."""

_TOGETHER: Final = 256  # writes under way at once: they share their commits
_ACCURACY: Final = 0.002  # seconds; some engines keep times by the millisecond


class Pair(NamedTuple):
    """What the two stores have under one key.

    Args:
        space: The key's space.
        key: The key.
        source: What is to be copied; None if there is nothing.
        target: What is there; None if there is nothing.
    """

    space: str
    key: bytes
    source: Record | None
    target: Record | None

    @property
    def is_equal(self) -> bool:
        """Whether the target has what the source has."""
        source, target = self.source, self.target
        if source is None or target is None:
            return source is target
        if source.value != target.value or (source.expires is None) is not (target.expires is None):
            return False
        return abs((source.expires or 0.0) - (target.expires or 0.0)) <= _ACCURACY


@dataclass(slots=True)
class Comparison:
    """What two stores have in common.

    Args:
        records: Records of the source.
        equal: Those the target has, too.
        different: Those for which the target has something else.
        foreign: Records that only the target has.
        checksum: SHA-256 over space, key and value of what is equal, in hexadecimal digits.
    """

    records: int = 0
    equal: int = 0
    different: int = 0
    foreign: int = 0
    checksum: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether the target has everything, and nothing else."""
        return self.records == self.equal and not self.foreign


async def count(store: Store) -> int:
    """How many records a store has."""
    total = 0
    for space in SPACES:
        async for _ in store.scan(space):
            total += 1
    return total


async def compare(source: Store, target: Store) -> Comparison:
    """Read both stores whole."""
    found, digest = Comparison(), sha256()
    async for pair in pairs(source, target):
        if pair.source is None:
            found.foreign += 1
            continue
        found.records += 1
        if pair.is_equal:
            found.equal += 1
            for part in (pair.space.encode(), pair.key, pair.source.value):
                digest.update(len(part).to_bytes(8, "big") + part)
        elif pair.target is not None:
            found.different += 1
    found.checksum = digest.hexdigest()
    return found


async def copy(source: Store, target: Store, progress: Callable[[int], object], overwrite: bool = False) -> Comparison:
    """Copy what the target does not have yet, and compare.

    Args:
        source: What is to be copied; nobody should write to it meanwhile.
        target: Where to.
        progress: Called with the number of records that were just copied.
        overwrite: Whether to replace what is different in the target, and to delete what only the target has.

    Raises:
        SetupError: if the target has records of its own, or the two are different at the end.
    """
    before = await compare(source, target)
    if (before.different or before.foreign) and not overwrite:
        raise SetupError(
            f"the target has records of its own: {before.different} are different in the source, {before.foreign} are not there",
            remedy="Take an empty store, or say --overwrite. If the source is in use, stop its server first.",
        )
    progress(before.equal)
    batch: list[Any] = []
    async for pair in pairs(source, target):
        if pair.is_equal:
            continue
        batch.append(_write(target, pair))
        if len(batch) == _TOGETHER:
            progress(sum(await asyncio.gather(*batch)))
            batch = []
    progress(sum(await asyncio.gather(*batch)))
    after = await compare(source, target)
    if not after.is_complete:
        raise SetupError(
            f"the stores are different: of {after.records} records the target has {after.equal}, and {after.foreign} others",
            remedy="Somebody wrote to one of them meanwhile. Stop the server, and run the same command again.",
        )
    return after


async def pairs(source: Store, target: Store) -> AsyncIterator[Pair]:
    """Everything that one of them has, or both, space by space and by ascending key; not what ends while it is looked at."""
    for space in SPACES:
        ours, theirs = source.scan(space), target.scan(space)
        left, right = await anext(ours, None), await anext(theirs, None)
        while left is not None or right is not None:
            key = min(each[0] for each in (left, right) if each is not None)
            mine = left[1] if left is not None and left[0] == key else None
            other = right[1] if right is not None and right[0] == key else None
            if mine is not None:
                left = await anext(ours, None)
            if other is not None:
                right = await anext(theirs, None)
            if _is_live(mine) and _is_live(other):
                yield Pair(space, key, mine, other)


def _is_live(record: Record | None) -> bool:
    return record is None or record.expires is None or record.expires > time.time()


async def _write(target: Store, pair: Pair) -> int:
    if pair.source is None:
        await target.delete(pair.space, pair.key)
        return 0
    await target.put(pair.space, pair.key, pair.source.value, expires=pair.source.expires)
    return 1
