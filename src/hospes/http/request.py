"""The request: everything lazy, decoded when it is first asked for, and then kept.

Laws:

* Making a Request costs four assignments. An attribute is a slot that stays empty until somebody asks; then `_FILL` says
  how it comes to be. What a filter assigns stands, for every later reader.
* The path is percent-decoded exactly once, as UTF-8; so is every name and value of the query.
* Content is read before the handler runs where the handler asks for it; who wants it piece by piece takes `reader`.
* http knows nothing of what stands above it: `user`, `session` and `state` are slots for others to fill.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_to_bytes

from hospes.errors import HttpError
from hospes.http import json
from hospes.http.content import ContentReader
from hospes.http.cookies import parse_cookies
from hospes.http.headers import Headers
from hospes.http.media import MediaType, parse_media_type
from hospes.http.multipart import Form, FormReader
from hospes.http.query import parse_query
from hospes.limits import Limits
from hospes.wire import RequestHead

if TYPE_CHECKING:
    from hospes.http.response import Response


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a connection: host and port; a unix socket has its path as host, and port 0."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Connection:
    """What all requests of a connection share."""

    client: Address
    """The peer."""
    server: Address
    """The address it reached."""
    scheme: str
    """"http" or "https"."""
    limits: Limits
    """The limits that hold here."""


Finisher: TypeAlias = "Callable[[Response | None], Awaitable[None]]"
"""What has to happen between the handler's answer and its leaving: a visitor's record is stored, provided objects are closed.

It gets None where there will be no answer, because the request was cancelled: then only what is held is let go of."""


class Request:
    """One request. Handlers, filters and the binding read it; whatever is costly is decoded when first asked for.

    Attributes:
        head: The request as the wire read it.
        content: The content's reader, None where the request has no content.
        connection: Peer, own address, scheme and limits.
        method: `GET`, `POST` … as sent.
        path: Decoded path.
        query_string: The query as sent, without `?`.
        headers: Header fields, writable.
        cookies: Cookies by name.
        query: Names and values of the query.
        parameters: Names and values of form and query together, the form's first.
        parameter: The first value of each name.
        path_values: What the route's `{names}` matched.
        reg_groups: What the groups of a regexp route matched.
        services: What the application lends its answers, by type (the template environment, for one).
        state: A dict for filters and handlers to share what they found out.
    """

    __slots__ = (
        "body",
        "connection",
        "content",
        "cookies",
        "finishers",
        "form",
        "head",
        "headers",
        "json",
        "media_type",
        "method",
        "parameter",
        "parameters",
        "path",
        "path_values",
        "query",
        "query_string",
        "reg_groups",
        "services",
        "session",
        "state",
        "user",
    )

    head: RequestHead
    content: ContentReader | None
    connection: Connection
    finishers: list[Finisher] | None
    method: str
    path: str
    query_string: str
    headers: Headers
    cookies: dict[str, str]
    media_type: MediaType | None
    query: dict[str, list[str]]
    parameters: dict[str, list[str]]
    parameter: dict[str, str]
    path_values: Mapping[str, str]
    reg_groups: tuple[str, ...]
    services: Mapping[type, Any]
    state: dict[str, Any]
    body: bytes
    json: Any
    form: Form
    user: Any
    session: Any

    def __init__(self, head: RequestHead, content: ContentReader | None, connection: Connection) -> None:
        self.head = head
        self.content = content
        self.connection = connection
        self.finishers = None

    def __getattr__(self, name: str) -> Any:
        fill = _FILL.get(name)
        if fill is None:
            raise AttributeError(f"a Request has no {name!r}")
        value = fill(self)
        setattr(self, name, value)
        return value

    def __repr__(self) -> str:
        return f"<Request {self.head.method} {self.head.target}>"

    @property
    def client(self) -> Address:
        """The peer's address."""
        return self.connection.client

    @property
    def scheme(self) -> str:
        """ "http" or "https"."""
        return self.connection.scheme

    @property
    def host(self) -> str:
        """The host, with its port where one is named, that the request is for."""
        return self.head.authority

    @property
    def content_type(self) -> str:
        """The Content-Type field; "" where there is none."""
        return self.headers.get("content-type", "")

    @property
    def content_length(self) -> int | None:
        """The length the peer declared; None where there is no content or it comes in chunks."""
        return self.head.content_length

    @property
    def reader(self) -> ContentReader:
        """The content as a pull stream; an ended one where there is none."""
        if self.content is None:
            self.content = ContentReader.of(b"")
        return self.content

    def get_parameter(self, name: str, default: str | None = None) -> str | None:
        """The first value of a parameter of form or query, or `default`."""
        return self.parameter.get(name, default)

    async def read(self) -> bytes:
        """Read the whole content, once; `body` holds it from then on.

        Raises:
            HttpError: 413, 400 or 408; see `ContentReader.read`.
            ClientDisconnected: where the peer has gone.
        """
        if not self.has("body"):
            self.body = b"" if self.content is None else await self.content.read()
        return self.body

    async def read_form(self) -> Form:
        """Read the content as a form, urlencoded or multipart; an empty form where the content is something else.

        Files are spooled while they come in. `form` holds it from then on; its files are gone when the answer leaves.

        Raises:
            HttpError: 400 or 413 where the form is malformed or too large.
        """
        if self.has("form"):
            return self.form
        media_type = self.media_type
        if media_type is not None and media_type.essence == "multipart/form-data" and self.content is not None:
            form = FormReader(media_type, self.connection.limits)
            try:
                async for piece in self.content:
                    form.feed(piece)
                self.form = form.finish()
                self.finish_with(self._close_form)
            except BaseException:
                form.close()
                raise
        elif media_type is not None and media_type.essence == "application/x-www-form-urlencoded":
            self.form = Form(_urlencoded(self, await self.read()), {})
        else:
            self.form = Form({}, {})
        return self.form

    def below(self, prefix: str) -> Request:
        """The request as one mounted at `prefix` sees it: the same, its path without the prefix."""
        head = copy.copy(self.head)
        head.path = head.path[len(prefix) :] or "/"
        return Request(head, self.content, self.connection)

    def finish_with(self, finisher: Finisher) -> None:
        """Have `finisher` awaited with the response before that leaves; the last one added comes first.

        What it raises becomes the answer in place of the response.
        """
        if self.finishers is None:
            self.finishers = []
        self.finishers.append(finisher)

    async def _close_form(self, response: Response | None) -> None:
        """Remove what the form has spooled."""
        self.form.close()

    def has(self, name: str) -> bool:
        """Whether a slot is filled, without filling it."""
        try:
            object.__getattribute__(self, name)
        except AttributeError:
            return False
        return True


