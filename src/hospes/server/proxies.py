"""Proxies in front: whom to believe, and what becomes of a request when they are believed.

Laws:

* Nobody is trusted by default, and then nothing here is on the way of a request.
* What a trusted proxy says replaces the request's client, scheme and host, for everything that comes after; the peer's own
  address is what counts for `connections_per_address`, unless the PROXY protocol has told another one.
* With the PROXY protocol a trusted peer has to begin with a preamble; anybody else is served as who he is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import socket
from typing import Any, Final, Literal

from hospes.errors import ClientDisconnected, HttpError, ProtocolError, SetupError, check_kind, is_list_of_texts
from hospes.http.forwarded import forwarded, x_forwarded
from hospes.http.handler import Handler
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.wire import Preamble, PreambleReader

LOG: Final = logging.getLogger("hospes.server")
UNIX: Final = "unix"
EVERYBODY: Final = "*"
_FIELDS: Final = {"x-forwarded": x_forwarded, "forwarded": forwarded}
_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which peers are proxies that say whom they speak for, and how they say it.

    Args:
        trusted: Their addresses or networks, "10.0.0.0/8"; "unix" for peers on unix sockets, "*" for everybody (only where nobody
            else can reach this server).
        field: What they set: "x-forwarded" (`X-Forwarded-For`, `-Proto`, `-Host`; the default), "forwarded" (RFC 7239), or
            "none". The other one is not looked at, for they let through what clients send.
        protocol: Whether their connections begin with a PROXY preamble, version 1 or 2.

    Raises:
        SetupError: for what is no address, or no such field.
    """

    trusted: tuple[str, ...]
    field: Literal["x-forwarded", "forwarded", "none"] = "x-forwarded"
    protocol: bool = False

    def __post_init__(self) -> None:
        if not is_list_of_texts(self.trusted):
            raise SetupError(
                f"Proxies(trusted={self.trusted!r}) is no list of addresses", remedy='write Proxies(("10.0.0.0/8",))'
            )
        for each in self.trusted:
            try:
                if each not in (UNIX, EVERYBODY):
                    ip_network(each)
            except ValueError as error:
                raise SetupError(
                    f"Proxies(trusted={each!r}): {error}", remedy='Give addresses, networks as "10.0.0.0/8", "unix" or "*".'
                ) from None
        check_kind("Proxies(…, protocol={})", self.protocol, bool, "True")
        if self.field not in (*_FIELDS, "none"):
            raise SetupError(f"Proxies(field={self.field!r}): no such field", remedy='Give "x-forwarded", "forwarded" or "none".')


class Trust:
    """Knows whom to believe.

    Args:
        proxies: Who they are.
    """

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._everybody = EVERYBODY in proxies.trusted
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(each) for each in proxies.trusted if each not in (UNIX, EVERYBODY)
        ]
        self._known: dict[str, bool] = {}

    def __call__(self, host: str) -> bool:
        """Whether this is a trusted proxy's address; a unix socket's peer is its path, or ""."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._everybody or self._is_listed(host)
        return known

    def _is_listed(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return UNIX in self._proxies.trusted and (not host or host.startswith(("/", "\0", "@")))
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:  # on a socket for both, which somebody gave us
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def around(self, handler: Handler) -> Handler:
        """The handler, its requests coming from where trusted proxies say."""
        read = _FIELDS.get(self._proxies.field)
        if read is None:
            return handler

        def believing(request: Request) -> Response | Awaitable[Response]:
            connection = request.connection
            if self(connection.client.host):
                try:
                    origin = read(request.headers, connection.client.host, self)
                except HttpError as error:
                    return Response(f"{error}\n", error.code)
                request.connection = Connection(
                    origin.client or connection.client,
                    connection.server,
                    origin.scheme or connection.scheme,
                    connection.limits,
                    origin.host,
                    hint=connection.hint,
                )
            return handler(request)

        return believing

    async def hear(self, sock: socket, within: float) -> tuple[Address, Address] | None:
        """Hear from a connection that has just come whose it is; gives client and server, or None where nobody says it.

        Args:
            sock: Its socket.
            within: Seconds for the preamble.

        Raises:
            ProtocolError: if there is none where one has to be, or it is malformed.
            ClientDisconnected: if the peer has gone.
            TimeoutError: if it does not come in time.
        """
        try:
            told = await asyncio.wait_for(self._told(sock), within)
        except ProtocolError as error:
            LOG.warning("a trusted proxy is not understood: %s", error.reason)
            raise
        if told is None or told.client is None or told.server is None:
            return None
        return Address(*told.client), Address(*told.server)

    async def _told(self, sock: socket) -> Preamble | None:
        """The preamble; None where the peer is not to send one."""
        name: Any = sock.getpeername()
        if not self("" if isinstance(name, (str, bytes)) else name[0]):
            return None
        loop = asyncio.get_running_loop()
        reader = PreambleReader()
        while True:
            octets = await loop.sock_recv(sock, reader.wants)
            if not octets:
                raise ClientDisconnected("the peer has gone before its preamble was complete")
            if (preamble := reader.receive(octets)) is not None:
                return preamble
