"""What the client's tests share: both clients behind one face, an honest server, and one that does as it is told.

Every test of behaviour takes `make`, and runs over the blocking and the asynchronous client.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from hospes.client import AsyncHttpClient, Body, ClientOptions, ClientResponse, HttpClient
from hospes.client.cookies import CookieJar
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.server import ServerOptions, ServingThread

WAIT = 20.0
"""Seconds after which a test that waits has failed."""


@dataclass
class Streamed:
    """What came of a streamed answer."""

    status: int
    length: int | None
    pieces: list[bytes] = field(default_factory=list)
    received: int = 0


class Client(Protocol):
    """Either client, seen from a plain test."""

    @property
    def cookies(self) -> CookieJar: ...

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        query: Any = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> ClientResponse: ...

    def stream(self, method: str, url: str, most: int | None = None, timeout: float | None = None) -> Streamed:
        """Read an answer in pieces, `most` of them."""
        ...

    def save(self, url: str, path: str, progress: Any = None) -> None: ...


class Make(Protocol):
    """Makes a client."""

    def __call__(self, options: ClientOptions | None = None) -> AbstractContextManager[Client]: ...


class Blocking:
    """HttpClient."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @property
    def cookies(self) -> CookieJar:
        return self._client.cookies

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        query: Any = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> ClientResponse:
        return self._client.request(method, url, headers=headers, query=query, body=body, timeout=timeout)

    def stream(self, method: str, url: str, most: int | None = None, timeout: float | None = None) -> Streamed:
        with self._client.stream(method, url, timeout=timeout) as response:
            streamed = Streamed(response.status, response.length)
            if most != 0:
                for piece in response:
                    streamed.pieces.append(piece)
                    if len(streamed.pieces) == most:
                        break
            streamed.received = response.received
        return streamed

    def save(self, url: str, path: str, progress: Any = None) -> None:
        with self._client.stream("GET", url) as response:
            response.save_to_file(path, progress)


class OnLoop:
    """AsyncHttpClient, on a loop that runs when it is asked something."""

    def __init__(self, client: AsyncHttpClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    @property
    def cookies(self) -> CookieJar:
        return self._client.cookies

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        query: Any = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> ClientResponse:
        async def ask() -> ClientResponse:
            return await self._client.request(method, url, headers=headers, query=query, body=body, timeout=timeout)

        return self._runner.run(ask())

    def stream(self, method: str, url: str, most: int | None = None, timeout: float | None = None) -> Streamed:
        return self._runner.run(self._stream(method, url, most, timeout))

    async def _stream(self, method: str, url: str, most: int | None, timeout: float | None) -> Streamed:
        async with self._client.stream(method, url, timeout=timeout) as response:
            streamed = Streamed(response.status, response.length)
            if most != 0:
                async for piece in response:
                    streamed.pieces.append(piece)
                    if len(streamed.pieces) == most:
                        break
            streamed.received = response.received
        return streamed

    def save(self, url: str, path: str, progress: Any = None) -> None:
        async def save() -> None:
            async with self._client.stream("GET", url) as response:
                await response.save_to_file(path, progress)

        self._runner.run(save())


@contextmanager
def blocking(options: ClientOptions | None = None) -> Generator[Client]:
    with HttpClient(options or ClientOptions()) as client:
        yield Blocking(client)


@contextmanager
def on_loop(options: ClientOptions | None = None) -> Generator[Client]:
    with asyncio.Runner() as runner:
        client = AsyncHttpClient(options or ClientOptions())
        try:
            yield OnLoop(client, runner)
        finally:
            runner.run(client.close())


FACES: dict[str, Make] = {"blocking": blocking, "on_loop": on_loop}


@contextmanager
def serving(handler: Handler, options: ServerOptions | None = None) -> Generator[str]:
    """Our own server with a handler; gives its URL."""
    thread = ServingThread(lambda: nullcontext(handler), options or ServerOptions(port=0))
    thread.start()
    try:
        yield thread.url
    finally:
        thread.stop(drain=0.2)


class Script:
    """A server that does as it is told: `play` is called with each connection, in a thread of its own.

    What `play` raises because the client has gone is passed over.
    """

    def __init__(self, play: Callable[[Peer], object]) -> None:
        self._play = play
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.connected = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Script:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(WAIT)
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self.connected.set()
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(WAIT)
        with sock, suppress(OSError):
            self._play(Peer(sock))


class Peer:
    """A connection, from the server's side."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def request(self) -> bytes:
        """One request's head; b"" where the client has gone."""
        while b"\r\n\r\n" not in self._buffer:
            octets = self.sock.recv(65_536)
            if not octets:
                return b""
            self._buffer += octets
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def gone(self) -> None:
        """Wait until the client is."""
        while self.sock.recv(65_536):
            pass


def answer(content: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """An answer in octets."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + content


def always(octets: bytes) -> Callable[[Peer], object]:
    """Give the same answer to every request of a connection."""

    def play(peer: Peer) -> None:
        while peer.request():
            peer.send(octets)

    return play


def once(octets: bytes) -> Callable[[Peer], object]:
    """Answer one request, and close."""

    def play(peer: Peer) -> None:
        peer.request()
        peer.send(octets)

    return play


async def echo(request: Request) -> Response:
    """What was asked, as JSON."""
    content = await request.read()
    return Response(
        {
            "method": request.method,
            "target": request.head.target,
            "fields": dict(request.headers),
            "content": content.decode("latin-1"),
        }
    )
