"""RequestReader: whole connections, in whatever pieces they come."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import ProtocolError
from hospes.limits import Limits
from hospes.wire import EndOfContent, RequestHead, RequestReader
from hospes.wire.content import PIECE
from hospes.wire.reader import EMPTY_LINES

CASES = Path(__file__).parent / "requests"
INVALID: dict[str, dict[str, tuple[int, str]]] = tomllib.loads((CASES / "invalid.toml").read_text("utf-8"))
VALID: dict[str, dict[str, Any]] = tomllib.loads((CASES / "valid.toml").read_text("utf-8"))

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Seen:
    """What came out of a reader: requests, and at last perhaps an error."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    error: tuple[int, str] | None = None


def describe(head: RequestHead) -> dict[str, Any]:
    seen = {name: getattr(head, name) for name in (*RequestHead.__slots__, "has_content")}
    seen["form"] = head.form.value
    seen["upgrade"] = list(head.upgrade)
    seen["fields"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in head.fields]
    return seen


def read(*pieces: bytes, limits: Limits | None = None) -> Seen:
    reader = RequestReader(limits or Limits())
    seen = Seen()
    try:
        for piece in pieces:
            reader.receive(piece)
            while (event := reader.next()) is not None:
                match event:
                    case RequestHead():
                        seen.requests.append(describe(event))
                    case bytes():
                        seen.requests[-1]["content"] = seen.requests[-1].get("content", "") + event.decode("latin-1")
                    case EndOfContent():
                        seen.requests[-1].setdefault("content", "")
                        seen.requests[-1]["trailers"] = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in event.trailers]
    except ProtocolError as error:
        seen.error = error.status, error.reason
        for _ in range(2):  # the same for ever after
            with pytest.raises(ProtocolError) as again:
                reader.next()
            assert (again.value.status, again.value.reason) == seen.error
            with pytest.raises(ProtocolError) as again:
                reader.receive(HEAD)
            assert (again.value.status, again.value.reason) == seen.error
        assert not reader.idle
    return seen


def read_all_ways(octets: bytes, limits: Limits | None = None) -> Seen:
    """Read octets whole, cut in two at each place, and one by one; all must be the same."""
    whole = read(octets, limits=limits)
    for cut in range(1, len(octets)):
        assert read(octets[:cut], octets[cut:], limits=limits) == whole, f"cut at {cut}"
    assert read(*(octets[i : i + 1] for i in range(len(octets))), limits=limits) == whole
    return whole


@pytest.mark.parametrize(
    ("status", "text"), [pytest.param(*case, id=f"{group}: {name}") for group in INVALID for name, case in INVALID[group].items()]
)
def test_refuses(status: int, text: str) -> None:
    seen = read_all_ways(text.encode("latin-1"))
    assert seen.error is not None
    assert seen.error[0] == status
    assert seen.error[1].isascii()


@pytest.mark.parametrize("name", VALID)
def test_accepts(name: str) -> None:
    octets, expected = VALID[name]["octets"].encode("latin-1"), VALID[name]["requests"]
    seen = read_all_ways(octets)
    assert seen.error is None
    assert len(seen.requests) == len(expected)
    for request, wanted in zip(seen.requests, expected, strict=True):
        assert {key: request.get(key) for key in wanted} == wanted
        assert ("content" in request) == request["has_content"]


def test_there_are_enough_cases() -> None:
    assert sum(map(len, INVALID.values())) >= 120
    assert len(VALID) >= 60


# Limits: one below, at, one above.


def status(octets: bytes, limits: Limits) -> int | None:
    """The status of the refusal, or None; the same however the octets are cut (here: whole, in halves, one by one)."""
    whole = read(octets, limits=limits)
    assert read(octets[: len(octets) // 2], octets[len(octets) // 2 :], limits=limits) == whole
    assert read(*(octets[i : i + 1] for i in range(len(octets))), limits=limits) == whole
    return whole.error[0] if whole.error else None


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 414)])
def test_limit_of_the_request_line(more: int, expected: int | None) -> None:
    limits = Limits(request_line=100)
    line = b"GET /" + b"a" * (100 + more - len("GET / HTTP/1.1")) + b" HTTP/1.1"
    assert len(line) == 100 + more
    assert status(line + b"\r\nHost: a\r\n\r\n", limits) == expected


