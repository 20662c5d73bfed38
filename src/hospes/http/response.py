"""The response: a status, fields, cookies, and content of one of three kinds.

Laws:

* `content` is bytes, a `Stream` or a `FileContent`; nothing else reaches a carrier.
* Framing (Content-Length, Transfer-Encoding, Connection), Date and Server belong to the carrier; a program's own Content-Length
  counts only where there is no content to measure (an answer to HEAD, a 304).
* A response that is text and nothing more carries no Headers object: most are, and it would cost more than the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from typing import Any, TypeAlias, cast

from hospes.http import json
from hospes.http.content import FileContent, Stream
from hospes.http.cookies import Cookies, SetCookie
from hospes.http.headers import Headers, HeaderSource

Content: TypeAlias = bytes | Stream | FileContent

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
XML = "text/xml; charset=utf-8"
JSON = "application/json"
OCTETS = "application/octet-stream"


class Response:
    """An answer.

    Args:
        body: What to send: str (HTML, XML or plain text by its look), bytes, None (nothing), an (async) iterator of str or bytes
            (streamed), or anything that has a JSON form (dict, list, dataclass, Struct …).
        status: Status code, 200 by default.
        headers: Header fields; `Content-Type` here wins over the one `body` suggests.
        cookies: Cookies to set: a mapping of names to values, or `SetCookie`s.
        content_type: The content's media type; found from `body` by default.

    Raises:
        ValueError: for a status outside 200 to 599, or a field or cookie that may not be sent.
        TypeError: for a body that has no JSON form.
    """

    __slots__ = ("_content_type", "_cookies", "_headers", "_set_cookies", "content", "status")

    def __init__(
        self,
        body: object = None,
        status: int = 200,
        headers: HeaderSource | None = None,
        cookies: dict[str, str] | list[SetCookie] | None = None,
        content_type: str | None = None,
    ) -> None:
        if type(body) is bytes:
            self.content: Content = body
            self._content_type = content_type or OCTETS
        elif type(body) is str:
            self.content = body.encode()
            self._content_type = content_type or text_type(body)
        else:
            self.content, self._content_type = _encode(body, content_type)
        if not 200 <= status <= 599:
            raise ValueError(f"status {status}: an answer's status is 200 to 599")
        self.status = status
        self._headers: Headers | None = None
        self._cookies: Cookies | None = None
        self._set_cookies: list[str] | None = None
        if headers is not None:
            for name, value in Headers(headers).lines():
                self.headers.add(name, value) if name.lower() != "content-type" else self.headers.update({name: value})
        if cookies is not None:
            for each in cookies if isinstance(cookies, list) else (SetCookie(*pair) for pair in cookies.items()):
                self.set_cookie(each)

    @property
    def headers(self) -> Headers:
        """The header fields; `Content-Type` is among them."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers()
            if self._content_type:
                headers["Content-Type"] = self._content_type
        return headers

    @headers.setter
    def headers(self, headers: HeaderSource) -> None:
        self._headers = Headers(headers)

    @property
    def content_type(self) -> str:
        """The content's media type; "" where it has none."""
        return self._content_type if self._headers is None else self._headers.get("Content-Type", "")

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value

    @property
    def body(self) -> bytes:
        """The content, where it is bytes.

        Raises:
            TypeError: where the content is streamed or a file.
        """
        if not isinstance(self.content, bytes):
            raise TypeError("this response is streamed; its content is not there yet")
        return self.content

    @body.setter
    def body(self, body: object) -> None:
        self.content, content_type = _encode(body, None)
        if content_type:
            self.content_type = content_type

    @property
    def cookies(self) -> Cookies:
        """Cookies to set, as morsels: `response.cookies["a"] = "b"; response.cookies["a"]["path"] = "/"`."""
        if self._cookies is None:
            self._cookies = Cookies()
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: Cookies) -> None:
        self._cookies = cookies

    def set_cookie(self, cookie: SetCookie) -> None:
        """Add a Set-Cookie line.

        Raises:
            ValueError: if name, value or attributes may not stand in one.
        """
        if self._set_cookies is None:
            self._set_cookies = []
        self._set_cookies.append(cookie.to_field())

    @property
    def plain(self) -> bool:
        """Whether `Content-Type` is all there is of fields: the carriers' short way."""
        return self._headers is None and self._cookies is None and self._set_cookies is None

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every field line but those that belong to the carrier."""
        if self._headers is not None:
            yield from self._headers.lines()
        elif self._content_type:
            yield "Content-Type", self._content_type
        if self._cookies is not None:
            for morsel in self._cookies.values():
                yield "Set-Cookie", morsel.OutputString()
        if self._set_cookies is not None:
            for line in self._set_cookies:
                yield "Set-Cookie", line

    def __repr__(self) -> str:
        what = f"{len(self.content)} bytes" if isinstance(self.content, bytes) else type(self.content).__name__
        return f"<Response {self.status} {self.content_type or 'without type'}, {what}>"


class Redirect(Response):
    """Send the visitor elsewhere.

    Args:
        location: URL or path to go to.
        status: 302 by default; 301, 303, 307 or 308 where they are meant.

    Raises:
        ValueError: if the location may not stand in a field, or the status does not redirect.
    """

    __slots__ = ()

    def __init__(self, location: str, status: int = 302) -> None:
        if status not in {301, 302, 303, 307, 308}:
            raise ValueError(f"Redirect(status={status}): a redirect is 301, 302, 303, 307 or 308")
        super().__init__(b"", status, content_type="")
        self._content_type = ""
        self.headers["Location"] = location


def text_type(text: str) -> str:
    """The media type a text is sent with, by its look: XML, HTML, or plain."""
    if "<" not in text[:256]:
        return TEXT
    start = text[:256].lstrip().lower()
    if start.startswith("<?xml"):
        return XML
    if start.startswith(("<!doctype html", "<html")):
        return HTML
    return TEXT


def _encode(body: Any, content_type: str | None) -> tuple[Content, str]:
    """The content for any body but exactly str or bytes, and its media type."""
    if body is None:
        return b"", content_type or ""
    if isinstance(body, str):
        return body.encode(), content_type or text_type(body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body)), content_type or OCTETS
    if isinstance(body, Stream):
        return body, content_type or OCTETS
    if isinstance(body, FileContent):
        return body, content_type or OCTETS
    if isinstance(body, AsyncIterable) or hasattr(body, "__next__"):
        return Stream(cast("AsyncIterable[bytes | str]", body)), content_type or TEXT
    return json.encode(body), content_type or JSON
