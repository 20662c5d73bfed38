"""The request as simple_http_server's programs see it: plain attributes, a session without `await`.

Laws:

* It is a view of the core's request and keeps nothing of its own that the core has: what a filter changes in `headers`, or puts
  into `parameter`, the handler's arguments are made of.
* What a program asks for without waiting is there: the content has been read before, and so has, where everything runs on the
  loop, the session. In a thread both can be fetched when they are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Final, TypeVar

from hospes.binding import Reads
from hospes.binding.content import is_form
from hospes.binding.environment import environment_of
from hospes.compat.simple_http_server.modes import Mode
from hospes.compat.simple_http_server.outgoing import Response
from hospes.errors import HttpError
from hospes.http.asking import running_loop
from hospes.http.content import ContentReader
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.request import Request as CoreRequest
from hospes.http.request import SessionSource
from hospes.limits import KiB

T = TypeVar("T")

_VIEW: Final = "simple_http_server.request"


class FirstValues(dict[str, Any]):
    """The first value of each parameter. What is put in becomes the parameter's only value."""

    def __init__(self, all_values: dict[str, list[Any]]) -> None:
        super().__init__((name, values[0]) for name, values in all_values.items())
        self._all = all_values

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._all[name] = [value]

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        del self._all[name]


class RequestBodyReader:
    """The content, piece by piece: `await reader.read(n)`, or `async for piece in reader`.

    As a parameter's type it binds the request's. An async function in a thread has a loop of its own; the content comes in on the
    server's.
    """

    __reads__ = Reads.STREAM

    def __init__(self, reader: ContentReader, loop: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._loop = loop

    @classmethod
    def __from_request__(cls, core: CoreRequest) -> RequestBodyReader:
        """The content of a request; on the loop."""
        return cls(core.reader, asyncio.get_running_loop())

    async def read(self, n: int = -1) -> bytes:
        """Read octets.

        Args:
            n: How many at most; all by default.

        Returns:
            The octets; none at the content's end.

        Raises:
            HttpError: 413, 400 or 408 where the content is too large, malformed or late.
        """
        if running_loop() is self._loop:
            return await self._reader.read(n)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._reader.read(n), self._loop))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read(64 * KiB):
            yield piece


