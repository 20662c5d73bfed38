"""The request target: what a request is for, in one of four forms (RFC 9112 §3.2).

| form      | looks like               | used by                                                        |
|-----------|--------------------------|----------------------------------------------------------------|
| origin    | `/where?q=now`           | nearly every request                                           |
| absolute  | `http://host/where?q`    | requests to a proxy; a server must understand it all the same  |
| authority | `host:443`               | CONNECT and nothing else                                       |
| asterisk  | `*`                      | OPTIONS and nothing else: the server as a whole                |

Laws:

* The method decides which forms are possible; a target in another form is refused.
* An absolute target says whom it is for, and what it says wins over the Host field (RFC 9112 §3.2.2).
* Nothing is decoded here. A path is decoded once, above, where its segments are known.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from hospes.errors import ProtocolError

from .grammar import PATH, PCT_ENCODED, QUERY, REG_NAME_CHAR


class TargetForm(Enum):
    """The four forms of RFC 9112 §3.2."""

    ORIGIN = "origin"
    ABSOLUTE = "absolute"
    AUTHORITY = "authority"
    ASTERISK = "asterisk"


class Target(NamedTuple):
    """A request target, taken apart and still percent-encoded."""

    form: TargetForm
    path: str
    query: str
    authority: str
    """`host[:port]` as the target names it; empty where the Host field has the word."""


_ORIGIN = re.compile(rf"({PATH})(?:\?({QUERY}))?")
# The scheme ignores case (RFC 9110 §4.2.3). An authority ends at the first "/", "?" or "#" (RFC 3986 §3.2).
_ABSOLUTE = re.compile(rf"(?:[Hh][Tt][Tt][Pp][Ss]?)://([^/?#]*+)({PATH})?(?:\?({QUERY}))?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+://")

_AUTHORITY = re.compile(
    rf"""(?: \[ (?P<ipv6> [0-9A-Fa-f:.]++ ) \]
           | (?: [{REG_NAME_CHAR}]++ | {PCT_ENCODED} )++ )
         (?: : (?P<port> [0-9]{{0,5}}+ ) )?""",
    re.VERBOSE,
)
_HEX_GROUP = re.compile(r"[0-9A-Fa-f]{1,4}")
_IPV4_OCTET = re.compile(r"0|[1-9][0-9]{0,2}")


def parse_target(method: str, target: str) -> Target:
    """Take a request target apart.

    Args:
        method: The request's method.
        target: The target as it stood in the request line.

    Raises:
        ProtocolError: 400 if the target has none of the four forms, or one that does not go with the method.
    """
    if method == "CONNECT":
        # RFC 9112 §3.2.3: host and port, both; there is no default port for a tunnel.
        if not is_authority(target) or target.rpartition(":")[2] in ("", target) or target.endswith("]"):
            raise ProtocolError(400, "the target of CONNECT must be host:port")
        return Target(TargetForm.AUTHORITY, "", "", target)
    if target == "*":
        if method != "OPTIONS":
            raise ProtocolError(400, "the target * goes with OPTIONS only")
        return Target(TargetForm.ASTERISK, "*", "", "")
    if found := _ORIGIN.fullmatch(target):
        return Target(TargetForm.ORIGIN, found[1], found[2] or "", "")
    if found := _ABSOLUTE.fullmatch(target):
        if not is_authority(found[1]):
            raise ProtocolError(400, "the authority in the target is malformed")
        return Target(TargetForm.ABSOLUTE, found[2] or "/", found[3] or "", found[1])
    raise ProtocolError(400, _complaint(target))


def _complaint(target: str) -> str:
    """Say why a target that has none of the forms has none."""
    if "#" in target:
        return "the target holds a fragment, which a client must keep to itself"
    if not target.isascii() or not target.isprintable():
        return "the target holds an octet that must be percent-encoded"
    if _SCHEME.match(target) and not target.lower().startswith(("http://", "https://")):
        return "the target's scheme is neither http nor https"
    if target.startswith("/") or _SCHEME.match(target):
        return "the target's path holds a percent sign without two hex digits"
    return "the target must begin with a slash, or with http:// or https://"


def is_authority(authority: str) -> bool:
    """Whether this is `host[:port]` with a host that is not empty: the syntax of Host (RFC 9110 §7.2).

    An empty host is refused although the grammar has it: an http URI must name one (RFC 9110 §4.2.1).
    """
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        return False
    if (port := found["port"]) and int(port) > 65535:
        return False
    address: str | None = found["ipv6"]
    return address is None or is_ipv6(address)


def is_ipv6(address: str) -> bool:
    """Whether this is an IPv6 address as RFC 3986 §3.2.2 writes it: eight groups, one run of them may be `::`."""
    left, gap, right = address.partition("::")
    before = left.split(":") if left else []
    after = right.split(":") if right else []
    groups = before + after
    tail = after if gap else before
    size = len(groups)
    if tail and "." in tail[-1]:  # the last 32 bits may be written as IPv4
        if not _is_ipv4(groups.pop()):
            return False
        size += 1
    if not all(map(_HEX_GROUP.fullmatch, groups)):
        return False
    return size <= 7 if gap else size == 8


def _is_ipv4(address: str) -> bool:
    octets = address.split(".")
    return len(octets) == 4 and all(_IPV4_OCTET.fullmatch(octet) and int(octet) <= 255 for octet in octets)
