"""Framing: the rules of a request and the table of a response."""

from __future__ import annotations

import pytest

from hospes.errors import ProtocolError
from hospes.wire.framing import ResponseFraming, request_framing, response_framing


@pytest.mark.parametrize(
    ("minor", "coding", "length", "expected"),
    [
        (1, None, None, (None, False)),
        (0, None, None, (None, False)),
        (1, None, b"0", (0, False)),
        (0, None, b"5", (5, False)),
        (1, None, b"9" * 17, (int("9" * 17), False)),
        (1, None, b"9" * 18, (int("9" * 18), False)),
        (1, b"chunked", None, (None, True)),
        (1, b"ChunkeD", None, (None, True)),
    ],
)
def test_request(minor: int, coding: bytes | None, length: bytes | None, expected: tuple[int | None, bool]) -> None:
    assert request_framing(minor, coding, length) == expected


@pytest.mark.parametrize(
    ("minor", "coding", "length", "status", "reason"),
    [
        (1, b"chunked", b"5", 400, "both given"),
        (0, b"chunked", b"5", 400, "both given"),
        (0, b"chunked", None, 400, "HTTP/1.0"),
        (1, b"", None, 400, "malformed"),
        (1, b"chunked,", None, 400, "malformed"),
        (1, b"chunked;a", None, 400, "malformed"),
        (1, b"a b,chunked", None, 400, "malformed"),
        (1, b"gzip", None, 400, "does not end with chunked"),
        (1, b"chunked, gzip", None, 400, "does not end with chunked"),
        (1, b"chunked, chunked", None, 400, "more than once"),
        (1, b"chunked,gzip,chunked", None, 400, "more than once"),
        (1, b"gzip\t,\tchunked", None, 501, "other than chunked"),
        (1, None, b"9" * 19, 400, "18 digits"),
        *((1, None, odd, 400, "number") for odd in (b"", b"+5", b"-5", b"0x5", b"5_0", b"5,5", b"5 5", b"\xb2", b"5\n", b"a")),
    ],
)
def test_request_refused(minor: int, coding: bytes | None, length: bytes | None, status: int, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        request_framing(minor, coding, length)
    assert caught.value.status == status


LENGTHS = (None, 0, 5)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 100), ("GET", 101), ("GET", 199), ("GET", 204), ("HEAD", 204), ("CONNECT", 200), ("CONNECT", 299)],
)
def test_no_content_and_no_length(method: str, status: int, minor: int, length: int | None) -> None:
    assert response_framing(method, minor, status, length, True) == ResponseFraming(None, False, False, False)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_reset_content_is_empty(method: str, length: int | None) -> None:
    assert response_framing(method, 1, 205, length, True) == ResponseFraming(0, False, False, False)


@pytest.mark.parametrize("minor", [0, 1])
def test_head_states_what_get_would_have_sent(minor: int) -> None:
    for status in (200, 206, 404, 500):
        assert response_framing("HEAD", minor, status, 5, True) == ResponseFraming(5, False, False, False)
        assert response_framing("HEAD", minor, status, 0, True) == ResponseFraming(0, False, False, False)
        assert response_framing("HEAD", minor, status, None, True) == ResponseFraming(None, False, False, False)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_may_state_a_length_but_not_zero(method: str) -> None:
    assert response_framing(method, 1, 304, 5, True) == ResponseFraming(5, False, False, False)
    assert response_framing(method, 1, 304, 0, True) == ResponseFraming(None, False, False, False)
    assert response_framing(method, 1, 304, None, True) == ResponseFraming(None, False, False, False)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "head", "BREW"])
@pytest.mark.parametrize("status", [200, 201, 206, 301, 400, 404, 500, 599])
def test_content(method: str, status: int) -> None:
    for minor in (0, 1):
        assert response_framing(method, minor, status, 5, True) == ResponseFraming(5, False, False, True)
        assert response_framing(method, minor, status, 0, True) == ResponseFraming(0, False, False, True)
    assert response_framing(method, 1, status, None, True) == ResponseFraming(None, True, False, True)
    assert response_framing(method, 0, status, None, True) == ResponseFraming(None, False, True, True)


def test_a_refused_tunnel_has_content() -> None:
    assert response_framing("CONNECT", 1, 405, 5, True) == ResponseFraming(5, False, False, True)


@pytest.mark.parametrize("status", [200, 204, 205, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("length", LENGTHS)
def test_who_will_not_keep_alive_closes(method: str, status: int, length: int | None) -> None:
    kept = response_framing(method, 1, status, length, True)
    assert response_framing(method, 1, status, length, False) == kept._replace(close=True)
