"""The request: everything lazy, decoded when it is first asked for, and then kept.

Laws:

* Making a Request costs ten assignments. Any other attribute is a slot that stays empty until somebody asks; then `_FILL`
  says how it comes to be, from what other attributes say. What a filter assigns stands, for every later reader.
* Fields, cookies and visitor may be looked for on the way of every request, by whoever recognises the visitor; None says that
  nobody has asked yet, which is told twenty times faster than by an empty slot.
* The path is percent-decoded exactly once, as UTF-8; so is every name and value of the query.
* Content is read before the handler runs where the handler asks for it; who wants it piece by piece takes `reader`. It can be
  had once: `body` and `form` are whole or an error, never what somebody has left over.
* http knows nothing of what stands above it: `user`, `session` and `state` are slots for others to fill.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from hospes.errors import HttpError
from hospes.http import json
from hospes.http.asking import ANSWERED, LEFT, Answered, Finisher, ask, running_loop
from hospes.http.connection import Address as Address
from hospes.http.connection import Connection as Connection
from hospes.http.content import ContentReader
from hospes.http.cookies import parse_cookies
from hospes.http.finishing import DONE as DONE
from hospes.http.finishing import QuickFinisher as QuickFinisher
from hospes.http.headers import Headers
from hospes.http.hints import give_hints
from hospes.http.media import MediaType, parse_media_type
from hospes.http.multipart import Form, FormReader
from hospes.http.percent import percent_decode
from hospes.http.query import parse_query

if TYPE_CHECKING:
    import asyncio

    from hospes.http.response import Response
    from hospes.wire import RequestHead


SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that ask for no change (RFC 9110 §9.2.1)."""


class UserSource(Protocol):
    """What gives requests their visitors; an application lends one as a service."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where the application runs."""
        ...

    async def take(self, request: Request) -> Any:
        """The request's visitor, whose turn the request has from here on."""
        ...


class SessionSource(Protocol):
    """What gives requests their sessions; an application lends one as a service."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where the application runs."""
        ...

    async def take(self, request: Request, create: bool = True) -> Any:
        """The request's session; None where there is none and `create` is false."""
        ...

    def take_now(self, request: Request, create: bool = True) -> Any:
        """The session that `take` has found for the request, or a new one, without waiting."""
        ...


class Workers(Protocol):
    """What runs plain functions in threads; an application lends it as a service."""

    async def run(self, call: Callable[[], Any]) -> Any:
        """What the function gives, from a thread.

        Raises:
            HttpError: 503 where no thread is to be had in time.
            BaseException: what the function raises.
        """
        ...


