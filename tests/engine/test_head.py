"""The parser of the usual request: it is wire's judgement wherever it has one, and it has one for what is usual."""

from __future__ import annotations

import copy

import pytest

from hospes.limits import Limits
from hospes.wire import RequestHead

core = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from fuzz import fuzz_engine  # noqa: E402

LIMITS = Limits()
HOST = b"Host: a\r\n"


def head(octets: bytes, limits: Limits = LIMITS) -> RequestHead | None:
    found: tuple[RequestHead, int] | None = core.parse_head(octets, limits)
    return None if found is None else found[0]


@pytest.mark.parametrize("seed", range(len(fuzz_engine.SEEDS)))
def test_every_cut_agrees_with_wire(seed: int) -> None:
    octets = fuzz_engine.SEEDS[seed][1:]
    for cut in range(min(len(octets), 256)):
        fuzz_engine.target(bytes((cut,)) + octets)


def test_every_octet_everywhere_agrees_with_wire() -> None:
    octets = b"PUT /a%2f?b HTTP/1.1\r\nHost: a:1\r\nX: 123456789\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
    assert head(octets) is not None
    for place in range(len(octets)):
        for octet in range(256):
            fuzz_engine.target(b"\0" + octets[:place] + bytes((octet,)) + octets[place + 1 :])


def test_every_octet_left_out_or_doubled_agrees_with_wire() -> None:
    octets = b"GET /?b HTTP/1.1\r\nHost:\ta:1 \r\nX:\r\nConnection: keep-alive\r\nContent-Length: 12\r\n\r\n"
    for place in range(len(octets)):
        fuzz_engine.target(b"\0" + octets[:place] + octets[place + 1 :])
        fuzz_engine.target(b"\0" + octets[: place + 1] + octets[place:])


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /a/b.c?d=e&f=%20 HTTP/1.1\r\nhost:localhost:54321\r\nUser-Agent: x (y; z) \xe4\r\nAccept:\r\n\r\nrest",
        b"DELETE /%7Euser HTTP/1.1\r\nConnection:Keep-Alive\r\n" + HOST + b"\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
        b"M-SEARCH / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 8000 + b"\r\n" + HOST + b"\r\n",
    ],
)
def test_usual_requests_are_known(octets: bytes) -> None:
    assert head(octets) is not None
    fuzz_engine.target(b"\0" + octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GET / HTTP/1.1\r\n" + HOST,
        b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
        b"GET http://a/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT /a HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"1" * 19 + b"\r\n\r\n",
        b"GET / HTTP/1.1\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b" folded: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0\r\n\r\n",
        b"GET /#a HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /%2 HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
)
def test_what_is_not_usual_is_left_to_wire(octets: bytes) -> None:
    assert head(octets) is None
    fuzz_engine.target(b"\0" + octets)


@pytest.mark.parametrize(("field_count", "known"), [(1, False), (2, True), (3, True)])
def test_the_number_of_fields_is_limited(field_count: int, known: bool) -> None:
    octets = b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n\r\n"
    assert (head(octets, Limits(field_count=field_count)) is not None) is known


@pytest.mark.parametrize(("more", "known"), [(-1, False), (0, True), (1, True)])
def test_a_head_that_could_break_a_limit_of_size_is_left_to_wire(more: int, known: bool) -> None:
    octets = b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n\r\n"
    small = len(octets) - 4 + more
    assert (head(octets, Limits(fields=small)) is not None) is known


def test_the_path_may_be_changed_and_copies_are_their_own() -> None:
    first = head(b"GET /a/b?c HTTP/1.1\r\n" + HOST + b"\r\n")
    assert first is not None
    second = copy.copy(first)
    second.path = "/b"
    assert (first.path, first.target, second.path, second.query) == ("/a/b", "/a/b?c", "/b", "c")


def test_every_beginning_of_a_usual_head_may_become_one() -> None:
    octets = b"PUT /a%2f?b HTTP/1.1\r\nHost: a:1\r\nX: 123456789\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
    for cut in range(1, len(octets)):
        assert core.may_be_usual(octets[:cut], LIMITS), octets[:cut]
    assert not core.may_be_usual(octets, LIMITS)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n",
        b"GET  ",
        b"GET http",
        b"GET /\xff",
        b"GET /%\n",
        b"GET / HTTP/1.0",
        b"GET / HTTP/1.1\r\nA b",
        b"GET / HTTP/1.1\r\nA: b\rc",
    ],
)
def test_what_cannot_become_usual_is_wires_at_once(octets: bytes) -> None:
    assert not core.may_be_usual(octets, LIMITS)


@pytest.mark.parametrize(("length", "may"), [(98, True), (99, True), (100, False), (101, False)])
def test_a_beginning_as_long_as_a_limit_is_wires(length: int, may: bool) -> None:
    octets = b"GET /" + b"a" * (length - 5)
    assert core.may_be_usual(octets, Limits(request_line=100)) is may


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        (b"Cookie: a=1\r\n", b"cookie", b"a=1"),
        (b"COOKIE: a=1\r\nX: y\r\n", b"cookie", b"a=1"),
        (b"Cookie: a=1\r\nCookie: b=2\r\n", b"cookie", None),
        (b"Cookie: \r\nCookie: b=2\r\n", b"cookie", None),
        (b"", b"cookie", None),
        (b"X: 1\r\n", b"x", b"1"),
        (b"X: 1\r\nx: 2\r\n", b"x", None),
    ],
)
def test_a_field_that_is_there_once(fields: bytes, name: bytes, value: bytes | None) -> None:
    found = head(b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n")
    assert found is not None
    assert found.only(name) == value


def test_a_copy_has_the_same_fields() -> None:
    found = head(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert found is not None
    assert copy.copy(found).fields is found.fields
