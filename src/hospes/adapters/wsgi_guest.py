"""A handler as a WSGI application, for other servers (PEP 3333).

    the host's thread                       our loop, in a thread of its own
    application(environ, start_response)
      asks ───────────────────────────────▶ the handler
      ◀── wants content ──────────────────
      wsgi.input.read, hands it over ─────▶
      ◀── response ───────────────────────
    start_response; the host iterates:
      next piece, please ─────────────────▶ async for piece in …
      ◀── piece ──────────────────────────

Laws:

* One loop for all of a process, in a background thread; it begins with the first request, so after a fork, and ends with the
  process.
* The host's thread does the host's work: only it reads `wsgi.input`, and it does so when the handler reads.
* A websocket cannot be carried: 501.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from hospes.adapters.guesting import (
    PIECE,
    Opened,
    Told,
    chosen,
    discard,
    encoded,
    failed,
    fields_of,
    file_pieces,
    refused,
    request_of,
    sends_content,
)
from hospes.adapters.wsgi import Environ, StartResponse
from hospes.errors import ClientDisconnected, check_kind
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits

_JOIN: Final = 5.0


class _Loop:
    """Our loop, in its thread, with the handler that answers."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.process = os.getpid()
        self.loop: asyncio.AbstractEventLoop
        self.handler: Handler
        self._failures: list[BaseException] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="hospes-wsgi", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failures:
            self._thread.join()
            raise self._failures[0]
        atexit.register(self.stop)

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        try:
            async with self._opened() as self.handler:
                self._ready.set()
                await self._over.wait()
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._failures.append(error)
        finally:
            self._ready.set()

    def stop(self) -> None:
        """End; from any other thread."""
        if self.process == os.getpid() and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._over.set)
            self._thread.join(_JOIN)
        atexit.unregister(self.stop)


