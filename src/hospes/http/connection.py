"""Who is connected with whom: what all requests of a connection share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    import ssl

    from hospes.limits import Limits
    from hospes.wire import RequestHead

Hint: TypeAlias = "Callable[[RequestHead, tuple[str, ...]], object]"
"""Sends Early Hints: for the request with this head, the values of Link fields. From any thread; and if the request is not under
way any more, or its answer has begun, nothing happens."""


class Address(Struct, frozen=True):
    """One end of a connection: host and port; a unix socket has its path as host, and port 0."""

    host: str
    port: int


class Connection(Struct, frozen=True, eq=False):
    """What all requests of a connection share. Two connections are two, whatever they have in common."""

    client: Address
    """The peer."""
    server: Address
    """The address it reached."""
    scheme: str
    """"http" or "https"."""
    limits: Limits
    """The limits that hold here."""
    host: str = ""
    """What trusted proxies say the request was for; "" for what the request itself says."""
    tls: ssl.SSLObject | None = None
    """What `ssl` knows of the connection: its version and cipher, and the client's certificate. None without TLS here, and where
    a trusted proxy speaks for somebody else."""
    hint: Hint | None = None
    """Sends Early Hints, where the carrier, or the host, can."""
