"""Sending content that is not simply bytes: streams, piece by piece, and files, by the kernel where it can.

Laws:

* No more is asked of a source while the peer does not take what there is: at most `FLUSH` octets and one piece wait here.
* An answer never looks complete when it is not: what fails half-way raises, and the caller aborts the connection.
* Whatever happens, the source is closed.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from socket import SO_SNDBUF, SOL_SOCKET
from typing import BinaryIO, Final, Protocol, cast, runtime_checkable

from hospes.http.content import FileContent, Stream
from hospes.limits import KiB
from hospes.server.service import LOG
from hospes.wire import LAST_CHUNK, ResponseFraming, chunk, last_chunk

FLUSH: Final = 64 * KiB
"""Octets gathered from a source that gives small pieces before they are written, and the loop gets a turn."""
FILE_AT_ONCE: Final = 64 * KiB
"""A file up to this size goes out in one write with its head: two writes cost more than copying it."""
SLICE: Final = 256 * KiB
"""What the kernel is asked to send of a file at a time, by a transport that does not show how much has left; after each the
supervision sees that the peer lives."""
NEAR: Final = 256 * KiB
"""Octets of a large file that wait in the kernel for a peer on this machine. By itself the kernel lets megabytes gather, which
the peer has to fetch from memory and not from the processor's cache: with eight peers that took them twice the time. And as there
is no way, there is nothing to be under way on it. To peers elsewhere the kernel sends as it sees fit."""
_NEAR: Final = struct.pack("i", NEAR)
_LOOPBACK: Final = ("127.", "::ffff:127.")


class IncompleteAnswerError(Exception):
    """A source gave less than was promised."""


@runtime_checkable
class SendsFiles(Protocol):
    """A transport that has files sent by the kernel itself; for others the loop does."""

    async def send_part(self, file: BinaryIO, offset: int, count: int) -> int:
        """Send a part of a file, and show in `get_write_buffer_size` what is left of it; 0 at the end of the file."""
        ...


class Outlet(Protocol):
    """The side of a connection that a sender sees."""

    transport: asyncio.Transport
    sent: int
    """Octets that the kernel took directly; the supervision watches it."""
    held: int
    """Octets gathered by `put`."""
    blocked: bool
    """Whether the peer is behind."""

    def put(self, octets: bytes) -> None:
        """Gather octets; they leave at the next `flush`, at the end of this turn of the loop at the latest."""

    def flush(self) -> None:
        """Write what was gathered."""

    async def room(self) -> None:
        """Wait until the peer has taken all; give the loop a turn in any case."""


async def send_stream(outlet: Outlet, head: bytes, stream: Stream, framing: ResponseFraming) -> None:
    """Send a head and the pieces of a stream as they come.

    Raises:
        IncompleteAnswerError: if the stream ends before its promised length.
        Exception: what its source raises.
    """
    left = framing.content_length
    # The wrapper that makes bytes of the pieces is a generator of its own: both it and the source are closed.
    async with aclosing(stream), aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as pieces:
        outlet.put(head)
        async for piece in pieces:
            if left is None:
                outlet.put(chunk(piece) if framing.chunked else piece)
            else:
                outlet.put(piece[:left])
                left -= len(piece)
                if left < 0:
                    LOG.error("a stream gave more than its promised length; the rest is cut off")
                    break
            if outlet.blocked or outlet.held >= FLUSH:
                outlet.flush()
                await outlet.room()
    if left is not None and left > 0:
        raise IncompleteAnswerError(f"a stream ended {left} octets before its promised length")
    if framing.chunked:
        outlet.put(last_chunk(stream.trailers) if stream.trailers else LAST_CHUNK)
    outlet.flush()


async def send_file(outlet: Outlet, head: bytes, content: FileContent) -> None:
    """Send a head and a part of a file.

    Raises:
        IncompleteAnswerError: if the file has become shorter.
        OSError: if it cannot be read, or the peer has gone.
    """
    loop = asyncio.get_running_loop()
    offset, left = content.offset, content.length
    transport: object = outlet.transport
    by_kernel = outlet.transport.get_extra_info("sslcontext") is None
    if by_kernel and left > NEAR and _is_near(outlet.transport):
        with suppress(OSError):  # it has been closed
            outlet.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, _NEAR)
    most = SLICE
    if isinstance(transport, SendsFiles):
        send_part, most = transport.send_part, left
    else:
        send_part = partial(loop.sendfile, outlet.transport, fallback=False)
    try:
        outlet.put(head)
        outlet.flush()
        while left > 0:
            await outlet.room()
            count = min(left, most)
            if by_kernel:
                try:
                    count = await send_part(content.file, offset, count)
                except (asyncio.SendfileNotAvailableError, NotImplementedError):  # a loop without it, an odd file
                    by_kernel = False
                    continue
            else:
                count = _copy(outlet, content, offset, count)
            if not count:
                raise IncompleteAnswerError(f"a file ended {left} octets before its promised length")
            outlet.sent += count
            offset += count
            left -= count
    finally:
        content.close()


def _is_near(transport: asyncio.Transport) -> bool:
    """Whether the peer is on this machine, as far as its address says so."""
    peer: object = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return False
    host = cast("tuple[str, int]", peer)[0]
    return host == "::1" or host.startswith(_LOOPBACK)


def read_file(content: FileContent) -> bytes:
    """Read a small part of a file, and close it.

    Raises:
        IncompleteAnswerError: if the file has become shorter.
        OSError: if it cannot be read.
    """
    try:
        content.file.seek(content.offset)
        octets = content.file.read(content.length)
    finally:
        content.close()
    if len(octets) != content.length:
        raise IncompleteAnswerError(f"a file ended {content.length - len(octets)} octets before its promised length")
    return octets


def _copy(outlet: Outlet, content: FileContent, offset: int, count: int) -> int:
    content.file.seek(offset)
    octets = content.file.read(count)
    if octets:
        outlet.put(octets)
        outlet.flush()
    return len(octets)
