"""A handler as an ASGI application, for other servers.

    application = to_asgi(handler)              # or app.asgi()
    $ uvicorn program:application

Laws:

* What is opened with it (an App: its objects, its threads) begins with the host's lifespan; where the host has none, before the
  first request, and it ends with the loop then.
* Content is asked of the host while somebody reads it, and not before; the answer's next piece when the host has taken the last.
* When the peer has gone the handler is cancelled, as it is in our own server.
* A handler that answers at once costs no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, cast
from urllib.parse import quote

from hospes.adapters.asgi import Message, Receive, Scope, Send
from hospes.adapters.asgi_guest_websocket import answer_websocket
from hospes.adapters.guesting import (
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
from hospes.errors import ClientDisconnected, check_kind
from hospes.execution import call_on_loop
from hospes.http.connection import Address, Connection, Hint
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits


class AsgiGuest:
    """An ASGI 3 application that is a handler; `to_asgi` makes it.

    Args:
        opened: Gives the handler for as long as it is entered.
        limits: How much a request may bring.
    """

    def __init__(self, opened: Opened, limits: Limits) -> None:
        self._opened = opened
        self._limits = limits
        self._handler: Handler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._opening: asyncio.Future[Handler] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
            return
        handler = self._handler
        if handler is None or self._loop is not asyncio.get_running_loop():
            handler = await self._started()
        if kind == "http":
            await _Exchange(scope, receive, send, self._limits).answer(handler)
        elif kind == "websocket":
            await answer_websocket(scope, receive, send, connection_of(scope, self._limits), handler)
        else:
            raise ValueError(f"the scope {kind!r} is none that hospes knows: it answers http, websocket and lifespan")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        opened = self._opened()
        try:
            self._handler = await opened.__aenter__()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._loop = asyncio.get_running_loop()
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        finally:
            self._handler = None
            try:
                await opened.__aexit__(None, None, None)
            except Exception as error:
                await send({"type": "lifespan.shutdown.failed", "message": str(error)})
                raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _started(self) -> Handler:
        """The handler, where the host has no lifespan: opened by the first request that comes."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._opening is None:
            self._loop, self._handler = loop, None
            self._opening = loop.create_future()
            self._keeper = loop.create_task(self._keep(self._opening))
        return await asyncio.shield(self._opening)

    async def _keep(self, opening: asyncio.Future[Handler]) -> None:
        """What was opened is entered and left in one task; this one ends with the loop."""
        try:
            async with self._opened() as handler:
                self._handler = handler
                opening.set_result(handler)
                await asyncio.get_running_loop().create_future()
        except Exception as error:
            if opening.done():
                raise
            opening.set_exception(error)  # the next request tries again
            self._opening = None
        finally:
            self._handler = None


