"""URLs as a client needs them: where to connect, what to ask for, and what of it may be shown.

Laws:

* A URL is absolute and http or https. Its host is an IP address or a name of letters, digits, `-`, `_` and dots (names beyond
  ASCII become IDNA), its port 1 to 65535.
* What readers of URLs differ about is refused, not repaired: controls, a backslash, white space in the authority. Two programs
  that read one URL as two hosts are how checks are passed by.
* `shown` has no credentials, no query and no fragment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote, urlencode

if TYPE_CHECKING:
    import httpx2

Query: TypeAlias = "Mapping[str, str | int | float | Sequence[str | int | float]]"
"""Names and values of a query; a list gives its name several times."""

_PORTS: Final = {"http": 80, "https": 443}
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+://([^/?#]*+)")
_LABEL = r"[0-9A-Za-z_][0-9A-Za-z_\-]{0,62}"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+\.?")
_LONGEST_NAME: Final = 253  # RFC 1035 §2.3.4, without the lengths of first label and root


@dataclass(frozen=True, slots=True)
class Url:
    """A URL, taken apart."""

    scheme: str
    """http or https."""
    host: str
    """In lower case ASCII, an IPv6 address without its brackets."""
    port: int
    """The one to connect to."""
    target: str
    """Path and query in ASCII, percent-encoded; what the request line says."""
    credentials: tuple[str, str] | None = None
    """User and password, where the URL names them."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials belong to (RFC 9110 §4.3.1)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """What the Host field says: the host, with its port where that is not the scheme's (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def shown(self) -> str:
        """For errors and logs."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str) -> Url:
    """Read an absolute URL.

    Args:
        text: The URL; characters that a URL cannot hold are percent-encoded.

    Raises:
        ValueError: if it is none, or not of http or https. The text is not repeated: it may hold a password.
    """
    import httpx2  # slow to import, and only a client needs it

    authority = _AUTHORITY.match(text)
    if _REFUSED.search(text) or authority is None or re.search(r"\s", authority[1]):
        raise ValueError("the URL is not absolute (https://host/path), or holds a control character, a backslash or white space")
    try:
        return _read(httpx2.URL(text))
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise ValueError(f"the URL cannot be read: {_first_line(error)}") from None


def join_url(base: Url, reference: str) -> Url:
    """The URL that a Location field means (RFC 3986 §5, RFC 9110 §10.2.2). It carries no credentials.

    Raises:
        ValueError: if that is no URL that a client can ask.
    """
    import httpx2

    if _REFUSED.search(reference):
        raise ValueError("the location holds a control character or a backslash")
    try:
        return replace(_read(httpx2.URL(str(base)).join(reference)), credentials=None)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise ValueError(f"the location cannot be read: {_first_line(error)}") from None


def _read(found: httpx2.URL) -> Url:
    scheme, host, port = found.scheme, found.raw_host.decode("ascii").lower(), found.port
    target = found.raw_path.decode("ascii")
    if scheme not in _PORTS:
        raise ValueError(f"the URL's scheme is {scheme!r}; a client speaks http and https")
    _check_host(host)
    port = _PORTS[scheme] if port is None else port
    if not 1 <= port <= 65_535:
        raise ValueError(f"the URL's port is {port}; ports are 1 to 65535")
    return Url(scheme, host, port, target if target.startswith("/") else "/" + target, _credentials(found.userinfo))


def with_query(text: str, query: Query | None) -> str:
    """The URL with names and values behind those of its own query."""
    if not query:
        return text
    head, hash_sign, fragment = text.partition("#")
    between = "" if head.endswith(("?", "&")) else "&" if "?" in head else "?"
    return f"{head}{between}{urlencode(query, doseq=True)}{hash_sign}{fragment}"


def _check_host(host: str) -> None:
    if ":" in host:
        return  # an address in brackets, which the library has checked
    if len(host) > _LONGEST_NAME + 1 or not _NAME.fullmatch(host):
        raise ValueError("the URL's host is no name: take letters, digits, hyphens and dots")


def _credentials(userinfo: bytes) -> tuple[str, str] | None:
    if not userinfo:
        return None
    user, _, password = userinfo.decode("ascii").partition(":")
    return unquote(user), unquote(password)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
