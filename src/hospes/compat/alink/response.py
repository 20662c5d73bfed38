"""An answer as alink's programs make it, and get it from `HttpClient`.

Laws:

* The fields are those that the program sets; none to begin with. What carries the message (its length, its connection) the server
  adds when the answer is sent.
* `get_text()` undoes gzip, deflate, br and zstd, and then the charset.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from hospes.client.decoding import BadCoding, Decoding, Inflated, codings
from hospes.client.options import ClientLimits
from hospes.client.response import charset_of
from hospes.http.headers import Headers

UNKNOWN: Final = "unknow"
"""alink's word for an encoding that nobody has told."""


class Http_Response:
    """An answer.

    Args:
        status_code: Status code, 200 to 599.
        content: Its content; text is encoded as UTF-8.

    Attributes:
        status_code: Status code.
        encoding: The content's encoding: a content coding such as gzip, or a charset; "unknow" where nobody has told.
        headers: The fields; a name may have several lines.
    """

    def __init__(self, status_code: int = 200, content: bytes | str = b"") -> None:
        self.status_code = int(status_code)
        self.encoding = UNKNOWN
        self.headers = Headers()
        self.content = content

    @property
    def content(self) -> bytes:
        """The content's octets."""
        return self._content

    @content.setter
    def content(self, content: bytes | str) -> None:
        """Replace it; text is encoded as UTF-8."""
        self._content = content.encode() if isinstance(content, str) else bytes(content)

    def add_header(self, header_dict: Mapping[str, str | list[str]]) -> None:
        """Set several fields.

        Raises:
            ValueError: if a name or value may not stand in a field.
        """
        for key, value in header_dict.items():
            self.set_header(key, value)

    def set_header(self, key: str, value: str | list[str]) -> None:
        """Set a field; a list gives it several lines.

        Raises:
            ValueError: if name or value may not stand in one.
        """
        self.headers[key] = value

    def get_header_bytes(self) -> bytes:
        """Status line and fields in octets, with the empty line behind them."""
        try:
            phrase = HTTPStatus(self.status_code).phrase
        except ValueError:
            phrase = ""
        lines = [f"HTTP/1.1 {self.status_code} {phrase}", *(f"{name}: {value}" for name, value in self.headers.lines())]
        return "\r\n".join([*lines, "", ""]).encode()

    def to_bytes(self) -> bytes:
        """All of it in octets."""
        return self.get_header_bytes() + self.content

    def get_text(self) -> str:
        """The content as text, decoded.

        Raises:
            ValueError: if it is not in the encoding it says, or inflates too much.
        """
        content = self.content
        names = (
            [self.encoding.lower()] if self.encoding.lower() in _CODINGS else codings(self.headers.get_all("Content-Encoding"))
        )
        if names:
            content = _decoded(content, names)
        return content.removeprefix(b"\xef\xbb\xbf").decode(self._charset(), "replace")

    def __repr__(self) -> str:
        return f"<Http_Response {self.status_code}, {len(self.content)} bytes>"

    def _charset(self) -> str:
        if self.encoding != UNKNOWN and self.encoding.lower() not in _CODINGS and self.encoding.isprintable():
            return charset_of(f'text/plain; charset="{self.encoding}"')
        return charset_of(self.headers.get("Content-Type", ""))


_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})


def _decoded(content: bytes, names: list[str]) -> bytes:
    limits = ClientLimits()
    try:
        undo = Decoding(names, limits.inflation)
        pieces: list[bytes] = []
        size = 0
        for piece in undo.pieces(content):
            size += len(piece)
            if size > limits.content:
                raise Inflated
            pieces.append(piece)
        undo.finish()
    except BadCoding as error:
        raise ValueError(f"the content is not {', '.join(names)}: {error}") from None
    except Inflated:
        raise ValueError(f"the content inflates to more than {limits.content} octets, or {limits.inflation} to 1") from None
    return b"".join(pieces)