class Request:
    """A request. As a parameter's default (`req=Request()`) or annotation it binds the one that is answered."""

    __reads__ = Reads.OCTETS

    def __init__(self, core: CoreRequest | None = None) -> None:
        self._core = core
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refusal: HttpError | None = None
        self._cookies: Cookies | None = None
        self._first: FirstValues | None = None
        self._all: dict[str, list[Any]] | None = None
        self._environment: dict[str, Any] | None = None

    @classmethod
    def of(cls, core: CoreRequest) -> Request:
        """The view of a request, the same for everybody who asks."""
        view: Request | None = core.state.get(_VIEW)
        if view is None:
            view = core.state[_VIEW] = Request(core)
        return view

    @classmethod
    async def __from_request__(cls, core: CoreRequest) -> Request:
        """The view of a request, with what it gives without waiting."""
        view = Request.of(core)
        await view.prepare()
        return view

    async def prepare(self) -> None:
        """On the loop: have there what may be asked for without waiting."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            core = self.core
            if core.services[Mode].is_on_loop:
                try:
                    await core.get_session(create=False)
                except HttpError as error:  # it is refused to whoever asks for it
                    self._refusal = error

    async def read_ahead(self) -> None:
        """Read a form or JSON before the filters see the request; who reads piece by piece still can."""
        core = self.core
        media_type = core.media_type if core.content is not None else None
        if media_type is not None and (is_form(core) or media_type.essence == "application/json"):
            content = await core.read()
            await core.read_form()
            core.content = ContentReader.of(content)

    @property
    def core(self) -> CoreRequest:
        """The request of hospes.

        Raises:
            RuntimeError: for a `Request()` that only stands as a parameter's default.
        """
        if self._core is None:
            raise RuntimeError("Request() only stands for the request, as a parameter's default")
        return self._core

    @property
    def method(self) -> str:
        """`GET`, `POST` …"""
        return self.core.method

    @property
    def path(self) -> str:
        """The decoded path."""
        return self.core.path

    @property
    def query_string(self) -> str:
        """The query, as it came."""
        return self.core.query_string

    @property
    def headers(self) -> Headers:
        """The header fields; names ignore case, and a filter may change them."""
        return self.core.headers

    @property
    def cookies(self) -> Cookies:
        """The cookies, an `http.cookies.SimpleCookie`."""
        if self._cookies is None:
            self._cookies = Cookies.from_field("; ".join(self.core.headers.get_all("cookie")))
        return self._cookies

    @property
    def parameters(self) -> dict[str, list[Any]]:
        """Every parameter of form and query with all its values, files among them."""
        if self._all is None:
            core = self.core
            self._all = core.parameters
            if core.has("form") and core.form.files:
                self._all = {name: list(values) for name, values in core.parameters.items()}
                for name, files in core.form.files.items():
                    self._all.setdefault(name, []).extend(files)
        return self._all

    @property
    def parameter(self) -> dict[str, Any]:
        """The first value of each parameter."""
        if self._first is None:
            self._first = FirstValues(self.parameters)
        return self._first

    def get_parameter(self, key: str, default: Any = None) -> Any:
        """The first value of a parameter, or `default`."""
        return self.parameter.get(key, default)

    @property
    def path_values(self) -> Mapping[str, str]:
        """What the route's `{names}` matched."""
        return self.core.path_values

    @property
    def reg_groups(self) -> tuple[str, ...]:
        """What the groups of a regexp route matched."""
        return self.core.reg_groups

    @property
    def reader(self) -> RequestBodyReader:
        """The content, piece by piece: `await reader.read(n)`."""
        assert self._loop is not None
        return RequestBodyReader(self.core.reader, self._loop)

    @property
    def body(self) -> bytes:
        """The content."""
        core = self.core
        if not core.has("body") and core.content is not None and self._may_wait:
            return self._wait(core.read())
        return core.body

    @property
    def json(self) -> Any:
        """The content where it is JSON and says so; else None.

        Raises:
            HttpError: 400 where it is malformed.
        """
        media_type = self.core.media_type
        if media_type is None or not (media_type.subtype == "json" or media_type.subtype.endswith("+json")):
            return None
        self.body  # noqa: B018 (read now, where it was not)
        return self.core.json

    @property
    def host(self) -> str:
        """The host that the request is for, with its port where it names one."""
        return self.core.host

    @property
    def content_type(self) -> str:
        """The Content-Type field; "" where there is none."""
        return self.core.content_type

    @property
    def content_length(self) -> int | None:
        """The Content-Length; None where there is none."""
        return self.core.content_length

    @property
    def environment(self) -> dict[str, Any]:
        """What surrounds the request; see `Environment`."""
        known = self._environment
        if known is None:
            known = self._environment = environment_of(self.core)
        return known

    def get_session(self, create: bool = False) -> Any:
        """The session of the browser that asks.

        Args:
            create: Whether to begin one where there is none.

        Returns:
            The session; None where there is none and `create` is false.

        Raises:
            HttpError: 403 for what another site's page sent, 503 where the sessions' store is away.
        """
        core = self.core
        if self._may_wait:
            return self._wait(self._take_session(create))
        if self._refusal is not None:
            raise self._refusal
        return core.services[SessionSource].take_now(core, create)

    async def _take_session(self, create: bool) -> Any:
        core = self.core
        session = await core.get_session(create)
        if Response.of(core).lingers:  # found after the answer had begun to leave
            core.services[SessionSource].linger(core)
        return session

    def getSession(self, create: bool = True) -> Any:
        """The session, begun where there is none; see `get_session`."""
        return self.get_session(create)

    @property
    def _may_wait(self) -> bool:
        """Whether this is asked in a thread, which may wait for the loop."""
        return self._loop is not None and running_loop() is not self._loop

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