def test_request_line_of_8000_octets_passes_by_default() -> None:
    assert status(b"GET /" + b"a" * 7999 + b" HTTP/1.1\r\nHost: a\r\n\r\n", Limits()) is None


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 431)])
def test_limit_of_a_field(more: int, expected: int | None) -> None:
    line = b"X: " + b"a" * (50 + more - 3)
    assert status(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n", Limits(field=50)) == expected


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 431)])
def test_limit_of_all_fields(more: int, expected: int | None) -> None:
    fields = b"Host: a\r\nX: b\r\nY: " + b"c" * more + b"ccc\r\n"
    limit = len(fields) - more
    assert status(b"GET / HTTP/1.1\r\n" + fields + b"\r\n", Limits(fields=limit)) == expected


@pytest.mark.parametrize(("count", "expected"), [(9, None), (10, None), (11, 431)])
def test_limit_of_the_number_of_fields(count: int, expected: int | None) -> None:
    fields = b"Host: a\r\n" + b"X: b\r\n" * (count - 1)
    assert status(b"GET / HTTP/1.1\r\n" + fields + b"\r\n", Limits(field_count=10)) == expected


def test_limits_of_a_head_hold_before_its_line_ends() -> None:
    for start, limits, expected in (
        (b"GET /" + b"a" * 96, Limits(request_line=100), 414),
        (b"GET / HTTP/1.1\r\n" + b"a" * 51, Limits(field=50), 431),
        (b"GET / HTTP/1.1\r\nX: y\r\nX: y", Limits(fields=11), 431),
        (b"GET / HTTP/1.1\r\nX: y\r\nX", Limits(field_count=1), 431),
    ):
        assert status(start[:-1], limits) is None
        assert status(start, limits) == expected


def test_the_first_octet_that_is_wrong_decides() -> None:
    limits = Limits(field=50, field_count=3)
    assert status(b"GET / HTTP/1.1\r\nX:" + b"a" * 60 + b"\n\r\n\r\n", limits) == 431
    assert status(b"GET / HTTP/1.1\r\nX:\n" + b"a" * 60 + b"\r\n\r\n", limits) == 400
    assert status(b"GET / HTTP/1.1\r\nX: a\r\nX : a\r\nX: a\r\nX: a\r\n\r\n", limits) == 400
    assert status(b"GET / HTTP/1.1\r\nX: a\r\nX: a\r\nX: a\r\nX : a\r\n\r\n", limits) == 431


def test_a_head_longer_than_the_quick_path_takes() -> None:
    cookies = b"".join(b"Cookie: " + b"a" * 4000 + b"\r\n" for _ in range(6))
    octets = b"GET / HTTP/1.1\r\nHost: a\r\n" + cookies + b"\r\n"
    assert status(octets, Limits()) is None
    assert len(read(octets).requests[0]["fields"]) == 7


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 413)])
def test_limit_of_declared_content(more: int, expected: int | None) -> None:
    octets = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (10 + more) + b"x" * (10 + more)
    assert status(octets, Limits(body=10)) == expected


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 413)])
def test_limit_of_chunked_content(more: int, expected: int | None) -> None:
    octets = CHUNKED_HEAD + b"6\r\nabcdef\r\n%x\r\n%b\r\n0\r\n\r\n" % (4 + more, b"x" * (4 + more))
    assert status(octets, Limits(body=10)) == expected
    assert read(octets, limits=Limits(body=10)).requests[0]["content"].startswith("abcdef")


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 400)])
def test_limit_of_chunk_extensions(more: int, expected: int | None) -> None:
    one = CHUNKED_HEAD + b"1;" + b"a" * (20 + more - 1) + b"\r\nx\r\n0\r\n\r\n"
    two = CHUNKED_HEAD + b"1;abcd\r\nx\r\n1;" + b"a" * (15 + more - 1) + b"\r\nx\r\n0\r\n\r\n"
    assert status(one, Limits(chunk_extensions=20)) == expected
    assert status(two, Limits(chunk_extensions=20)) == expected