class Request:
    """One request. Handlers, filters and the binding read it; whatever is costly is decoded when first asked for.

    Attributes:
        head: The request as the wire read it.
        content: The content's reader, None where the request has no content.
        connection: Peer, own address, scheme and limits.
        method: `GET`, `POST` … as sent.
        path: Decoded path.
        prefix: Where the application that answers is mounted: what was taken off the path, percent-encoded; "" at the root.
        headers: Header fields, writable.
        cookies: Cookies by name.
        query: Names and values of the query.
        parameters: Names and values of form and query together, the form's first; the query's alone until a form is read.
        parameter: The first value of each name.
        path_values: What the route's `{names}` matched.
        reg_groups: What the groups of a regexp route matched.
        services: What the application lends its answers, by type (the template environment, for one).
        state: A dict for filters and handlers to share what they found out.
    """

    __slots__ = (
        "_cookies",
        "_headers",
        "_query_string",
        "body",
        "connection",
        "content",
        "finishers",
        "form",
        "head",
        "json",
        "media_type",
        "method",
        "notes",
        "parameter",
        "parameters",
        "path",
        "path_values",
        "query",
        "reg_groups",
        "services",
        "session",
        "visitor",
    )

    head: RequestHead
    content: ContentReader | None
    connection: Connection
    finishers: list[Finisher] | None
    method: str
    path: str
    prefix: str = ""
    media_type: MediaType | None
    query: dict[str, list[str]]
    parameters: dict[str, list[str]]
    parameter: dict[str, str]
    path_values: Mapping[str, str]
    reg_groups: tuple[str, ...]
    services: Mapping[type, Any]
    body: bytes
    json: Any
    form: Form

    def __init__(self, head: RequestHead, content: ContentReader | None, connection: Connection) -> None:
        self.head = head
        self.content = content
        self.connection = connection
        self.finishers = None
        self._headers: Headers | None = None
        self._cookies: dict[str, str] | None = None
        self._query_string: str | None = None
        self.visitor: Any = None
        """What `user` gives; None as long as nobody has asked for it."""
        self.session: Any = None
        self.notes: dict[str, Any] | None = None
        """What `state` gives; None as long as nobody has asked for it."""
        # These two are asked for nearly always, and an empty slot costs twenty times as much as an assignment.
        self.method = head.method
        path = head.path
        if "%" not in path:
            self.path = path

    if not TYPE_CHECKING:  # for a type checker the slots above are all there is

        def __getattr__(self, name: str) -> Any:
            fill = _FILL.get(name)
            if fill is None:
                raise AttributeError(f"a Request has no {name!r}")
            value = fill(self)
            # Parameters grow when a form is read: until then (in a route's conditions, in a filter) they are not kept.
            if name not in _GROWING or self.content is None or self.has("form"):
                setattr(self, name, value)
            return value

    def __repr__(self) -> str:
        return f"<Request {self.head.method} {self.head.path}>"  # without the query: it may hold secrets, and this is logged

    @property
    def headers(self) -> Headers:
        """Header fields, writable."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.from_wire(self.head.fields)
        return headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        """Header fields as octets, their names in lower case: as they were sent, or as a filter has changed them."""
        return self.head.fields if self._headers is None else self._headers.octets()

    @property
    def query_string(self) -> str:
        """The query as sent, without `?`."""
        return self.head.query if self._query_string is None else self._query_string

    @query_string.setter
    def query_string(self, text: str) -> None:
        self._query_string = text

    @property
    def original(self) -> RequestHead:
        """The head as it came: that of the request above, where this is the request of a mounted application."""
        return self.head

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name."""
        cookies = self._cookies
        if cookies is None:
            value = self.headers.get_all("cookie")
            cookies = self._cookies = parse_cookies("; ".join(value)) if value else {}
        return cookies

    @cookies.setter
    def cookies(self, cookies: dict[str, str]) -> None:
        self._cookies = cookies

    @property
    def cookie_field(self) -> bytes | None:
        """The Cookie field, as it was sent or as a filter has set it; None for none, for several, and where `cookies` was asked
        for: then those count."""
        if self._cookies is not None:
            return None
        if self._headers is not None:
            lines = self._headers.get_all("cookie")
            return lines[0].encode("latin-1", "replace") if len(lines) == 1 else None
        return self.head.only(b"cookie")

    @property
    def user(self) -> Any:
        """The visitor, once somebody has asked for it, or what a filter has put here; a thread that asks first waits for it.

        Raises:
            RuntimeError: on an application's loop, where nobody has asked yet.
        """
        if self.visitor is None and UserSource in self.services:
            if self.services[UserSource].loop is not None and running_loop() is None:
                return self.get_user()
            raise RuntimeError(
                "nobody has asked who made this request: `await request.get_user()` first, or let the handler take `user: User`"
            )
        return self.visitor

    @user.setter
    def user(self, user: Any) -> None:
        self.visitor = user

    @property
    def state(self) -> dict[str, Any]:
        """A dict for filters and handlers to share what they found out."""
        notes = self.notes
        if notes is None:
            notes = self.notes = {}
        return notes

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.notes = state

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
        return self.connection.host or self.head.authority

    @property
    def content_type(self) -> str:
        """The Content-Type field; "" where there is none."""
        return self.field("content-type")

    @property
    def content_length(self) -> int | None:
        """The length the peer declared; None where there is no content or it comes in chunks."""
        return self.head.content_length

    @property
    def reader(self) -> ContentReader:
        """The content as a pull stream; an ended one where there is none."""
        return self.content if self.content is not None else ContentReader.of(b"")

    def field(self, name: str) -> str:
        """The value of a field, "" where there is none; the others are not decoded for it.

        Args:
            name: Its name, in lower case.
        """
        if self._headers is not None:
            return self._headers.get(name, "")
        wanted = name.encode()
        # Two lines are joined, as in `headers`: nobody is to believe the first and another one the second.
        return b", ".join([value for each, value in self.head.fields if each == wanted]).decode("latin-1")

    def get_parameter(self, name: str, default: str | None = None) -> str | None:
        """The first value of a parameter of form or query, or `default`."""
        return self.parameter.get(name, default)

    def get_user(self) -> Any:
        """The visitor who made this request, whose turn it has from here on; `user` holds it then.

        Returns:
            A `hospes.User`: in a thread at once, on the loop when it is awaited (see `asking`).

        Raises:
            HttpError: 503 where the visitor's turn does not come in time, or the store is away.
            RuntimeError: for a request that no application answers, or whose answer has left without the visitor's cookie.
        """
        source: UserSource | None = self.services.get(UserSource)
        if source is None:
            raise RuntimeError("only an application has visitors: this request did not come to one")
        return ask(lambda: self._take(source.take(self)), source.loop, "get_user")

    def get_session(self, create: bool = True) -> Any:
        """The session of this request; `session` holds it from then on.

        Args:
            create: Whether to begin one where there is none.

        Returns:
            A `hospes.Session`, None where there is none and `create` is false; as `get_user` does.

        Raises:
            HttpError: 503 where the session's turn does not come in time, or the store is away.
            RuntimeError: for a request that no application answers, or whose answer has left without the session's cookie.
        """
        source: SessionSource | None = self.services.get(SessionSource)
        if source is None:
            raise RuntimeError("only an application has sessions: this request did not come to one")
        return ask(lambda: self._take(source.take(self, create)), source.loop, "get_session")

    async def _take(self, taking: Awaitable[Any]) -> Any:
        taken = await taking
        while type(self.finishers) is Answered and self.finishers:
            await self.finishers.pop()(LEFT)
        return taken

    def early_hints(self, *links: str) -> None:
        """Tell the peer what the answer will link to, so that it may fetch that while the answer is made (103, RFC 8297).

        From any thread. Where it cannot be told, nothing happens: to HTTP/1.0, after the answer has begun, by some hosts.

        Args:
            links: Values of Link fields: `request.early_hints("</style.css>; rel=preload; as=style")`.

        Raises:
            ValueError: for what may not stand in a Link field.
        """
        give_hints(self.connection, self.original, links)

    async def read(self) -> bytes:
        """Read the whole content, once; `body` holds it from then on.

        Raises:
            HttpError: 413, 400 or 408; see `ContentReader.read`.
            ClientDisconnected: where the peer has gone.
            RuntimeError: where a part of it was read already, in pieces or as a form with files.
        """
        if not self.has("body"):
            self.body = b"" if self.content is None else await _untouched(self.content).read()
        return self.body

    async def read_form(self) -> Form:
        """Read the content as a form, urlencoded or multipart; an empty form where the content is something else.

        Files are spooled while they come in. `form` holds it from then on; its files are gone when the answer leaves.

        Raises:
            HttpError: 400 or 413 where the form is malformed or too large; what `read` raises.
            RuntimeError: where a part of the content was read already, in pieces.
        """
        if self.has("form"):
            return self.form
        media_type = self.media_type if self.content is not None or self.has("body") else None
        essence = media_type.essence if media_type is not None else ""
        if media_type is not None and essence == "multipart/form-data":
            form = self.form = await self._read_multipart(media_type)

            async def close(response: Response | None) -> None:
                if response is None or not form.lingers:
                    form.close()

            self.finish_with(close)
        elif essence == "application/x-www-form-urlencoded":
            self.form = Form(_urlencoded(self, await self.read()), {})
        else:
            self.form = Form({}, {})
        return self.form

    async def _read_multipart(self, media_type: MediaType) -> Form:
        # Where somebody has read the octets, the form is made of them: the stream has no more.
        content = ContentReader.of(self.body) if self.has("body") else _untouched(self.reader)
        form = FormReader(media_type, self.connection.limits)
        try:
            async for piece in content:
                form.feed(piece)
            return form.finish()
        except BaseException:
            form.close()
            raise

    def below(self, prefix: str, told: str | None = None) -> Request:
        """The request as one mounted at `prefix` sees it: the same, its path without the prefix.

        What is known of it already (headers a filter has changed, content, form, user, session) is known below, too, and
        `state` is one dict for both. Its finishers are its own; those that nobody below awaits are awaited here.

        Args:
            prefix: Percent-encoded as in the request's head, without a slash at its end.
            told: Where it is mounted, if somebody in front has taken that off the path already.
        """
        head = copy.copy(self.head)
        head.path = head.path[len(prefix) :] or "/"
        below = _Mounted(head, self.content, self.connection)
        below.notes, below.above = self.state, self.original
        below.prefix = self.prefix + (prefix if told is None else told)
        for name in _SHARED:
            try:
                setattr(below, name, object.__getattribute__(self, name))
            except AttributeError:  # it is not known yet
                continue
        self.finish_with(below._finish_rest)
        return below

    async def _finish_rest(self, response: Response | None) -> None:
        """Await the finishers that are left, each of them, whatever another one raises."""
        if self.finishers:
            finisher = self.finishers.pop()
            try:
                await finisher(response)
            finally:
                await self._finish_rest(response)

    def finish_with(self, finisher: Finisher) -> None:
        """Have `finisher` awaited with the response before that leaves; the last one added comes first.

        What it raises becomes the answer in place of the response.
        """
        finishers = self.finishers
        if finishers is None:
            finishers = self.finishers = []
        elif finishers is ANSWERED:
            finishers = self.finishers = Answered()
        finishers.append(finisher)

    def has(self, name: str) -> bool:
        """Whether a slot is filled, without filling it."""
        if name in _ASKED:
            return getattr(self, _ASKED[name]) is not None
        try:
            object.__getattribute__(self, name)
        except AttributeError:
            return False
        return True


