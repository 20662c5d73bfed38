"""The head of a request. What a whole connection shows is in test_reader.py; here are the parts."""

from __future__ import annotations

import pytest
from tests.collector import no_collection

from hospes.errors import ProtocolError
from hospes.limits import Limits
from hospes.wire.head import HeadLines, RequestHead, parse_head, parse_request_line
from hospes.wire.target import TargetForm


def head(*fields: str, line: str = "GET / HTTP/1.1", host: str = "Host: a") -> RequestHead:
    return parse_head("\r\n".join([line, host, *fields]).encode("latin-1"), Limits())


def test_everything_is_filled_in() -> None:
    seen = head("Accept: b", line="PUT /c?d HTTP/1.0", host="Host: e:8")
    assert {name: getattr(seen, name) for name in RequestHead.__slots__} == {
        "authority": "e:8",
        "chunked": False,
        "content_length": None,
        "expect_continue": False,
        "fields": [(b"host", b"e:8"), (b"accept", b"b")],
        "form": TargetForm.ORIGIN,
        "keep_alive": False,
        "method": "PUT",
        "minor": 0,
        "path": "/c",
        "query": "d",
        "target": "/c?d",
        "upgrade": (),
    }


def test_field_gives_the_first_value() -> None:
    seen = head("X: 1", "x: 2")
    assert seen.field(b"x") == b"1"
    assert seen.field(b"X") is None
    assert seen.field(b"y") is None
    assert (seen.only(b"host"), seen.only(b"x"), seen.only(b"y")) == (seen.field(b"host"), None, None)


def test_repr() -> None:
    assert repr(head()) == "<RequestHead GET / HTTP/1.1 for 'a', content: None>"
    assert repr(head("Content-Length: 5")) == "<RequestHead GET / HTTP/1.1 for 'a', content: 5>"
    assert repr(head("Transfer-Encoding: chunked")) == "<RequestHead GET / HTTP/1.1 for 'a', content: chunked>"


def test_has_content() -> None:
    assert not head().has_content
    assert head("Content-Length: 0").has_content
    assert head("Transfer-Encoding: chunked").has_content


def test_a_head_has_no_room_for_more() -> None:
    with pytest.raises(AttributeError):
        head().other = 1  # type: ignore[attr-defined]  # that is the point


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET / HTTP/1.1", ("GET", "/", 1)),
        (b"x * HTTP/1.0", None),
        (b"OPTIONS * HTTP/1.0", ("OPTIONS", "*", 0)),
        (b"CONNECT a:1 HTTP/1.7", ("CONNECT", "a:1", 1)),
        (b"GET http://a HTTP/1.1", ("GET", "http://a", 1)),
    ],
)
def test_request_lines(line: bytes, expected: tuple[str, str, int] | None) -> None:
    if expected is None:
        with pytest.raises(ProtocolError):
            parse_request_line(line)
    else:
        assert parse_request_line(line)[:3] == expected


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"", 400, "HTTP version"),
        (b"GET", 400, "HTTP version"),
        (b"GET /", 400, "HTTP version"),
        (b"GET / HTTP/0.9", 400, "HTTP version"),
        (b"GET / http/1.1", 400, "HTTP version"),
        (b"GET / HTTP/1.1 ", 400, "HTTP version"),
        (b"GET / HTTP/2.0", 505, "major version"),
        (b" / HTTP/1.1", 400, "not a token"),
        (b"G@T / HTTP/1.1", 400, "not a token"),
        (b"A" * 33 + b" / HTTP/1.1", 501, "longer than any"),
        (b"GET HTTP/1.1", 400, "one space"),
        (b"GET  / HTTP/1.1", 400, "one space"),
        (b"GET /  HTTP/1.1", 400, "one space"),
        (b"GET /a b HTTP/1.1", 400, "one space"),
    ],
)
def test_request_lines_refused(line: bytes, status: int, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        parse_request_line(line)
    assert caught.value.status == status


@pytest.mark.parametrize("length", [31, 32, 33])
def test_limit_of_a_method(length: int) -> None:
    if length <= 32:
        assert len(head(line="A" * length + " / HTTP/1.1").method) == length
    else:
        with pytest.raises(ProtocolError, match="501"):
            head(line="A" * length + " / HTTP/1.1")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (["Host: b"], "Host is given more than once"),
        (["Content-Length: 1", "Content-Length: 1"], "Content-Length is given more than once"),
        (["Content-Length: 1", "Transfer-Encoding: chunked"], "both given"),
        (["Expect: tea"], "100-continue"),
    ],
)
def test_fields_are_weighed_against_each_other(fields: list[str], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        head(*fields)


def test_line_by_line() -> None:
    lines, octets = HeadLines(Limits()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"
    for size in range(len(octets) - 4):
        assert lines.find_end(octets[:size]) is None
    assert lines.find_end(octets) == len(octets) - 4


def test_line_by_line_reports_as_soon_as_it_knows() -> None:
    for start, last in ((b"GET / HTTP/3.0\r", b"\n"), (b"GET / HTTP/1.1\r\nX : y\r", b"\n"), (b"GET /\r", b" "), (b"", b"\x16")):
        lines = HeadLines(Limits())
        assert lines.find_end(start) is None
        with pytest.raises(ProtocolError):
            lines.find_end(start + last)


def test_a_request_costs_few_calls() -> None:
    """The budget of the whole server is 30 Python calls; reading a plain request may take two of them, besides the reader's."""
    import sys

    calls: list[str] = []
    octets, limits = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: keep-alive", Limits()
    before = sys.getprofile()
    with no_collection():
        sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
        try:
            parse_head(octets, limits)
        finally:
            sys.setprofile(before)
    assert calls == ["parse_head", "_weigh"]
