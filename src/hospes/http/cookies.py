"""Cookies: reading what a visitor sends, writing what the visitor shall keep (RFC 6265 and its revision, "6265bis").

Laws:

* One odd cookie never costs another: each stands for itself, and what cannot be read is left out alone.
* Of two cookies of one name the first counts: user agents send the one with the longest path first (RFC 6265 §5.4).
* No name, value or attribute can add an attribute, a cookie or a field: whatever holds an octet that could is refused.
* Reading takes linear time.
* What has the face of `http.cookies` stands in `morsels`, for who asks for that: few do, and it is slow to load.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import Literal

from msgspec import Struct

from hospes.lazily import regexp
from hospes.wire.date import format_date

_READABLE_NAME = regexp(r'[^\x00-\x20\x7f";=]++')
CONTROLS = regexp(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = regexp(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++")  # RFC 9110 §5.6.2
_COOKIE_OCTETS = regexp(r"[!#-+\--:<-\[\]-~]*+")  # RFC 6265 §4.1.1: no space, DQUOTE, comma, semicolon, backslash
ATTRIBUTE_OCTETS = regexp(r"[ -:<-~]*+")  # RFC 6265 §4.1.1, path-value: no control and no semicolon
_DOMAIN = regexp(r"\.?+[0-9A-Za-z](?:[0-9A-Za-z\-]*+)(?:\.[0-9A-Za-z][0-9A-Za-z\-]*+)*+")
_ESCAPE = regexp(r"\\(?:([0-3][0-7]{2})|(.))", re.DOTALL)
_LARGEST = 4096
"""Octets of name and value that user agents keep (6265bis §5.6): a larger cookie would be lost without a word."""

SameSite = Literal["Strict", "Lax", "None"]


def parse_cookies(value: str) -> dict[str, str]:
    """Read a Cookie field.

    A value in double quotes loses them, and backslash escapes as `http.cookies` writes them are undone.

    Args:
        value: The field's value; several fields are joined with `"; "` first.

    Returns:
        Value by name; cookies without `=`, without a name or with control characters are left out.
    """
    found: dict[str, str] = {}
    for piece in value.split(";"):
        name, equals, content = piece.partition("=")
        name = name.strip(" \t")
        if equals and name not in found and _READABLE_NAME.fullmatch(name):
            content = content.strip(" \t")
            if CONTROLS.search(content) is None:
                found[name] = unquote(content) if content[:1] == '"' else content
    return found


def unquote(value: str) -> str:
    if len(value) < 2 or value[-1] != '"':
        return value
    value = value[1:-1]
    return _ESCAPE.sub(_unescape, value) if "\\" in value else value


def _unescape(escape: re.Match[str]) -> str:
    octal, other = escape.groups()
    return chr(int(octal, 8)) if octal else other


def is_jar(kind: type) -> bool:
    """Whether it is a type of `http.cookies`' jars; as long as nobody has loaded that, none is."""
    module = sys.modules.get("http.cookies")
    return module is not None and issubclass(kind, module.BaseCookie)


