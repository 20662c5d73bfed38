"""The PROXY protocol, versions 1 and 2: what a proxy says about a connection before the connection's own octets.

A proxy that only carries octets (HAProxy, a cloud's load balancer, nginx's stream module) cannot add header fields. So it says
first who is connected with whom, in a line (version 1) or in a block (version 2), and then lets the octets through:

    PROXY TCP4 192.0.2.7 198.51.100.1 49152 443 CR LF
    0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | version, command | family | length | addresses | more that we skip

(HAProxy's `proxy-protocol.txt` is the specification; sections in parentheses are its.)

Laws:

* Not one octet is taken that does not belong to the preamble: `wants` says how many surely do. Behind them TLS or HTTP begins.
* It has a bound: 107 octets in version 1 (§2.1), `MOST` in version 2, where the length alone would allow 64 KiB.
* What is malformed is refused, never skipped: whoever was to send a preamble and did not is not who we think it is.
* An IPv6 address that stands for one of IPv4 is told as that, as everywhere: one client has one name.
* A preamble without addresses (`LOCAL`, `UNKNOWN`: the proxy's own health checks) leaves the connection's real ends as they are.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from hospes.errors import ProtocolError

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""The first octets of version 2; no HTTP request and no TLS handshake begins so (§2.2)."""
LONGEST_LINE: Final = 107
"""Octets of a version 1 line with its CRLF (§2.1)."""
MOST: Final = 4096
"""Octets behind a version 2 header that are taken: addresses, and what proxies add (a TLS name, a checksum)."""
_HEADER: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_SIZES: Final = {0x11: 12, 0x21: 36, 0x31: 216}
"""Octets of the addresses of TCP over IPv4, over IPv6, and of unix stream sockets (§2.2)."""
_NO_FAMILY: Final = 0x00
_KINDS: Final[dict[str, type[IPv4Address] | type[IPv6Address]]] = {"TCP4": IPv4Address, "TCP6": IPv6Address}


class Preamble(Struct, frozen=True):
    """What a proxy said; host and port of each end. No client where it did not say."""

    client: tuple[str, int] | None = None
    server: tuple[str, int] | None = None


class PreambleReader:
    """Reads one preamble, from as many pieces as it comes in."""

    __slots__ = ("_octets",)

    def __init__(self) -> None:
        self._octets = b""

    @property
    def wants(self) -> int:
        """Octets that still belong to the preamble for sure, and may be received; more may follow."""
        octets = self._octets
        if len(octets) < len(SIGNATURE):
            return len(SIGNATURE) - len(octets)
        if not octets.startswith(SIGNATURE):
            return 1 if octets.endswith(b"\r") else 2
        if len(octets) < _HEADER:
            return _HEADER - len(octets)
        return _HEADER + int.from_bytes(octets[14:16]) - len(octets)

    def receive(self, octets: bytes) -> Preamble | None:
        """Take octets, at most as many as `wants` says; gives the preamble when it is complete.

        Raises:
            ProtocolError: 400, if this is no preamble.
        """
        self._octets += octets
        octets = self._octets
        if SIGNATURE.startswith(octets[:12]):
            return self._block() if len(octets) >= _HEADER else None
        if not b"PROXY ".startswith(octets[:6]):
            raise ProtocolError(400, "the connection does not begin with a PROXY preamble")
        if b"\r" in octets[:12]:  # shorter than the shortest line
            raise ProtocolError(400, "the PROXY line is malformed")
        if octets.endswith(b"\r\n"):
            return _line(octets[:-2])
        if len(octets) > LONGEST_LINE - (1 if octets.endswith(b"\r") else 2):
            raise ProtocolError(400, "the PROXY line is too long")
        return None

    def _block(self) -> Preamble | None:
        octets = self._octets
        command, family, length = octets[12], octets[13], int.from_bytes(octets[14:16])
        if command not in (_LOCAL, _PROXY):
            raise ProtocolError(400, "the PROXY preamble has an unknown version or command")
        if length > MOST:
            raise ProtocolError(400, "the PROXY preamble is too long")
        if command == _PROXY and family != _NO_FAMILY and (family not in _SIZES or length < _SIZES[family]):
            raise ProtocolError(400, "the PROXY preamble has addresses that cannot be")
        if len(octets) < _HEADER + length:
            return None
        if command == _LOCAL or family == _NO_FAMILY:
            return Preamble()
        return _addresses(family, octets[_HEADER : _HEADER + _SIZES[family]])


def _addresses(family: int, octets: bytes) -> Preamble:
    if family == 0x31:
        client, server = octets[:108], octets[108:]
        return Preamble((_path(client), 0), (_path(server), 0))
    width = 4 if family == 0x11 else 16
    kind = IPv4Address if family == 0x11 else IPv6Address
    ports = octets[2 * width :]
    return Preamble(
        (_text(kind(octets[:width])), int.from_bytes(ports[:2])),
        (_text(kind(octets[width : 2 * width])), int.from_bytes(ports[2:])),
    )


def _text(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _path(octets: bytes) -> str:
    return octets.partition(b"\0")[0].decode("ascii", "backslashreplace")


def _line(line: bytes) -> Preamble:
    """Version 1, without its CRLF (§2.1): exactly one space between the words, no leading zeros in the numbers."""
    try:
        words = line.decode("ascii").split(" ")
        if words[1:2] == ["UNKNOWN"]:
            return Preamble()  # the rest of the line is to be ignored
        _, family, client, server, *ports = words
        if "%" in client + server:  # a zone, which is some machine's own
            raise ValueError(line)
        kind = _KINDS[family]
        from_port, to_port = map(_port, ports)
        return Preamble((_text(kind(client)), from_port), (_text(kind(server)), to_port))
    except (ValueError, KeyError):
        raise ProtocolError(400, "the PROXY line is malformed") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or str(int(text[:6])) != text or int(text) > 65_535:
        raise ValueError(text)
    return int(text)
