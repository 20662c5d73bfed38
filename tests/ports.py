"""Ports of this machine for servers that have to be told one, or that are not there.

Who finds a free port, lets go of it, and hopes that it stays free until a server has started there, fails now and then: other
tests open many. And who asks again and again at a port of the kernel's choice where nobody listens may be connected with
himself. So here the port is held all the time, by a socket that is bound and does not listen.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def own_port() -> Generator[int]:
    """A port of 127.0.0.1 that the kernel gives to nobody while the block runs.

    Nobody listens there until a server does that says SO_REUSEADDR, as all of them do; it may come and go. Only Linux lets it:
    elsewhere the port is let go of.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port
