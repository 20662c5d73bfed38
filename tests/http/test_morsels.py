"""Cookies with the face of `http.cookies`."""

from __future__ import annotations

from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.http.morsels import Cookies


@given(st.text())
def test_anything_is_read(value: str) -> None:
    Cookies().load(value)
    Cookies.from_field(value)


def test_cookies_is_a_simple_cookie() -> None:
    cookies = Cookies()
    cookies["userInfo"] = "ABC"
    cookies["userInfo"]["path"] = "/"
    cookies["userInfo"]["expires"] = datetime(2026, 1, 2, tzinfo=UTC).strftime(Cookies.EXPIRE_DATE_FORMAT)
    assert isinstance(cookies, SimpleCookie)
    assert list(cookies.to_fields()) == ["userInfo=ABC; expires=Fri, 02 Jan 2026 00:00:00 GMT; Path=/"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1; b[=2; c=3", {"a": "1", "c": "3"}),
        ("path=/; a=1", {"a": "1"}),
        ("a=1; Path=/x; HttpOnly; b=2", {"a": "1", "b": "2"}),
        ("a=1; secure=yes", {"a": "1"}),
        ("lonely; a=1", {"a": "1"}),
        ("a=1; path", {"a": "1"}),
        ("a=1; path=\x01", {"a": "1"}),
    ],
)
def test_load_is_tolerant(text: str, expected: dict[str, str]) -> None:
    cookies = Cookies()
    cookies.load(text)
    loaded = {name: morsel.value for name, morsel in cookies.items()}
    loaded.pop("b[", None)  # newer versions of http.cookies take this name
    assert loaded == expected


def test_load_reads_attributes_and_mappings() -> None:
    cookies = Cookies()
    cookies.load('a=1; Path="/x"; HttpOnly; Secure')
    assert (cookies["a"]["path"], bool(cookies["a"]["httponly"]), bool(cookies["a"]["secure"])) == ("/x", True, True)
    assert list(cookies.to_fields()) == ["a=1; HttpOnly; Path=/x; Secure"]
    cookies.load({"b": "2"})
    assert cookies["b"].value == "2"


def test_from_field_knows_no_attributes() -> None:
    cookies = Cookies.from_field("a=1; path=/; b=2")
    assert {name: morsel.value for name, morsel in cookies.items()} == {"a": "1", "b": "2"}
    assert cookies["a"]["path"] == ""


def test_to_fields_refuses_injected_attributes() -> None:
    cookies = Cookies()
    cookies["a"] = "x; Domain=evil"
    assert list(cookies.to_fields()) == [r'a="x\073 Domain=evil"']
    cookies["a"]["path"] = "/; Domain=evil"
    with pytest.raises(ValueError, match="path"):
        list(cookies.to_fields())
    cookies = Cookies()
    cookies["a"] = "€"
    with pytest.raises(ValueError, match="not ASCII"):
        list(cookies.to_fields())


def test_an_attribute_that_is_no_text_cannot_add_another() -> None:
    cookies = Cookies()
    cookies["a"] = "1"
    cookies["a"]["path"] = PurePosixPath("/x; Domain=evil.example")
    with pytest.raises(ValueError, match="path"):
        list(cookies.to_fields())
