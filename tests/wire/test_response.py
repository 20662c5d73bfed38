"""Heads and chunks of responses, and that nothing gets out of its line."""

from __future__ import annotations

import http

import h11
import pytest

from hospes.wire.response import CONTINUE, LAST_CHUNK, NOT_BEHIND, REASONS, chunk, last_chunk, response_head


def test_head() -> None:
    assert response_head(200, []) == b"HTTP/1.1 200 OK\r\n\r\n"
    fields = [("Content-Type", "text/plain"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")]
    assert response_head(404, iter(fields)) == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"
    )


def test_reasons() -> None:
    assert response_head(599, []) == b"HTTP/1.1 599 \r\n\r\n"
    assert response_head(200, [], "Fine") == b"HTTP/1.1 200 Fine\r\n\r\n"
    assert response_head(200, [], "") == b"HTTP/1.1 200 \r\n\r\n"
    assert response_head(200, [], "größer") == "HTTP/1.1 200 größer\r\n\r\n".encode()


def test_every_registered_status_has_a_reason() -> None:
    assert {status.value for status in http.HTTPStatus} <= set(REASONS)
    assert list(REASONS) == sorted(REASONS)
    assert all(100 <= status <= 599 and reason.isascii() for status, reason in REASONS.items())


@pytest.mark.parametrize("status", [-1, 0, 99, 600, 1000])
def test_no_status(status: int) -> None:
    with pytest.raises(ValueError, match=f"status {status}"):
        response_head(status, [])


@pytest.mark.parametrize("status", [100, 101, 598, 599])
def test_status_at_its_limits(status: int) -> None:
    assert response_head(status, []).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\n", "\x1b", "\x7f"])
def test_nothing_leaves_its_line(bad: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        response_head(200, [], f"a{bad}b")
    with pytest.raises(ValueError, match="field Location"):
        response_head(302, [("Location", f"/a{bad}Set-Cookie: b=c")])
    with pytest.raises(ValueError, match="field name"):
        response_head(200, [(f"A{bad}", "b")])
    with pytest.raises(ValueError, match="field A"):
        last_chunk([("A", f"b{bad}")])


def test_chunks() -> None:
    assert chunk(b"hello") == b"5\r\nhello\r\n"
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunk(b"") == b""
    assert LAST_CHUNK == last_chunk([]) == b"0\r\n\r\n"
    assert last_chunk([("Digest", "a")]) == b"0\r\nDigest: a\r\n\r\n"


@pytest.mark.parametrize("name", [*sorted(NOT_BEHIND), "Content-Length"])
def test_what_may_be_no_trailer(name: str) -> None:
    with pytest.raises(ValueError, match=f"field {name}: it stands in front of the content, and may be no trailer"):
        last_chunk([("Digest", "a"), (name, "1")])


def test_h11_reads_what_is_written() -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(CONTINUE + response_head(200, [("Transfer-Encoding", "chunked"), ("X", "y")]))
    client.receive_data(chunk(b"hello") + last_chunk([("Z", "w")]))
    interim, head, data, end = (client.next_event() for _ in range(4))
    assert isinstance(interim, h11.InformationalResponse)
    assert interim.status_code == 100
    assert isinstance(head, h11.Response)
    assert (head.status_code, head.reason, list(head.headers)) == (200, b"OK", [(b"transfer-encoding", b"chunked"), (b"x", b"y")])
    assert isinstance(data, h11.Data)
    assert data.data == b"hello"
    assert isinstance(end, h11.EndOfMessage)
    assert list(end.headers) == [(b"z", b"w")]
