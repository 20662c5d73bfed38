"""Responses and redirects."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec
import pytest

from hospes.http.content import FileContent, Stream
from hospes.http.cookies import SetCookie
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.response import HTML, JSON, OCTETS, TEXT, XML, Redirect, Response, text_type
from hospes.limits import KiB


@dataclass
class Point:
    x: int


class Item(msgspec.Struct):
    name: str


def lines(response: Response) -> list[tuple[str, str]]:
    return list(response.lines())


# Bodies.


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        (None, b"", ""),
        ("", b"", TEXT),
        ("Hello é", "Hello é".encode(), TEXT),
        ("<html></html>", b"<html></html>", HTML),
        ("<?xml version='1.0'?><a/>", b"<?xml version='1.0'?><a/>", XML),
        (b"\x00\xff", b"\x00\xff", OCTETS),
        (b"<html>", b"<html>", OCTETS),
        (bytearray(b"ab"), b"ab", OCTETS),
        (memoryview(b"abcdef")[::2], b"ace", OCTETS),
        ({"a": "é"}, '{"a":"é"}'.encode(), JSON),
        ([1, None], b"[1,null]", JSON),
        (Point(1), b'{"x":1}', JSON),
        (Item("n"), b'{"name":"n"}', JSON),
        (True, b"true", JSON),
        (1.5, b"1.5", JSON),
    ],
)
def test_bodies(body: object, content: bytes, content_type: str) -> None:
    response = Response(body)
    assert (response.status, response.content, response.body) == (200, content, content)
    assert type(response.content) is bytes
    assert response.content_type == content_type
    assert lines(response) == ([("Content-Type", content_type)] if content_type else [])


def test_subclasses_of_str_and_bytes() -> None:
    class Text(str):
        __slots__ = ()

    class Octets(bytes):
        pass

    assert (Response(Text("<html>")).content, Response(Text("<html>")).content_type) == (b"<html>", HTML)
    assert type(Response(Octets(b"a")).content) is bytes


async def agen() -> AsyncIterator[bytes]:
    yield b"a"


def gen() -> Iterator[str]:
    yield "a"


def test_iterators_are_streamed() -> None:
    for source in (agen(), gen(), iter([b"a"]), map(str, [1])):
        response = Response(source)
        assert isinstance(response.content, Stream)
        assert response.content.source is source
        assert response.content_type == TEXT
        with pytest.raises(TypeError, match="this response is streamed"):
            _ = response.body


def test_streams_and_files_are_taken_as_they_are() -> None:
    for content in (Stream(agen(), 1), FileContent(io.BytesIO(b"a"), 0, 1)):
        assert Response(content).content is content
        assert Response(content).content_type == OCTETS


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        Response(object())
    with pytest.raises(UnicodeEncodeError):
        Response("\ud800")


# Statuses.


@pytest.mark.parametrize("status", [200, 204, 302, 404, 599])
def test_statuses(status: int) -> None:
    assert Response("x", status).status == status


@pytest.mark.parametrize("status", [-200, 0, 100, 101, 199, 600, 1000, True])
def test_a_status_out_of_range_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="an answer's status is 200 to 599"):
        Response("x", status)


def test_a_status_is_a_whole_number() -> None:
    response = Response("x", HTTPStatus.NOT_FOUND)
    assert (response.status, type(response.status)) == (404, int)
    wrong: list[Any] = ["404", 404.0, None]
    for status in wrong:
        with pytest.raises(TypeError):
            Response("x", status)


# Media types.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TEXT),
        ("Hello <b>", TEXT),
        ("<b>bold</b>", TEXT),
        ("<", TEXT),
        ("<html>", HTML),
        ("<HTML lang='de'>", HTML),
        ("<html\nlang=de\n>", HTML),
        ("<html", TEXT),
        ("<html lang", TEXT),
        ("<htmlx>", TEXT),
        ("<!doctype html>", HTML),
        ("<!DOCTYPE  HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", HTML),
        ("<!doctype html", TEXT),
        ("<!doctype htmlx>", TEXT),
        ("<!doctypehtml>", TEXT),
        ("<!doctype svg>", TEXT),
        ("<?xml version='1.0'?>", XML),
        ("<?XML\tversion='1.0'?>", XML),
        ("<?xml><root></root>", XML),
        ("<?xml?>", XML),
        ("<?xmlx ?>", TEXT),
        ("<?xml", TEXT),
        ("<?php ?>", TEXT),
        (" \r\n\t<html>", HTML),
        ("\ufeff<!doctype html>", HTML),
        ("\ufeff\n<?xml version='1.0'?>", XML),
        ("\n" * 10_000 + "<html>", HTML),
        ("x<html>", TEXT),
        ("&lt;html>", TEXT),
        ("< html>", TEXT),
    ],
)
def test_text_type(text: str, expected: str) -> None:
    assert text_type(text) == expected


def test_looking_at_a_text_takes_linear_time() -> None:
    for text in (" " * 5_000_000, "<html " * 1_000_000, "<!doctype " + " " * 5_000_000, "\ufeff \n" * 1_000_000):
        assert text_type(text) == TEXT


@pytest.mark.parametrize("body", ["<html>", b"x", {"a": 1}, None, gen()])
def test_a_given_type_wins(body: object) -> None:
    assert Response(body, content_type="text/css").content_type == "text/css"
    untyped = Response(body, content_type="")
    assert (untyped.content_type, lines(untyped)) == ("", [])


@pytest.mark.parametrize("content_type", ["text/css\r\nX: y", "a\nb", "a\0", "\x7f"])
def test_a_type_that_would_break_the_message_is_refused(content_type: str) -> None:
    with pytest.raises(ValueError, match="field Content-Type"):
        Response("x", content_type=content_type)
    with pytest.raises(ValueError, match="field Content-Type"):
        Response("x").content_type = content_type


def test_changing_the_type() -> None:
    response = Response("x")
    response.content_type = "text/css"
    assert lines(response) == [("Content-Type", "text/css")]
    response.headers["content-type"] = "a/b"
    assert response.content_type == "a/b"
    response.content_type = ""
    assert lines(response) == []


@pytest.mark.parametrize(
    ("before", "body", "content", "content_type"),
    [
        (Response(), "a", b"a", TEXT),
        (Response(), "<html>", b"<html>", HTML),
        (Response(), {"a": 1}, b'{"a":1}', JSON),
        (Response("a"), {"a": 1}, b'{"a":1}', JSON),
        (Response("a", content_type="text/css"), "b", b"b", "text/css"),
        (Response({"a": 1}), '{"a":2}', b'{"a":2}', JSON),
        (Response("a"), b"\x1f\x8b", b"\x1f\x8b", TEXT),
        (Response("a"), None, b"", TEXT),
        (Response(gen()), b"a", b"a", TEXT),
    ],
)
def test_replacing_the_body(before: Response, body: object, content: bytes, content_type: str) -> None:
    before.body = body
    assert (before.content, before.content_type) == (content, content_type)


# Fields.


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1", "X-B": ["2", "3"]},
        [("X-A", "1"), ("X-B", "2"), ("X-B", "3")],
        Headers({"X-A": "1", "X-B": ["2", "3"]}),
        iter([("X-A", "1"), ("X-B", ("2", "3"))]),
    ],
)
def test_headers_given(headers: Any) -> None:
    response = Response("x", headers=headers)
    assert sorted(lines(response)) == [("Content-Type", TEXT), ("X-A", "1"), ("X-B", "2"), ("X-B", "3")]


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_a_type_among_the_headers_wins_and_comes_once(name: str) -> None:
    several: list[Any] = [{name: "a/b"}, [(name, "c/d"), ("Content-Type", "a/b")], Headers({name: ["c/d", "a/b"]})]
    for headers in several:
        response = Response("x", headers=headers, content_type="text/css")
        assert [(each.lower(), value) for each, value in lines(response)] == [("content-type", "a/b")]
        assert response.content_type == "a/b"


def test_given_headers_are_copied() -> None:
    headers = Headers({"X": "1"})
    response = Response("x", headers=headers)
    response.headers["X"] = "2"
    assert dict(headers) == {"X": "1"}


def test_headers_are_made_when_they_are_asked_for() -> None:
    assert Response("x").plain
    response = Response("x")
    assert response.headers is response.headers
    assert dict(response.headers) == {"Content-Type": TEXT}
    assert not response.plain
    assert not Response("x", headers={}).plain
    assert dict(Response().headers) == {}


def test_headers_replaced() -> None:
    response = Response("x", headers={"X": "1"})
    response.headers = Headers({"Y": "2"})
    assert sorted(lines(response)) == [("Content-Type", TEXT), ("Y", "2")]
    response.headers = {"content-type": "a/b"}
    assert lines(response) == [("content-type", "a/b")]
    del response.headers["Content-Type"]
    response.headers = Headers()
    assert lines(response) == []


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, [("X", "a\0")], {"Set-Cookie": ["a=1", "b\r\n"]}])
def test_headers_that_would_break_the_message_are_refused(headers: Any) -> None:
    with pytest.raises(ValueError, match="field"):
        Response("x", headers=headers)


# Cookies.


def cookie_lines(response: Response) -> list[str]:
    return [value for name, value in response.lines() if name == "Set-Cookie"]


def test_cookies_given_are_guarded() -> None:
    response = Response("x", cookies={"a": "1", "b": "2"})
    assert cookie_lines(response) == ["a=1; Path=/; HttpOnly; SameSite=Lax", "b=2; Path=/; HttpOnly; SameSite=Lax"]
    assert not response.plain


def test_cookies_given_in_other_ways() -> None:
    made = [SetCookie("a", "1", secure=True), SetCookie("a", "2", path="/x")]
    expected = ["a=1; Path=/; Secure; HttpOnly; SameSite=Lax", "a=2; Path=/x; HttpOnly; SameSite=Lax"]
    assert cookie_lines(Response("x", cookies=made)) == expected
    assert cookie_lines(Response("x", cookies=tuple(made))) == expected
    jar: SimpleCookie = SimpleCookie()
    jar["a"] = "1"
    jar["a"]["path"] = "/x"
    assert cookie_lines(Response("x", cookies=jar)) == ["a=1; Path=/x"]


def test_cookies_of_both_kinds() -> None:
    response = Response("x")
    response.set_cookie(SetCookie("a", "1", http_only=False, same_site=None))
    response.cookies["b"] = "2"
    response.cookies["b"]["path"] = "/"
    response.headers.add("Set-Cookie", "c=3")
    assert sorted(cookie_lines(response)) == ["a=1; Path=/", "b=2; Path=/", "c=3"]


def test_cookies_replaced() -> None:
    response = Response("x")
    response.cookies["a"] = "1"
    for kind in (SimpleCookie, Cookies):
        jar = kind()
        jar["b"] = "2"
        response.cookies = jar
        assert isinstance(response.cookies, Cookies)
        assert cookie_lines(response) == ["b=2"]


@pytest.mark.parametrize("value", ["x; Domain=evil", "x\r\nSet-Cookie: b=2", "x\ny", "x\0", 'x"; Secure; y="', "x, y"])
def test_a_cookies_value_adds_nothing(value: str) -> None:
    with pytest.raises(ValueError, match="cookie 'a'"):
        Response("x", cookies={"a": value})
    response = Response("x")
    with suppress(CookieError):  # newer versions of http.cookies, and mended ones, refuse control characters themselves
        response.cookies["a"] = value
    for line in cookie_lines(response):
        assert line.startswith('a="')
        assert not set(line) & set(";\r\n\0")


@pytest.mark.parametrize("attribute", ["path", "domain", "comment", "max-age", "expires", "samesite", "version"])
@pytest.mark.parametrize("value", ["/; Domain=evil", "/\r\nX: y", "/\0", "/é"])
def test_a_morsels_attribute_adds_nothing(attribute: str, value: str) -> None:
    response = Response("x")
    response.cookies["a"] = "1"
    try:
        response.cookies["a"][attribute] = value
    except CookieError:  # likewise
        assert cookie_lines(response) == ["a=1"]
    else:
        with pytest.raises(ValueError, match=f"cookie 'a': {attribute} "):
            lines(response)


def test_a_morsels_coded_value_adds_nothing() -> None:
    response = Response("x")
    response.cookies["a"] = "1"
    response.cookies["a"].set("a", "1", "1; Domain=evil")
    with pytest.raises(ValueError, match="cookie 'a'"):
        lines(response)
    response.cookies["a"] = "€"
    with pytest.raises(ValueError, match="not ASCII"):
        lines(response)


# Redirects.


def location(target: str) -> str:
    return Redirect(target).headers["Location"]


def test_redirect() -> None:
    response = Redirect("/next")
    assert (response.status, response.body, lines(response)) == (302, b"", [("Location", "/next")])
    for status in (301, 302, 303, 307, 308):
        assert Redirect("/", status).status == status
    for status in (200, 300, 304, 305, 306, 309, 400):
        with pytest.raises(ValueError, match=rf"Redirect\(status={status}\): a redirect is 301, 302, 303, 307 or 308"):
            Redirect("/", status)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("", ""),
        ("a/b?c=d&e=f#g", "a/b?c=d&e=f#g"),
        ("https://u@[::1]:80/a;b,c/(d)*!$'+~-._?x=@:", "https://u@[::1]:80/a;b,c/(d)*!$'+~-._?x=@:"),
        ("/caf%C3%A9?q=%20", "/caf%C3%A9?q=%20"),
        ("/café €", "/caf%C3%A9%20%E2%82%AC"),
        ('/a"b<c>d|e^f`g{h}', "/a%22b%3Cc%3Ed%7Ce%5Ef%60g%7Bh%7D"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("\\\\evil.example", "%5C%5Cevil.example"),
        ("/\x85\u2028", "/%C2%85%E2%80%A8"),
    ],
)
def test_a_location_is_a_url(target: str, expected: str) -> None:
    assert location(target) == expected
    assert location(location(target)) == expected


@pytest.mark.parametrize("target", ["/\r\nSet-Cookie: a=1", "/\n", "/\r", "/\0", "\t/", "/\x7f", "/\x1b"])
def test_a_location_holds_no_controls(target: str) -> None:
    with pytest.raises(ValueError, match="a location holds no control characters"):
        Redirect(target)


def test_half_a_surrogate_pair_is_no_location() -> None:
    with pytest.raises(UnicodeEncodeError):
        Redirect("/\ud800")


def test_repr() -> None:
    assert repr(Response("Hello")) == "<Response 200 text/plain; charset=utf-8, 5 bytes>"
    assert repr(Response(None, 204)) == "<Response 204 without type, 0 bytes>"
    assert repr(Response(gen())) == "<Response 200 text/plain; charset=utf-8, Stream>"


def test_a_large_text_is_looked_at_only_at_its_beginning() -> None:
    assert Response("x" * 64 * KiB + "<html>").content_type == TEXT


def test_a_copy_has_its_own_fields_and_cookies() -> None:
    response = Response("x", 201, {"A": "1"}, {"c": "1"})
    response.cookies["m"] = "1"
    other = response.copy()
    assert list(other.lines()) == list(response.lines())
    other.headers["A"] = "2"
    other.cookies["n"] = "2"
    other.set_cookie(SetCookie("d", "2"))
    other.status = 500
    assert [line for line in response.lines() if line[0] != "Content-Type"] == [
        ("A", "1"),
        ("Set-Cookie", "m=1"),
        ("Set-Cookie", "c=1; Path=/; HttpOnly; SameSite=Lax"),
    ]
    assert (response.status, other.body) == (201, b"x")
    plain = Response("x")
    assert plain.copy().plain
    plain.copy().headers["A"] = "1"
    assert plain.plain


def test_a_redirects_copy_redirects() -> None:
    assert Redirect("/x").copy().headers["Location"] == "/x"


def test_made_of_parts() -> None:
    bare = Response.made_of(b"x", 201, "text/plain")
    assert (bare.status, bare.content, bare.plain, list(bare.lines())) == (201, b"x", True, [("Content-Type", "text/plain")])
    full = Response.made_of(b"", 200, "", Headers({"X-A": "b"}))
    assert (full.plain, full.content_type, list(full.lines())) == (False, "", [("X-A", "b")])
