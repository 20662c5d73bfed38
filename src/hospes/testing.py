"""The test client: asks an application without sockets and without a second loop.

    with app.test() as client:
        assert client.get("/items/7").json()["id"] == 7

    async with app.test() as client:
        assert (await client.get("/items/7")).status == 200

Laws:

* The request's head is read by the wire itself, so that what a real peer could not send cannot be tested for either; and the
  answer's head is put together as a carrier does, so that a test sees what a peer would.
* The application starts when the block is entered and stops when it is left, as it would in a server.
* Cookies are kept from one answer to the next request, as a browser keeps them (RFC 6265 §5.3); see `Jar`.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import time
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from hospes.app import Application
from hospes.errors import SetupError
from hospes.http import format_date, json
from hospes.http.content import FileContent, Stream
from hospes.http.handler import Handler
from hospes.http.headers import Headers, HeaderSource
from hospes.http.octets import request_of
from hospes.http.request import Connection, Request
from hospes.http.response import Response
from hospes.http.websocket import WebSocketContent
from hospes.limits import Limits
from hospes.server.answers import answer_head

R = TypeVar("R", covariant=True)
Form = Mapping[str, str | list[str]]
"""Names and values of a form."""
_TARGET = "/?%:@!$&'()*+,;=-._~"
Upload = tuple[str, bytes] | tuple[str, bytes, str]
"""A file to send: name, content, and media type if it is to have one."""
Files = Mapping[str, Upload | list[Upload]]
"""Files of a form, by the names of their fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request brings; at most one of these, but form and files go together.

    Raises:
        ValueError: for several.
    """

    json: Any = None
    form: Form | None = None
    files: Files | None = None
    content: bytes = b""

    def __post_init__(self) -> None:
        if (self.json is not None) + (self.form is not None or self.files is not None) + bool(self.content) > 1:
            raise ValueError("a request has one body: json, form (with files), or content")

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
    """What `app.test()` gives: enter it with `with` or, where a loop runs, `async with`."""

    __test__ = False

    def __init__(self, app: Application, connection: Connection) -> None:
        self._app = app
        self._connection = connection
        self._runner: asyncio.Runner | None = None
        self._life: _Life | None = None

    def __enter__(self) -> TestClient:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise SetupError(
                "`with app.test()` was entered where an event loop runs",
                remedy="write `async with app.test() as client:` there, and await the client's answers",
            )
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


class Jar:
    """The cookies of one host, as a browser keeps them (RFC 6265 §5.3).

    A cookie goes to the paths it is for and, if it is Secure, over https only; one that ends at once is taken out, and so is one
    for another host. The time of all others is not watched: a test is over before.
    """

    def __init__(self, is_secure: bool) -> None:
        self.cookies: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._is_secure = is_secure

    def field(self, path: str) -> str:
        """The Cookie field for a request's path, longer paths first; "" for none."""
        chosen = [name for name in self.cookies if _covers(self._paths.get(name, "/"), path)]
        chosen.sort(key=lambda name: -len(self._paths.get(name, "/")))
        return "; ".join(f"{name}={self.cookies[name]}" for name in chosen)

    def keep(self, line: str, host: str, path: str) -> None:
        """Obey a Set-Cookie field in the answer to a request for `path` of `host`."""
        pair, *rest = line.split(";")
        name, _, value = (each.strip() for each in pair.partition("="))
        attributes = {key.strip().lower(): each.strip() for key, _, each in (each.partition("=") for each in rest)}
        domain = attributes.get("domain", "").lstrip(".").lower()
        if ("secure" in attributes and not self._is_secure) or (domain and not f".{host}".endswith(f".{domain}")):
            return
        if _ends_at_once(attributes):
            self.cookies.pop(name, None)
            self._paths.pop(name, None)
        else:
            self.cookies[name] = value
            given = attributes.get("path", "")
            self._paths[name] = given if given.startswith("/") else path.rpartition("/")[0] or "/"


