"""Addresses: which a name has, and whether a stranger may make us connect to them.

Laws:

* With `public_only` every address that a name has must be public; one that is not refuses the name. A name that points both ways
  is somebody's attempt.
* An IPv6 address that stands for an IPv4 address (mapped, NAT64) is public only if that one is. 6to4 (RFC 7526 §4: no longer in
  use), Teredo, IPv4-compatible and local NAT64 addresses are not.
* What was checked is what is connected to: the name is not looked up again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1: what IPv4 hosts look like where only IPv6 is spoken
_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291 §2.5.5.1, deprecated
MOST: Final = 8
"""Addresses of one name that are tried."""


def is_literal(host: str) -> bool:
    """Whether a host is an address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an address is one that anybody on the internet can be reached at."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        bare = found.ipv4_mapped or (IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None)
        if bare is not None:
            return _is_public(bare)
        if found in _COMPATIBLE or found.sixtofour is not None:
            return False
    return _is_public(found)


def of(found: Sequence[tuple[Any, ...]]) -> list[str]:
    """The addresses in what `getaddrinfo` gives, in its order, each once, `MOST` at most."""
    return list(dict.fromkeys(str(each[4][0]) for each in found))[:MOST]


def first_private(addresses: Iterable[str]) -> str | None:
    """The first address that is not public."""
    return next((each for each in addresses if not is_public(each)), None)


def look_up(host: str, port: int) -> list[str]:
    """Ask the system; blocks for as long as that takes.

    Raises:
        OSError: if there is no address.
    """
    return of(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
