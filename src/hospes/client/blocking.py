"""The link of the blocking client: sockets and threads, no loop.

Laws:

* Its coroutines never suspend: what they await is done when they are called.
* A name is looked up in a thread of its own, because the system's resolver knows no timeout.
* Connections are the library's own; ours stand around them to keep the deadline, and to say how far the attempt is.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Any

import httpcore2

from hospes.client import addresses, errors
from hospes.client.attempt import Attempt, current
from hospes.client.content import Outgoing
from hospes.client.link import Answer, Call, complaint, failure, has_surplus, headers_of, reason_of, request_of
from hospes.client.options import ClientOptions
from hospes.client.security import Trust, placeholder


class BlockingLink:
    """Connections of one blocking client; any thread may use it."""

    def __init__(self, options: ClientOptions) -> None:
        self._timeouts = options.timeouts
        self._pool = httpcore2.ConnectionPool(
            ssl_context=placeholder(),
            max_connections=options.limits.connections,
            max_keepalive_connections=options.limits.idle_connections,
            keepalive_expiry=options.timeouts.idle,
            network_backend=_Network(options),
        )

    async def send(self, call: Call, attempt: Attempt) -> Answer:
        """Send a request; see `Link.send`."""
        try:
            with attempt.under_way():
                content = _noted(call.content, attempt) if call.content is not None else ()
                raw = self._pool.handle_request(request_of(call, attempt, self._timeouts, content))
        except Exception as error:
            meaning = failure(error, attempt)
            if meaning is error:
                raise
            raise meaning from error
        if wrong := complaint(raw):
            raw.close()
            raise errors.ReadError("read", attempt.url.shown, wrong)
        return _BlockingAnswer(raw, attempt)

    async def sleep(self, seconds: float) -> None:
        """Wait; holds up the thread."""
        time.sleep(seconds)  # noqa: ASYNC251 (no loop is held up: this link is for those without one)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _BlockingAnswer:
    """An answer whose content is still on the way."""

    def __init__(self, raw: httpcore2.Response, attempt: Attempt) -> None:
        self.status = raw.status
        self.reason = reason_of(raw)
        self.headers = headers_of(raw.headers)
        self._raw = raw
        self._attempt = attempt
        self._pieces: Iterator[bytes] = raw.iter_stream()

    async def read(self) -> bytes:
        """The next octets; see `Answer.read`."""
        try:
            with self._attempt.under_way():
                piece = next(self._pieces, b"")
            if not piece and has_surplus(self._raw):
                self._raw.extensions["network_stream"].is_spoilt = True  # pyright: ignore[reportUnknownMemberType]
            return piece
        except Exception as error:
            raise failure(error, self._attempt) from error

    async def close(self) -> None:
        """Read no more."""
        self._raw.close()


def _noted(content: Outgoing, attempt: Attempt) -> Iterator[bytes]:
    """The content's pieces; what it raises is noted as the program's own failure."""
    try:
        yield from content.pieces()
    except Exception as error:
        attempt.source_error = error
        raise


class _Network(httpcore2.NetworkBackend):
    """Makes connections."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._trust = Trust(options.tls)
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        attempt = current()
        attempt.is_fresh = True
        found = self._resolve(attempt, host, port)
        attempt.step = "connect"
        deadline = time.monotonic() + attempt.left(self._options.timeouts.connect)
        for tried, address in enumerate(found):
            # Each address gets its share of the time: the first may be one that swallows everything.
            share = max(deadline - time.monotonic(), 0.001) / (len(found) - tried)
            try:
                stream = self._plain.connect_tcp(address, port, share, local_address, socket_options or ())
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if tried == len(found) - 1:
                    raise
            else:
                return _Stream(stream, self._trust)
        raise httpcore2.ConnectError("the name has no address")

    def _resolve(self, attempt: Attempt, host: str, port: int) -> list[str]:
        attempt.step = "resolve"
        if addresses.is_literal(host):
            found = [host]
        else:
            found = _in_thread(host, port).result(attempt.left(self._options.timeouts.connect))
        private = addresses.first_private(found) if self._options.public_only else None
        if private is not None:
            raise errors.AddressRefused("resolve", attempt.url.shown, "the host has an address that is not public")
        return found


def _in_thread(host: str, port: int) -> Future[list[str]]:
    future: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            future.set_result(addresses.look_up(host, port))
        except Exception as error:  # a name that cannot be encoded is a UnicodeError
            future.set_exception(error)

    Thread(target=look_up, name="hospes-resolve", daemon=True).start()
    return future


class _Stream(httpcore2.NetworkStream):
    """A connection that keeps the deadline of the attempt under way."""

    def __init__(self, stream: httpcore2.NetworkStream, trust: Trust) -> None:
        self._stream = stream
        self._trust = trust
        self.is_spoilt = False
        """Whether more has come than was asked for: nothing more may be asked here."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        attempt = current()
        attempt.step = "read"
        assert timeout is not None, "every request says how long it waits"
        return self._stream.read(max_bytes, attempt.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        attempt = current()
        attempt.step = "send"
        assert timeout is not None, "every request says how long it waits"
        sock: socket.socket = self._stream.get_extra_info("socket")
        view = memoryview(buffer)
        # The library's own loop would wait `timeout` for each bit that a slow server takes, and the deadline would not count.
        while view:
            sock.settimeout(attempt.left(timeout))
            try:
                view = view[sock.send(view) :]
            except TimeoutError:
                raise
            except OSError as error:
                attempt.write_failed = True
                raise httpcore2.WriteError(error) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        attempt = current()
        attempt.step = "tls"
        assert timeout is not None, "every request says how long it waits"
        context = self._trust.context()
        return _Stream(self._stream.start_tls(context, server_hostname, attempt.left(timeout)), self._trust)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self.is_spoilt:
            return True
        return self._stream.get_extra_info(info)
