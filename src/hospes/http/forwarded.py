"""What proxies say about a request in header fields: `Forwarded` (RFC 7239), and `X-Forwarded-For`, `-Proto` and `-Host`.

Each proxy adds, on the right, whom it got the request from. So the fields are read from the right: as long as the one who spoke
is trusted, what it said about the one before it is believed. The first one that is not trusted is the client; whatever stands
further to the left is what that client, who may be anybody, wrote itself.

    peer 10.0.0.2 (trusted)     X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.1
                                                 never   ◀─ client     ◀─ trusted

Laws:

* Nothing is believed of anybody who is not trusted.
* Only the kind of field that the proxies are known to set is looked at: the other kind they let through, whoever sent it.
* A `Forwarded` field that is malformed is refused: an open quotation mark of the client's would swallow what a proxy has added.
* A scheme is http or https, a host is a valid one; what else is said is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http.headers import Headers
from hospes.http.request import Address
from hospes.lazily import regexp
from hospes.wire import is_authority

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HIDDEN: Final = regexp(r"unknown|_[A-Za-z0-9._-]{1,64}", re.ASCII)
"""What stands for a client that is not named (RFC 7239 §6.2, §6.3)."""
_TCHAR: Final = r"!#$%&'*+.^_`|~0-9A-Za-z-"
_PAIR: Final = regexp(
    rf"""[ \t]*+(?:([{_TCHAR}]++)=(?:([:\[\]{_TCHAR}]++)|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\.)*+)")[ \t]*+)?([;,]|$)""", re.ASCII
)
"""One pair and what ends it; a value may have the colons and brackets that senders forget to quote. No quantifier gives anything
back, so the time is linear."""


class Origin(Struct, frozen=True):
    """Where a request came from, as trusted proxies say; None or "" where they do not."""

    client: Address | None = None
    scheme: str = ""
    host: str = ""


Trusts = Callable[[str], bool]
"""Whether an address is a trusted proxy's."""


def forwarded(headers: Headers, peer: str, trusts: Trusts) -> Origin:
    """What `Forwarded` says.

    Args:
        headers: The request's.
        peer: Who sent the request.
        trusts: Whom to believe.

    Raises:
        HttpError: 400, if the field is malformed.
    """
    elements = _elements(",".join(headers.get_all("forwarded")))
    client, index = _walk(peer, [element.get("for", "") for element in elements], trusts)
    if index == len(elements):
        return Origin()
    return Origin(client, _scheme(elements[index].get("proto", "")), _host(elements[index].get("host", "")))


def x_forwarded(headers: Headers, peer: str, trusts: Trusts) -> Origin:
    """What `X-Forwarded-For`, `-Proto` and `-Host` say; as `forwarded`, and nothing is refused."""
    if not trusts(peer):
        return Origin()
    chain = _list(headers, "x-forwarded-for")
    client, index = _walk(peer, chain, trusts)
    scheme, host = (_beside(_list(headers, name), len(chain), index) for name in ("x-forwarded-proto", "x-forwarded-host"))
    return Origin(client, _scheme(scheme), _host(host))


def _walk(peer: str, chain: Sequence[str], trusts: Trusts) -> tuple[Address | None, int]:
    """The client, and its place in the chain; None and the chain's length where nobody is to be believed."""
    client, index, speaker = None, len(chain), peer
    while index and trusts(speaker):
        found = node(chain[index - 1])
        if found is None:
            break
        client, index, speaker = found, index - 1, found.host
    return client, index


def node(text: str) -> Address | None:
    """An address, with or without a port, or what stands for a hidden one; None for anything else."""
    if _HIDDEN.fullmatch(text):
        return Address(text, 0)
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, ""
    elif port and not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        return None
    if "%" in host:  # a zone, which is some machine's own, and may hold anything
        return None
    try:
        address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return Address(str(address.ipv4_mapped), int(port or 0))
    return Address(str(address), int(port or 0))


def _elements(text: str) -> list[dict[str, str]]:
    """The elements of a Forwarded field (RFC 7239 §4), names in lower case."""
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    at = 0
    while at <= len(text):
        found = _PAIR.match(text, at)
        if found is None:
            raise HttpError(400, "The Forwarded field is malformed")
        name, token, quoted, end = found.groups()
        if name is not None:
            if name.lower() in element:  # §4: at most once in an element
                raise HttpError(400, "The Forwarded field is malformed")
            element[name.lower()] = token or re.sub(r"\\(.)", r"\1", quoted or "")
        if end != ";":
            if element:
                elements.append(element)
            element = {}
        at = found.end() if end else len(text) + 1
    return elements


def _list(headers: Headers, name: str) -> list[str]:
    return [each.strip(" \t") for value in headers.get_all(name) for each in value.split(",") if each.strip(" \t")]


def _beside(values: Sequence[str], hops: int, index: int) -> str:
    """The value that belongs to a place in the chain; the nearest proxy's where they do not go along with it."""
    if not values:
        return ""
    return values[index] if len(values) == hops and index < hops else values[-1]


def _scheme(text: str) -> str:
    return _SCHEMES.get(text.lower(), "")


def _host(text: str) -> str:
    return text if text and is_authority(text) else ""
