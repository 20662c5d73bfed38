"""What requests of a connection share."""

from __future__ import annotations

from msgspec.structs import replace

from hospes.http.connection import Address, Connection
from hospes.limits import Limits


def test_two_connections_are_two() -> None:
    connection = Connection(Address("192.0.2.7", 1), Address("127.0.0.1", 80), "http", Limits())
    other = replace(connection)
    assert other != connection
    assert (other.client, other.server, other.scheme) == (connection.client, connection.server, connection.scheme)
    assert len({connection, other, connection}) == 2
    assert connection.host == ""
    assert connection.tls is None
    assert connection.hint is None
