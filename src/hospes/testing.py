"""The test client: asks an application without sockets and without a second loop.

    with app.test() as client:
        assert client.get("/items/7").json()["id"] == 7

    async with app.test() as client:
        assert (await client.get("/items/7")).status == 200

Laws:

* The request's head is read by the wire itself, so that what a real peer could not send cannot be tested for either.
* The application starts when the block is entered and stops when it is left, as it would in a server.
* Cookies are kept from one answer to the next request, as a browser keeps them.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from hospes.app import Application
from hospes.http import json
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.headers import Headers, HeaderSource
from hospes.http.request import Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader

R = TypeVar("R", covariant=True)
Form = Mapping[str, str | list[str]]
"""Names and values of a form."""
_TARGET = "/?%:@!$&'()*+,;=-._~"
Upload = tuple[str, bytes] | tuple[str, bytes, str]
"""A file to send: name, content, and media type if it is to have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request brings; at most one of these, but form and files go together."""

    json: Any = None
    form: Form | None = None
    files: Mapping[str, Upload] | None = None
    content: bytes = b""

    def encode(self) -> tuple[bytes, str]:
        """The content and its media type, "" where it has none."""
        if self.files is not None:
            return _multipart(self.form or {}, self.files)
        if self.form is not None:
            return urlencode(self.form, doseq=True).encode(), "application/x-www-form-urlencoded"
        if self.json is not None:
            return json.encode(self.json), "application/json"
        return self.content, ""


@dataclass(frozen=True, slots=True)
class TestResponse:
    """An answer, complete."""

    __test__ = False

    status: int
    headers: Headers
    content: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()

    def json(self) -> Any:
        """The content decoded from JSON."""
        return json.decode(self.content, depth=Limits().json_depth)


class TestDoor:
    """What `app.test()` gives: enter it with `with` or `async with`."""

    __test__ = False

    def __init__(self, app: Application, connection: Connection) -> None:
        self._app = app
        self._connection = connection
        self._runner: asyncio.Runner | None = None
        self._life: _Life | None = None

    def __enter__(self) -> TestClient:
        self._runner = asyncio.Runner()
        try:
            self._life = _Life(self._app)
            handler = self._runner.run(self._life.begin())
        except BaseException:
            self._runner.close()
            raise
        return TestClient(_Asker(handler, self._connection), self._runner)

    def __exit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._life is not None
        try:
            self._runner.run(self._life.end())
        finally:
            self._runner.close()

    async def __aenter__(self) -> AsyncTestClient:
        self._life = _Life(self._app)
        return AsyncTestClient(_Asker(await self._life.begin(), self._connection))

    async def __aexit__(self, *_: object) -> None:
        assert self._life is not None
        await self._life.end()


class _Life:
    """The application's life in one task of its own, for what is entered in a task must be left in it."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._over: asyncio.Event | None = None

    async def begin(self) -> Handler:
        started: asyncio.Future[Handler] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._live(started, self._over))
        await asyncio.wait((self._task, started), return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            self._task.result()
        return started.result()

    async def end(self) -> None:
        assert self._task is not None
        assert self._over is not None
        self._over.set()
        await self._task

    async def _live(self, started: asyncio.Future[Handler], over: asyncio.Event) -> None:
        async with self._app.started() as handler:
            started.set_result(handler)
            await over.wait()


class _Asker:
    """Makes requests of arguments, and complete answers of responses; keeps the cookies."""

    def __init__(self, handler: Handler, connection: Connection) -> None:
        self._handler = handler
        self._connection = connection
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, target: str, headers: HeaderSource | None, body: Body) -> TestResponse:
        content, media_type = body.encode()
        fields = Headers(headers)
        fields.setdefault("Host", "testserver")
        if media_type:
            fields.setdefault("Content-Type", media_type)
        if content or method in {"POST", "PUT", "PATCH"}:
            fields.setdefault("Content-Length", str(len(content)))
        if self.cookies:
            fields.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        request = Request(
            _head(method, target, fields), ContentReader.of(content, self._connection.limits.body), self._connection
        )
        # As in a server: a context of its own for each request.
        return await asyncio.create_task(self._answered(request), context=copy_context())

    async def _answered(self, request: Request) -> TestResponse:
        answer = self._handler(request)
        response = answer if isinstance(answer, Response) else await answer
        headers = Headers(response.lines())
        self._keep(headers.get_all("set-cookie"))
        content = await _content(response)
        return TestResponse(response.status, headers, b"" if request.head.method == "HEAD" else content)

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value