class _Mounted(Request):
    """The request of an application that is mounted below a prefix."""

    __slots__ = ("above", "prefix")

    above: RequestHead

    @property
    def original(self) -> RequestHead:
        return self.above


_SHARED = (
    "_cookies", "_headers", "_query_string", "body", "form", "json", "media_type", "method", "parameter", "parameters", "query",
    "services", "session", "visitor",
)  # fmt: skip
"""What a request below a prefix takes over where it is known: all but its path, what routes found in it, and finishers."""

_ASKED: Mapping[str, str] = {
    "cookies": "_cookies", "headers": "_headers", "query_string": "_query_string", "state": "notes", "user": "visitor"
}  # fmt: skip
"""Attributes that are made of a slot which is None as long as nobody has asked."""
_GROWING = frozenset({"parameter", "parameters"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def _untouched(content: ContentReader) -> ContentReader:
    """Content of which nobody has read a part: the rest of it must not pass for the whole."""
    if content.begun:
        raise RuntimeError(
            "this request's content has been read already, in pieces or as a form with files: "
            "`await request.read()` before that, and both can be had"
        )
    return content


def _path(request: Request) -> str:
    try:
        return percent_decode(request.head.path)
    except ValueError:
        raise HttpError(400, "The path cannot be read", "Its percent-encoding is malformed or not UTF-8.") from None


def _media_type(request: Request) -> MediaType | None:
    value = request.content_type
    return parse_media_type(value) if value else None


def _query(request: Request) -> dict[str, list[str]]:
    return parse_query(request.query_string, request.connection.limits.parameters)


def _urlencoded(request: Request, content: bytes) -> dict[str, list[str]]:
    try:
        text = content.decode()  # octets beyond ASCII are to be encoded, but not all do so (WHATWG URL §5.1 reads them as UTF-8)
    except UnicodeDecodeError:
        raise HttpError(400, "The form is not UTF-8") from None
    return parse_query(text, request.connection.limits.parameters)


def _parameters(request: Request) -> dict[str, list[str]]:
    form = _known_form(request)
    if form is None or not form.fields:
        return request.query
    merged = {name: list(values) for name, values in form.fields.items()}
    for name, values in request.query.items():
        merged.setdefault(name, []).extend(values)
    return merged


def _form(request: Request) -> Form:
    form = _known_form(request)
    if form is None:
        raise RuntimeError(
            "this request's form has not been read: `await request.read_form()` first, or let the handler take it as a parameter"
        )
    return form


def _known_form(request: Request) -> Form | None:
    """The form where it has been read, or can be made of a body that has been; None where somebody has to read it first."""
    if request.has("form"):
        return request.form
    read = request.has("body")
    media_type = request.media_type if read or request.content is not None else None
    if media_type is None or media_type.essence not in _FORMS:
        return Form({}, {})
    if not read or media_type.essence == "multipart/form-data":
        return None
    request.form = Form(_urlencoded(request, request.body), {})
    return request.form


def _body(request: Request) -> bytes:
    if request.content is None:
        return b""
    _untouched(request.content)
    raise RuntimeError(
        "this request's content has not been read: `await request.read()` first, or let the handler take it as a parameter"
    )


def _json(request: Request) -> Any:
    if not request.body:
        return None
    limits = request.connection.limits
    return json.decode(request.body, depth=limits.json_depth, containers=limits.json_containers, digits=limits.json_digits)


_FILL: Mapping[str, Callable[[Request], object]] = {
    "path": _path,
    "media_type": _media_type,
    "query": _query,
    "parameters": _parameters,
    "parameter": lambda request: {name: values[0] for name, values in request.parameters.items()},
    "path_values": lambda request: {},
    "reg_groups": lambda request: (),
    "services": lambda request: {},
    "body": _body,
    "json": _json,
    "form": _form,
}
