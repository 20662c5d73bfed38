"""The response: a status, fields, cookies, and content of one of three kinds, or a websocket in place of content.

Laws:

* `content` is bytes, a `Stream` or a `FileContent`; nothing else reaches a carrier, but a `WebSocketContent` with status 101.
* Framing (Content-Length, Transfer-Encoding, Connection), Date and Server belong to the carrier; a program's own Content-Length
  counts only where there is no content to measure (an answer to HEAD, a 304).
* A response that is text and nothing more carries no Headers object: most are, and it would cost more than the rest.
* What may not be sent (a field, a cookie, a redirect's target) is refused when it is put in; the attributes of a morsel,
  which is only known when all is said, at the latest by `lines`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

from hospes.http import json
from hospes.http.content import FileContent, Stream
from hospes.http.cookies import SetCookie, is_jar
from hospes.http.headers import Headers, HeaderSource
from hospes.http.percent import percent_encode
from hospes.http.websocket import WebSocketContent
from hospes.lazily import regexp
from hospes.wire import check_field

if TYPE_CHECKING:
    from http.cookies import BaseCookie

    from hospes.http.morsels import Cookies

Content: TypeAlias = bytes | Stream | FileContent | WebSocketContent
CookieSource: TypeAlias = "Mapping[str, str] | BaseCookie[Any] | list[SetCookie] | tuple[SetCookie, ...]"

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
XML = "text/xml; charset=utf-8"
JSON = "application/json"
OCTETS = "application/octet-stream"

_OWN_TYPES = frozenset({"", TEXT, HTML, XML, JSON, OCTETS})
_MAY_BE_MARKUP = frozenset("<\ufeff \t\r\n\f\v")
# Optional byte order mark and white space, then `<?xml …`, or `<!doctype html …>` or `<html …>`.
_MARKUP = regexp(r"[\ufeff\s]*+<(?:(\?xml)[\s?>]|(?:!doctype\s++html|html)(?:\s[^>]*+)?+>)", re.IGNORECASE)
_CONTROLS = regexp(r"[\x00-\x1f\x7f]")
# RFC 3986 §2: reserved characters and the percent sign stand as they are; letters, digits and "-._~" always do.
_TARGET = "!#$%&'()*+,/:;=?@[]"


class Response:
    """An answer.

    Args:
        body: What to send: str (HTML, XML or plain text by its look), bytes, None (nothing), an (async) iterator of str or bytes
            (streamed), or anything that has a JSON form (dict, list, dataclass, Struct …).
        status: Status code, 200 by default.
        headers: Header fields; `Content-Type` here wins over the one `body` suggests.
        cookies: Cookies to set: a mapping of names to values, morsels, or `SetCookie`s.
        content_type: The content's media type, "" for none; found from `body` by default.

    Raises:
        ValueError: for a status outside 200 to 599, or a field or cookie that may not be sent.
        TypeError: for a body that has no JSON form, a status that is no whole number, or a field's value that is no text.
    """

    __slots__ = ("_content_type", "_cookies", "_headers", "_set_cookies", "content", "status")

    def __init__(
        self,
        body: object = None,
        status: int = 200,
        headers: HeaderSource | None = None,
        cookies: CookieSource | None = None,
        content_type: str | None = None,
    ) -> None:
        if type(status) is not int:
            status = _whole(status)
        if not 200 <= status <= 599:
            raise ValueError(f"status {status}: an answer's status is 200 to 599")
        if content_type is not None and content_type not in _OWN_TYPES:
            check_field("Content-Type", content_type)
        if type(body) is bytes:
            self.content: Content = body
            self._content_type = OCTETS if content_type is None else content_type
        elif type(body) is str:
            self.content = body.encode()
            self._content_type = text_type(body) if content_type is None else content_type
        else:
            self.content, suggested = _encode(body)
            self._content_type = suggested if content_type is None else content_type
        self.status = status
        self._headers: Headers | None = None
        self._cookies: Cookies | None = None
        self._set_cookies: list[str] | None = None
        if headers is not None:
            self.headers = headers
        if cookies is not None:
            self._set(cookies)

    @classmethod
    def made_of(cls, content: Content, status: int, content_type: str, headers: Headers | None = None) -> Self:
        """A response of parts that are checked already, as another application's answer has them; nothing is looked at.

        Args:
            content: What to send.
            status: 200 to 599.
            content_type: The media type, "" for none.
            headers: All fields, `Content-Type` among them; None where that is the only one.
        """
        response = cls.__new__(cls)
        response.content = content
        response.status = status
        response._content_type = content_type
        response._headers = headers
        response._cookies = response._set_cookies = None
        return response

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
        """Replace all fields; `Content-Type` stays where the new ones have none."""
        given = Headers(headers)
        types = given.get_all("Content-Type")
        if len(types) > 1:
            given["Content-Type"] = types[-1]
        elif not types and (own := self.content_type):
            given["Content-Type"] = own
        self._headers = given

    @property
    def content_type(self) -> str:
        """The content's media type; "" where it has none."""
        return self._content_type if self._headers is None else self._headers.get("Content-Type", "")

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value or []

    @property
    def body(self) -> bytes:
        """The content, where it is bytes.

        Raises:
            TypeError: where the content is streamed, a file or a websocket.
        """
        if not isinstance(self.content, bytes):
            raise TypeError("this response is streamed; its content is not there yet")
        return self.content

    @body.setter
    def body(self, body: object) -> None:
        """Replace the content. Its media type stays where there is one, unless the new content is JSON."""
        self.content, suggested = _encode(body)
        if suggested == JSON or (suggested and not self.content_type):
            self.content_type = suggested

    @property
    def cookies(self) -> Cookies:
        """Cookies to set, as morsels: `response.cookies["a"] = "b"; response.cookies["a"]["path"] = "/"`."""
        if self._cookies is None:
            from hospes.http.morsels import Cookies  # slow to load, for who asks for it

            self._cookies = Cookies()
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: BaseCookie[Any]) -> None:
        """Replace the morsels."""
        from hospes.http.morsels import Cookies

        if not isinstance(cookies, Cookies):
            morsels, cookies = cookies, Cookies()
            cookies.load(morsels)
        self._cookies = cookies

    def set_cookie(self, cookie: SetCookie) -> None:
        """Add a Set-Cookie line.

        Raises:
            ValueError: if name, value or attributes may not stand in one.
        """
        if self._set_cookies is None:
            self._set_cookies = []
        self._set_cookies.append(cookie.to_field())

    def copy(self) -> Response:
        """The same answer with fields and cookies of its own, for a filter that changes what others may give again."""
        other = copy(self)
        if self._headers is not None:
            other._headers = self._headers.copy()
        if self._cookies is not None:
            other._cookies = copy(self._cookies)
        if self._set_cookies is not None:
            other._set_cookies = list(self._set_cookies)
        return other

    @property
    def plain(self) -> bool:
        """Whether `Content-Type` is all there is of fields: the carriers' short way."""
        return self._headers is None and self._cookies is None and self._set_cookies is None

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every field line but those that belong to the carrier.

        Raises:
            ValueError: if a morsel holds what could add an attribute to its cookie.
        """
        if self._headers is not None:
            yield from self._headers.lines()
        elif self._content_type:
            yield "Content-Type", self._content_type
        if self._cookies is not None:
            for line in self._cookies.to_fields():
                yield "Set-Cookie", line
        if self._set_cookies is not None:
            for line in self._set_cookies:
                yield "Set-Cookie", line

    def _set(self, cookies: CookieSource) -> None:
        if is_jar(type(cookies)):
            self.cookies.load(cast("BaseCookie[Any]", cookies))
        elif isinstance(cookies, (list, tuple)):
            for each in cookies:
                self.set_cookie(each)
        else:
            for name, value in cast("Mapping[str, str]", cookies).items():
                self.set_cookie(SetCookie(name, value))

    def __repr__(self) -> str:
        what = f"{len(self.content)} bytes" if isinstance(self.content, bytes) else type(self.content).__name__
        return f"<Response {self.status} {self.content_type or 'without type'}, {what}>"


class Redirect(Response):
    """Send the visitor elsewhere.

    Args:
        location: URL or path to go to. What a URL cannot hold as it is (space, quotes, backslash, anything beyond ASCII) is
            percent-encoded; what is encoded already stays.
        status: 302 by default; 301, 303, 307 or 308 where they are meant.

    Raises:
        ValueError: if the location holds a control character, or the status does not redirect.
    """

    __slots__ = ()

    def __init__(self, location: str, status: int = 302) -> None:
        if status not in {301, 302, 303, 307, 308}:
            raise ValueError(f"Redirect(status={status}): a redirect is 301, 302, 303, 307 or 308")
        if _CONTROLS.search(location):
            raise ValueError(f"Redirect({location!r}): a location holds no control characters; quote() what comes from a visitor")
        # A backslash above all: user agents read "/\\host" as "//host" (WHATWG URL §4.4), which leads to another site.
        super().__init__(b"", status, content_type="")
        self.headers["Location"] = percent_encode(location, _TARGET)


def text_type(text: str) -> str:
    """The media type a text is sent with, by its look: XML, HTML, or plain."""
    if text[:1] not in _MAY_BE_MARKUP:
        return TEXT
    look = _MARKUP.match(text)
    if look is None:
        return TEXT
    return XML if look[1] else HTML


def _whole(status: Any) -> int:
    """A status that is no plain int: an http.HTTPStatus, for one."""
    if not hasattr(status, "__index__"):
        raise TypeError(f"Response(…, status={status!r}): the content comes first, and then the status, an int of 200 to 599")
    return int(status)


def _encode(body: Any) -> tuple[Content, str]:
    """The content for any body, and the media type that it suggests."""
    if body is None:
        return b"", ""
    if isinstance(body, str):
        return body.encode(), text_type(body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body)), OCTETS
    if isinstance(body, (Stream, FileContent)):
        return body, OCTETS
    if isinstance(body, AsyncIterable) or hasattr(body, "__next__"):
        return Stream(cast("AsyncIterable[bytes | str]", body)), TEXT
    return json.encode(body), JSON
