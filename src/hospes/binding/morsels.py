"""Cookies as `http.cookies` has them, for handlers that ask for a jar or for a morsel.

Law: a cookie that `http.cookies` does not know is left out of a jar; a handler that asks for that one alone misses it.
"""

from __future__ import annotations

from http.cookies import CookieError, Morsel
from typing import Any

from hospes.binding.annotations import is_optional
from hospes.binding.markers import Cookie
from hospes.binding.signature import EMPTY, Argument
from hospes.binding.source import Read, required
from hospes.binding.texts import Place
from hospes.http.morsels import Cookies
from hospes.http.request import Request


class MissingCookie(Morsel[str]):
    """What a handler gets for a cookie that the request does not bring: false, with the marker's default as its value."""

    def __bool__(self) -> bool:
        return False


def cookies(request: Request) -> Cookies:
    """All cookies of a request."""
    found = Cookies()
    for name, value in request.cookies.items():
        try:
            found[name] = value
        except CookieError:  # a name that http.cookies does not know; the others stay
            continue
    return found


def morsel_source(place: Place, marker: Cookie, is_required: bool, argument: Argument) -> Read:
    """Reads one cookie as a morsel."""
    missing = required(place.source, place.name)
    name = place.name

    def read(request: Request) -> Any:
        value = request.cookies.get(name)
        if value is None:
            if is_required:
                return missing()
            if argument.default is None or (argument.default is EMPTY and is_optional(argument.annotation)):
                return None
        try:
            return _made_morsel(marker, name, value)
        except CookieError:
            return missing()

    return read


def _made_morsel(marker: Cookie, name: str, value: str | None) -> Morsel[str]:
    morsel: Morsel[str] = MissingCookie() if value is None else Morsel()
    text = marker.default if value is None else value
    morsel.set(name, text, text)
    if value is None:
        morsel.update(marker.default_options)
    return morsel
