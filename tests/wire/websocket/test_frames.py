"""Frames: heads, masks, and what a server writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.websocket.masked import MASK, masked

from hospes.wire.websocket import BINARY, PING, TEXT, WebSocketError, frame, frame_head, unmask
from hospes.wire.websocket.frames import MANY, FrameHead, parse_frame_head


@pytest.mark.parametrize(
    ("opcode", "payload", "octets"),
    [  # RFC 6455 §5.7
        (1, b"Hello", bytes.fromhex("810548656c6c6f")),
        (9, b"Hello", bytes.fromhex("890548656c6c6f")),
        (2, bytes(256), bytes.fromhex("827e0100") + bytes(256)),
        (2, bytes(65536), bytes.fromhex("827f0000000000010000") + bytes(65536)),
    ],
)
def test_the_examples_of_the_rfc(opcode: int, payload: bytes, octets: bytes) -> None:
    assert frame(opcode, payload) == octets


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 65537])
def test_lengths_are_written_in_the_fewest_octets(length: int) -> None:
    written = masked(BINARY, bytes(length))
    head = parse_frame_head(written)
    assert head == FrameHead(True, False, BINARY, length, MASK, len(written) - length)
    assert frame_head(BINARY, length) == written[: len(written) - length - 4].replace(
        bytes([written[1]]), bytes([written[1] & 0x7F]), 1
    )


def test_flags() -> None:
    assert frame_head(TEXT, 5, fin=False) == b"\x01\x05"
    assert frame_head(TEXT, 5, compressed=True) == b"\xc1\x05"
    assert parse_frame_head(masked(TEXT, b"", rsv=4, fin=False)) == FrameHead(False, True, TEXT, 0, MASK, 6)


@given(st.binary(max_size=200), st.binary(min_size=4, max_size=4), st.integers(0, 200))
def test_masks(payload: bytes, mask: bytes, cut: int) -> None:
    cut = min(cut, len(payload))
    expected = bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))
    assert unmask(payload, mask) == expected
    assert unmask(payload[:cut], mask) + unmask(bytearray(payload[cut:]), mask, cut) == expected


@pytest.mark.parametrize("length", [MANY - 1, MANY, MANY + 1, MANY + 2, MANY + 3])
@pytest.mark.parametrize("position", range(5))
def test_masks_of_many_octets(length: int, position: int) -> None:
    mask, payload = b"\x00\xff\x37\xfa", bytes(range(256)) * (length // 256 + 1)
    payload = payload[:length]
    expected = bytes(octet ^ mask[(index + position) % 4] for index, octet in enumerate(payload))
    assert unmask(payload, mask, position) == unmask(memoryview(payload), mask, position) == expected
    given = bytearray(payload)
    assert unmask(given, mask, position) == expected
    assert given == payload  # it is the caller's


LENGTH = "a frame's length is not written in the fewest octets, or too large for any"


@pytest.mark.parametrize("size", range(6))
def test_a_head_in_pieces(size: int) -> None:
    assert parse_frame_head(masked(TEXT, b"Hello")[:size]) is None
    if size > 1:
        assert parse_frame_head(masked(TEXT, bytes(300))[: size + 2]) is None
        assert parse_frame_head(masked(TEXT, bytes(70000))[: size + 8]) is None


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\xa1\x80", "a reserved bit of a frame is set"),
        (b"\x91\x80", "a reserved bit of a frame is set"),
        *((bytes([0x80 | opcode, 0x80]), "a frame has a reserved opcode") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        (b"\x81\x00", "a frame is not masked"),
        (b"\x89\xfe", "a control frame is long, in pieces or compressed"),
        (b"\x09\x80", "a control frame is long, in pieces or compressed"),
        (b"\xc8\x80", "a control frame is long, in pieces or compressed"),
        (b"\x82\xfe\x00\x7d", "a frame's length is not written in the fewest octets, or too large for any"),
        (b"\x82\xff" + (65535).to_bytes(8, "big"), "a frame's length is not written in the fewest octets, or too large for any"),
        (
            b"\x82\xff" + (1 << 63).to_bytes(8, "big"),
            "a frame's length is not written in the fewest octets, or too large for any",
        ),
    ],
)
def test_broken_heads(octets: bytes, reason: str) -> None:
    """They are refused as soon as the octet is there that breaks them."""
    assert parse_frame_head(octets[:-1]) is None
    with pytest.raises(WebSocketError) as caught:
        parse_frame_head(octets)
    assert (caught.value.code, caught.value.reason) == (1002, reason)


def test_frames_that_may_not_be_written() -> None:
    with pytest.raises(ValueError, match=r"^opcode 3: a frame is a continuation"):
        frame(3, b"")
    message = r"^a control frame is whole and has 125 octets at the most; this one has 126$"
    with pytest.raises(ValueError, match=message):
        frame(PING, bytes(126))
    with pytest.raises(ValueError, match=r"^a control frame is whole"):
        frame(PING, b"", fin=False)
    assert len(frame(PING, bytes(125))) == 127
