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
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from msgspec import structs

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
from hospes.server.answers import answer_head, switching_head
from hospes.websockets.pair import Pair

R = TypeVar("R", covariant=True)
Form = Mapping[str, str | list[str]]
"""Names and values of a form."""
_TARGET = "/?%:@!$&'()*+,;=-._~"
_HANDSHAKE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
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
    early_hints: tuple[str, ...] = ()
    """The links that were sent before it."""

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

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"app.test() has to be entered: `with app.test() as client: client.{name} …`")

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
        request = self._request(method, target, headers, body)
        hints: list[str] = []

        def keep(head: object, links: tuple[str, ...]) -> None:
            hints.extend(links)

        request.connection = structs.replace(request.connection, hint=keep)
        # As in a server: in a task, and a context, of its own.
        return replace(await asyncio.create_task(self._complete(request)), early_hints=tuple(hints))

    async def open(self, target: str, headers: HeaderSource | None, subprotocols: Sequence[str]) -> tuple[Pair, Headers]:
        fields = Headers(headers)
        if subprotocols:
            fields.setdefault("Sec-WebSocket-Protocol", ", ".join(subprotocols))
        for name, value in _HANDSHAKE:
            fields.setdefault(name, value)
        request = self._request("GET", target, fields, Body())
        response = await asyncio.create_task(self._respond(request))
        if not isinstance(response.content, WebSocketContent):
            raise WebSocketRefused(await self._completed(request, response))
        head = switching_head(response, request.head, format_date(int(time())))
        answered = self._headers(request, head)
        pair = Pair(response.content)
        await pair.begin()
        return pair, answered

    def _request(self, method: str, target: str, headers: HeaderSource | None, body: Body) -> Request:
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
        return request_of("\r\n".join(lines).encode("latin-1"), content, self._connection)

    async def _respond(self, request: Request) -> Response:
        answer = self._handler(request)
        return answer if isinstance(answer, Response) else await answer

    async def _complete(self, request: Request) -> TestResponse:
        return await self._completed(request, await self._respond(request))

    async def _completed(self, request: Request, response: Response) -> TestResponse:
        octets, framing = answer_head(response, request.head, True, format_date(int(time())))
        headers = self._headers(request, octets)
        return TestResponse(response.status, headers, await _content(response, framing.send_content))

    def _headers(self, request: Request, octets: bytes) -> Headers:
        """The fields of an answer's head; its cookies are kept."""
        _, *lines = octets.decode("latin-1").split("\r\n")[:-2]
        headers = Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
        for line in headers.get_all("set-cookie"):
            self.jar.keep(line, request.host.partition(":")[0], request.head.path)
        return headers


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


class WebSocketRefused(Exception):
    """The handshake was answered with something else than a websocket.

    Args:
        response: With what.
    """

    def __init__(self, response: TestResponse) -> None:
        super().__init__(f"the websocket was refused: {response.status} {response.text}".rstrip())
        self.response = response


class AsyncTestWebSocket:
    """A websocket to the application: `async with client.websocket("/chat") as ws:`."""

    __test__ = False

    def __init__(self, opening: Coroutine[Any, Any, tuple[Pair, Headers]]) -> None:
        self._opening = opening
        self._pair: Pair | None = None
        self.headers = Headers()
        """The fields of the handshake's answer."""

    async def __aenter__(self) -> AsyncTestWebSocket:
        self._pair, self.headers = await self._opening
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def subprotocol(self) -> str:
        """The one that was chosen; "" without."""
        return self.headers.get("Sec-WebSocket-Protocol", "")

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            WebSocketClosed: where the application has closed.
        """
        await self._open().put(message)

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message."""
        await self.send(json.encode(value).decode())

    async def receive(self, within: float = 10.0) -> str | bytes:
        """The application's next message.

        Args:
            within: Seconds to wait for it.

        Raises:
            WebSocketClosed: behind the last one, where the application has closed.
            TimeoutError: if there is none in time.
        """
        return await asyncio.wait_for(self._open().get(), within)

    async def receive_json(self, within: float = 10.0) -> Any:
        """The application's next message, decoded from JSON; see `receive`."""
        message = await self.receive(within)
        return json.decode(message.encode() if isinstance(message, str) else message, depth=Limits().json_depth)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, and wait until the application's handler has ended. With code 1006 go without a word.

        Raises:
            Exception: what the handler raised.
        """
        await self._open().leave(code, reason)

    def _open(self) -> Pair:
        if self._pair is None:
            raise SetupError("the websocket is not open", remedy='write `with client.websocket("/chat") as ws:`')
        return self._pair


class TestWebSocket:
    """As `AsyncTestWebSocket`, for plain test functions: `with client.websocket("/chat") as ws:`."""

    __test__ = False

    def __init__(self, inner: AsyncTestWebSocket, runner: asyncio.Runner) -> None:
        self._inner = inner
        self._runner = runner

    def __enter__(self) -> TestWebSocket:
        self._runner.run(self._inner.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def headers(self) -> Headers:
        """The fields of the handshake's answer."""
        return self._inner.headers

    @property
    def subprotocol(self) -> str:
        """The one that was chosen; "" without."""
        return self._inner.subprotocol

    def send(self, message: str | bytes) -> None:
        """Send a message; see `AsyncTestWebSocket.send`."""
        self._runner.run(self._inner.send(message))

    def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message."""
        self._runner.run(self._inner.send_json(value))

    def receive(self, within: float = 10.0) -> str | bytes:
        """The application's next message; see `AsyncTestWebSocket.receive`."""
        return self._runner.run(self._inner.receive(within))

    def receive_json(self, within: float = 10.0) -> Any:
        """The application's next message, decoded from JSON."""
        return self._runner.run(self._inner.receive_json(within))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; see `AsyncTestWebSocket.close`."""
        self._runner.run(self._inner.close(code, reason))


class TestClient(_Verbs[TestResponse]):
    """Asks and waits; for plain test functions."""

    def __init__(self, asker: _Asker, runner: asyncio.Runner) -> None:
        super().__init__(asker)
        self._runner = runner

    def request(self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None) -> TestResponse:
        return self._runner.run(self._asker.ask(method, target, headers, body or Body()))

    def websocket(self, target: str, headers: HeaderSource | None = None, *, subprotocols: Sequence[str] = ()) -> TestWebSocket:
        """A websocket, to be entered with `with`.

        Args:
            target: Path and query.
            headers: Further fields of the handshake.
            subprotocols: What the test speaks.

        Raises:
            WebSocketRefused: where the application answers otherwise.
        """
        return TestWebSocket(AsyncTestWebSocket(self._asker.open(target, headers, subprotocols)), self._runner)


class AsyncTestClient(_Verbs[Awaitable[TestResponse]]):
    """Asks on the loop that is running; for `async def` tests. Several requests may be under way at once."""

    def request(
        self, method: str, target: str, headers: HeaderSource | None = None, body: Body | None = None
    ) -> Awaitable[TestResponse]:
        return self._asker.ask(method, target, headers, body or Body())

    def websocket(
        self, target: str, headers: HeaderSource | None = None, *, subprotocols: Sequence[str] = ()
    ) -> AsyncTestWebSocket:
        """A websocket, to be entered with `async with`; see `TestClient.websocket`."""
        return AsyncTestWebSocket(self._asker.open(target, headers, subprotocols))


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
