"""Cookies with the face of `http.cookies`: jars of morsels, as older programs write them.

Laws: those of `cookies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import TYPE_CHECKING, Any

from hospes.http.cookies import ATTRIBUTE_OCTETS, CONTROLS, parse_cookies, unquote

if TYPE_CHECKING:
    from _typeshed import SupportsItems


class Cookies(SimpleCookie):
    """Cookies to set, as a `http.cookies.SimpleCookie`: `cookies["a"] = "b"; cookies["a"]["path"] = "/"`.

    Unlike its parent it reads what it can: a cookie it does not understand is left out, and the others stay.
    """

    EXPIRE_DATE_FORMAT = "%a, %d %b %Y %H:%M:%S GMT"
    """For `strftime` on a time in UTC, where the program's locale is C; `hospes.wire.date.format_date` needs no locale."""

    def load(self, rawdata: str | SupportsItems[str, str | Morsel[Any]]) -> None:
        """Take cookies from a Cookie or Set-Cookie value, or from a mapping.

        Args:
            rawdata: Text in which a known attribute (`Path=/`, `Secure` …) belongs to the cookie before it; or a mapping.
        """
        if not isinstance(rawdata, str):
            for name, value in rawdata.items():
                self[name] = value
            return
        latest: Morsel[str] | None = None
        for piece in rawdata.split(";"):
            name, equals, _ = piece.partition("=")
            name = name.strip(" \t")
            if latest is not None and latest.isReservedKey(name):
                _set_attribute(latest, name.lower(), piece, equals)
            elif equals:
                latest = self._take(piece)

    @classmethod
    def from_field(cls, value: str) -> Cookies:
        """The cookies of a Cookie field, where no attribute can be: a cookie named `path` is one."""
        cookies = cls()
        for name, content in parse_cookies(value).items():
            cookies._store(name, content)
        return cookies

    def to_fields(self) -> Iterator[str]:
        """The value of a Set-Cookie field for each cookie.

        Raises:
            ValueError: if an attribute holds an octet that could add another attribute.
        """
        for morsel in self.values():
            for attribute, value in morsel.items():
                # Whatever it is, it is sent as its str; a flag's truth is not.
                if not ATTRIBUTE_OCTETS.fullmatch(str(value)):
                    raise ValueError(
                        f"cookie {morsel.key!r}: {attribute} {value!r} holds a semicolon, a control or a non-ASCII character"
                    )
            if not ATTRIBUTE_OCTETS.fullmatch(morsel.coded_value):
                raise ValueError(f"cookie {morsel.key!r}: its value is not ASCII; encode it, for example with urllib.parse.quote")
            yield morsel.OutputString()

    def _take(self, piece: str) -> Morsel[str] | None:
        for name, content in parse_cookies(piece).items():
            return self._store(name, content)
        return None

    def _store(self, name: str, content: str) -> Morsel[str] | None:
        try:
            self[name] = content
        except CookieError:  # http.cookies knows fewer names than user agents send, and takes none of its attributes' names
            return None
        return self[name]


def _set_attribute(morsel: Morsel[str], name: str, piece: str, equals: str) -> None:
    value = unquote(piece.partition("=")[2].strip(" \t"))
    flag = name in {"secure", "httponly", "partitioned"}
    if flag or (equals and CONTROLS.search(value) is None):
        # Morsel is typed for str, but tells a flag by its truth (http.cookies, Morsel.OutputString).
        morsel[name] = "true" if flag else value
