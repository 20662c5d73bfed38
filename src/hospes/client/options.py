"""How a client behaves: every limit and every time, with its unit, its default and its reason.

Laws:

* Nothing that a server controls is without a bound, and the bound is on by default.
* A limit is the largest value that still passes. Sizes are octets, times are seconds.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from types import NoneType
from typing import Final

from hospes.errors import check_kind
from hospes.limits import MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """How long a client waits, in seconds.

    Raises:
        ValueError: if a time is not a positive, finite number.
    """

    connect: float = 10.0
    """For the addresses of a name, then for the connection to them, then for TLS: each."""
    read: float = 30.0
    """Without an octet of the answer."""
    write: float = 30.0
    """Without the server taking an octet of the request."""
    total: float = 300.0
    """For all of a call: redirects, retries and the content included. Of a streamed answer: until its fields have come."""
    idle: float = 5.0
    """A connection is kept for the next request that long. Shorter than servers keep theirs, so that few are found closed."""
    retry_after: float = 30.0
    """The longest pause before a retry. A server that asks for a longer one has given its answer."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) not in {int, float} or not (value > 0 and isfinite(value)):
                raise ValueError(f"ClientTimeouts({each.name}={value!r}): a time is a positive number of seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """How much a server may send, and how much a client holds.

    Raises:
        ValueError: if a limit is not a positive whole number.
    """

    content: int = 64 * MiB
    """Octets of an answer that is read whole, after decoding."""
    stream: int = 0
    """Octets of a streamed answer, after decoding; 0 means no such limit, for its pieces are not held."""
    inflation: int = 100
    """Octets that one octet may decode to, once the content has passed 1 MiB. Texts stay below 20, bombs are at 1,000."""
    json_depth: int = 100
    """Arrays and objects inside each other in `json()`."""
    connections: int = 100
    """Connections at a time; more requests wait."""
    idle_connections: int = 20
    """Connections kept for the next request."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) is not int or value < (0 if each.name == "stream" else 1):
                raise ValueError(f"ClientLimits({each.name}={value!r}): a limit is a positive whole number")


_KINDS: Final = (
    ("timeouts", ClientTimeouts, "ClientTimeouts(read=60)"),
    ("limits", ClientLimits, "ClientLimits(content=500 * MiB)"),
    ("headers", Mapping, '{"Accept": "application/json"}'),
    ("cookies", bool, "True"),
    ("public_only", bool, "True"),
    ("decode", bool, "False"),
    ("tls", (ssl.SSLContext, NoneType), "ssl.create_default_context()"),
)
"""Options of a kind of their own, and how one is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a client behaves.

    Raises:
        SetupError: for an option of another kind.
        ValueError: if a number is negative.
    """

    timeouts: ClientTimeouts = ClientTimeouts()
    """How long it waits."""
    limits: ClientLimits = ClientLimits()
    """How much it takes."""
    redirects: int = 0
    """Redirects followed in one call; none by default: the program sees the 3xx. One more is a RedirectError."""
    retries: int = 0
    """Further attempts of an idempotent request, after a connection that failed or broke off, or a 503 that says when to come
    again."""
    retry_pause: float = 0.5
    """Seconds before the first retry, at most; doubled with each, and drawn at random, so that clients do not come in step."""
    cookies: bool = False
    """Whether cookies are kept and sent back."""
    public_only: bool = False
    """Refuse hosts with addresses that are not public (loopback, private, link-local …), after the name was resolved, so that
    a URL from a stranger does not reach into our own network (SSRF)."""
    decode: bool = True
    """Whether gzip, deflate, br and zstd are asked for and decoded."""
    tls: ssl.SSLContext | None = None
    """What to trust, and with which certificate to come; the system's authorities by default. TLS 1.2 or newer in any case."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields of every request, where the call names none of that name."""

    def __post_init__(self) -> None:
        for name in ("redirects", "retries"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"ClientOptions({name}={value!r}): it is a whole number, 0 for none")
        for name, kind, example in _KINDS:
            check_kind(f"ClientOptions({name}={{}})", getattr(self, name), kind, example)
        if type(self.retry_pause) not in (int, float) or not self.retry_pause > 0:
            raise ValueError(f"ClientOptions(retry_pause={self.retry_pause!r}): it is a positive number of seconds")