def _covers(cookie_path: str, path: str) -> bool:
    """RFC 6265 §5.1.4."""
    return path == cookie_path or path.startswith(cookie_path if cookie_path.endswith("/") else f"{cookie_path}/")


def _ends_at_once(attributes: Mapping[str, str]) -> bool:
    if "max-age" in attributes:  # it counts before Expires (RFC 6265 §5.3, step 3)
        seconds = attributes["max-age"]
        return seconds.startswith("-") or seconds.strip("0") == ""
    if "expires" not in attributes:
        return False
    from email.utils import parsedate_to_datetime  # slow to import, and seldom needed

    return parsedate_to_datetime(attributes["expires"]).timestamp() <= time()


class _Asker:
    """Makes requests of arguments, and complete answers of responses."""

    def __init__(self, handler: Handler, connection: Connection) -> None:
        self._handler = handler
        self._connection = connection
        self.jar = Jar(connection.scheme == "https")

    async def ask(self, method: str, target: str, headers: HeaderSource | None, body: Body) -> TestResponse:
        content, media_type = body.encode()
        target = quote(target, safe=_TARGET)
        fields = Headers(headers)
        fields.setdefault("Host", "testserver")
        if media_type:
            fields.setdefault("Content-Type", media_type)
        if (content or method in {"POST", "PUT", "PATCH"}) and "Transfer-Encoding" not in fields:
            fields.setdefault("Content-Length", str(len(content)))
        cookies = self.jar.field(target.partition("?")[0])
        if cookies:
            fields.setdefault("Cookie", cookies)
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.lines()), "", ""]
        request = request_of("\r\n".join(lines).encode("latin-1"), content, self._connection)
        # As in a server: in a task, and a context, of its own.
        return await asyncio.create_task(self._answered(request))

    async def _answered(self, request: Request) -> TestResponse:
        answer = self._handler(request)
        response = answer if isinstance(answer, Response) else await answer
        octets, framing = answer_head(response, request.head, True, format_date(int(time())))
        _, *lines = octets.decode("latin-1").split("\r\n")[:-2]
        headers = Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
        for line in headers.get_all("set-cookie"):
            self.jar.keep(line, request.host.partition(":")[0], request.head.path)
        return TestResponse(response.status, headers, await _content(response, framing.send_content))


class _Verbs(ABC, Generic[R]):
    """The requests of both clients: R is a response, or one to be awaited."""

    __test__ = False

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client keeps; to be looked at and changed."""
        return self._asker.jar.cookies

    @abstractmethod
    def request(self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None) -> R:
        """Send any request.

        Args:
            method: Its method.
            target: Path and query; characters beyond ASCII are percent-encoded.
            headers: Its header fields.
            body: Its content.

        Raises:
            ProtocolError, ValueError: if no peer could send such a request.
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
        files: Files | None = None,
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


async def _content(response: Response, is_sent: bool) -> bytes:
    content = response.content
    if isinstance(content, WebSocketContent):
        raise TypeError("this address answers with a websocket: use `client.websocket(…)`")
    if isinstance(content, Stream):
        try:
            return b"".join([piece async for piece in content]) if is_sent else b""
        finally:
            await content.aclose()
    if isinstance(content, FileContent):
        with content.file as file:
            file.seek(content.offset)
            return file.read(content.length) if is_sent else b""
    return content if is_sent else b""


def _multipart(form: Form, files: Files) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts: list[tuple[str, bytes]] = [
        (f'name="{_escaped(name)}"', value.encode())
        for name, values in form.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    for name, uploads in files.items():
        for filename, content, *media_type in uploads if isinstance(uploads, list) else [uploads]:
            kind = media_type[0] if media_type else "application/octet-stream"
            disposition = f'name="{_escaped(name)}"; filename="{_escaped(filename)}"'
            parts.append((f"{disposition}\r\nContent-Type: {kind}", content))
    start = f"--{boundary}\r\nContent-Disposition: form-data; "
    body = b"".join(f"{start}{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _escaped(name: str) -> str:
    """As browsers write it (WHATWG HTML, "Multipart form data")."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
