"""The link of the asynchronous client: connections on the running asyncio loop.

Laws:

* A connection reads ahead `AHEAD` octets at most, and then waits until they are taken.
* An idle connection on which anything comes, be it the end, is not used again: what came is no answer to what will be asked.
* Plain iterables and files are read in threads: they may block.
* However much a server sends, and in whatever pieces, the loop has its turn in between.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import httpcore2

from hospes.client import addresses, errors
from hospes.client.attempt import Attempt, current
from hospes.client.content import Outgoing
from hospes.client.link import Answer, Call, complaint, failure, has_surplus, headers_of, reason_of, request_of
from hospes.client.options import ClientOptions
from hospes.client.security import Trust, placeholder
from hospes.limits import KiB

AHEAD: Final = 256 * KiB
PIECES_PER_TURN: Final = 32
"""Pieces given, as long as some are there, before others get their turn: a server may send chunks of one octet."""


class LoopLink:
    """Connections of one asynchronous client; it belongs to the loop that first uses it."""

    def __init__(self, options: ClientOptions) -> None:
        self._timeouts = options.timeouts
        self._network = _Network(options)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=placeholder(),
            max_connections=options.limits.connections,
            max_keepalive_connections=options.limits.idle_connections,
            keepalive_expiry=options.timeouts.idle,
            network_backend=self._network,
        )

    async def send(self, call: Call, attempt: Attempt) -> Answer:
        """Send a request; see `Link.send`."""
        try:
            with attempt.under_way():
                raw = await self._pool.handle_async_request(
                    request_of(call, attempt, self._timeouts, _noted(call.content, attempt))
                )
        except Exception as error:
            meaning = failure(error, attempt)
            if meaning is error:
                raise
            raise meaning from error
        if wrong := complaint(raw):
            await raw.aclose()
            raise errors.ReadError("read", attempt.url.shown, wrong)
        return _LoopAnswer(raw, attempt)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    def abandon(self) -> None:
        """Let every connection go, for a client that nobody closed; on its loop."""
        for each in list(self._network.open):
            each.abort()


class _LoopAnswer:
    """An answer whose content is still on the way."""

    def __init__(self, raw: httpcore2.Response, attempt: Attempt) -> None:
        self.status = raw.status
        self.reason = reason_of(raw)
        self.headers = headers_of(raw.headers)
        self._raw = raw
        self._attempt = attempt
        self._pieces: AsyncIterator[bytes] = raw.aiter_stream()
        self._given = 0

    async def read(self) -> bytes:
        """The next octets; see `Answer.read`."""
        self._given += 1
        if self._given % PIECES_PER_TURN == 0:
            await asyncio.sleep(0)
        try:
            with self._attempt.under_way():
                piece = await anext(self._pieces, b"")
            if not piece and has_surplus(self._raw):
                self._raw.extensions["network_stream"].is_spoilt = True  # pyright: ignore[reportUnknownMemberType]
            return piece
        except Exception as error:
            raise failure(error, self._attempt) from error

    async def close(self) -> None:
        """Read no more."""
        await self._raw.aclose()


async def _noted(content: Outgoing | None, attempt: Attempt) -> AsyncIterator[bytes]:
    """The content's pieces; what it raises is noted as the program's own failure."""
    if content is None:
        return
    try:
        if content.is_async:
            async for piece in content.async_pieces():
                yield piece
        elif content.may_block:
            pieces = content.pieces()
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
        else:
            for piece in content.pieces():
                yield piece
    except Exception as error:
        attempt.source_error = error
        raise


class _Network(httpcore2.AsyncNetworkBackend):
    """Makes connections."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._trust = Trust(options.tls)
        self.open: set[_Stream] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's contract)
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        attempt = current()
        attempt.is_fresh = True
        found = await self._resolve(attempt, host, port)
        attempt.step = "connect"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + attempt.left(self._options.timeouts.connect)
        for tried, address in enumerate(found):
            # Each address gets its share of the time: the first may be one that swallows everything.
            share = max(deadline - loop.time(), 0.001) / (len(found) - tried)
            try:
                async with asyncio.timeout(share):
                    _, pipe = await loop.create_connection(_Pipe, address, port)
            except OSError as error:
                if tried == len(found) - 1:
                    raise httpcore2.ConnectError(error) from error
            else:
                return _Stream(pipe, self)
        raise httpcore2.ConnectError("the name has no address")

    async def tls_context(self) -> ssl.SSLContext:
        """What to trust; made in a thread, for the authorities' file is large."""
        return await asyncio.to_thread(self._trust.context)

    async def _resolve(self, attempt: Attempt, host: str, port: int) -> list[str]:
        attempt.step = "resolve"
        found = [host]
        if not addresses.is_literal(host):
            async with asyncio.timeout(attempt.left(self._options.timeouts.connect)):
                found = await asyncio.to_thread(addresses.look_up, host, port)
        private = addresses.first_private(found) if self._options.public_only else None
        if private is not None:
            raise errors.AddressRefused("resolve", attempt.url.shown, "the host has an address that is not public")
        return found


