"""`HttpClient` and `AsyncHttpClient`: requests from here to elsewhere.

    response = HttpClient().get("https://example.org", timeout=5)

    async with AsyncHttpClient(cookies=True) as client:
        response = await client.post("https://example.org/orders", json={"item": "tea"})

Laws:

* Both have the same calls and the same behaviour, for it is written once (`exchange`); only the link differs.
* A client keeps connections, cookies and what it trusts; many calls of one client are quicker than one call of many clients.
* The transport's library is loaded by the first call, not before.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hospes.client.calling import Calling, check_timeout, make_call
from hospes.client.content import Body
from hospes.client.cookies import CookieJar
from hospes.client.driving import run
from hospes.client.exchange import Exchange
from hospes.client.options import ClientOptions
from hospes.client.response import AsyncStreamedResponse, ClientResponse, StreamedResponse
from hospes.client.url import Query
from hospes.errors import check_kind
from hospes.http.headers import HeaderSource

if TYPE_CHECKING:
    from hospes.client.blocking import BlockingLink
    from hospes.client.on_loop import LoopLink

_DEFAULT = ClientOptions()


class HttpClient(Calling[ClientResponse]):
    """Sends requests and waits for their answers; any thread may use it.

    Enter it with `with`, or `close` it, to let its connections go at once; else they go with the object.

    Args:
        options: How it behaves; see `ClientOptions`.
        timeout: Seconds for a whole call; shorthand for `timeouts.total`.
        cookies: Whether cookies are kept and sent back.
        redirects: How many redirects a call follows.
        retries: How many further attempts an idempotent request has.

    Raises:
        ValueError: for a number that is none of these.
    """

    def __init__(
        self,
        options: ClientOptions = _DEFAULT,
        *,
        timeout: float | None = None,
        cookies: bool | None = None,
        redirects: int | None = None,
        retries: int | None = None,
    ) -> None:
        self._options = _options(options, timeout, cookies, redirects, retries)
        self._jar = CookieJar() if self._options.cookies else None
        self._link: BlockingLink | None = None
        self._lock = Lock()

    @property
    def cookies(self) -> CookieJar:
        """The cookies that are kept; an empty jar where they are not."""
        return self._jar if self._jar is not None else CookieJar()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource | None = None,
        query: Query | None = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> ClientResponse:
        call = make_call(self._options, method, url, headers, query, body)
        incoming = run(self._exchange().open(call, check_timeout(timeout)))
        return ClientResponse(incoming, run(incoming.read_all()), self._options)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource | None = None,
        query: Query | None = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> Generator[StreamedResponse]:
        """Send a request and read its answer piece by piece: `with client.stream("GET", url) as response: …`.

        Args:
            method: Its method.
            url: An absolute URL.
            headers: Its fields.
            query: Names and values put behind those of the URL.
            body: What it brings.
            timeout: Seconds until the answer's fields have come; after that `timeouts.read` holds for each piece.

        Raises:
            ClientError: if a step fails.
            ValueError, TypeError: if something cannot be sent; nothing is sent then.
        """
        call = make_call(self._options, method, url, headers, query, body)
        incoming = run(self._exchange().open(call, check_timeout(timeout)))
        incoming.let_stream()
        try:
            yield StreamedResponse(incoming)
        finally:
            run(incoming.close())

    def close(self) -> None:
        """Close the connections. A later call makes new ones."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _exchange(self) -> Exchange:
        with self._lock:
            if self._link is None:
                from hospes.client.blocking import BlockingLink  # loads the transport's library

                self._link = BlockingLink(self._options)
                weakref.finalize(self, self._link.close)
            return Exchange(self._link, self._options, self._jar)


class AsyncHttpClient(Calling[Awaitable[ClientResponse]]):
    """Sends requests on the running asyncio loop; it belongs to the loop that first uses it.

    Enter it with `async with`, or await `close`, to let its connections go at once; else they go with the object.

    Args:
        options: How it behaves; see `ClientOptions`.
        timeout: Seconds for a whole call; shorthand for `timeouts.total`.
        cookies: Whether cookies are kept and sent back.
        redirects: How many redirects a call follows.
        retries: How many further attempts an idempotent request has.

    Raises:
        ValueError: for a number that is none of these.
    """

    def __init__(
        self,
        options: ClientOptions = _DEFAULT,
        *,
        timeout: float | None = None,
        cookies: bool | None = None,
        redirects: int | None = None,
        retries: int | None = None,
    ) -> None:
        self._options = _options(options, timeout, cookies, redirects, retries)
        self._jar = CookieJar() if self._options.cookies else None
        self._link: LoopLink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def cookies(self) -> CookieJar:
        """The cookies that are kept; an empty jar where they are not."""
        return self._jar if self._jar is not None else CookieJar()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource | None = None,
        query: Query | None = None,
        body: Body | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (one deadline for every step, which says which it was)
    ) -> ClientResponse:
        call = make_call(self._options, method, url, headers, query, body)
        incoming = await self._exchange().open(call, check_timeout(timeout))
        return ClientResponse(incoming, await incoming.read_all(), self._options)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource | None = None,
        query: Query | None = None,
        body: Body | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (see request)
    ) -> AsyncGenerator[AsyncStreamedResponse]:
        """Send a request and read its answer piece by piece; see `HttpClient.stream`."""
        call = make_call(self._options, method, url, headers, query, body)
        incoming = await self._exchange().open(call, check_timeout(timeout))
        incoming.let_stream()
        try:
            yield AsyncStreamedResponse(incoming)
        finally:
            await incoming.close()

    async def close(self) -> None:
        """Close the connections. A later call makes new ones."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def _exchange(self) -> Exchange:
        loop = asyncio.get_running_loop()
        if self._link is None:
            from hospes.client.on_loop import LoopLink  # loads the transport's library

            self._link, self._loop = LoopLink(self._options), loop
            weakref.finalize(self, _abandon, self._link, loop)
        if self._loop is not loop:
            raise RuntimeError(
                "this AsyncHttpClient belongs to another loop: make one for each, or close it before its loop ends"
            )
        return Exchange(self._link, self._options, self._jar)


def _abandon(link: LoopLink, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # the loop is closed, and its connections with it
        loop.call_soon_threadsafe(link.abandon)


def _options(
    options: ClientOptions, timeout: float | None, cookies: bool | None, redirects: int | None, retries: int | None
) -> ClientOptions:
    """The options with what the shorthands say."""
    check_kind("HttpClient({})", options, ClientOptions, "ClientOptions(redirects=5)")
    return replace(
        options,
        timeouts=options.timeouts if timeout is None else replace(options.timeouts, total=timeout),
        cookies=options.cookies if cookies is None else cookies,
        redirects=options.redirects if redirects is None else redirects,
        retries=options.retries if retries is None else retries,
    )
