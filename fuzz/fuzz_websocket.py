"""Websocket frames: only WebSocketError escapes, and every split of the octets gives the same events and the same error.

The first octet says where to split, and whether compression was agreed on; the rest is what a client sends. And whatever it
offers as extensions, what is agreed on can be read back. Of several mistakes in a compressed message any may be the one reported.
"""

from __future__ import annotations

from hospes.wire.websocket import Close, Control, Deflate, Deflater, Inflater, MessageReader, WebSocketError, negotiate

_LIMIT = 300
_AGREED = Deflate(client_max_window_bits=9)
_PACKED = Deflater(_AGREED).compress(b"hospes " * 12)

SEEDS: list[bytes] = [
    b"\x05\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    b"\x11\x01\x81\0\0\0\0\xc3\x89\x80\0\0\0\0\x80\x81\0\0\0\0\xa4\x8a\x81\0\0\0\0x\x82\xfe\0\x7e\0\0\0\0" + bytes(126),
    b"\x03\x88\x85\0\0\0\0\x0f\xa0bye\x81\x80\0\0\0\0",
    b"\x80\xc1" + bytes([0x80 | len(_PACKED)]) + bytes(4) + _PACKED,
    b"\x82\x41"
    + bytes([0x80 | 3])
    + bytes(4)
    + _PACKED[:3]
    + b"\x80"
    + bytes([0x80 | len(_PACKED) - 3])
    + bytes(4)
    + _PACKED[3:],
    b"\x07\x82\xff\0\0\0\0\0\x01\0\0mask" + bytes(50),
    b"\x01\x81\x84\0\0\0\0\xf0\x9f\x98\x80",
    b"\x01permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=9; client_no_context_takeover",
]


def target(data: bytes) -> None:
    if not data:
        return
    cut, octets = data[0], data[1:]
    agreed = negotiate([octets.decode("latin-1")])
    if agreed:
        Deflate.parse(agreed)
    for asks in (False, True):
        whole = _read([octets], cut, asks)
        assert _read([octets[: cut % 64], octets[cut % 64 :]], cut, asks) == whole, "two pieces read otherwise"
        size = cut % 7 + 1
        assert _read([octets[i : i + size] for i in range(0, len(octets), size)], cut, asks) == whole, (
            "small pieces read otherwise"
        )


def _read(pieces: list[bytes], flags: int, asks: bool) -> list[object]:
    """What came out; an error is the last event."""
    events: list[object] = []

    def keep(opcode: int, payload: bytes, fin: bool) -> bool:
        events.append(("frame", opcode, payload, fin))
        return len(payload) % 2 == 0

    reader = MessageReader(_LIMIT, Inflater(_AGREED) if flags & 0x80 else None, keep if asks else None)
    try:
        for piece in pieces:
            reader.receive(piece)
            while (event := reader.next()) is not None:
                _check(event, asks)
                events.append(event)
    except WebSocketError as error:
        events.append("error" if flags & 0x80 else (error.code, error.reason))
        assert reader.next() is None, "something comes after an error"
    return events


def _check(event: object, asks: bool) -> None:
    """What whoever gets an event relies on."""
    if isinstance(event, Control):
        assert len(event.payload) <= 125, "a long control frame"
    elif isinstance(event, Close):
        assert len(event.reason.encode()) <= 123, "a long reason"
    elif isinstance(event, str):
        assert asks or len(event.encode()) <= _LIMIT, "a long text"
    else:
        assert isinstance(event, bytes)
        assert len(event) <= _LIMIT, "a long message"