class _Exchange:
    """One request: the handler's side and the host's."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._content: ContentReader | None = None
        self._wanted = asyncio.Event()
        self._work: asyncio.Future[Response] | asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._answers = False  # whether the answer begins
        self._hints: list[asyncio.Task[None]] = []  # before it

    async def answer(self, handler: Handler) -> None:
        """Have the handler answer, and send what it says."""
        request: Request | None = None
        answer: Any = None
        try:
            try:
                request = self._request()
                answer = handler(request)
                if not isinstance(answer, Response):
                    answer = await self._listening(asyncio.ensure_future(answer))
            except (Exception, asyncio.CancelledError) as failure:
                if self._gone or isinstance(failure, asyncio.CancelledError):
                    if not self._gone:
                        raise
                    return
                answer = failed(request, failure)
            instead = refused(answer)
            if instead is not None:
                await discard(answer)
                answer = instead
            await self._send_response(answer)
        finally:
            if self._listener is not None:
                self._listener.cancel()

    def _request(self) -> Request:
        scope = self._scope
        prefix = encoded(scope.get("root_path", "")).rstrip("/")
        path = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
        told = Told(scope["method"], path, prefix, scope.get("query_string", b""), scope["http_version"], scope["headers"])
        hint = self._hint if "http.response.early_hint" in scope.get("extensions", {}) else None
        request = request_of(told, connection_of(scope, self._limits, hint))
        if request.head.has_content:
            request.content = self._content = ContentReader(self, request.head.content_length, self._limits.body)
        return request

    # What comes in.

    def want_content(self) -> None:
        """Somebody reads: ask the host for more."""
        self._wanted.set()
        self._listen()

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen_on())

    async def _listening(self, work: asyncio.Future[Any]) -> Any:
        """Wait for the handler, which is cancelled when the peer goes."""
        self._work = work
        if self._content is None:
            self._listen()
        try:
            return await work
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            self._work = None

    async def _listen_on(self) -> None:
        content = self._content
        more = content is not None
        while True:
            if more:
                await self._wanted.wait()
                self._wanted.clear()
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                break
            if content is not None and more:
                content.feed(message.get("body", b""))
                more = message.get("more_body", False)
                if not more:
                    content.end([])
                elif content.wanted:
                    self._wanted.set()
        self._gone = True
        if content is not None:
            content.fail(ClientDisconnected("the peer has gone"))
        if self._work is not None:
            self._work.cancel()

    # What goes out.

    def _hint(self, head: object, links: tuple[str, ...]) -> None:
        """Have the host send Early Hints; from any thread."""
        call_on_loop(self._loop, self._hint_here, links)

    def _hint_here(self, links: tuple[str, ...]) -> None:
        if not self._answers:
            self._hints.append(asyncio.ensure_future(self._send_hint([_octets(link) for link in links])))

    async def _send_hint(self, links: list[bytes]) -> None:
        with suppress(OSError):  # the peer has gone
            await self._send({"type": "http.response.early_hint", "links": links})

    async def _send_response(self, response: Response) -> None:
        method = self._scope["method"]
        content = response.content
        self._answers = True
        for hint in self._hints:
            await hint
        stream = content if isinstance(content, Stream) else None
        trails = stream is not None and stream.length is None and "http.response.trailers" in self._scope.get("extensions", {})
        fields = [(name.lower().encode("latin-1"), _octets(value)) for name, value in fields_of(response, method)]
        start: Message = {"type": "http.response.start", "status": response.status, "headers": fields}
        if trails and sends_content(response, method):
            start["trailers"] = True
        try:
            await self._send(start)
            if isinstance(content, bytes):
                await self._send({"type": "http.response.body", "body": content if sends_content(response, method) else b""})
                return
            if sends_content(response, method):
                await self._listening(asyncio.ensure_future(self._send_pieces(content)))
            await self._send({"type": "http.response.body", "body": b""})
            if "trailers" in start and stream is not None:
                trailers = [(name.lower().encode("latin-1"), _octets(value)) for name, value in stream.trailers]
                await self._send({"type": "http.response.trailers", "headers": trailers})
        except OSError:  # the peer has gone: so say hosts from version 2.4 of the specification on
            return
        except asyncio.CancelledError:
            if not self._gone:
                raise
        finally:
            await discard(response)

    async def _send_pieces(self, content: object) -> None:
        if isinstance(content, FileContent):
            for octets in file_pieces(content):
                await self._send({"type": "http.response.body", "body": octets, "more_body": True})
            return
        stream = cast("Stream", content)
        async with aclosing(stream), aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as pieces:
            async for piece in pieces:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})


def connection_of(scope: Scope, limits: Limits, hint: Hint | None = None) -> Connection:
    """Who is connected with whom, as the host tells."""
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("", 0)
    scheme = "https" if scope.get("scheme", "http") in {"https", "wss"} else "http"
    return Connection(Address(client[0], client[1]), Address(server[0], server[1] or 0), scheme, limits, hint=hint)


def _octets(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def to_asgi(handler: Handler | None = None, *, opened: Opened | None = None, limits: Limits | None = None) -> AsgiGuest:
    """Make an ASGI 3 application of a handler.

    Args:
        handler: What answers.
        opened: In its place: gives what answers for as long as it is entered, as `App.started` does.
        limits: How much a request may bring; the usual limits by default.

    Raises:
        TypeError: without either, or with both.
    """
    if limits is not None:
        check_kind("asgi(limits={})", limits, Limits, "Limits(body=50 * MiB)")
    return AsgiGuest(chosen(handler, opened), limits if limits is not None else Limits())
