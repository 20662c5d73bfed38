"""Messages: put together, checked as they come, counted; however the octets are cut. In the comments: Autobahn's families."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.wire.websocket.masked import masked

from hospes.wire.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Close,
    Control,
    Deflate,
    Deflater,
    Inflater,
    MessageReader,
    WebSocketError,
)
from hospes.wire.websocket.messages import Keep

AGREED = Deflate(False, False, 12, 12)
Event = object


def read(
    octets: bytes, *, step: int = 0, limit: int = 200_000, deflate: Deflate | None = None, keep: Keep | None = None
) -> list[Event]:
    """What comes out of octets that come `step` at a time, 0 for all; an error is the last event."""
    reader = MessageReader(limit, Inflater(deflate) if deflate is not None else None, keep)
    events: list[Event] = []
    step = step or len(octets) or 1
    try:
        for start in range(0, len(octets), step):
            reader.receive(octets[start : start + step])
            while (event := reader.next()) is not None:
                events.append(event)
    except WebSocketError as error:
        events.append((error.code, error.reason))
        assert reader.next() is None
    reader.receive(b"\x81")
    assert not (events and isinstance(events[-1], (tuple, Close)) and not isinstance(events[-1], Control)) or not reader.buffered
    return events


def test_nothing() -> None:
    assert read(b"") == []
    assert MessageReader(1).between


@pytest.mark.parametrize("length", [0, 125, 126, 127, 128, 65535, 65536, 100_000])
def test_whole_messages(length: int) -> None:  # 1.*
    text, binary = "*" * length, b"\xfe" * length
    octets = masked(TEXT, text.encode()) + masked(BINARY, binary)
    assert read(octets) == [text, binary]
    assert read(octets, step=997) == [text, binary]
    if length < 200:
        assert read(octets, step=1) == [text, binary]


@pytest.mark.parametrize("step", [0, 1, 3])
def test_pings_and_pongs(step: int) -> None:  # 2.*
    octets = masked(PING) + masked(PING, bytes(range(125))) + masked(PONG, b"unasked") + masked(TEXT, b"x")
    assert read(octets, step=step) == [
        Control(PING, b""),
        Control(PING, bytes(range(125))),
        Control(PONG, b"unasked"),
        "x",
    ]


@pytest.mark.parametrize("step", [0, 1, 5])
def test_fragments(step: int) -> None:  # 5.*
    octets = masked(TEXT, b"frag", fin=False) + masked(PING, b"p") + masked(0, b"", fin=False) + masked(0, b"ment")
    octets += (
        masked(BINARY, b"", fin=False) + masked(0, b"b") + masked(TEXT, "ä".encode()[:1], fin=False) + masked(0, "ä".encode()[1:])
    )
    assert read(octets, step=step) == [Control(PING, b"p"), "fragment", b"b", "ä"]


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (masked(0, b"x"), (1002, "a continuation continues nothing")),
        (masked(0, b"x", fin=False), (1002, "a continuation continues nothing")),
        (masked(TEXT, b"x", fin=False) + masked(TEXT, b"x"), (1002, "a message begins inside of another one")),
        (masked(TEXT, b"x", fin=False) + masked(BINARY, b"x"), (1002, "a message begins inside of another one")),
        (masked(TEXT, b"x", rsv=4), (1002, "a message is compressed, which was not agreed on")),
        (masked(PING, b"x", fin=False), (1002, "a control frame is long, in pieces or compressed")),
        (masked(TEXT, b"x", rsv=1), (1002, "a reserved bit of a frame is set")),
        (masked(CLOSE, b"\x03"), (1002, "a close has a code that may not be sent")),
        (masked(CLOSE, b"\x03\xed"), (1002, "a close has a code that may not be sent")),
        (masked(CLOSE, b"\x03\xe8\xff"), (1007, "a close has a reason that is not UTF-8")),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_breaches(octets: bytes, error: tuple[int, str], step: int) -> None:  # 3.*, 4.*, 5.*, 7.*
    assert read(masked(TEXT, b"before") + octets + masked(TEXT, b"after"), step=step) == ["before", error]


def test_a_continuation_is_never_compressed() -> None:
    octets = masked(TEXT, Deflater(AGREED).compress(b"x" * 99)[:1], fin=False, rsv=4) + masked(0, b"", rsv=4)
    assert read(octets, deflate=AGREED) == [(1002, "a continuation says that it is compressed")]


@pytest.mark.parametrize("step", [0, 1])
def test_a_close_is_the_last(step: int) -> None:
    assert read(masked(CLOSE) + masked(TEXT, b"x"), step=step) == [Close(1005, "")]
    assert read(masked(CLOSE, b"\x0f\xa0" + b"fin") + b"\xff" * 9, step=step) == [Close(4000, "fin")]
    octets = masked(TEXT, b"half", fin=False) + masked(CLOSE, b"\x03\xe8")
    assert read(octets, step=step) == [Close(1000, "")]


GOOD = ["κόσμε", "\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff"]
BAD = [
    b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff", b"\xc3(", b"\xe2\x82(",
]  # fmt: skip
NOT_UTF8 = (1007, "a text is not UTF-8")


@pytest.mark.parametrize("text", GOOD)
@pytest.mark.parametrize("step", [0, 1])
def test_utf8(text: str, step: int) -> None:  # 6.*
    octets = text.encode()
    pieces = b"".join(masked(0 if index else TEXT, octets[index : index + 1], fin=False) for index in range(len(octets)))
    assert read(masked(TEXT, octets) + pieces + masked(0), step=step) == [text, text]


@pytest.mark.parametrize("bad", BAD)
def test_what_is_not_utf8(bad: bytes) -> None:  # 6.*
    assert read(masked(TEXT, b"ok" + bad + b"ok")) == [NOT_UTF8]
    assert read(masked(TEXT, b"ok" + bad + b"ok"), step=1) == [NOT_UTF8]
    assert read(masked(TEXT, b"ok" + bad, fin=False)) == [NOT_UTF8]


@pytest.mark.parametrize("part", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"])
@pytest.mark.parametrize("step", [0, 1])
def test_a_text_that_ends_inside_of_a_character(part: bytes, step: int) -> None:
    assert read(masked(TEXT, b"ok" + part), step=step) == [NOT_UTF8]
    assert read(masked(TEXT, b"ok" + part, fin=False) + masked(0), step=step) == [NOT_UTF8]


@pytest.mark.parametrize("bad", BAD)
def test_the_first_bad_octet_is_refused_before_the_frame_is_complete(bad: bytes) -> None:  # 6.4.*
    octets = masked(TEXT, "κόσμε".encode() + bad + b"x" * 40)
    for end in range(len(octets)):
        if read(octets[:end]):
            shown = len("κόσμε".encode()) + len(bad)
            assert end <= 6 + shown, "later than with the octets that make it bad"
            return
    raise AssertionError("never")


@pytest.mark.parametrize("length", [99, 100, 101])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_limit_of_a_message(length: int, opcode: int) -> None:  # 9.*
    whole = masked(opcode, b"x" * length)
    parts = masked(opcode, b"x" * 50, fin=False) + masked(0, b"", fin=False) + masked(0, b"x" * (length - 50))
    packed = masked(opcode, Deflater(AGREED).compress(b"x" * length), rsv=4)
    for octets, deflate in ((whole, None), (parts, None), (packed, AGREED)):
        for step in (0, 1):
            events = read(octets, limit=100, step=step, deflate=deflate)
            if length <= 100:
                assert [len(event) for event in events if isinstance(event, (str, bytes))] == [length]
            else:
                assert events == [(1009, "a message is larger than is taken here")]


def test_too_much_is_refused_by_the_head() -> None:
    assert read(masked(BINARY, bytes(101))[:6], limit=100) == [(1009, "a message is larger than is taken here")]
    assert read(b"\x82\xff" + (1 << 62).to_bytes(8, "big") + b"mask") == [(1009, "a message is larger than is taken here")]


@pytest.mark.parametrize("step", [0, 1, 7])
def test_compression(step: int) -> None:  # 12.*, 13.*
    deflater = Deflater(AGREED)
    texts = ["hello " * 30, "ä" * 500, "", "hello " * 30]
    octets = b""
    for text in texts:
        payload = deflater.compress(text.encode())
        cut = len(payload) // 2
        octets += masked(TEXT, payload[:cut], fin=False, rsv=4) + masked(PING) + masked(0, payload[cut:]) + masked(TEXT, b"plain")
    expected: list[Event] = []
    for text in texts:
        expected += [Control(PING, b""), text, "plain"]
    assert read(octets, step=step, deflate=AGREED) == expected


def test_compressed_text_is_checked() -> None:
    assert read(masked(TEXT, Deflater(AGREED).compress(b"ok\xff"), rsv=4), deflate=AGREED) == [NOT_UTF8]
    assert read(masked(BINARY, b"\xff\xff\xff", rsv=4), deflate=AGREED) == [(1007, "a message cannot be decompressed")]


# Frames that are asked about.

PARTS = masked(BINARY, b"one", fin=False) + masked(PING) + masked(0, b"two", fin=False) + masked(0, b"three")


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (frozenset({b"one", b"two", b"three"}), [Control(PING, b""), b"onetwothree"]),
        (frozenset({b"two"}), [Control(PING, b""), b"two"]),
        (frozenset(), [Control(PING, b"")]),
    ],
)
def test_frames_are_kept_or_not(wanted: frozenset[bytes], events: list[Event], step: int) -> None:
    heard: list[tuple[int, bytes, bool]] = []

    def keep(opcode: int, payload: bytes, fin: bool) -> bool:
        heard.append((opcode, payload, fin))
        return payload in wanted

    assert read(PARTS + masked(TEXT, b"x"), step=step, keep=keep) == events
    assert heard == [(BINARY, b"one", False), (0, b"two", False), (0, b"three", True), (TEXT, b"x", True)]


def test_limits_where_frames_are_asked_about() -> None:
    def never(opcode: int, payload: bytes, fin: bool) -> bool:
        return False

    def always(opcode: int, payload: bytes, fin: bool) -> bool:
        return True

    frames = b"".join(masked(0 if index else BINARY, bytes(60), fin=False) for index in range(5))
    assert read(frames + masked(0, b""), limit=100, keep=never) == []
    assert read(frames, limit=100, keep=always) == [(1009, "a message is larger than is taken here")]
    assert read(masked(BINARY, bytes(101)), limit=100, keep=never) == [(1009, "a message is larger than is taken here")]
    packed = masked(BINARY, Deflater(AGREED).compress(bytes(101)), rsv=4)
    assert read(packed, limit=100, keep=never, deflate=AGREED) == [(1009, "a message is larger than is taken here")]


def test_a_text_of_which_a_part_is_kept() -> None:
    octets = masked(TEXT, "ä".encode()[:1], fin=False) + masked(0, "ä".encode()[1:] + b"b")
    assert read(octets, keep=lambda opcode, payload, fin: fin) == ["\ufffdb"]


@given(
    st.lists(
        st.builds(
            masked,
            st.sampled_from([0, 0, TEXT, TEXT, BINARY, PING, PONG]),
            st.binary(max_size=20) | st.text(max_size=9).map(str.encode),
            fin=st.booleans(),
            rsv=st.sampled_from([0, 0, 0, 4]),
        ),
        max_size=6,
    ),
    st.integers(1, 9),
)
@example([b"\xc1\x84\x37\xfa\x21\x3d\x25\x92\x21\x38"], 1)
def test_pieces_read_as_the_whole(frames: list[bytes], step: int) -> None:
    octets = b"".join(frames)
    pieces, whole = read(octets, limit=60, step=step, deflate=AGREED), read(octets, limit=60, deflate=AGREED)
    if any(frame[0] & 0x40 for frame in frames) and _failed(pieces) and _failed(whole):
        del pieces[-1], whole[-1]  # of several mistakes in a compressed message any may be the one that is reported
    assert pieces == whole


def _failed(events: list[Event]) -> bool:
    return bool(events) and type(events[-1]) is tuple
