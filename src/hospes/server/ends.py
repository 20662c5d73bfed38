"""The two ends of a connection, as requests see them."""

from __future__ import annotations

from asyncio import BaseTransport
from typing import cast

from hospes.http.connection import Address, Connection, Hint
from hospes.limits import Limits


def ends(transport: BaseTransport, limits: Limits, hint: Hint | None = None) -> Connection:
    """Say who is connected with whom, over what.

    Args:
        transport: The connection's.
        limits: Those that hold for it.
        hint: Sends Early Hints.
    """
    scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
    client, server = _address(transport.get_extra_info("peername")), _address(transport.get_extra_info("sockname"))
    return Connection(client, server, scheme, limits, tls=transport.get_extra_info("ssl_object"), hint=hint)


def _address(name: object) -> Address:
    """What a socket says of one end: (host, port, …), or the path of a unix socket, often an empty one."""
    if isinstance(name, tuple):
        host, port = cast("tuple[str, int]", name[:2])
        return Address(host, port)
    return Address(name if isinstance(name, str) else "", 0)
