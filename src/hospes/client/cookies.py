"""Cookies that a client keeps (RFC 6265 §5, with what its revision "6265bis" made stricter).

Laws:

* A cookie goes only where it may: to the host that set it, or to its domain's hosts where it says so; below its path; over TLS
  alone if it is Secure.
* A host sets cookies for itself and for domains it belongs to; never for an IP address's "domain", nor for a name without a dot.
  There is no list of public suffixes here: a cookie for `co.uk` is taken from `a.co.uk`. Keep one client per party.
* What cannot be read is left out alone, and a jar has an end: the oldest cookies go first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from threading import Lock
from typing import Final

from hospes.client.url import Url

PER_DOMAIN: Final = 50
IN_ALL: Final = 3_000
"""RFC 6265 §6.1 asks for as many at least."""
_LARGEST: Final = 4_096
"""Octets of name and value; larger cookies are ignored (6265bis §5.6)."""
_LARGEST_ATTRIBUTE: Final = 1_024
_LONGEST_AGE: Final = 400 * 86_400  # 6265bis §5.5

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DELIMITER = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[^0-9].*)?", re.DOTALL)
_DAY = re.compile(r"([0-9]{1,2})(?:[^0-9].*)?", re.DOTALL)
_YEAR = re.compile(r"([0-9]{2,4})(?:[^0-9].*)?", re.DOTALL)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AGE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class StoredCookie:
    """A cookie in the jar."""

    name: str
    value: str
    domain: str
    """The host it goes to, or the domain with all its hosts."""
    host_only: bool
    """Whether it goes to that very host only."""
    path: str
    secure: bool
    expires: float | None
    """When it ends, in seconds since 1970; None with the client."""

    def goes_to(self, url: Url, now: float) -> bool:
        """Whether a request for this URL carries it."""
        return (
            (self.expires is None or self.expires > now)
            and (url.scheme == "https" or not self.secure)
            and (url.host == self.domain if self.host_only else _is_within(url.host, self.domain))
            and _is_below(url.path, self.path)
        )


class CookieJar:
    """The cookies of one client; any thread may use it."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], StoredCookie] = {}
        self._lock = Lock()

    def keep(self, url: Url, lines: Iterable[str], now: float | None = None) -> None:
        """Take cookies from the Set-Cookie lines of an answer.

        Args:
            url: What was asked.
            lines: The field's lines.
            now: Seconds since 1970; now by default.
        """
        now = time.time() if now is None else now
        found = [cookie for line in lines if (cookie := parse_set_cookie(line, url, now)) is not None]
        with self._lock:
            for cookie in found:
                key = (cookie.domain, cookie.path, cookie.name)
                if not self._overlays_secure(cookie, url):
                    self._cookies.pop(key, None)  # what is set anew is the youngest
                    if cookie.expires is None or cookie.expires > now:
                        self._cookies[key] = cookie
            if found:
                self._shrink(now)

    def field(self, url: Url, now: float | None = None) -> str:
        """The Cookie field for a request; "" for none. Longer paths come first (RFC 6265 §5.4)."""
        now = time.time() if now is None else now
        with self._lock:
            found = [cookie for cookie in self._cookies.values() if cookie.goes_to(url, now)]
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in found)

    def clear(self) -> None:
        """Forget all cookies."""
        with self._lock:
            self._cookies.clear()

    def __iter__(self) -> Iterator[StoredCookie]:
        with self._lock:
            return iter(list(self._cookies.values()))

    def __len__(self) -> int:
        return len(self._cookies)

    def _overlays_secure(self, cookie: StoredCookie, url: Url) -> bool:
        """Whether a cookie that came without TLS would stand in for a Secure one (6265bis §5.7, step 16)."""
        if url.scheme == "https":
            return False
        return any(
            old.secure
            and old.name == cookie.name
            and (_is_within(old.domain, cookie.domain) or _is_within(cookie.domain, old.domain))
            and _is_below(cookie.path, old.path)
            for old in self._cookies.values()
        )

    def _shrink(self, now: float) -> None:
        for key in [key for key, cookie in self._cookies.items() if cookie.expires is not None and cookie.expires <= now]:
            del self._cookies[key]
        by_domain: dict[str, list[tuple[str, str, str]]] = {}
        for key in self._cookies:
            by_domain.setdefault(key[0], []).append(key)
        surplus = [key for keys in by_domain.values() for key in keys[:-PER_DOMAIN]]
        for key in surplus:
            del self._cookies[key]
        for key in list(self._cookies)[: max(len(self._cookies) - IN_ALL, 0)]:
            del self._cookies[key]