class SetCookie(Struct, frozen=True):
    """A cookie the visitor shall keep. It is checked when it is made, so that a mistake shows where it stands.

    Args:
        name: A token, for example `sid`; `__Host-sid` and `__Secure-sid` bind user agents to their rules.
        value: ASCII without space, quote, comma, semicolon and backslash; encode anything else first.
        max_age: Seconds it lives; 0 removes it. Until the user agent ends, by default.
        expires: When it ends: seconds since 1970, or a datetime with a time zone; user agents prefer `max_age`.
        path: Where it is sent: this path and below; everywhere by default.
        domain: The domain it is sent to, with all below; only the host that set it by default.
        secure: Send it over TLS only.
        http_only: Hide it from scripts.
        same_site: Whether other sites' pages make the user agent send it; None leaves the attribute out.
        partitioned: Keep one for each top-level site (CHIPS).

    Raises:
        ValueError: if a part may not stand in the field, or user agents would refuse the cookie.
    """

    name: str
    value: str
    max_age: int | None = None
    expires: float | datetime | None = None
    path: str | None = "/"
    domain: str | None = None
    secure: bool = False
    http_only: bool = True
    same_site: SameSite | None = "Lax"
    partitioned: bool = False

    def __post_init__(self) -> None:
        self._check_octets()
        self._check_rules()

    @classmethod
    def removal(cls, name: str, *, path: str = "/", domain: str | None = None) -> SetCookie:
        """The cookie that removes another; `path` and `domain` must be those it was set with."""
        return cls(name, "", max_age=0, expires=0, path=path, domain=domain, secure=name.startswith("__"))

    def to_field(self) -> str:
        """The value of its Set-Cookie field."""
        pieces = [f"{self.name}={self.value}"]
        if self.max_age is not None:
            pieces.append(f"Max-Age={self.max_age}")
        if self.expires is not None:
            pieces.append(f"Expires={format_date(_epoch(self.expires))}")
        if self.domain is not None:
            pieces.append(f"Domain={self.domain}")
        if self.path is not None:
            pieces.append(f"Path={self.path}")
        if self.secure:
            pieces.append("Secure")
        if self.http_only:
            pieces.append("HttpOnly")
        if self.same_site is not None:
            pieces.append(f"SameSite={self.same_site}")
        if self.partitioned:
            pieces.append("Partitioned")
        return "; ".join(pieces)

    def _check_octets(self) -> None:
        if not _TOKEN.fullmatch(self.name):
            raise ValueError(f"cookie name {self.name!r}: take letters, digits and !#$%&'*+-.^_`|~ only")
        if not hasattr(self.value, "encode"):
            raise TypeError(f"cookie {self.name!r}: its value is text, not {type(self.value).__name__}")
        if not _COOKIE_OCTETS.fullmatch(self.value):
            # The value may be a secret: it is not repeated.
            raise ValueError(
                f"cookie {self.name!r}: its value may be ASCII without space, quote, comma, semicolon and backslash; "
                "encode it, for example with urllib.parse.quote"
            )
        if len(self.name) + len(self.value) > _LARGEST:
            raise ValueError(f"cookie {self.name!r}: name and value are over {_LARGEST} octets; keep it on the server instead")
        if self.path is not None and not (self.path.startswith("/") and ATTRIBUTE_OCTETS.fullmatch(self.path)):
            raise ValueError(f"cookie {self.name!r}: path {self.path!r} must begin with / and be ASCII without semicolon")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            raise ValueError(f"cookie {self.name!r}: domain {self.domain!r} must be a host name such as example.org")
        if self.same_site not in {"Strict", "Lax", "None", None}:
            raise ValueError(f"cookie {self.name!r}: same_site {self.same_site!r} must be 'Strict', 'Lax', 'None' or None")

    def _check_rules(self) -> None:
        if isinstance(self.expires, datetime) and self.expires.tzinfo is None:
            raise ValueError(f"cookie {self.name!r}: expires has no time zone; use datetime.now(UTC)")
        if self.expires is not None:
            format_date(_epoch(self.expires))  # refuses what has no date
        if type(self.max_age) not in {int, type(None)}:
            raise ValueError(f"cookie {self.name!r}: max_age {self.max_age!r} must be a whole number of seconds")
        prefix = self.name.lower()  # 6265bis §5.4: user agents compare the prefixes without regard to case
        if prefix.startswith(("__secure-", "__host-")) and not self.secure:
            raise ValueError(f"cookie {self.name!r}: its prefix demands secure=True")
        if prefix.startswith("__host-") and (self.path != "/" or self.domain is not None):
            raise ValueError(f"cookie {self.name!r}: its prefix demands path='/' and no domain")
        if self.same_site == "None" and not self.secure:
            raise ValueError(f"cookie {self.name!r}: same_site='None' demands secure=True")
        if self.partitioned and not self.secure:
            raise ValueError(f"cookie {self.name!r}: partitioned=True demands secure=True")


def _epoch(expires: float | datetime) -> float:
    return expires.timestamp() if isinstance(expires, datetime) else expires
