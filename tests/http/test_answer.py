"""What a handler may return."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any, cast

import msgspec
import pytest
from tests.golden import check_golden

from hospes.errors import HttpError
from hospes.http.answer import Answer, to_response
from hospes.http.content import Stream
from hospes.http.cookies import SetCookie
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.request import Address, Connection, Request
from hospes.http.response import HTML, JSON, OCTETS, TEXT, XML, Redirect, Response
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader


def made() -> Request:
    reader = RequestReader(Limits())
    reader.receive(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, Connection(Address("127.0.0.1", 5), Address("127.0.0.1", 80), "http", Limits()))


REQUEST = made()


@dataclass
class Point:
    x: int


class Item(msgspec.Struct):
    name: str
    respond: str = "a field, not a method"


class Mine(dict[str, int]):
    pass


class Many(list[int]):
    pass


class Name(str):
    __slots__ = ()


class Code(IntEnum):
    CREATED = 201


def jar(**values: str) -> SimpleCookie:
    cookies: SimpleCookie = SimpleCookie()
    for name, value in values.items():
        cookies[name] = value
    return cookies


def lines(response: Response, name: str) -> list[str]:
    return [value for each, value in response.lines() if each == name]


# Rows of the table of answers.


@pytest.mark.parametrize(
    ("value", "content", "content_type"),
    [
        ("Hello é", "Hello é".encode(), TEXT),
        (" <html></html> ", b" <html></html> ", HTML),
        ("<?xml version='1.0'?>", b"<?xml version='1.0'?>", XML),
        (Name("n"), b"n", TEXT),
        (b"\xff", b"\xff", OCTETS),
        (bytearray(b"a"), b"a", OCTETS),
        (memoryview(b"a"), b"a", OCTETS),
        ({"a": "é"}, '{"a":"é"}'.encode(), JSON),
        (Mine(a=1), b'{"a":1}', JSON),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}', JSON),
        ([1, {"a": Point(2)}], b'[1,{"a":{"x":2}}]', JSON),
        (Many([1]), b"[1]", JSON),
        ({}, b"{}", JSON),
        ([], b"[]", JSON),
        (Point(1), b'{"x":1}', JSON),
        (Item("n"), b'{"name":"n","respond":"a field, not a method"}', JSON),
        (True, b"true", JSON),
        (False, b"false", JSON),
        (1.5, b"1.5", JSON),
        (None, b"", ""),
        ("", b"", TEXT),
    ],
)
def test_bodies(value: object, content: bytes, content_type: str) -> None:
    for status in (200, 201):
        response = to_response(value, REQUEST, status)
        assert (response.status, response.body, response.content_type) == (status, content, content_type)


@pytest.mark.parametrize("status", [200, 204, 404, 599, HTTPStatus.CREATED, Code.CREATED])
def test_an_int_is_a_status(status: int) -> None:
    for value in (status, (status,)):
        response = to_response(value, REQUEST, 202)
        assert (response.status, response.content, list(response.lines())) == (int(status), b"", [])
        assert type(response.status) is int


@pytest.mark.parametrize("status", [0, 1, 100, 199, 600, -1, 10**9])
def test_an_int_out_of_range_is_none(status: int) -> None:
    for value in (status, (status,), ("body", status), (status, Response("x"))):
        with pytest.raises(ValueError, match=f"status {status}: an answer's status is 200 to 599; a returned int is one, "):
            to_response(value, REQUEST)


def test_headers_alone() -> None:
    response = to_response(Headers({"X": ["1", "2"]}), REQUEST, 201)
    assert (response.status, response.content, list(response.lines())) == (201, b"", [("X", "1"), ("X", "2")])


@pytest.mark.parametrize("value", [jar(a="1"), Cookies("a=1"), SetCookie("a", "1", path=None, http_only=False, same_site=None)])
def test_cookies_alone(value: object) -> None:
    response = to_response(value, REQUEST, 201)
    assert (response.status, response.content, list(response.lines())) == (201, b"", [("Set-Cookie", "a=1")])


def gen() -> Iterator[str]:
    yield "a"


async def agen() -> AsyncIterator[bytes]:
    yield b"a"


class AsyncSource:
    def __aiter__(self) -> AsyncIterator[bytes]:
        return agen()


def test_iterators_are_streamed() -> None:
    for source in (gen(), agen(), iter(["a"]), map(str, [1]), AsyncSource()):
        for value in (source, (source, 201)):
            response = to_response(value, REQUEST)
            assert isinstance(response.content, Stream)
            assert response.content.source is source


def test_a_response_is_itself() -> None:
    for response in (Response("x", 404), Redirect("/")):
        assert to_response(response, REQUEST, 201) is response
    assert response.status == 302


class Greeting:
    def respond(self, request: Request) -> Response:
        return Response(f"Hello from {request.path}", 203)


def test_an_answer_is_asked() -> None:
    assert isinstance(Greeting(), Answer)
    response = to_response(Greeting(), REQUEST, 201)
    assert (response.status, response.content) == (203, b"Hello from /x")
    response = to_response((Headers({"X": "1"}), Greeting(), 404), REQUEST)
    assert (response.status, response.content, response.headers["X"]) == (404, b"Hello from /x", "1")


# Tuples.


@pytest.mark.parametrize(
    "value",
    [
        (201, Headers({"X": ["1", "2"]}), jar(a="1"), "body"),
        ("body", jar(a="1"), Headers({"X": ["1", "2"]}), 201),
        (Headers({"X": ["1", "2"]}), "body", None, 201, jar(a="1")),
        (None, jar(a="1"), HTTPStatus.CREATED, "body", Headers({"X": ["1", "2"]}), 404, "ignored", ["ignored"]),
    ],
)
def test_tuples_in_any_order(value: tuple[object, ...]) -> None:
    response = to_response(value, REQUEST)
    assert (response.status, response.content, response.content_type) == (201, b"body", TEXT)
    assert lines(response, "X") == ["1", "2"]
    assert lines(response, "Set-Cookie") == ["a=1"]


def test_all_headers_and_all_cookies_are_taken() -> None:
    value = (
        Headers({"X": "1", "Y": "1", "Set-Cookie": "a=1"}),
        {"body": 1},
        jar(b="2"),
        Headers({"x": "2", "Set-Cookie": ["c=3", "d=4"]}),
        jar(e="5", b="6"),
        SetCookie("f", "7", path=None, http_only=False, same_site=None),
    )
    response = to_response(value, REQUEST, 202)
    assert (response.status, response.content) == (202, b'{"body":1}')
    assert (response.headers["X"], response.headers["Y"]) == ("2", "1")
    assert lines(response, "Set-Cookie") == ["a=1", "c=3", "d=4", "b=6", "e=5", "f=7"]


def test_headers_in_a_tuple_name_the_type() -> None:
    response = to_response(("x", Headers({"content-type": "text/css"})), REQUEST)
    assert list(response.lines()) == [("Content-Type", "text/css")]


def test_a_response_in_a_tuple_keeps_what_it_has() -> None:
    inner = Response("x", 404, {"X": "1", "Set-Cookie": "a=1"}, cookies={"b": "2"}, content_type="text/css")
    inner.cookies["c"] = "3"
    response = to_response((inner, Headers({"Y": "2", "Set-Cookie": "d=4"}), jar(e="5")), REQUEST, 201)
    assert (response.status, response.content, response.content_type) == (404, b"x", "text/css")
    assert (response.headers["X"], response.headers["Y"]) == ("1", "2")
    expected = ["a=1", "d=4", "c=3", "e=5", "b=2; Path=/; HttpOnly; SameSite=Lax"]
    assert lines(response, "Set-Cookie") == expected
    assert to_response((inner, 410), REQUEST).status == 410


@pytest.mark.parametrize(
    ("value", "content", "status"),
    [
        ((), b"", 202),
        ((None,), b"", 202),
        ((None, None), b"", 202),
        ((True,), b"true", 202),
        ((False, 201), b"false", 201),
        ((0.5, 201), b"0.5", 201),
        (("", "second"), b"", 202),
        (([], {"a": 1}), b"[]", 202),
        ((201, ("inner", 404)), b"inner", 201),
        ((("inner", 404),), b"inner", 404),
    ],
)
def test_odd_tuples(value: tuple[object, ...], content: bytes, status: int) -> None:
    response = to_response(value, REQUEST, 202)
    assert (response.content, response.status) == (content, status)


def test_a_named_tuple_is_a_tuple() -> None:
    Pair = namedtuple("Pair", ["body", "status"])
    response = to_response(Pair("x", 201), REQUEST)
    assert (response.content, response.status) == (b"x", 201)


# What is no answer.


class Stranger:
    pass


class View(Mapping[str, int]):
    def __getitem__(self, name: str) -> int:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_what_is_no_answer_is_named() -> None:
    values: list[Any] = [Stranger(), (201, Stranger()), View(), range(3), {"a": Stranger()}, [Stranger()], print, Stranger, 1j]
    texts: list[str] = []
    for value in values:
        with pytest.raises(TypeError) as caught:
            to_response(value, REQUEST)
        texts.append(str(caught.value).replace(f"{__name__}.", "app."))
    check_golden("http/no_answer", "\n".join(texts))


def test_what_was_meant_otherwise_is_told() -> None:
    async def later() -> str:
        return "later"

    texts: list[str] = []
    for value in (later(), Later(), HttpError(404), KeyError("x"), Response):
        with pytest.raises(TypeError) as caught:
            to_response(value, REQUEST)
        texts.append(str(caught.value).replace(f"{__name__}.", "app."))
    check_golden("http/meant_otherwise", "\n".join(texts))


class Later:
    def __await__(self) -> Iterator[None]:
        return iter(())


def test_a_forgotten_await_is_named() -> None:
    async def answer() -> str:
        return "x"

    forgotten = answer()
    with pytest.raises(TypeError, match=r"a handler returned builtins\.coroutine, which is no answer"):
        to_response(forgotten, REQUEST)
    forgotten.close()


def test_what_refers_to_itself_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value in (circle, (201, circle), cast("object", Many(cast("list[int]", circle)))):
        with pytest.raises(ValueError, match="refers to itself"):
            to_response(value, REQUEST)


@pytest.mark.parametrize(("own", "status", "expected"), [(200, 200, 200), (200, 404, 404), (206, 201, 206), (304, 201, 304)])
def test_an_answer_that_names_no_status_has_that_of_the_route(own: int, status: int, expected: int) -> None:
    class Page:
        def respond(self, request: Request) -> Response:
            return Response("page", own)

    assert to_response(Page(), REQUEST, status).status == expected
    assert to_response((Headers({"X-A": "1"}), Page()), REQUEST, status).status == expected