class WsgiGuest:
    """A WSGI application that is a handler; `to_wsgi` makes it.

    Args:
        opened: Gives the handler for as long as it is entered.
        limits: How much a request may bring.
    """

    def __init__(self, opened: Opened, limits: Limits) -> None:
        self._opened = opened
        self._limits = limits
        self._starting = threading.Lock()
        self._loop: _Loop | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        loop = self._loop
        if loop is None or loop.process != os.getpid():
            with self._starting:
                loop = self._loop
                if loop is None or loop.process != os.getpid():
                    loop = self._loop = _Loop(self._opened)
        return _Exchange(loop, environ, self._limits).answer(start_response)

    def close(self) -> None:
        """Stop the loop and what was opened; a host that ends the process need not call it."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()


class _Exchange:
    """One request: what the host's thread and the loop say to each other."""

    def __init__(self, loop: _Loop, environ: Environ, limits: Limits) -> None:
        self._loop = loop
        self._environ = environ
        self._limits = limits
        self._said: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._content: ContentReader | None = None
        self._left = 0
        self._pieces: Any = None
        self._asked = False

    # In the host's thread.

    def answer(self, start_response: StartResponse) -> Iterable[bytes]:
        """Have the handler answer; gives the content."""
        method = self._environ["REQUEST_METHOD"]
        self._call(self._handle())
        response: Response = self._hear("response")
        start_response(_status(response.status), [(name, _native(value)) for name, value in fields_of(response, method)])
        content = response.content
        if isinstance(content, bytes):
            return [content] if sends_content(response, method) else []
        if not sends_content(response, method):
            self._call(discard(response))
            return []
        if isinstance(content, FileContent):
            return file_pieces(content)
        return _Pieces(self, response)

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop.loop)

    def _hear(self, wanted: str) -> Any:
        """What the loop says; the content that it wants meanwhile is handed over."""
        while True:
            what, value = self._said.get()
            if what == "content":
                self._hand_over()
            elif what == "hints":
                self._environ["wsgi.early_hints"]([("Link", _native(link)) for link in value])
            elif what == "failure":
                raise value
            elif what == wanted:
                return value

    def _hand_over(self) -> None:
        try:
            octets = self._environ["wsgi.input"].read(min(PIECE, self._left) if self._left >= 0 else PIECE)
        except Exception:  # each host has its own way to say that the peer has gone
            self._loop.loop.call_soon_threadsafe(self._break_off)
            return
        self._loop.loop.call_soon_threadsafe(self._take, octets)

    def next_piece(self, response: Response) -> bytes:
        """The next piece of a stream; b"" at its end."""
        self._call(self._next(response))
        octets: bytes = self._hear("piece")
        return octets

    def give_up(self, response: Response) -> None:
        """No more is wanted."""
        closing = asyncio.run_coroutine_threadsafe(self._close(response), self._loop.loop)
        closing.result()

    # On the loop.

    async def _handle(self) -> None:
        request: Request | None = None
        response: Any = None
        try:
            request = self._request()
            response = self._loop.handler(request)
            if not isinstance(response, Response):
                response = await response
            instead = refused(response)
            if instead is not None:
                await discard(response)
                response = instead
            fields_of(response, request.method)  # a cookie that may not be sent shows here
        except Exception as failure:
            response = failed(request, failure)
        except BaseException as failure:
            self._said.put(("failure", failure))
            raise
        self._said.put(("response", response))

    def _request(self) -> Request:
        environ = self._environ
        prefix = encoded(environ.get("SCRIPT_NAME", "").encode("latin-1")).rstrip("/")
        path = self._path(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        version = environ.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2]
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        told = Told(environ["REQUEST_METHOD"], path.encode(), prefix, query, version, list(self._fields()))
        client = Address(environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))
        server = Address(environ["SERVER_NAME"], int(environ.get("SERVER_PORT") or 0))
        hint = self._hint if "wsgi.early_hints" in environ else None
        request = request_of(told, Connection(client, server, environ["wsgi.url_scheme"], self._limits, hint=hint))
        request.state["wsgi.environ"] = environ
        if request.head.has_content:
            length = request.head.content_length
            self._left = -1 if length is None else length
            request.content = self._content = ContentReader(self, length, self._limits.body)
            if not self._left:
                self._content.end([])
        return request

    def _path(self, decoded: str) -> str:
        """The path as it came, where the host tells; else one that is decoded to the same."""
        raw: str = (self._environ.get("RAW_URI") or self._environ.get("REQUEST_URI") or "").partition("?")[0]
        if raw.isascii() and unquote_to_bytes(raw).decode("latin-1") == decoded:
            return raw
        return encoded(decoded.encode("latin-1"))

    def _fields(self) -> Iterator[tuple[bytes, bytes]]:
        environ = self._environ
        for key, value in environ.items():
            if key.startswith("HTTP_") and key not in {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"}:
                yield key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1")
        if environ.get("CONTENT_TYPE"):
            yield b"content-type", environ["CONTENT_TYPE"].encode("latin-1")
        if environ.get("CONTENT_LENGTH"):
            yield b"content-length", environ["CONTENT_LENGTH"].encode("latin-1")
        elif environ.get("wsgi.input_terminated") and environ.get("HTTP_TRANSFER_ENCODING"):
            yield b"transfer-encoding", b"chunked"

    def _hint(self, head: object, links: tuple[str, ...]) -> None:
        """Have the host send Early Hints, in its thread; it knows until when it may."""
        self._said.put(("hints", links))

    def want_content(self) -> None:
        """Somebody reads: the host's thread is to."""
        if not self._asked:
            self._asked = True
            self._said.put(("content", None))

    def _take(self, octets: bytes) -> None:
        content = self._content
        assert content is not None
        self._asked = False
        if self._left > 0:
            self._left -= len(octets)
        if not octets and self._left > 0:
            self._break_off()
            return
        content.feed(octets)
        if not octets or not self._left:
            content.end([])
        elif content.wanted:
            self.want_content()

    def _break_off(self) -> None:
        assert self._content is not None
        self._content.fail(ClientDisconnected("the peer has gone"))

    async def _next(self, response: Response) -> None:
        try:
            if self._pieces is None:
                assert isinstance(response.content, Stream)
                self._pieces = aiter(response.content)
            self._said.put(("piece", await anext(self._pieces, b"")))
        except BaseException as failure:
            self._said.put(("failure", failure))

    async def _close(self, response: Response) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        await discard(response)


class _Pieces:
    """The content of a stream, for the host to iterate and to close."""

    def __init__(self, exchange: _Exchange, response: Response) -> None:
        self._exchange = exchange
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._exchange.next_piece(self._response), b"")

    def close(self) -> None:
        """The host wants no more, or has all."""
        self._exchange.give_up(self._response)


def _native(value: str) -> str:
    """A value as PEP 3333 wants it: each character one octet."""
    return value if value.isascii() else _latin(value)


def _latin(value: str) -> str:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode().decode("latin-1")
    return value


def _status(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} -"


def to_wsgi(handler: Handler | None = None, *, opened: Opened | None = None, limits: Limits | None = None) -> WsgiGuest:
    """Make a WSGI application of a handler.

    Args:
        handler: What answers.
        opened: In its place: gives what answers for as long as it is entered, as `App.started` does.
        limits: How much a request may bring; the usual limits by default.

    Raises:
        TypeError: without either, or with both.
    """
    if limits is not None:
        check_kind("wsgi(limits={})", limits, Limits, "Limits(body=50 * MiB)")
    return WsgiGuest(chosen(handler, opened), limits if limits is not None else Limits())
