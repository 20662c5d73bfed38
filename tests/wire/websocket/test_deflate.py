"""permessage-deflate: what is agreed on, and what comes out."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.wire.websocket import Deflate, Deflater, Inflater, WebSocketError, negotiate
from hospes.wire.websocket.deflate import ENDS

AGREED = "permessage-deflate; server_max_window_bits=12"


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; client_max_window_bits", f"{AGREED}; client_max_window_bits=12"),
        ("permessage-deflate ; client_max_window_bits = 9", f"{AGREED}; client_max_window_bits=9"),
        ('permessage-deflate; client_max_window_bits="15"', f"{AGREED}; client_max_window_bits=12"),
        ("permessage-deflate; client_max_window_bits=8", f"{AGREED}; client_max_window_bits=8"),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=15", AGREED),
        (
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=12",
        ),
        ("x-webkit-deflate-frame, permessage-deflate", AGREED),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", AGREED),
        ("permessage-deflate; x, permessage-deflate; client_max_window_bits", f"{AGREED}; client_max_window_bits=12"),
        # Offers that are passed over.
        ("", ""),
        ("permessage-bzip2", ""),
        ("Permessage-Deflate", ""),
        ("permessage-deflate; server_max_window_bits", ""),
        ("permessage-deflate; server_max_window_bits=8", ""),
        ("permessage-deflate; server_max_window_bits=16", ""),
        ("permessage-deflate; server_max_window_bits=09", ""),
        ("permessage-deflate; client_max_window_bits=", ""),
        ("permessage-deflate; client_max_window_bits=7", ""),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", ""),
        ("permessage-deflate; client_no_context_takeover=1", ""),
        ("permessage-deflate; mystery", ""),
        ("permessage-deflate;", ""),
    ],
)
def test_negotiation(offer: str, agreed: str) -> None:
    assert negotiate([offer]) == agreed
    if agreed:
        Deflate.parse(agreed)


def test_offers_in_several_fields() -> None:
    assert negotiate(["foo", "permessage-deflate"]) == AGREED


def test_what_was_agreed_on() -> None:
    field = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10"
    assert Deflate.parse(field) == Deflate(True, True, 15, 10)
    assert Deflate.parse(AGREED) == Deflate(False, False, 12, 15)


@pytest.mark.parametrize("field", ["", "gzip", "permessage-deflate; x", "permessage-deflate; server_max_window_bits=8"])
def test_answers_that_agree_on_nothing(field: str) -> None:
    with pytest.raises(ValueError, match=r"is no answer that agrees on permessage-deflate$"):
        Deflate.parse(field)


@given(
    st.lists(st.binary(max_size=300) | st.integers(0, 9000).map(lambda n: b"hospes" * n), max_size=5),
    st.booleans(),
    st.integers(9, 15),
    st.integers(1, 50),
)
def test_what_was_compressed_comes_out(messages: list[bytes], forgets: bool, bits: int, step: int) -> None:
    agreed = Deflate(forgets, forgets, bits, bits)
    deflater, inflater = Deflater(agreed), Inflater(agreed)
    for message in messages:
        payload = deflater.compress(message)
        room, out = len(message), b""
        for start in range(0, len(payload), step):
            out += inflater.inflate(payload[start : start + step], room - len(out))
        assert out + inflater.finish(room - len(out)) == message


def test_the_examples_of_the_rfc() -> None:  # RFC 7692 §7.2.3
    inflater = Inflater(Deflate())
    for payload in ("f248cdc9c90700", "f200110000"):
        assert inflater.inflate(bytes.fromhex(payload), 5) + inflater.finish(0) == b"Hello"
    for payload in ("000500faff48656c6c6f00", "f348cdc9c9070000", "f24805000000ffffcac9c90700"):
        inflater = Inflater(Deflate())
        out = inflater.inflate(bytes.fromhex(payload), 5)
        assert out + inflater.finish(5 - len(out)) == b"Hello"


def test_context_is_forgotten_where_that_was_agreed_on() -> None:
    deflater, forgetful = Deflater(Deflate()), Deflater(Deflate(server_no_context_takeover=True))
    message = bytes(range(256))
    assert len(deflater.compress(message)) > len(deflater.compress(message))
    assert forgetful.compress(message) == forgetful.compress(message)
    inflater = Inflater(Deflate(client_no_context_takeover=True))
    deflater = Deflater(Deflate())
    inflater.inflate(deflater.compress(message), 256)
    inflater.finish(0)
    with pytest.raises(WebSocketError, match=r"^1007 a message cannot be decompressed$"):
        inflater.inflate(deflater.compress(message), 256)  # it refers to what was forgotten


@pytest.mark.parametrize("length", [999, 1000, 1001])
def test_limit_counts_what_comes_out(length: int) -> None:
    payload, inflater = Deflater(Deflate()).compress(bytes(length)), Inflater(Deflate())
    if length <= 1000:
        assert inflater.inflate(payload, 1000) + inflater.finish(1000 - length) == bytes(length)
    else:
        with pytest.raises(WebSocketError, match=r"^1009 a message is larger than is taken here$"):
            inflater.inflate(payload, 1000)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = bomb.compress(bytes(64 << 20)) + bomb.flush()
    inflater = Inflater(Deflate())
    tracemalloc.start()
    with pytest.raises(WebSocketError, match=r"^1009"):
        inflater.inflate(payload, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("ends", [ENDS - 1, ENDS, ENDS + 1])
def test_limit_of_last_blocks(ends: int) -> None:
    inflater, block = Inflater(Deflate()), b"\x03\0"  # empty, and the last
    for _ in range(2):  # each message has its own
        for _ in range(min(ends, ENDS)):
            assert inflater.inflate(block, 0) == b""
        if ends > ENDS:
            with pytest.raises(WebSocketError, match=r"^1007 a message ends too often$"):
                inflater.inflate(block, 0)
            return
        assert inflater.inflate(b"\0", 0) + inflater.finish(0) == b""


def both(inflater: Inflater, payload: bytes) -> bytes:
    return inflater.inflate(payload, 100) + inflater.finish(100)


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x07", b"hello"])
def test_what_cannot_be_decompressed(garbage: bytes) -> None:
    with pytest.raises(WebSocketError, match=r"^1007"):
        both(Inflater(Deflate()), garbage)