def test_limit_of_chunk_extensions_holds_before_their_line_ends() -> None:
    start = CHUNKED_HEAD + b"1;" + b"a" * 1000
    assert status(start, Limits(chunk_extensions=20)) == 400


@pytest.mark.parametrize(("more", "expected"), [(-1, None), (0, None), (1, 400)])
def test_limit_of_trailers(more: int, expected: int | None) -> None:
    trailers = b"A: b\r\nX: " + b"c" * (30 + more - 11) + b"\r\n"
    assert len(trailers) == 30 + more
    assert status(CHUNKED_HEAD + b"0\r\n" + trailers + b"\r\n", Limits(trailers=30)) == expected


def test_limit_of_empty_lines() -> None:
    assert status(b"\r\n" * (EMPTY_LINES - 1) + HEAD, Limits()) is None
    assert status(b"\r\n" * EMPTY_LINES + HEAD, Limits()) is None
    assert status(b"\r\n" * (EMPTY_LINES + 1) + HEAD, Limits()) == 400


# The limit of content is the route's to change.


@pytest.mark.parametrize("lifted", [None, 5])
def test_body_limit_may_be_lifted_after_the_head_and_comes_back(lifted: int | None) -> None:
    reader = RequestReader(Limits(body=3))
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    reader.receive(request + request)
    assert isinstance(reader.next(), RequestHead)
    assert reader.body_limit == 3
    reader.body_limit = lifted
    assert [reader.next(), reader.next()] == [b"hello", EndOfContent()]
    assert isinstance(reader.next(), RequestHead)
    assert reader.body_limit == 3
    with pytest.raises(ProtocolError) as caught:
        reader.next()
    assert caught.value.status == 413


def test_body_limit_may_be_lowered() -> None:
    reader = RequestReader(Limits())
    reader.receive(CHUNKED_HEAD + b"5\r\n")
    reader.next()
    reader.body_limit = 4
    with pytest.raises(ProtocolError, match="413"):
        reader.next()


# What carriers lean on.


def idle(reader: RequestReader) -> bool:
    """Ask anew: a type checker takes a property that was true for one that stays true."""
    return reader.idle


def buffered(reader: RequestReader) -> int:
    return reader.buffered


def test_idle_and_buffered() -> None:
    reader = RequestReader(Limits())
    assert idle(reader)
    assert buffered(reader) == 0
    reader.receive(HEAD[:10])
    assert not idle(reader)
    assert buffered(reader) == 10
    assert reader.next() is None
    assert not idle(reader)
    reader.receive(HEAD[10:])
    assert isinstance(reader.next(), RequestHead)
    assert idle(reader)
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    reader.next()
    assert buffered(reader) == 0
    assert not idle(reader)  # its content is still to come
    reader.receive(b"x")
    assert [reader.next(), reader.next(), reader.next()] == [b"x", EndOfContent(), None]
    assert idle(reader)
    reader.receive(b"\r\n")
    assert reader.next() is None
    assert idle(reader)  # an empty line is no request
    assert not reader.untouched  # but it has come
    reader.receive(HEAD)
    reader.next()
    assert reader.untouched


def test_receive_copies_any_buffer() -> None:
    reader = RequestReader(Limits())
    buffer = bytearray(HEAD)
    with memoryview(buffer) as view:
        reader.receive(view[:5])
        reader.receive(view[5:])
    buffer[:] = bytes(len(buffer))
    assert isinstance(reader.next(), RequestHead)
    reader.receive(bytearray(HEAD))
    assert isinstance(reader.next(), RequestHead)


