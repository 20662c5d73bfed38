"""What every engine of the store promises; users and sessions are written against this page alone.

A record is found by its space (a short name such as "users") and its key (octets, made and hashed by the caller). It has
a value (octets), a version and, if it is to end, the time of its end.

Laws:

* A write that returned is durable: it survives `kill -9` and, with a durable engine, the loss of power. A write that
  raised `StoreUnavailable` may or may not have happened; one that raised `StoreFull` or `Conflict` did not happen.
* A read sees every write that returned before it, whichever process wrote.
* A version is positive and opaque. Every write of a value makes one that this record never had before, also when the
  record was deleted in between, so equal versions mean that nobody wrote. 0 is the version of what is not there.
* A record whose end has come (`expires <= now`) is not there, whether or not it has been swept.
* Writes under way at the same time do not disturb each other: one that fails fails alone.
* Nothing is created by a read, nor by a write that changes nothing.
* When an engine cannot keep these laws it raises; it never goes on with less.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from hospes.errors import HttpError, SetupError

Clock = Callable[[], float]
"""Tells the time in seconds since the epoch, as `time.time` does."""


class Record(Struct, frozen=True):
    """What the store keeps under one key.

    Args:
        value: The octets.
        version: Opaque and positive; goes into `compare_and_set`.
        expires: Its end, in seconds since the epoch; None when it has none.
    """

    value: bytes
    version: int
    expires: float | None = None


class StoreError(HttpError):
    """The store did not do what it was asked to; uncaught, it is an answer and nobody believes in a lost change.

    Args:
        reason: What happened, for the log and the developer; the visitor sees the status only.
        code: Status code of the answer.
        headers: Further header fields of the answer.
    """

    def __init__(self, reason: str, code: int = 503, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, headers=headers)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code} {self.reason}"


class StoreUnavailable(StoreError):
    """The store is away, or too slow; a write under way may or may not have happened. 503."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, 503, {"Retry-After": "1"})


class StoreFull(StoreError):
    """There is no room for this write; it did not happen, reads go on. 507."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, 507)


class Conflict(StoreError):
    """Somebody else wrote the record first; read it again and decide again. 409 where nobody does."""

    def __init__(self, reason: str = "the record was written by somebody else in between") -> None:
        super().__init__(reason, 409)


class StoreCorrupt(SetupError):
    """What is at the store's place is damaged, or is not ours: it was left as it is."""


class Store(Protocol):
    """One engine. Its coroutines are called on the loop that called `open`, in the process that called it.

    Every method raises `StoreUnavailable` when the engine is away, and `SetupError` when the store is not open here.
    """

    async def open(self) -> None:
        """Make ready, and refuse what cannot work.

        Raises:
            SetupError: if the store's place is wrong, damaged, or of a newer release.
        """
        ...

    async def close(self) -> None:
        """Finish the writes under way and let go of everything; a second call does nothing."""
        ...

    async def check(self) -> None:
        """Find out whether the store is there, without changing anything.

        Raises:
            StoreUnavailable: if it is away, or what was opened is not there any more.
        """
        ...

    async def get(self, space: str, key: bytes) -> Record | None:
        """The record, or None when it is not there or its end has come."""
        ...

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        """Write whatever was there before; gives the new version.

        Raises:
            StoreFull: if there is no room.
        """
        ...

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        """Write if the record still has this version (0: if it is not there); gives the new version.

        Raises:
            Conflict: if it has another version, or (0) is there.
            StoreFull: if there is no room.
        """
        ...

    async def delete(self, space: str, key: bytes) -> bool:
        """Remove the record; False when it was not there."""
        ...

    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        """Move the record's end, its value and version stay; False when it was not there."""
        ...

    async def sweep(self, now: float, limit: int) -> int:
        """Remove at most `limit` records whose end had come at `now`, the oldest first; gives how many."""
        ...

    def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
        """Every record of a space, by ascending key. What is written meanwhile may be seen or not, nothing is seen twice."""
        ...


@runtime_checkable
class QuickStore(Store, Protocol):
    """An engine that can say at once what it has, as a rule."""

    def recall(self, space: str, key: bytes) -> tuple[Record | None] | None:
        """What `get` would give now; None where that takes more than a look. It raises nothing."""
        ...


Told: TypeAlias = "Callable[[int, Exception | None], object]"
"""Who hears what became of a write: its new version and None, or 0 and what went wrong."""


@runtime_checkable
class PromptStore(Store, Protocol):
    """An engine whose writes begin where they are asked for, and cost neither a coroutine nor a future."""

    def begin_set(self, space: str, key: bytes, value: bytes, version: int, told: Told, *, expires: float | None = None) -> None:
        """What `compare_and_set` does. `told` is called later and once, on the loop and in no task, before `close` is through."""
        ...


class Taken(Struct, frozen=True):
    """A turn at a record, which the engine has given out.

    Args:
        space: The record's space.
        key: Its key.
        token: Opaque; says which turn this is.
        record: The record as it was when the turn began.
    """

    space: str
    key: bytes
    token: bytes
    record: Record | None


@runtime_checkable
class TurnStore(Store, Protocol):
    """An engine that many machines share, and that parts their turns at a record.

    Laws:

    * At most one turn of a record is out, over everybody who has the same store.
    * A turn whose holder died becomes free: at once where the engine sees that, else when its lease has run out.
    * A holder who was taken for dead loses nothing in silence: its write is a compare-and-set, and is refused.
    * The callers of one store object have a line of their own before they come here: of one record they want one turn at a time.
    """

    async def take(self, space: str, key: bytes, wait: float) -> Taken | None:
        """Wait for the turn at a record and read it; None if the turn did not come within `wait` seconds."""
        ...

    def release(self, taken: Taken) -> None:
        """Give the turn back, some time soon; nobody waits for it. A turn that is not held any more is let be."""
        ...

    async def set_and_release(self, taken: Taken, value: bytes, *, expires: float | None = None) -> int:
        """Write the record, if it still is as it was taken, and give the turn back, whatever becomes of the write.

        Raises:
            Conflict: if somebody wrote it in between, which takes a turn that was lost.
            StoreFull: if there is no room.
        """
        ...


class StoreSource(Protocol):
    """What has a store; an application lends it as a service."""

    async def open_store(self) -> Store:
        """The store.

        Raises:
            StoreError: if it is away.
        """
        ...
