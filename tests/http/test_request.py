"""Requests: lazy, decoded once, and never a part for the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import ContentReader
from hospes.http.headers import Headers
from hospes.http.media import MediaType
from hospes.http.multipart import Form
from hospes.http.request import Address, Connection, Request, SessionSource
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nfile\r\n--b--\r\n'
)
CLIENT, SERVER = Address("10.0.0.1", 5), Address("10.0.0.2", 80)


def made(target: str = "/x", *fields: str, content: ContentReader | bytes | None = None, limits: Limits | None = None) -> Request:
    """A request with a head as the wire reads it."""
    limits = limits or Limits()
    reader = RequestReader(limits)
    reader.receive("\r\n".join([f"POST {target} HTTP/1.1", "Host: example.org:80", *fields, "", ""]).encode("latin-1"))
    head = reader.next()
    assert isinstance(head, RequestHead)
    if isinstance(content, bytes):
        content = ContentReader.of(content, limits.body)
    return Request(head, content, Connection(CLIENT, SERVER, "https", limits))


def typed(content_type: str, content: ContentReader | bytes, target: str = "/x", limits: Limits | None = None) -> Request:
    return made(target, f"Content-Type: {content_type}", content=content, limits=limits)


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


# What the head says.


def test_what_is_there_at_once() -> None:
    request = made("/x/y?a=1", "Content-Length: 5")
    assert (request.method, request.path, request.query_string) == ("POST", "/x/y", "a=1")
    assert (request.host, request.scheme, request.client) == ("example.org:80", "https", CLIENT)
    assert (request.connection.server, request.content_length) == (SERVER, 5)
    assert made().content_length is None
    assert (request.content, request.finishers) == (None, None)


def test_everything_else_is_filled_when_it_is_asked_for_and_kept() -> None:
    request = made("/caf%C3%A9?a=1", "Cookie: c=2", "Content-Type: text/plain")
    expected = {
        "path": "/café",
        "headers": Headers([("host", "example.org:80"), ("cookie", "c=2"), ("content-type", "text/plain")]),
        "cookies": {"c": "2"},
        "media_type": MediaType("text", "plain", {}),
        "query": {"a": ["1"]},
        "parameters": {"a": ["1"]},
        "parameter": {"a": "1"},
        "path_values": {},
        "reg_groups": (),
        "services": {},
        "state": {},
        "body": b"",
        "json": None,
    }
    assert request.user is None
    assert request.session is None
    for name in expected:
        assert not made("/%41").has(name)
    for name, value in expected.items():
        assert getattr(request, name) == value
        assert request.has(name)
        assert getattr(request, name) is getattr(request, name)
    assert (request.form.fields, request.form.files) == ({}, {})
    assert request.form is request.form


def test_slots_with_dicts_are_of_one_request() -> None:
    first, second = made(), made()
    first.state["a"] = 1
    assert second.state == {}


def test_other_names_are_no_attributes() -> None:
    request: Any = made()
    with pytest.raises(AttributeError, match="a Request has no 'colour'"):
        _ = request.colour
    with pytest.raises(AttributeError):
        request.colour = 1
    assert not request.has("colour")


def test_repr_keeps_the_query_to_itself() -> None:
    assert repr(made("/x%0A?token=secret")) == "<Request POST /x%0A>"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a%20b", "/a b"),
        ("/%2541", "/%41"),
        ("/a%2Fb", "/a/b"),
        ("/%E2%82%AC", "/€"),
        ("/a+b", "/a+b"),
        ("/%00", "/\0"),
        ("/?%41", "/"),
    ],
)
def test_the_path_is_decoded_once(target: str, path: str) -> None:
    assert made(target).path == path


@pytest.mark.parametrize("path", ["/%ff", "/%C3", "/%ED%A0%80", "/%C0%AF", "/%", "/%4", "/%zz", "/a%2"])
def test_a_path_that_cannot_be_decoded_is_refused(path: str) -> None:
    request = made("/%41")
    request.head.path = path  # the wire refuses some of these before
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            _ = request.path
        assert (caught.value.code, caught.value.message) == (400, "The path cannot be read")


def test_content_type() -> None:
    assert made().content_type == ""
    assert made().media_type is None
    request = made("/", "Content-Type: Text/HTML; Charset=UTF-8")
    assert request.content_type == "Text/HTML; Charset=UTF-8"
    assert not request.has("headers")
    assert request.media_type == MediaType("text", "html", {"charset": "UTF-8"})
    assert request.headers["Content-Type"] == request.content_type


def test_one_field_alone() -> None:
    request = made("/x", "A: 1", "B: \xe9", "a: 2", "Cookie: a=1")
    assert [request.field(name) for name in ("a", "b", "c")] == ["1, 2", "\xe9", ""]
    assert not request.has("headers")
    request.headers["A"] = "3"
    assert [request.field(name) for name in ("a", "b", "c")] == ["3", "\xe9", ""]


@pytest.mark.parametrize("fields", [["Content-Type: x"], ["Content-Type: text/plain", "Content-Type: text/html"]])
def test_a_content_type_that_cannot_be_read_is_refused(fields: list[str]) -> None:
    for decoded_first in (False, True):
        request = made("/", *fields)
        if decoded_first:
            _ = request.headers
        with pytest.raises(HttpError) as caught:
            _ = request.media_type
        assert caught.value.code == 400


def test_cookies() -> None:
    assert made().cookies == {}
    assert made("/", "Cookie: a=1; b=2", "Cookie: c=3; a=4").cookies == {"a": "1", "b": "2", "c": "3"}


def test_query() -> None:
    request = made("/x?a=1&b=%C3%A9&a=2?3&c")
    assert request.query == {"a": ["1", "2?3"], "b": ["é"], "c": [""]}
    assert request.parameter == {"a": "1", "b": "é", "c": ""}
    assert (request.get_parameter("a"), request.get_parameter("z"), request.get_parameter("z", "9")) == ("1", None, "9")


def test_a_query_that_cannot_be_decoded_or_is_too_long_is_refused() -> None:
    for name in ("query", "parameters", "parameter"):
        with pytest.raises(HttpError) as caught:
            getattr(made("/?a=%ff"), name)
        assert caught.value.code == 400
    for count in (2, 3):
        assert len(made("/?" + "&".join("abcd"[:count]), limits=Limits(parameters=3)).query) == count
    with pytest.raises(HttpError):
        _ = made("/?a&b&c&d", limits=Limits(parameters=3)).query


# What a filter assigns.


def test_what_is_assigned_stands_for_all_that_is_computed_later() -> None:
    request = made("/x?a=1", "Cookie: c=1", "Content-Type: text/plain")
    request.headers = Headers({"Cookie": "c=2", "Content-Type": "text/html"})
    request.query_string = "b=2"
    assert (request.cookies, request.content_type, str(request.media_type)) == ({"c": "2"}, "text/html", "text/html")
    assert (request.query, request.parameters, request.parameter) == ({"b": ["2"]}, {"b": ["2"]}, {"b": "2"})
    request.path, request.method = "/y", "PUT"
    assert (request.path, request.method) == ("/y", "PUT")
    request.body = b"[1]"
    assert request.json == [1]


def test_a_changed_field_is_seen() -> None:
    request = made("/", "Cookie: c=1")
    request.headers["cookie"] = "c=2"
    request.headers["Content-Type"] = "a/b"
    assert (request.cookies, request.content_type, str(request.media_type)) == ({"c": "2"}, "a/b", "a/b")


@in_loop
async def test_an_assigned_body_is_read_as_it_is() -> None:
    request = typed(URLENCODED, b"a=1")
    request.body = b"a=2"
    assert await request.read() == b"a=2"
    assert (await request.read_form()).fields == {"a": ["2"]}
    request = made("/", f"Content-Type: {URLENCODED}")
    request.body = b"a=3"  # of a request without content
    assert request.parameters == {"a": ["3"]}
    assert (await request.read_form()).fields == {"a": ["3"]}


# Content.


@in_loop
async def test_read_once() -> None:
    request = made(content=b"abc")
    assert await request.read() == b"abc"
    assert await request.read() == b"abc"
    assert request.body == b"abc"
    assert await made().read() == b""


def test_reader() -> None:
    content = ContentReader.of(b"abc")
    assert made(content=content).reader is content
    request = made()
    assert (request.reader.ended, request.reader.declared) == (True, 0)
    assert request.content is None
    assert request.body == b""


NOT_READ = "this request's content has not been read: `await request.read()` first, or let the handler take it as a parameter"
READ_ALREADY = (
    "this request's content has been read already, in pieces or as a form with files: "
    "`await request.read()` before that, and both can be had"
)
FORM_NOT_READ = (
    "this request's form has not been read: `await request.read_form()` first, or let the handler take it as a parameter"
)


@in_loop
async def test_content_that_has_not_been_read() -> None:
    request = made(content=b"{}")
    for name in ("body", "json"):
        with pytest.raises(RuntimeError) as caught:
            getattr(request, name)
        assert str(caught.value) == NOT_READ
    await request.read()
    assert (request.body, request.json) == (b"{}", {})


@in_loop
async def test_what_is_left_over_does_not_pass_for_the_whole() -> None:
    request = typed(MULTIPART, PARTS)
    await request.reader.read(3)
    for attempt in (request.read, request.read_form):
        with pytest.raises(RuntimeError) as caught:
            await attempt()
        assert str(caught.value) == READ_ALREADY
    with pytest.raises(RuntimeError) as caught:
        _ = request.body
    assert str(caught.value) == READ_ALREADY


@in_loop
async def test_errors_of_content_come_through() -> None:
    for error in (ClientDisconnected("gone"), HttpError(408)):
        content = ContentReader(None, None, None)
        content.feed(b"a=1")
        content.fail(error)
        request = typed(URLENCODED, content)
        for attempt in (request.read, request.read_form, request.read):
            with pytest.raises(type(error)) as caught:
                await attempt()
            assert caught.value is error


@in_loop
async def test_content_over_the_limit() -> None:
    for size in (4, 5):
        assert len(await made(content=b"x" * size, limits=Limits(body=5)).read()) == size
    for content_type in ("text/plain", URLENCODED, MULTIPART):
        request = typed(content_type, b"x" * 6, limits=Limits(body=5))
        with pytest.raises(HttpError) as caught:
            await (request.read() if content_type == "text/plain" else request.read_form())
        assert caught.value.code == 413


@in_loop
async def test_a_read_that_was_cancelled_can_be_repeated() -> None:
    content = ContentReader(None, None, None)
    content.feed(b"ab")
    request = made(content=content)
    cancelled = asyncio.create_task(request.read())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert not request.has("body")
    content.feed(b"cd")
    content.end([])
    assert await request.read() == b"abcd"


# JSON.


@in_loop
async def test_json() -> None:
    for content, expected in ((b'{"a": [1]}', {"a": [1]}), (b"", None), (b"null", None)):
        request = typed("application/json", content)
        await request.read()
        assert request.json == expected
        assert request.json is request.json


@in_loop
async def test_json_keeps_the_limits() -> None:
    limits = Limits(json_depth=2, json_containers=2, json_digits=3)
    for content in (b"[[1]]", b"[999]", b"[99]", b"[]"):
        request = made(content=content, limits=limits)
        await request.read()
        assert request.json is not None
    for content in (b"[[[1]]]", b"[[],[]]", b"[1000]", b"[", b"\xff"):
        request = made(content=content, limits=limits)
        await request.read()
        with pytest.raises(HttpError) as caught:
            _ = request.json
        assert caught.value.code == 400


# Forms.


@in_loop
async def test_an_urlencoded_form() -> None:
    request = typed(f"{URLENCODED}; charset=utf-8", b"a=1&b=x+y%26&a=2", "/x?c=3&a=0")
    form = await request.read_form()
    assert (form.fields, form.files) == ({"a": ["1", "2"], "b": ["x y&"]}, {})
    assert await request.read_form() is form
    assert request.form is form
    assert request.body == b"a=1&b=x+y%26&a=2"
    assert request.finishers is None
    assert request.parameters == {"a": ["1", "2", "0"], "b": ["x y&"], "c": ["3"]}  # the form's before the query's
    assert list(request.parameters) == ["a", "b", "c"]
    assert request.parameter == {"a": "1", "b": "x y&", "c": "3"}
    assert (form.fields["a"], request.query) == (["1", "2"], {"c": ["3"], "a": ["0"]})


@in_loop
async def test_a_form_may_be_plain_utf_8() -> None:
    assert (await typed(URLENCODED, "n=é&m=%C3%A9".encode()).read_form()).fields == {"n": ["é"], "m": ["é"]}


@pytest.mark.parametrize("content", [b"a=%ff", b"a=%", b"a=\xff", b"a&b&c&d"])
def test_an_urlencoded_form_that_cannot_be_decoded_is_refused(content: bytes) -> None:
    async def read() -> None:
        request = typed(URLENCODED, content, limits=Limits(parameters=3))
        for _ in range(2):
            with pytest.raises(HttpError) as caught:
                await request.read_form()
            assert caught.value.code == 400

    asyncio.run(read())


@in_loop
async def test_a_form_made_of_a_body_that_has_been_read() -> None:
    request = typed(URLENCODED, b"a=1", "/x?b=2")
    await request.read()
    assert request.parameters == {"a": ["1"], "b": ["2"]}
    assert request.form.fields == {"a": ["1"]}


@in_loop
async def test_a_form_with_files() -> None:
    request = typed(MULTIPART, PARTS, "/x?a=0")
    form = await request.read_form()
    assert form.fields == {"a": ["1"]}
    (file,) = form.files["f"]
    assert (file.filename, file.content) == ("x.txt", b"file")
    assert request.parameters == {"a": ["1", "0"]}
    with pytest.raises(RuntimeError, match="has been read already, in pieces or as a form with files"):
        await request.read()
    assert await request.read_form() is form
    request.form = Form({}, {})  # whatever a filter puts in its place
    assert request.finishers is not None
    (finisher,) = request.finishers
    await finisher(Response())
    with pytest.raises(ValueError, match="the form is closed"):
        _ = file.content


@in_loop
async def test_a_form_with_files_may_be_had_beside_its_octets() -> None:
    request = typed(MULTIPART, PARTS)
    assert await request.read() == PARTS
    with pytest.raises(RuntimeError) as caught:
        _ = request.form
    assert str(caught.value) == FORM_NOT_READ
    assert request.parameters == {}
    assert (await request.read_form()).fields == {"a": ["1"]}
    assert request.body == PARTS
    assert request.parameters == {"a": ["1"]}


@pytest.mark.parametrize("content", [PARTS[:-4], b"", b"nonsense"])
def test_a_malformed_form_with_files_is_refused(content: bytes) -> None:
    async def read() -> None:
        request = typed(MULTIPART, content)
        with pytest.raises(HttpError) as caught:
            await request.read_form()
        assert caught.value.code == 400
        assert not request.has("form")
        assert request.finishers is None

    asyncio.run(read())


@in_loop
async def test_a_form_needs_a_boundary() -> None:
    request = typed("multipart/form-data", PARTS)
    with pytest.raises(HttpError) as caught:
        await request.read_form()
    assert caught.value.code == 400


@in_loop
async def test_what_is_no_form_is_an_empty_one() -> None:
    for content_type in ("application/json", "text/plain", "multipart/mixed; boundary=b"):
        request = typed(content_type, b"a=1", "/x?b=2")
        assert request.form.fields == {}
        assert (await request.read_form()).fields == {}
        assert request.parameters == {"b": ["2"]}
        assert await request.read() == b"a=1"
    for request in (made(), made("/", f"Content-Type: {MULTIPART}"), made("/", "Content-Type: nonsense")):
        form = await request.read_form()
        assert (form.fields, form.files, request.finishers) == ({}, {}, None)


@pytest.mark.parametrize(("content_type", "content"), [(URLENCODED, b"a=1"), (MULTIPART, PARTS)])
def test_a_form_that_has_not_been_read(content_type: str, content: bytes) -> None:
    async def read() -> None:
        request = typed(content_type, content, "/x?b=2")
        with pytest.raises(RuntimeError) as caught:
            _ = request.form
        assert str(caught.value) == FORM_NOT_READ
        # A route's conditions, or a filter, may look at the query; what they saw is not kept.
        assert (request.parameters, request.parameter) == ({"b": ["2"]}, {"b": "2"})
        await request.read_form()
        assert (request.parameters, request.parameter) == ({"a": ["1"], "b": ["2"]}, {"a": "1", "b": "2"})

    asyncio.run(read())


# Below a prefix.


@in_loop
async def test_below() -> None:
    request = made("/api/caf%C3%A9?a=1", "X: 1")
    below = request.below("/api")
    assert (below.path, below.head.path, request.path) == ("/café", "/caf%C3%A9", "/api/café")
    assert (below.query, below.headers["X"], below.method) == ({"a": ["1"]}, "1", "POST")
    assert below.connection is request.connection
    assert (made("/api").below("/api").path, made("/api/").below("/api").path) == ("/", "/")
    assert (request.prefix, below.prefix, made("/a%20b/c/d").below("/a%20b").below("/c").prefix) == ("", "/api", "/a%20b/c")


@in_loop
async def test_below_knows_what_is_known_above() -> None:
    request = typed(URLENCODED, b"a=1", "/api/x?b=2")
    request.path_values, request.reg_groups = {"n": "1"}, ("g",)
    request.user, request.session, request.services = "user", "session", {str: "s"}
    request.state["a"] = 1
    request.headers["X"] = "1"
    request.method = "PUT"
    await request.read_form()
    assert request.parameters == {"a": ["1"], "b": ["2"]}
    below = request.below("/api")
    for name in ("body", "form", "headers", "parameters", "query", "services", "session", "user"):
        assert below.has(name)
        assert getattr(below, name) is getattr(request, name)
    assert (below.method, below.path_values, below.reg_groups) == ("PUT", {}, ())
    below.state["b"] = 2
    assert request.state == {"a": 1, "b": 2}
    assert await below.read() == b"a=1"


@in_loop
async def test_content_is_read_below_and_above_is_told() -> None:
    request = made("/api/x", content=b"abc")
    assert await request.below("/api").read() == b"abc"
    with pytest.raises(RuntimeError, match="has been read already"):
        await request.read()


# Finishers.


def noting(
    order: list[str], name: str, failure: Exception | None = None
) -> Callable[[Response | None], Coroutine[Any, Any, None]]:
    async def finish(response: Response | None) -> None:
        order.append(f"{name} {response.status if response is not None else None}")
        if failure is not None:
            raise failure

    return finish


@in_loop
async def test_finishers_stand_in_the_order_they_came() -> None:
    request, order = made(), list[str]()
    first, second = noting(order, "first"), noting(order, "second")
    request.finish_with(first)
    request.finish_with(second)
    assert request.finishers == [first, second]


@in_loop
async def test_finishers_that_nobody_below_awaits_are_awaited_above() -> None:
    for response in (Response("x", 201), None):
        request, order = made("/api/x"), list[str]()
        below = request.below("/api")
        assert below.finishers is None
        below.finish_with(noting(order, "first"))
        below.finish_with(noting(order, "second", ValueError("second")))
        below.finish_with(noting(order, "third"))
        assert request.finishers is not None
        (finisher,) = request.finishers
        with pytest.raises(ValueError, match="second"):
            await finisher(response)
        status = response.status if response is not None else None
        assert order == [f"third {status}", f"second {status}", f"first {status}"]
        await finisher(response)
        assert len(order) == 3


@in_loop
async def test_finishers_that_were_awaited_below_are_not_awaited_again() -> None:
    request, order = made("/api/x"), list[str]()
    below = request.below("/api")
    below.finish_with(noting(order, "below"))
    below.finishers = None
    assert request.finishers is not None
    await request.finishers.pop()(Response())
    assert order == []


# Sessions.


class Sessions:
    """An application's source of sessions, which only notes what it is asked."""

    loop = None

    def __init__(self) -> None:
        self.asked: list[tuple[Request, bool]] = []

    async def take(self, request: Request, create: bool = True) -> Any:
        self.asked.append((request, create))
        return "session" if create else None


@in_loop
async def test_the_application_gives_sessions() -> None:
    request, sessions = made(), Sessions()
    request.services = {SessionSource: sessions}
    assert await request.get_session() == "session"
    assert await request.get_session(create=False) is None
    assert sessions.asked == [(request, True), (request, False)]


@in_loop
async def test_without_an_application_there_are_no_sessions() -> None:
    with pytest.raises(RuntimeError, match="only an application has sessions"):
        await made().get_session()