def test_content_comes_in_bounded_pieces_as_it_arrives() -> None:
    reader = RequestReader(Limits())
    size = 2 * PIECE + 5
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    reader.next()
    assert reader.next() is None
    reader.receive(b"a")
    assert reader.next() == b"a"
    reader.receive(b"b" * (size - 1))
    assert [len(piece) for piece in iter(reader.next, EndOfContent()) if isinstance(piece, bytes)] == [PIECE, PIECE, 4]


def _announced(length: int, limits: Limits | None = None) -> RequestReader:
    reader = RequestReader(limits or Limits())
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
    assert isinstance(reader.next(), RequestHead)
    return reader


def test_content_that_passes_by_is_counted() -> None:
    reader = _announced(10)
    assert reader.pass_by(3)
    assert reader.pass_by(6)
    assert reader.next() is None
    reader.receive(b"z" + HEAD)
    assert (reader.next(), reader.next()) == (b"z", EndOfContent())
    assert isinstance(reader.next(), RequestHead)


def test_no_more_than_the_content_passes_by_and_its_end_is_told() -> None:
    reader = _announced(10)
    assert [reader.pass_by(size) for size in (11, 9, 2, 1)] == [False, True, False, True]
    assert reader.next() == EndOfContent()
    assert not reader.pass_by(1)


def test_nothing_passes_what_came_before_it() -> None:
    reader = _announced(10)
    reader.receive(b"ab")
    assert not reader.pass_by(3)
    assert reader.next() == b"ab"
    assert reader.pass_by(3)


def test_nothing_but_counted_content_passes_by() -> None:
    reader = RequestReader(Limits())
    assert not reader.pass_by(1)
    reader.receive(CHUNKED_HEAD)
    assert isinstance(reader.next(), RequestHead)
    assert not reader.pass_by(1)


@pytest.mark.parametrize(("limit", "passes"), [(9, False), (10, True), (None, True)])
def test_content_over_the_limit_does_not_pass_by(limit: int | None, passes: bool) -> None:
    reader = _announced(10)
    reader.body_limit = limit
    assert reader.pass_by(4) is passes


@pytest.mark.parametrize("size", [0, 1, 10])
def test_content_that_is_all_here_is_taken_with_its_end(size: int) -> None:
    reader = _announced(size)
    reader.receive(b"0123456789"[:size] + HEAD)
    assert reader.take_content(size) == b"0123456789"[:size]
    assert isinstance(reader.next(), RequestHead)
    assert reader.idle


@pytest.mark.parametrize("octets", [b"", HEAD, b"\r\n", HEAD + b"\r\n"])
def test_finish_between_requests(octets: bytes) -> None:
    reader = RequestReader(Limits())
    reader.receive(octets)
    while reader.next():
        pass
    reader.finish()  # no complaint
    assert reader.idle


