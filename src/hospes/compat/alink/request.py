"""A request as alink's programs see it: read it, or make one and send it with `HttpClient`.

Laws:

* `to_bytes()` is what the parts say now: after an edit it says the edited thing.
* Nothing that is set can add a line: line ends, NUL and the like are refused in methods, URIs and fields.
* Names of fields ignore case; names in forms compare without quotes around them.
"""

from __future__ import annotations

import copy
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from hospes.compat.alink.checked import CheckedDict
from hospes.http.headers import Headers
from hospes.http.media import base_name, parse_media_type
from hospes.http.multipart import FormPart, PartReader
from hospes.http.query import parse_query
from hospes.http.request import Request as HospesRequest
from hospes.limits import Limits

_DEFAULT = b"GET / HTTP/1.1\r\n\r\n"
_URI = "!#$%&'()*+,/:;=?@[]"  # RFC 3986 §2: what stands in a URI as it is, beside letters, digits and "-._~"


class HeaderParams(CheckedDict[str]):
    """Fields as a dict whose names ignore case, and keep the spelling they were given.

    Raises:
        ValueError: for a name or value that may not stand in a field.
    """

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._spelled: dict[str, str] = {}
        self.update(fields)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._spelled.get(name.lower(), name))

    def __setitem__(self, name: str, value: str) -> None:
        text = Headers({name: str(value)})[name]  # checks both
        super().__setitem__(self._spelled.setdefault(name.lower(), name), text)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(self._spelled.get(name.lower(), name))
        del self._spelled[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._spelled

    def get(self, name: str, default: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """The value of a field, or `default`."""
        return self[name] if name in self else default  # noqa: SIM401 (this is what `get` is made of)

    def popitem(self) -> tuple[str, str]:
        """Take out the last field, and give its name and value."""
        name, value = super().popitem()
        del self._spelled[name.lower()]
        return name, value

    def update(self, *sources: Any, **more: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """Set everything from a mapping, from pairs, and from the keywords; a name that comes twice is joined."""
        pairs: list[tuple[str, str]] = list(more.items())
        for source in sources:
            pairs += source.items() if isinstance(source, Mapping) else source
        for name, value in Headers(pairs).items():
            self[name] = value

    def clear(self) -> None:
        """Take out all."""
        super().clear()
        self._spelled.clear()


class FormObject(dict[str, str]):
    """What a form says under one name: `["name"]`, and for a file `["filename"]` and `["content_type"]`.

    Args:
        name: The field's name.
        content: What was sent.
        filename: The file's name without any folder; None where it is no file.
        content_type: The media type the sender claims.
    """

    def __init__(self, name: str, content: bytes, filename: str | None = None, content_type: str = "") -> None:
        super().__init__(name=name)
        if filename is not None:
            self["filename"] = filename
            self["content_type"] = content_type or "application/octet-stream"
        self.content = content

    @property
    def text(self) -> str:
        """The content as UTF-8 text; octets that are none become U+FFFD."""
        return self.content.decode("utf-8", "replace")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file, in one step for all who look. Never take the path from `["filename"]` alone: two
        visitors may send the same one.

        Raises:
            OSError: if it cannot be written; nothing is left behind then.
        """
        name: str = os.fspath(path)
        temporary = os.path.join(os.path.dirname(name), f".{secrets.token_hex(8)}.part")
        try:
            with open(temporary, "xb") as file:
                file.write(self.content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, name)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


class Request:
    """A request.

    Args:
        raw: Its octets; everything after the empty line is content.

    Attributes:
        method: GET, POST …
        uri: Path and query as sent.
        header_params: Its fields.
        content: Its content.

    Raises:
        ValueError: if the octets are no request.
    """

    def __init__(self, raw: bytes = _DEFAULT) -> None:
        head, found, content = bytes(raw).partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if not found or len(words) != 3 or not words[2].startswith("HTTP/"):
            raise ValueError("a raw request begins with a line such as b'GET / HTTP/1.1' and has an empty line after its fields")
        self.method = _method(words[0])
        self.uri = _uri(words[1])
        self.header_params = HeaderParams(_field(each) for each in lines)
        self.content = content
        self._limits = Limits()

    @classmethod
    def received(cls, request: HospesRequest, content: bytes) -> Request:
        """The request that the core has received.

        Args:
            request: The core's request.
            content: Its content, read whole.
        """
        made = cls()
        made.method = request.method
        made.uri = request.head.path + (f"?{request.head.query}" if request.head.query else "")
        made.header_params = HeaderParams((_title(name), value) for name, value in request.headers.lines())
        made.content = content
        made._limits = request.connection.limits
        return made

    @property
    def http_content(self) -> bytes:
        """All of it: head and content."""
        return self.to_bytes()

    @property
    def url(self) -> str:
        """The URI before its `?`."""
        return self.uri.partition("?")[0]

    @property
    def GET_params(self) -> dict[str, str]:
        """The query's values by name; of several the first.

        Raises:
            HttpError: 400 if the query is malformed, or has too many of them.
        """
        return {name: values[0] for name, values in parse_query(self.uri.partition("?")[2], self._limits.parameters).items()}

    @property
    def form_data(self) -> list[tuple[str, FormObject]]:
        """What the form in the content says: (name, form object), in the order it was sent; empty where there is no form.

        Raises:
            HttpError: 400 or 413 if the form is malformed or too large.
        """
        return list(self._form())

    def get_name(self, name: str) -> list[FormObject]:
        """What the form says under a name; see `form_data`."""
        bare = name.strip('"')
        return [each for found, each in self._form() if found.strip('"') == bare]

    def copy(self) -> Request:
        """An independent request that says the same."""
        made = copy.copy(self)
        made.header_params = HeaderParams(self.header_params)
        return made

    def set_uri(self, uri: str) -> None:
        """Ask for something else. What a URI cannot hold is percent-encoded.

        Raises:
            ValueError: for control characters.
        """
        self.uri = _uri(uri)

    def clear_header(self) -> None:
        """Take out all fields."""
        self.header_params.clear()

    def del_headers(self, key: str | Iterable[str]) -> None:
        """Take out a field, or several; those that are not there are passed over."""
        for name in [key] if isinstance(key, str) else key:
            self.header_params.pop(name, None)

    def set_header(self, key: str, value: str) -> None:
        """Set a field.

        Raises:
            ValueError: if name or value may not stand in one.
        """
        self.header_params[key] = value

    def to_bytes(self) -> bytes:
        """The request in octets, fields as they are: nothing is added."""
        lines = [f"{_method(self.method)} {_uri(self.uri)} HTTP/1.1", *(f"{k}: {v}" for k, v in self.header_params.items())]
        return b"\r\n".join([*map(_octets, lines), b"", b""]) + bytes(self.content)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}>"

    def _form(self) -> Iterator[tuple[str, FormObject]]:
        value = self.header_params.get("Content-Type")
        media_type = parse_media_type(value) if value else None
        if media_type is not None and media_type.essence == "application/x-www-form-urlencoded":
            text = self.content.decode("utf-8", "replace")
            for name, values in parse_query(text, self._limits.parameters).items():
                for each in values:
                    yield name, FormObject(name, each.encode())
        elif media_type is not None and media_type.essence == "multipart/form-data":
            reader = PartReader(media_type, self._limits)
            part: FormPart | None = None
            pieces: list[bytes] = []
            for event in reader.feed(bytes(self.content)):
                if isinstance(event, bytes):
                    pieces.append(event)
                elif event is not None:
                    part, pieces = event, []
                else:
                    assert part is not None, "a part ends only where one began"
                    filename = None if part.filename is None else base_name(part.filename)
                    yield part.name, FormObject(part.name, b"".join(pieces), filename, part.content_type)
            reader.finish()


def _method(text: str) -> str:
    try:
        Headers({text: ""})  # a method is a token, as a field's name is (RFC 9110 §9.1)
    except ValueError:
        raise ValueError(f"the method {text!r} is none") from None
    return text


def _uri(text: str) -> str:
    if not text or any(each < " " or each == "\x7f" for each in text):
        raise ValueError("a URI is not empty and holds no control characters")
    return quote(text, safe=_URI)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("a field is of the form `Name: value`")
    return name, value.strip(" \t")


def _octets(line: str) -> bytes:
    """As it was received, or in UTF-8 where that cannot be."""
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode()


def _title(name: str) -> str:
    """A field's name as it is mostly spelled: Content-Type."""
    return "-".join(each.capitalize() for each in name.split("-"))
