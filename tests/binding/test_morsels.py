"""Cookies as `http.cookies` has them; that handlers get them is in test_sources."""

from __future__ import annotations

from http.cookies import Morsel
from typing import Any

import pytest
from tests.binding.making import request

from hospes.binding.errors import Unfit
from hospes.binding.markers import Cookie
from hospes.binding.morsels import MissingCookie, cookies, morsel_source
from hospes.binding.signature import EMPTY, Argument
from hospes.binding.texts import Place


def argument(annotation: Any = EMPTY, default: Any = EMPTY) -> Argument:
    return Argument("a", annotation, default, None, "f", ())


def test_a_missing_cookie_is_false() -> None:
    assert not MissingCookie()


def test_a_jar_has_what_http_cookies_knows() -> None:
    found = cookies(request(fields=["Cookie: a=1; path=/; b=2"]))
    assert {name: morsel.value for name, morsel in found.items()} == {"a": "1", "b": "2"}


def test_morsels() -> None:
    read = morsel_source(Place("cookie", "a"), Cookie("a", "d"), False, argument(default=Cookie()))
    missing, there = read(request()), read(request(fields=["Cookie: a=1"]))
    assert (type(missing), missing.value, type(there), there.value) == (MissingCookie, "d", Morsel, "1")
    assert morsel_source(Place("cookie", "a"), Cookie("a"), False, argument(Cookie, None))(request()) is None


@pytest.mark.parametrize("name", ["path", "expires"])
def test_a_morsel_cannot_have_the_name_of_an_attribute(name: str) -> None:
    read = morsel_source(Place("cookie", name), Cookie(name), True, argument())
    with pytest.raises(Unfit):
        read(request(fields=[f"Cookie: {name}=1"]))
