"""Closing: which codes a close may carry, both ways."""

from __future__ import annotations

import pytest

from hospes.errors import HospesError
from hospes.wire.websocket import Close, WebSocketError, close_payload, may_send, parse_close

VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", VALID)
def test_valid_codes(code: int) -> None:
    assert may_send(code)
    assert parse_close(close_payload(code, "grüezi")) == Close(code, "grüezi")
    assert parse_close(code.to_bytes(2, "big")) == Close(code, "")


@pytest.mark.parametrize("code", INVALID)
def test_invalid_codes(code: int) -> None:
    assert not may_send(code)
    with pytest.raises(WebSocketError) as caught:
        parse_close(code.to_bytes(2, "big") + b"bye")
    assert str(caught.value) == "1002 a close has a code that may not be sent"
    with pytest.raises(ValueError, match=rf"^close\({code}\): a code is 1000, 1001, 1002, 1003, 1007 to 1014, or 3000 to 4999;"):
        close_payload(code, "")


def test_a_close_without_a_code() -> None:
    assert parse_close(b"") == Close(1005, "")


def test_half_a_code() -> None:
    with pytest.raises(WebSocketError, match=r"^1002 "):
        parse_close(b"\x03")


@pytest.mark.parametrize("reason", [b"\xff", b"ok\xc3", b"\xed\xa0\x80"])
def test_a_reason_that_is_not_utf8(reason: bytes) -> None:
    with pytest.raises(WebSocketError) as caught:
        parse_close(b"\x03\xe8" + reason)
    assert (caught.value.code, caught.value.reason) == (1007, "a close has a reason that is not UTF-8")


@pytest.mark.parametrize("length", [122, 123, 124])
def test_limit_of_a_reason(length: int) -> None:
    if length <= 123:
        assert len(close_payload(1000, "x" * length)) == length + 2
    else:
        with pytest.raises(ValueError, match=r"a reason has 123 octets in UTF-8 at the most, this one has 124$"):
            close_payload(1000, "x" * length)


def test_the_error_is_ours() -> None:
    assert issubclass(WebSocketError, HospesError)