class _Verbs(ABC, Generic[R]):
    """The requests of both clients: R is a response, or one to be awaited."""

    __test__ = False

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the next request carries."""
        return self._asker.cookies

    @abstractmethod
    def request(self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None) -> R:
        """Send any request.

        Args:
            method: Its method.
            target: Path and query; characters beyond ASCII are percent-encoded.
            headers: Its header fields.
            body: Its content.

        Raises:
            ProtocolError: if no peer could send such a request.
        """

    def get(self, target: str, headers: HeaderSource | None = None) -> R:
        """GET."""
        return self.request("GET", target, headers)

    def head(self, target: str, headers: HeaderSource | None = None) -> R:
        """HEAD."""
        return self.request("HEAD", target, headers)

    def options(self, target: str, headers: HeaderSource | None = None) -> R:
        """OPTIONS."""
        return self.request("OPTIONS", target, headers)

    def delete(self, target: str, headers: HeaderSource | None = None) -> R:
        """DELETE."""
        return self.request("DELETE", target, headers)

    def post(
        self,
        target: str,
        headers: HeaderSource | None = None,
        *,
        json: Any = None,
        form: Form | None = None,
        files: Mapping[str, Upload] | None = None,
        content: bytes = b"",
    ) -> R:
        """POST; see `Body` for the content."""
        return self.request("POST", target, headers, Body(json=json, form=form, files=files, content=content))

    def put(self, target: str, headers: HeaderSource | None = None, *, json: Any = None, content: bytes = b"") -> R:
        """PUT; see `Body` for the content."""
        return self.request("PUT", target, headers, Body(json=json, content=content))

    def patch(self, target: str, headers: HeaderSource | None = None, *, json: Any = None, content: bytes = b"") -> R:
        """PATCH; see `Body` for the content."""
        return self.request("PATCH", target, headers, Body(json=json, content=content))


class TestClient(_Verbs[TestResponse]):
    """Asks and waits; for plain test functions."""

    def __init__(self, asker: _Asker, runner: asyncio.Runner) -> None:
        super().__init__(asker)
        self._runner = runner

    def request(self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None) -> TestResponse:
        return self._runner.run(self._asker.ask(method, target, headers, body or Body()))


class AsyncTestClient(_Verbs[Awaitable[TestResponse]]):
    """Asks on the loop that is running; for `async def` tests. Several requests may be under way at once."""

    def request(
        self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None
    ) -> Awaitable[TestResponse]:
        return self._asker.ask(method, target, headers, body or Body())


def _head(method: str, target: str, fields: Headers) -> RequestHead:
    """The head, as the wire reads it."""
    lines = [f"{method} {quote(target, safe=_TARGET)} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.lines())]
    reader = RequestReader(Limits())
    reader.receive("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = reader.next()
    if not isinstance(head, RequestHead):
        raise ValueError(f"{method} {target} is no request")
    return head


async def _content(response: Response) -> bytes:
    content = response.content
    if isinstance(content, Stream):
        try:
            return b"".join([piece async for piece in content])
        finally:
            await content.aclose()
    if isinstance(content, FileContent):
        with content.file as file:
            file.seek(content.offset)
            return file.read(content.length)
    return content


def _multipart(form: Form, files: Mapping[str, Upload]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts: list[tuple[str, bytes]] = [
        (f'name="{name}"', value.encode())
        for name, values in form.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    for name, (filename, content, *media_type) in files.items():
        kind = media_type[0] if media_type else "application/octet-stream"
        parts.append((f'name="{name}"; filename="{filename}"\r\nContent-Type: {kind}', content))
    start = f"--{boundary}\r\nContent-Disposition: form-data; "
    body = b"".join(f"{start}{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
