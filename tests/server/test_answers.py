"""Heads of answers: whose field is whose."""

from __future__ import annotations

import pytest
from tests.server.support import request

from hospes.http.content import FileContent, Stream
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.server.answers import CARRIERS, Prefixes, answer_head, hints_head, refusal
from hospes.wire import RequestHead, ResponseFraming, parse_date

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def head(octets: bytes) -> RequestHead:
    from hospes.wire import RequestReader

    reader = RequestReader(Limits())
    reader.receive(octets)
    found = reader.next()
    assert isinstance(found, RequestHead)
    return found


def fields(response: Response, octets: bytes = b"", keep_alive: bool = True) -> tuple[dict[str, str], ResponseFraming]:
    made, framing = answer_head(response, head(octets or request()), keep_alive, DATE)
    lines = made.decode().split("\r\n")[1:-2]
    return dict(line.split(": ", 1) for line in lines), framing


class Clock:
    def __init__(self) -> None:
        self.now = 784111777.25

    def __call__(self) -> float:
        return self.now


def test_prefixes_are_kept_for_a_second() -> None:
    clock = Clock()
    prefixes = Prefixes(clock)
    first = prefixes.head(200, "text/plain")
    assert f"Date: {DATE}\r\n".encode() in first
    assert first.endswith(b"\r\nContent-Type: text/plain\r\nContent-Length: ")
    clock.now += 0.5
    assert prefixes.head(200, "text/plain") is first
    clock.now += 1
    assert prefixes.date() == "Sun, 06 Nov 1994 08:49:38 GMT"
    assert prefixes.head(200, "text/plain") is not first
    assert b"\r\nContent-Type" not in prefixes.head(200, "")


def test_prefixes_do_not_fill_the_memory() -> None:
    prefixes = Prefixes(Clock())
    for n in range(1000):
        assert f"Content-Type: x/{n}\r\n".encode() in prefixes.head(200, f"x/{n}")
    assert len(prefixes._kept) <= 256


def test_prefixes_refuse_what_would_break_the_head() -> None:
    with pytest.raises(ValueError, match="Content-Type"):
        Prefixes(Clock()).head(200, "a\r\nb")


def test_a_head_with_a_programs_fields_is_that_of_any_answer() -> None:
    response = Response(b"hello", 201, {"X-A": "b", "Content-Type": "text/plain"}, {"a": "b"})
    whole, _ = answer_head(response, head(request()), True, DATE)
    assert Prefixes(Clock()).head_with(201, response.lines()) + b"5\r\n\r\n" == whole


@pytest.mark.parametrize("name", sorted({*CARRIERS, "X-Content-Type-Options"}))
def test_a_head_with_a_programs_fields_has_none_that_are_not_the_programs_alone(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}$"):
        Prefixes(Clock()).head_with(200, [("X-B", "c"), (name, "1")])


def test_a_head_with_a_programs_fields_stays_one() -> None:
    with pytest.raises(ValueError, match="holds a control character"):
        Prefixes(Clock()).head_with(200, [("X-B", "a\r\nb")])


def test_the_carriers_fields_are_the_carriers() -> None:
    own = {
        "Date": "x",
        "server": "Apache/1.3",
        "Transfer-Encoding": "gzip",
        "Content-Length": "7",
        "Connection": "keep-alive",
        "Keep-Alive": "timeout=5",
        "Upgrade": "h2c",
        "X-Own": "1",
    }
    found, framing = fields(Response("hello", headers=own))
    assert found == {
        "Server": "hospes",
        "Date": DATE,
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "text/plain; charset=utf-8",
        "X-Own": "1",
        "Content-Length": "5",
    }
    assert framing.send_content


def test_a_program_may_choose_its_own_nosniff() -> None:
    found, _ = fields(Response("x", headers={"x-content-type-options": "sniff-away"}))
    assert found["x-content-type-options"] == "sniff-away"
    assert "X-Content-Type-Options" not in found


@pytest.mark.parametrize(
    ("method", "status", "content", "own", "stated"),
    [
        ("HEAD", 200, b"", "7", "7"),
        ("HEAD", 200, b"abc", "7", "3"),
        ("GET", 304, b"", "7", "7"),
        ("GET", 304, b"", None, None),
        ("HEAD", 200, b"", None, None),
        ("GET", 200, b"", "7", "0"),
        ("GET", 200, b"", "x7", "0"),
    ],
)
def test_a_programs_own_length(method: str, status: int, content: bytes, own: str | None, stated: str | None) -> None:
    found, _ = fields(Response(content, status, {"Content-Length": own} if own else None), request("/", method))
    assert found.get("Content-Length") == stated


@pytest.mark.parametrize(
    ("octets", "keep_alive", "connection"),
    [
        (request(), True, None),
        (request(), False, "close"),
        (b"GET / HTTP/1.0\r\n\r\n", True, "keep-alive"),
        (b"GET / HTTP/1.0\r\n\r\n", False, "close"),
    ],
)
def test_connection(octets: bytes, keep_alive: bool, connection: str | None) -> None:
    assert fields(Response("x"), octets, keep_alive)[0].get("Connection") == connection


def test_a_program_may_close() -> None:
    assert fields(Response("x", headers={"Connection": "Close"}))[1].close


def test_streams_and_files() -> None:
    class Empty:
        def __aiter__(self) -> Empty:
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

    assert fields(Response(Stream(Empty())))[0]["Transfer-Encoding"] == "chunked"
    assert fields(Response(Stream(Empty(), 5)))[0]["Content-Length"] == "5"
    assert fields(Response(Stream(Empty())), b"GET / HTTP/1.0\r\n\r\n")[1].close
    with open("/dev/null", "rb") as file:
        assert fields(Response(FileContent(file, 2, 9)))[0]["Content-Length"] == "9"


def test_refusal() -> None:
    made = refusal(400, "no Host", DATE)
    assert made.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert made.endswith(b"\r\nContent-Length: 25\r\nConnection: close\r\n\r\n400 Bad Request: no Host\n")
    assert parse_date(DATE) == 784111777


def test_hints() -> None:
    assert hints_head(["</a>; rel=preload", "</\xe9>"]) == (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </\xe9>\r\n\r\n"
    )
    with pytest.raises(ValueError, match="field Link"):
        hints_head(["</a>\r\n"])