@pytest.mark.parametrize(
    "octets",
    [b"G", HEAD[:-1], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", CHUNKED_HEAD, CHUNKED_HEAD + b"0\r\n"],
)
def test_finish_inside_a_request(octets: bytes) -> None:
    reader = RequestReader(Limits())
    reader.receive(octets)
    while reader.next():
        pass
    for _ in range(2):
        with pytest.raises(ProtocolError, match="400 the peer closed the connection inside a request"):
            reader.finish()
    with pytest.raises(ProtocolError, match="400 the peer closed"):
        reader.next()


def test_take_rest_hands_over() -> None:
    reader = RequestReader(Limits())
    reader.receive(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x16\x00rest")
    assert isinstance(reader.next(), RequestHead)
    assert reader.take_rest() == b"\x16\x00rest"
    assert not reader.idle
    assert reader.next() is None
    assert reader.take_rest() == b""
    reader.finish()
    with pytest.raises(RuntimeError, match="take_rest"):
        reader.receive(b"more")


def test_octets_in_single_file_cost_linear_time() -> None:
    """Counted, not timed: no octet of a long line may be looked at again for every octet that follows."""
    reader = RequestReader(Limits())
    reader.receive(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    for _ in range(10_000):
        reader.receive(b"a")
        assert reader.next() is None
    lines = reader._head_lines._lines  # type: ignore[union-attr]  # the law is about what happens inside
    assert lines._searched == reader.buffered


# Round trip, and a second opinion.

TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)
PLAIN_VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
OBEYED = {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}
FIELD = st.tuples(TOKEN.filter(lambda name: name.lower() not in OBEYED), VALUE)
PATH = st.text("ab/.-_~:@!$&'()*+,;=", max_size=20).map(lambda text: "/" + text)


@st.composite
def requests(draw: st.DrawFn, value: st.SearchStrategy[str] = VALUE) -> tuple[dict[str, Any], bytes]:
    method = draw(TOKEN.filter(lambda method: method != "CONNECT"))
    path, query = draw(PATH), draw(st.none() | st.text("ab?/=&%", max_size=20))
    fields = draw(st.lists(st.tuples(FIELD.map(lambda pair: pair[0]), value), max_size=8))
    content = draw(st.none() | st.lists(st.binary(min_size=1, max_size=50), max_size=4))
    chunked = draw(st.booleans())
    target = path if query is None else f"{path}?{query}"
    head = [f"{method} {target} HTTP/1.1", "Host: a.example:80", *(f"{name}: {value}" for name, value in fields)]
    octets = b"".join(content or ())
    expected: dict[str, Any] = {"method": method, "target": target, "path": path, "query": query or ""}
    expected["fields"] = [["host", "a.example:80"], *([name.lower(), value.strip(" ")] for name, value in fields)]
    if content is not None:
        line = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(octets)}"
        head.append(line)
        expected["fields"].append([line.partition(": ")[0].lower(), line.partition(": ")[2]])
        expected["content"] = octets.decode("latin-1")
        if chunked:
            octets = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in content) + b"0\r\n\r\n"
    return expected, "\r\n".join([*head, "", ""]).encode("latin-1") + octets


@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_round_trip(sent: list[tuple[dict[str, Any], bytes]], data: st.DataObject) -> None:
    octets = b"".join(each for _, each in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=5)))
    seen = read(*(octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)))
    assert seen.error is None
    assert [{key: got.get(key) for key in expected} for (expected, _), got in zip(sent, seen.requests, strict=True)] == [
        expected for expected, _ in sent
    ]


@given(requests(PLAIN_VALUE))
def test_h11_reads_the_same(sent: tuple[dict[str, Any], bytes]) -> None:
    octets = sent[1]
    other = h11.Connection(h11.SERVER)
    other.receive_data(octets)
    request = other.next_event()
    assert isinstance(request, h11.Request)
    content = b""
    while not isinstance(event := other.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        content += event.data
    (ours,) = read(octets).requests
    assert ours["method"].encode() == request.method
    assert ours["target"].encode() == request.target
    assert [(name.encode(), value.encode()) for name, value in ours["fields"]] == list(request.headers)
    assert ours.get("content", "").encode("latin-1") == content


@given(
    st.lists(
        st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b":", b"GET", b"/", b"HTTP/1.1", b"Host: a", b"a", b"\0"]), max_size=25
    )
)
def test_any_octets_read_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    whole = read(octets)
    assert read(*pieces) == whole
    assert read(*(octets[i : i + 1] for i in range(len(octets)))) == whole


def test_a_head_that_was_read_another_way() -> None:
    """Only the content's end, and what comes behind it, is seen here."""
    for passed in (0, 3, 4):
        reader = RequestReader(Limits(body=1))
        reader.await_content(5, passed)
        assert (reader.idle, reader.body_limit) == (False, None)
        reader.receive(b"abcde"[passed:] + HEAD)
        assert reader.next() == b"abcde"[passed:]
        assert isinstance(reader.next(), EndOfContent)
        assert isinstance(reader.next(), RequestHead)
