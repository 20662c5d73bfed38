"""What requests of a connection share."""

from __future__ import annotations

from dataclasses import replace

from hospes.http.connection import Address, Connection
from hospes.limits import Limits


def test_how_hints_are_sent_makes_no_other_connection() -> None:
    connection = Connection(Address("192.0.2.7", 1), Address("127.0.0.1", 80), "http", Limits())
    other = replace(connection, hint=lambda head, links: None)
    assert other == connection
    assert "hint" not in repr(other)
    assert connection.host == ""
    assert connection.tls is None
    assert connection.hint is None
