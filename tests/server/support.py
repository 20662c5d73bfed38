"""What the server's tests share: a peer that speaks raw octets, and a server to speak to.

`serve` is the carrier's contract for tests: a context manager that gives the port. Tests that start servers otherwise run over
the carrier that `HOSPES_CARRIER` names.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol, Self

import pytest

from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server import ServerOptions, ServingThread
from hospes.server.carriers import ENGINE, PORTABLE

WAIT = 20.0
"""Seconds after which a test that waits has failed."""


class Serve(Protocol):
    """Serve a handler; gives the port."""

    def __call__(
        self, handler: Handler, *, limits: Limits | None = None, timeouts: Timeouts | None = None, drain: float = 0.2
    ) -> AbstractContextManager[int]: ...


@contextmanager
def serving(
    carrier: str, handler: Handler, *, limits: Limits | None = None, timeouts: Timeouts | None = None, drain: float = 0.2
) -> Generator[int]:
    """Serve with a carrier, in a thread; what is under way at the end has `drain` seconds."""
    options = ServerOptions(port=0, limits=limits or Limits(), timeouts=timeouts or Timeouts())
    thread = ServingThread(lambda: nullcontext(handler), options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", carrier)
        thread.start()
    try:
        yield thread.server.address[1]
    finally:
        thread.stop(drain=drain)


CARRIERS: dict[str, Serve] = {name: partial(serving, name) for name in (PORTABLE, ENGINE)}


@dataclass
class Got:
    """An answer, as it came."""

    status: int
    fields: dict[str, str]
    content: bytes


class Peer:
    """A client that sends what it is told to, octet by octet."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(WAIT)
        try:
            self.sock.connect(("127.0.0.1", port))
        except OSError:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def flood(self, octets: bytes, most: int, patience: float = WAIT) -> int:
        """Send the same octets again and again until nobody takes them for `patience` seconds, or `most` are sent."""
        sent = 0
        self.sock.settimeout(patience)
        try:
            while sent < most:
                start = sent % len(octets)
                sent += self.sock.send(octets[start:])
        except TimeoutError:
            pass
        self.sock.settimeout(WAIT)
        return sent

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def until(self, end: bytes) -> bytes:
        """Octets up to and with `end`."""
        searched = 0
        while (found := self._buffer.find(end, searched)) < 0:
            searched = max(len(self._buffer) - len(end), 0)
            self._receive()
        return self._take(found + len(end))

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive()
        return self._take(count)

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while octets := self.sock.recv(1 << 20):
            self._buffer += octets
        return self._take(len(self._buffer))

    def _take(self, count: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    def get(self, method: str = "GET") -> Got:
        """Read one answer."""
        head = self.until(b"\r\n\r\n").decode("latin-1")
        line, *lines = head[:-4].split("\r\n")
        fields = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        status = int(line.split(" ")[1])
        assert line.startswith("HTTP/1.1 ")
        if method == "HEAD" or status in {204, 304} or status < 200:
            return Got(status, fields, b"")
        if "content-length" in fields:
            return Got(status, fields, self.exactly(int(fields["content-length"])))
        if fields.get("transfer-encoding") == "chunked":
            return Got(status, fields, self._chunks())
        return Got(status, fields, self.rest())

    def closed(self) -> bool:
        """Whether the server closes now, without another octet."""
        return not self._buffer and self.sock.recv(1) == b""

    def _chunks(self) -> bytes:
        content = bytearray()
        while size := int(self.until(b"\r\n")[:-2], 16):
            content += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        assert self.exactly(2) == b"\r\n"
        return bytes(content)

    def _receive(self) -> None:
        octets = self.sock.recv(1 << 20)
        assert octets, f"the server closed after {self._buffer[:200]!r}"
        self._buffer += octets


def listens(port: int) -> bool:
    """Whether anybody accepts connections."""
    try:
        Peer(port).sock.close()
    except ConnectionError:
        return False
    return True


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def request(path: str = "/", method: str = "GET", content: bytes | None = None, *fields: str) -> bytes:
    """A request in octets."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *fields]
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + (content or b"")


def plain(request: Request) -> Response:
    """The simplest handler: says which path it was asked for."""
    return Response(f"at {request.path}")


async def echo(request: Request) -> Response:
    """Gives back what it gets."""
    return Response(await request.read())


Make = Callable[[], Response]


def answering(make: Make) -> Handler:
    """A handler that makes the same answer always."""
    return lambda request: make()
