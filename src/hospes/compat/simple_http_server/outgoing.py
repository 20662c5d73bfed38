"""The response as simple_http_server's programs see it: returned, or injected and sent.

    return Response(200, {"X-A": "b"}, "text")         an answer
    def home(res=Response()): res.send_response()      the request's own response; what is returned after that is ignored
    res.write_bytes(b"…")                              sent piece by piece while the function goes on

Laws:

* A request has one injected response. What is set there and not sent is added to whatever is answered.
* It is sent once, as it is then; a second time is an error in the program.
* What `send_response`, `send_redirect` and `send_error` send leaves when the function has returned: what it changes is durable
  before that. What `write_bytes` writes leaves at once, and the function waits where the peer is slow. What was changed before
  the first piece is durable when that leaves; what is changed after it, before the last one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from http.cookies import BaseCookie
from typing import Any, Final, NamedTuple

from hospes.compat.simple_http_server.streaming import LOG, Pieces, Written, sent_early
from hospes.errors import HttpError
from hospes.files import File
from hospes.http.answer import to_response
from hospes.http.content import Stream
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.request import Request as CoreRequest
from hospes.http.request import SessionSource
from hospes.http.response import OCTETS
from hospes.http.response import Redirect as CoreRedirect
from hospes.http.response import Response as CoreResponse

_INJECTED: Final = "simple_http_server.response"


class Redirect(CoreRedirect):
    """Send the visitor elsewhere, with 302.

    Args:
        url: Where.
    """

    __slots__ = ("url",)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class StaticFile(File):
    """An answer that is a file.

    Args:
        file_path: Its path.
        content_type: Its media type; found by the name's ending by default.
    """

    __slots__ = ()

    def __init__(self, file_path: str, content_type: str = "") -> None:
        super().__init__(file_path, content_type)

    @property
    def file_path(self) -> str:
        """Its path."""
        return self.path


class _Sent(NamedTuple):
    """What was said when a response was sent."""

    status_code: int
    body: Any
    headers: Headers
    cookies: Cookies


class Response:
    """An answer. As a parameter's default (`res=Response()`) or annotation it binds the one of the request.

    Args:
        status_code: Its status.
        headers: Its fields; a list is several lines.
        body: Its content: whatever a function may return.
    """

    def __init__(self, status_code: int = 200, headers: Mapping[str, Any] | None = None, body: Any = "") -> None:
        self.status_code = status_code
        self.body = body
        self._headers = Headers(headers)
        self._cookies: Cookies = Cookies()
        self._is_sent = False
        self._redirect: CoreRedirect | None = None
        self._failure: HttpError | None = None
        self._has_failed = False
        self._written = bytearray()
        self._made: CoreResponse | None = None
        self._sent: _Sent | None = None
        self._core: CoreRequest | None = None
        self._is_answered = self.lingers = False
        self._pieces: Pieces | None = None  # where what is written goes; None where it is kept until the function returns

    @classmethod
    def of(cls, request: CoreRequest) -> Response:
        """The injected response of a request, the same for everybody who asks."""
        injected: Response | None = request.state.get(_INJECTED)
        if injected is None:
            injected = request.state[_INJECTED] = Response()
            injected._core = request
            request.finish_with(injected._complete)
        return injected

    @classmethod
    def __from_request__(cls, request: CoreRequest) -> Response:
        """The injected response of a request."""
        return Response.of(request)

    @property
    def headers(self) -> Headers:
        """The fields."""
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, Any]) -> None:
        self._headers = Headers(headers)

    @property
    def cookies(self) -> Cookies:
        """Cookies to set: `res.cookies["a"] = "b"; res.cookies["a"]["path"] = "/"`."""
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: BaseCookie[Any]) -> None:
        self._cookies = Cookies()
        self._cookies.load(cookies)

    cookie = cookies

    @property
    def is_sent(self) -> bool:
        """Whether it was sent."""
        return self._is_sent

    def set_header(self, key: str, value: Any) -> None:
        """Set a field in place of the one of this name."""
        self._headers[key] = value

    def add_header(self, key: str, value: Any) -> None:
        """Add a line, or a list of lines, to a field."""
        self._headers.add(key, value)

    def add_headers(self, headers: Mapping[str, Any] | None = None) -> None:
        """Add lines to several fields."""
        for name, value in (headers or {}).items():
            self.add_header(name, value)

    def send_response(self) -> None:
        """Send it as it is.

        Raises:
            RuntimeError: where it was sent already.
        """
        self._send()

    def send_redirect(self, url: str) -> None:
        """Send the visitor elsewhere, with 302.

        Raises:
            RuntimeError: where it was sent already.
        """
        self._send()
        self._redirect = CoreRedirect(url)

    def send_error(self, status_code: int, message: str = "", explain: str = "") -> None:
        """Answer with an error, as `raise HttpError(status_code, message, explain)` does.

        Raises:
            RuntimeError: where it was sent already.
        """
        failure = HttpError(status_code, message, explain)
        self._send()
        self._failure = failure

    def write_bytes(self, data: bytes | bytearray | memoryview) -> Written:
        """Send a piece of the content; the fields go before the first.

        Returns:
            What an `async` function may await, so that a slow peer is waited for; in a thread that has been done.

        Raises:
            RuntimeError: where it was sent already.
            TypeError: for what is not bytes.
            ConnectionError: where the peer has gone.
        """
        if self._is_sent:
            raise RuntimeError("this response has been sent: write_bytes() comes before send_response() and close()")
        if not isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs
            raise TypeError(f"write_bytes() takes bytes, not {type(data).__name__}: encode it first")
        if self._pieces is None:
            self._written += data
            return Written(None)
        return self._pieces.write(bytes(data))

    def close(self) -> None:
        """End what was written. It is implied by the function's end."""
        self._is_sent = True
        if self._pieces is not None:
            self._pieces.close()

    @property
    def has_begun(self) -> bool:
        """Whether it was sent, or written to."""
        return self._is_sent or bool(self._written) or (self._pieces is not None and self._pieces.has_begun)

    @property
    def says_something(self) -> bool:
        """Whether anything was set or sent."""
        return self.has_begun or self.body != "" or self.status_code != 200 or bool(self._headers) or bool(self._cookies)

    def settles_failure(self) -> bool:
        """Inside of an `except` block: whether there was an answer before the function failed, which counts all the same."""
        is_settled = self._is_sent or self._is_answered
        if self._is_answered:
            LOG.exception("a filter failed after there was an answer")
        elif self._is_sent:
            LOG.exception("a function failed after it had sent its answer")
        self._has_failed = not is_settled
        return is_settled

    def respond(self, request: CoreRequest) -> CoreResponse:
        """The core's response.

        Raises:
            HttpError: the one that was sent.
            ValueError: for what cannot be sent, such as a status that is none.
        """
        try:
            return self._respond(request)
        except BaseException:
            if self._pieces is not None:
                self._pieces.refuse()
            raise

    def _respond(self, request: CoreRequest) -> CoreResponse:
        sent = self._sent or _Sent(self.status_code, self.body, self._headers, self._cookies)
        if self._pieces is not None and self._pieces.has_begun:
            made = CoreResponse(Stream(self._pieces), sent.status_code, content_type=OCTETS)
            if self._pieces.goes_on:
                self._linger()
        elif self._failure is not None:
            raise self._failure
        elif self._written:
            made = CoreResponse(bytes(self._written), sent.status_code)
        elif self._redirect is not None:
            made = self._redirect
        else:
            made = to_response(stripped(sent.body), request, sent.status_code)
            if made.status == 200:
                made.status = sent.status_code
        self._made = made
        self._is_sent = self._is_sent or self._pieces is None or not self._pieces.has_begun
        for name in sent.headers:
            made.headers[name] = sent.headers.get_all(name)
        if sent.cookies:
            made.cookies.load(sent.cookies)
        return made

    def answered(self) -> None:
        """Somebody has answered; where it was not by this, it can be sent no more."""
        self._is_answered = True
        self._is_sent = self._is_sent or not self.has_begun

    async def written_by(self, work: Awaitable[Any]) -> Any:
        """Run a function that may write.

        Returns:
            This response as soon as something is written; else what the function gives.
        """

        async def to_its_end() -> Any:
            try:
                return await work
            finally:
                if self.lingers:
                    await self._settle()

        assert self._core is not None
        before, self._pieces = self._pieces, Pieces(self._core.method != "HEAD")
        try:
            return await sent_early(self._pieces, asyncio.ensure_future(to_its_end()), lambda: self)
        finally:
            if not self._pieces.has_begun:
                self._pieces = before

    def _linger(self) -> None:
        """The function goes on while its answer leaves: it may still change the session, and read its files."""
        request = self._core
        assert request is not None
        self.lingers = True
        request.services[SessionSource].linger(request)
        if request.has("form"):
            request.form.lingers = True

    async def _settle(self) -> None:
        """What was changed since the answer began to leave is made durable."""
        request = self._core
        assert request is not None
        if request.has("form"):
            request.form.close()
        await request.services[SessionSource].settle(request)

    def _send(self) -> None:
        if self._is_sent:
            raise RuntimeError("this response has been sent already")
        self._is_sent = True
        self._sent = _Sent(self.status_code, self.body, Headers(self._headers), Cookies(self._cookies))

    async def _complete(self, response: CoreResponse | None) -> None:
        """Add to an answer what was set and not sent: what the answer says itself stands."""
        if response is None or response is self._made:
            return
        is_failure = self._has_failed or self._failure is not None
        if response.status == 200:
            response.status = self.status_code
        if response.content == b"" and self.body not in ("", None) and not is_failure:
            response.body = stripped(self.body)
        own = {name.lower() for name in response.headers} - (set() if is_failure else {"content-type"})
        for name in self._headers:
            if name.lower() not in own:
                response.headers[name] = self._headers.get_all(name)
        if self._cookies:
            response.cookies.load({name: morsel for name, morsel in self._cookies.items() if name not in response.cookies})


def stripped(value: Any) -> Any:
    """An answer as these programs are used to: text without blanks at its ends."""
    if isinstance(value, str):
        return value.strip()
    return tuple(map(_stripped_part, value)) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType]


def _stripped_part(part: Any) -> Any:
    return part.strip() if isinstance(part, str) else part