def _path(request: Request) -> str:
    path = request.head.path
    if "%" not in path:
        return path
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise HttpError(400, "The path is not UTF-8") from None


def _media_type(request: Request) -> MediaType | None:
    value = request.head.field(b"content-type") if not request.has("headers") else request.headers.get("content-type")
    if not value:
        return None
    return parse_media_type(value.decode("latin-1") if isinstance(value, bytes) else value)


def _cookies(request: Request) -> dict[str, str]:
    value = request.headers.get_all("cookie")
    return parse_cookies("; ".join(value)) if value else {}


def _urlencoded(request: Request, content: bytes) -> dict[str, list[str]]:
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        raise HttpError(400, "The form is not urlencoded", "Octets beyond ASCII must be percent-encoded.") from None
    return parse_query(text, request.connection.limits.parameters)


def _parameters(request: Request) -> dict[str, list[str]]:
    form = _form(request).fields
    if not form:
        return request.query
    merged = {name: list(values) for name, values in form.items()}
    for name, values in request.query.items():
        merged.setdefault(name, []).extend(values)
    return merged


def _form(request: Request) -> Form:
    """The form where it has been read, or can be made of a body that has been."""
    if request.has("form"):
        return request.form
    media_type = request.media_type
    if media_type is not None and media_type.essence == "application/x-www-form-urlencoded" and request.has("body"):
        request.form = Form(_urlencoded(request, request.body), {})
        return request.form
    return Form({}, {})


def _body(request: Request) -> bytes:
    if request.content is None:
        return b""
    raise RuntimeError(
        "this request's content has not been read: `await request.read()` first, or let the handler take it as a parameter"
    )


_FILL: Mapping[str, Callable[[Request], object]] = {
    "method": lambda request: request.head.method,
    "path": _path,
    "query_string": lambda request: request.head.query,
    "headers": lambda request: Headers.from_wire(request.head.fields),
    "cookies": _cookies,
    "media_type": _media_type,
    "query": lambda request: parse_query(request.head.query, request.connection.limits.parameters),
    "parameters": _parameters,
    "parameter": lambda request: {name: values[0] for name, values in request.parameters.items()},
    "path_values": lambda request: {},
    "reg_groups": lambda request: (),
    "services": lambda request: {},
    "state": lambda request: {},
    "body": _body,
    "json": lambda request: json.decode(request.body, depth=request.connection.limits.json_depth) if request.body else None,
    "form": _form,
    "user": lambda request: None,
    "session": lambda request: None,
}