class _Pipe(asyncio.Protocol):
    """A connection's octets, in and out."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended = False
        self.error: Exception | None = None
        self._buffer = bytearray()
        self._paused = False
        self._coming: asyncio.Future[None] | None = None
        self._going: asyncio.Future[None] | None = None
        self._full = False

    @property
    def is_readable(self) -> bool:
        """Whether octets, or the end, have come, as far as the loop has seen."""
        return bool(self._buffer) or self.ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= AHEAD and not self._paused and self.transport is not None:
            self.transport.pause_reading()
            self._paused = True
        _wake(self._coming)

    def eof_received(self) -> bool:
        self.ended = True
        _wake(self._coming)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        _wake(self._coming)
        _wake(self._going)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._going)

    async def take(self, most: int) -> bytes:
        """Up to `most` octets; b"" at the end."""
        while not self._buffer:
            if self.error is not None:
                raise self.error
            if self.ended:
                return b""
            self._coming = asyncio.get_running_loop().create_future()
            try:
                await self._coming
            finally:
                self._coming = None
        taken = bytes(memoryview(self._buffer)[:most])
        del self._buffer[:most]
        if self._paused and len(self._buffer) < AHEAD and self.transport is not None:
            self.transport.resume_reading()
            self._paused = False
        return taken

    async def drained(self) -> None:
        """Wait until the peer takes what is written."""
        while self._full and self.error is None and not self.ended:
            self._going = asyncio.get_running_loop().create_future()
            try:
                await self._going
            finally:
                self._going = None


def _is_waiting(transport: asyncio.Transport) -> bool:
    """Whether something has come that the loop has not seen yet."""
    number = transport.get_extra_info("socket").fileno()
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that keeps the deadline of the attempt under way."""

    def __init__(self, pipe: _Pipe, network: _Network) -> None:
        self._pipe = pipe
        self._network = network
        self.is_spoilt = False
        """Whether more has come than was asked for: nothing more may be asked here."""
        network.open.add(self)

    @property
    def transport(self) -> asyncio.Transport:
        assert self._pipe.transport is not None, "a stream is made of a pipe that is connected"
        return self._pipe.transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (the library's contract)
        attempt = current()
        attempt.step = "read"
        assert timeout is not None, "every request says how long it waits"
        try:
            async with asyncio.timeout(attempt.left(timeout)):
                if self._pipe.is_readable:  # it is not waited for
                    await asyncio.sleep(0)
                return await self._pipe.take(max_bytes)
        except TimeoutError:
            raise
        except OSError as error:
            raise httpcore2.ReadError(error) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 (the library's contract)
        attempt = current()
        attempt.step = "send"
        assert timeout is not None, "every request says how long it waits"
        if self.transport.is_closing():
            attempt.write_failed = True
            raise httpcore2.WriteError("the server closed the connection") from self._pipe.error
        self.transport.write(buffer)
        while not await self._drained(attempt.left(timeout)):
            pass

    async def _drained(self, seconds: float) -> bool:
        """Whether there is room again; False where there is none yet, but the server is taking what there is.

        Raises:
            TimeoutError: if it took nothing for so many seconds.
        """
        waiting = self.transport.get_write_buffer_size()
        try:
            async with asyncio.timeout(seconds):
                await self._pipe.drained()
        except TimeoutError:
            if self.transport.get_write_buffer_size() >= waiting:
                raise
            return False
        return True

    async def aclose(self) -> None:
        # At once: whoever closes reads no more and has sent all. Waiting for TLS's farewell would be waiting for the peer.
        self.abort()

    def abort(self) -> None:
        """Let go, now."""
        self._network.open.discard(self)
        self.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's contract)
    ) -> httpcore2.AsyncNetworkStream:
        attempt = current()
        attempt.step = "tls"
        assert timeout is not None, "every request says how long it waits"
        try:
            context = await self._network.tls_context()
            async with asyncio.timeout(attempt.left(timeout)):
                secured = await asyncio.get_running_loop().start_tls(
                    self.transport, self._pipe, context, server_hostname=server_hostname
                )
        except BaseException:
            self.abort()
            raise
        assert secured is not None, "start_tls gives None only where the connection was lost, and raises then"
        self._pipe.transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self.is_spoilt or self._pipe.is_readable or _is_waiting(self.transport)
        return self.transport.get_extra_info(info)
