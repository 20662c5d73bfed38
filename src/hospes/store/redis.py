"""The store in a Redis or Valkey server, shared by machines; their turns too.

Every act is one round trip: a read is a GET, everything else a script (see `redis_scripts`). What one turn of the loop asks for
travels together (see `line`). A visitor's changed request takes two: one takes the turn and reads, one writes and gives the turn
back. The server must keep what it acknowledges (append-only file, fsync, no eviction), or the store is not
opened.

A turn here is a lease, which its holder renews. It ends when he gives it back, when the server sees that he is gone (his
subscription is, see `redis_bell`), or when it runs out. Whoever waits is called in the order in which he came.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import struct
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from urllib.parse import quote

from hospes.store.contract import Clock, Conflict, Record, StoreError, StoreFull, StoreUnavailable, Taken
from hospes.store.line import Line, check_process
from hospes.store.place import Place
from hospes.store.redis_bell import Bell
from hospes.store.redis_link import Command, RedisLink, RedisOptions, connection_maker
from hospes.store.redis_scripts import DELETE, INSTANCE, LEAVE, PAGE, RENEW, SWEEP, TAKE, TOUCH, WRITE, Script

_HEAD = struct.Struct(">Qd")  # version, end
_END = struct.Struct(">d")
_MARGIN = 86_400.0  # seconds that a record outlives its end in the server, so that our own sweep, by our own clock, finds it
_LONGEST = 1e10  # seconds; what ends later does not end for the server, whose count of milliseconds has an end itself
_PAGE_SIZE, _SWEEP_SIZE = 100, 500  # in one script: while one runs, the server does nothing else
_LOOK = 0.5  # seconds between two looks of who waits at whether the holder lives
_GRACE = 500  # milliseconds that a holder has to come back in when the server does not hear him
_GRANT = 2000  # milliseconds in which who was called must come


class RedisStore:
    """A store in a server that speaks the protocol of Redis: a `TurnStore`.

    Args:
        place: The server.
        clock: Tells the time in seconds since the epoch; `time.time` by default.
        options: How it behaves.
    """

    def __init__(self, place: Place, clock: Clock = time.time, options: RedisOptions = RedisOptions()) -> None:  # noqa: B008 (frozen)
        self._name = place.name
        self._make = connection_maker(place, options)
        self._clock = clock
        self._options = options
        self._prefix = options.prefix
        self._process = 0  # which may use the store; 0: it is not open
        self._line: Line[Command] | None = None
        self._bell: Bell | None = None
        self._renewal: asyncio.TimerHandle | None = None
        self._held: dict[bytes, bytes] = {}  # by token: the key of the turn
        self._instance = secrets.token_hex(INSTANCE // 2)
        self._numbers = count()

    @property
    def trips(self) -> int:
        """How many round trips were made since `open`."""
        return self._line.trips if self._line is not None else 0

    async def open(self) -> None:
        """Connect.

        Raises:
            SetupError: if the server does not let us in, would not keep what it acknowledges, or has a newer release's store.
            StoreUnavailable: if it does not answer.
        """
        line = Line(RedisLink(self._make, self._options, self._name), self._options.patience, self._name)
        await line.open()
        self._line = line
        self._bell = Bell(self._make, f"{self._prefix}w:{self._instance}", self._options.lease, self._renew_all)
        self._process = os.getpid()

    async def close(self) -> None:
        """Finish what is under way and disconnect; a second call does nothing."""
        if not self._process:
            return
        line = self._open_line()
        self._process = 0
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        assert self._bell is not None
        await self._bell.close()
        await line.close()
        self._held.clear()

    async def check(self) -> None:
        """Read something."""
        await self.get("", b"")

    async def get(self, space: str, key: bytes) -> Record | None:
        """The record, or None."""
        return self._read(await self._open_line().ask(("GET", self._name_of("r", space, key)), again=True))

    async def put(self, space: str, key: bytes, value: bytes, *, expires: float | None = None) -> int:
        """Write whatever was there before; gives the new version.

        Raises:
            StoreFull: if there is no room.
        """
        return await self._write(Taken(space, key, b"", None), value, expires, b"")

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        """Write if the record still has this version; gives the new version.

        Raises:
            Conflict: if it has another.
            StoreFull: if there is no room.
        """
        return await self._write(Taken(space, key, b"", None), value, expires, version.to_bytes(8, "big"))

    async def delete(self, space: str, key: bytes) -> bool:
        """Remove the record; False when it was not there."""
        keys = self._name_of("r", space, key), self._name_of("k", space), self._prefix + "e"
        return bool(await self._run(DELETE, *keys, _text(self._clock()), key, _member(space, key)))

    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        """Move the record's end; False when it was not there."""
        keys = self._name_of("r", space, key), self._prefix + "e"
        octets = _END.pack(math.inf if expires is None else expires)
        end = octets, _text(expires), self._life(expires)
        return bool(await self._run(TOUCH, *keys, _text(self._clock()), *end, _member(space, key), again=True))

    async def sweep(self, now: float, limit: int) -> int:
        """Remove at most `limit` records whose end had come at `now`, the oldest first; gives how many."""
        swept = 0
        while True:
            most = min(limit - swept, _SWEEP_SIZE)
            answer: tuple[int, int] = await self._run(SWEEP, self._prefix + "e", self._prefix, _text(now), most)
            found, removed = answer
            swept += removed
            if found < most or swept >= limit:
                return swept

    async def scan(self, space: str) -> AsyncIterator[tuple[bytes, Record]]:
        """Every record of a space, by ascending key."""
        start = b"-"
        while True:
            found = await self._run(
                PAGE, self._name_of("k", space), self._name_of("r", space, b""), start, _PAGE_SIZE, again=True
            )
            for key, octets in zip(found[::2], found[1::2], strict=True):
                record = self._read(octets)
                if record is not None:
                    yield key, record
            if len(found) < 2 * _PAGE_SIZE:
                return
            start = b"(" + found[-2]

    async def take(self, space: str, key: bytes, wait: float) -> Taken | None:
        """Wait for the turn at a record and read it; None if the turn did not come within `wait` seconds.

        Raises:
            StoreUnavailable: if the server is away.
        """
        line, loop = self._open_line(), asyncio.get_running_loop()
        deadline = loop.time() + wait
        bell = await self._hung_bell()
        token = b"%s:%d" % (self._instance.encode(), next(self._numbers))
        command = self._take_command(space, key, token)
        self._held[token] = self._name_of("t", space, key)  # before it is: one renewal too many does no harm
        try:
            while True:
                called = bell.expect(token)
                is_ours, found = await line.ask(command, again=True)
                if is_ours:
                    self._watch()
                    return Taken(space, key, token, self._read(found))
                left = deadline - loop.time()
                if left <= 0:
                    break
                await asyncio.wait([called], timeout=min(left, _LOOK, found / 1000 + 0.001))
        except StoreFull:  # for want of room for the turn itself; reads go on, and a write is a compare-and-set
            self._leave(space, key, token)
            return Taken(space, key, b"", await self.get(space, key))
        except BaseException:
            self._leave(space, key, token)
            raise
        finally:
            bell.forget(token)
        self._leave(space, key, token)
        return None

    def release(self, taken: Taken) -> None:
        """Give the turn back, some time soon."""
        if taken.token:
            self._leave(taken.space, taken.key, taken.token)

    async def set_and_release(self, taken: Taken, value: bytes, *, expires: float | None = None) -> int:
        """Write the record, if it still is as it was taken, and give the turn back.

        Raises:
            Conflict: if somebody wrote it in between.
            StoreFull: if there is no room.
        """
        version = taken.record.version if taken.record is not None else 0
        try:
            done = await self._write(taken, value, expires, version.to_bytes(8, "big"))
        except Conflict:
            self._held.pop(taken.token, None)  # the script has given it back
            raise
        except BaseException:
            self.release(taken)
            raise
        self._held.pop(taken.token, None)
        return done

    async def _write(self, at: Taken, value: bytes, expires: float | None, expected: bytes) -> int:
        version = secrets.randbits(62) + 1  # drawn, not counted: a record made anew never repeats one
        space, key = at.space, at.key
        keys = (
            self._prefix + "schema",
            self._name_of("r", space, key),
            self._name_of("k", space),
            self._prefix + "e",
            self._name_of("t", space, key),
            self._name_of("q", space, key),
        )
        octets = _HEAD.pack(version, math.inf if expires is None else expires) + value
        end = _text(expires), self._life(expires)
        turn = at.token, self._prefix + "w:", _GRANT
        now = _text(self._clock())
        if not await self._run(WRITE, *keys, now, expected, octets, *end, key, _member(space, key), *turn):
            raise Conflict
        return version

    async def _run(self, script: Script, *arguments: str | bytes | int, again: bool = False) -> Any:
        return await self._open_line().ask(("EVALSHA", script.digest, script.keys, *arguments), again=again)

    def _open_line(self) -> Line[Command]:
        check_process(self._process)
        assert self._line is not None
        return self._line

    def _read(self, octets: bytes | None) -> Record | None:
        if octets is None:
            return None
        if len(octets) < _HEAD.size:
            raise StoreError("a record of the store is damaged: it has no head", 500)
        version, end = _HEAD.unpack_from(octets)
        if end <= self._clock():
            return None
        return Record(octets[_HEAD.size :], version, None if end == math.inf else end)

    def _life(self, expires: float | None) -> str:
        """Milliseconds that the server itself keeps a record; "" for ever."""
        if expires is None or expires - self._clock() > _LONGEST:
            return ""
        return str(math.ceil(1000 * (max(0.0, expires - self._clock()) + _MARGIN)))

    def _name_of(self, kind: str, space: str, key: bytes | None = None) -> bytes:
        name = f"{self._prefix}{kind}:{quote(space, safe='')}".encode()
        return name if key is None else name + b":" + key

    # Turns

    async def _hung_bell(self) -> Bell:
        bell = self._bell
        assert bell is not None
        if not bell.listens.is_set():
            bell.start()
            try:
                async with asyncio.timeout(self._options.patience):
                    await bell.listens.wait()
            except TimeoutError:
                raise StoreUnavailable(f"the store at {self._name} did not answer within {self._options.patience:g} s") from None
        return bell

    def _take_command(self, space: str, key: bytes, token: bytes) -> Command:
        keys = self._name_of("r", space, key), self._name_of("t", space, key), self._name_of("q", space, key)
        lease = round(1000 * self._options.lease)
        return ("EVALSHA", TAKE.digest, TAKE.keys, *keys, token, lease, self._prefix + "w:", _GRANT, _GRACE, 4 * lease)

    def _leave(self, space: str, key: bytes, token: bytes) -> None:
        self._held.pop(token, None)
        if self._line is None or not self._process:
            return
        keys = self._name_of("t", space, key), self._name_of("q", space, key)
        self._line.ask(("EVALSHA", LEAVE.digest, LEAVE.keys, *keys, token, self._prefix + "w:", _GRANT), again=True)

    def _watch(self) -> None:
        """See to it that what is held long is renewed."""
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().call_later(self._options.lease / 3, self._renew)

    def _renew(self) -> None:
        self._renewal = None
        if self._held:
            self._renew_all()
            self._watch()

    def _renew_all(self) -> None:
        line = self._open_line()
        lease = round(1000 * self._options.lease)
        for token, turn in self._held.items():
            line.ask(("EVALSHA", RENEW.digest, RENEW.keys, turn, token, lease), again=True)


def _member(space: str, key: bytes) -> bytes:
    return quote(space, safe="").encode() + b":" + key


def _text(number: float | None) -> str:
    return "" if number is None else repr(float(number))
