"""A bound on how often somebody may ask: `RateLimit("100/minute")`.

Of everybody one number is kept: the time at which all he has asked for would be paid off, if he paid at the rate allowed (GCRA,
the "generic cell rate algorithm"; it is a leaky bucket without the bucket).

    now        due                 now + period
    |───────────|─────────────────────|          a request moves `due` by period / count;
                                                 one that would move it beyond now + period is refused

Laws:

* The whole count may come at once; then one more is allowed every period / count. There is no end of a window at which twice as
  much gets through.
* Memory is bounded: those who owe nothing any more are forgotten, and beyond `KEPT` those who asked longest ago.
* A shared limit is counted in the application's store, over workers and machines. Who is over it here is refused without asking
  there. Where the store is away, or a record is fought over, this process alone counts: a site that is up is worth more than an
  exact count.
"""

from __future__ import annotations

import inspect
import ipaddress
import re
import struct
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from math import ceil
from typing import Final, Literal, NamedTuple, TypeAlias

from hospes.errors import HttpError
from hospes.http.handler import CallNext
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.store import Conflict, Store, StoreError, StoreSource

By: TypeAlias = Literal["address"] | Callable[[Request], str | Awaitable[str | None] | None]
"""What tells one from another: the address, or a function. Who is None to it is not counted."""

KEPT: Final = 100_000
"""Who is remembered in a process at the most; about 15 MB."""
SPACE: Final = "rates"
"""Where shared limits lie in the store."""

_RATE: Final = re.compile(r"([0-9]{1,9}) ?/ ?([0-9]{1,6})? ?(second|minute|hour|day)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_TRIES: Final = 5
_IPV6_HOME: Final = 64
"""Bits of an IPv6 address that tell one from another: whoever has one has a /64 of them (RFC 6177)."""


class Rate(NamedTuple):
    """How often."""

    most: int
    period: int
    """Seconds."""

    @classmethod
    def parse(cls, text: object) -> Rate:
        """Read "100/minute" or "100/15 minutes".

        Raises:
            ValueError: if it is no rate.
        """
        found = _RATE.fullmatch(text) if isinstance(text, str) else None
        rate = cls(int(found[1]), int(found[2] or 1) * _SECONDS[found[3]]) if found else cls(0, 0)
        if not rate.most or not rate.period:
            raise ValueError(f'RateLimit({text!r}): write "100/minute", "10/second" or "1000/12 hours"')
        return rate

    def decide(self, due: float, now: float) -> tuple[bool, float]:
        """Whether one more is allowed, and when all is paid off then."""
        later = max(due, now) + self.period / self.most
        # A hair's breadth for what sums of fractions lose: the last of the count is allowed.
        return (True, later) if later <= now + self.period * (1 + 1e-9) else (False, due)

    def left(self, due: float, now: float) -> int:
        """How many more are allowed at once."""
        return max(0, int((now + self.period * (1 + 1e-9) - max(due, now)) * self.most / self.period))


class RateLimit:
    """A filter that refuses what comes too often: 429, with Retry-After.

    Args:
        rate: How often: "100/minute", "10/second", "1000/12 hours".
        by: Whom it is counted for: each address (of IPv6 each /64), or what a function of the request gives, plain or async;
            who is None to it is not counted.
        shared: Whether it is counted in the application's store, for all workers and machines. That costs a write for each
            request: it fits Redis, and what is seldom asked, such as a login. By default each process counts for itself.
        name: Tells it from other shared limits of the same rate.
        clock: Tells the time, in seconds.

    Raises:
        ValueError: for a rate that is none.
    """

    def __init__(
        self,
        rate: str,
        by: By = "address",
        *,
        shared: bool = False,
        name: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if by != "address" and not callable(by):
            raise ValueError(f'RateLimit(by={by!r}): "address", or a function of the request')
        self.rate = Rate.parse(rate)
        self._by = by
        self._shared = shared
        self._name = f"{name}\0{self.rate.most}/{self.rate.period}\0".encode()
        self._clock = clock
        self._due: dict[str, float] = {}
        self._policy = f'"default";q={self.rate.most};w={self.rate.period}'

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Count a request, and have it answered if it is not one too many.

        Raises:
            HttpError: 429 if it is.
        """
        who = _address(request) if self._by == "address" else await self._asked(request)
        if who is None:
            return await call_next(request)
        now = self._clock()
        allowed, due = self.count(who, now)
        if allowed and self._shared:
            allowed, due = await self._count_shared(request, who, now, due)
        if not allowed:
            wait = _whole(due + self.rate.period / self.rate.most - now - self.rate.period)
            fields = {"Retry-After": str(max(1, wait)), "RateLimit-Policy": self._policy, "RateLimit": '"default";r=0'}
            raise HttpError(429, "Too many requests", f"{self.rate.most} are allowed in {self.rate.period} seconds.", fields)
        response = (await call_next(request)).copy()
        response.headers.setdefault("RateLimit-Policy", self._policy)
        response.headers.setdefault("RateLimit", f'"default";r={self.rate.left(due, now)};t={_whole(due - now)}')
        return response

    def count(self, who: str, now: float) -> tuple[bool, float]:
        """Count one more in this process; whether it is allowed, and when all is paid off then."""
        known = self._due
        allowed, due = self.rate.decide(known.pop(who, now), now)
        known[who] = due  # last of all: the first has asked longest ago
        for _ in range(2):  # so that there are never more than there have to be
            oldest = next(iter(known))
            if known[oldest] > now and len(known) <= KEPT:
                break
            if oldest == who:
                break
            del known[oldest]
        return allowed, due

    async def _count_shared(self, request: Request, who: str, now: float, due: float) -> tuple[bool, float]:
        """Count in the store what this process has counted already, and keep what is known there."""
        source: StoreSource | None = request.services.get(StoreSource)
        if source is None:
            return True, due
        key = blake2b(self._name + who.encode(), digest_size=16).digest()
        try:
            counted = await self._in_store(await source.open_store(), key, now)
        except StoreError:
            counted = None
        if counted is None:
            return True, due
        allowed, shared = counted
        step = 0.0 if allowed else self.rate.period / self.rate.most  # what this process has counted was none
        self._due[who] = max(self._due.get(who, due) - step, shared)
        return counted

    async def _in_store(self, store: Store, key: bytes, now: float) -> tuple[bool, float] | None:
        """Count in the store; None where others were always quicker."""
        for _ in range(_TRIES):
            record = await store.get(SPACE, key)
            allowed, due = self.rate.decide(_DUE.unpack(record.value)[0] if record is not None else now, now)
            if not allowed:
                return False, due
            try:
                version = record.version if record is not None else 0
                await store.compare_and_set(SPACE, key, _DUE.pack(due), version, expires=due)
            except Conflict:
                continue
            return True, due
        return None

    async def _asked(self, request: Request) -> str | None:
        assert callable(self._by)
        who = self._by(request)
        return await who if inspect.isawaitable(who) else who


_DUE: Final = struct.Struct("<d")


def _whole(seconds: float) -> int:
    """Seconds as fields have them, the next whole number; but for what sums of fractions lose."""
    return ceil(seconds - 1e-6)


def _address(request: Request) -> str:
    """Who asks, by address; the path of a unix socket is everybody's who comes through it."""
    host = request.client.host
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.IPv6Network((address, _IPV6_HOME), strict=False))