def parse_set_cookie(line: str, url: Url, now: float) -> StoredCookie | None:
    """Read a Set-Cookie line (RFC 6265 §5.2 and §5.3).

    Args:
        line: The field's value.
        url: What was asked.
        now: Seconds since 1970.

    Returns:
        The cookie; one whose end lies in the past removes another. None where the line sets none.
    """
    pair, *attributes = line.split(";")
    name, equals, value = pair.partition("=")
    name, value = (name.strip(" \t"), value.strip(" \t")) if equals else ("", pair.strip(" \t"))
    if _CONTROLS.search(line) or not (name or value) or len(name) + len(value) > _LARGEST:
        return None
    cookie: StoredCookie | None = StoredCookie(name, value, url.host, True, _default_path(url.path), False, None)
    has_age = False
    for attribute in attributes:
        word, _, text = attribute.partition("=")
        word, text = word.strip(" \t").lower(), text.strip(" \t")
        if cookie is None:
            return None
        if len(text) > _LARGEST_ATTRIBUTE or (word == "expires" and has_age):  # RFC 6265 §5.3, step 3: Max-Age is stronger
            continue
        has_age = has_age or (word == "max-age" and _AGE.fullmatch(text) is not None)
        cookie = _with(cookie, word, text, url, now)
    return cookie if cookie is not None and _keeps_prefix(cookie, url) else None


def _with(cookie: StoredCookie, word: str, text: str, url: Url, now: float) -> StoredCookie | None:
    """The cookie with one attribute more; None where that forbids it."""
    if word == "secure":
        return replace(cookie, secure=True) if url.scheme == "https" else None  # 6265bis §5.7, step 8
    if word == "path":
        return replace(cookie, path=text if text.startswith("/") else _default_path(url.path))
    if word == "domain":
        return _for_domain(cookie, text.removeprefix(".").lower(), url)
    if word == "max-age" and _AGE.fullmatch(text):
        return replace(cookie, expires=now + min(int(text), _LONGEST_AGE) if int(text) > 0 else 0.0)
    if word == "expires":
        date = parse_cookie_date(text)
        return cookie if date is None else replace(cookie, expires=min(date, now + _LONGEST_AGE))
    return cookie


def _for_domain(cookie: StoredCookie, domain: str, url: Url) -> StoredCookie | None:
    if not domain:
        return cookie
    if domain == url.host:
        return replace(cookie, domain=domain, host_only=_is_address(domain) or "." not in domain)
    if "." not in domain or not _is_within(url.host, domain):
        return None
    return replace(cookie, domain=domain, host_only=False)


def _keeps_prefix(cookie: StoredCookie, url: Url) -> bool:
    """Whether the promise in the cookie's name holds (6265bis §4.1.3)."""
    name = (cookie.name or cookie.value).lower()
    if name.startswith("__host-"):
        return cookie.secure and cookie.host_only and cookie.path == "/"
    return cookie.secure or not name.startswith("__secure-")


def parse_cookie_date(text: str) -> float | None:
    """Read a date as user agents do: any order, much forgiven (RFC 6265 §5.1.1).

    Returns:
        Seconds since 1970; None if it is no date.
    """
    clock: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _DELIMITER.split(text):
        if clock is None and (found := _TIME.fullmatch(token)):
            clock = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.fullmatch(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.fullmatch(token)):
            year = int(found[1])
            year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    if clock is None or day is None or month is None or year is None or year < 1601:
        return None
    try:
        return datetime(year, month, day, *clock, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _default_path(path: str) -> str:
    """The directory of what was asked (RFC 6265 §5.1.4)."""
    directory = path.rpartition("/")[0]
    return directory if directory.startswith("/") else "/"


def _is_below(path: str, above: str) -> bool:
    """RFC 6265 §5.1.4: the same, or below it at a slash."""
    return path == above or (path.startswith(above) and (above.endswith("/") or path[len(above)] == "/"))


def _is_within(host: str, domain: str) -> bool:
    """RFC 6265 §5.1.3: the same, or a name below it; addresses are within nothing."""
    return host == domain or (host.endswith("." + domain) and not _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
