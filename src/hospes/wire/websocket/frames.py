"""Frames: what messages are cut into (RFC 6455 §5.2).

     octet 0                  octet 1                 then
    ┌───┬──────────┬────────┬──────┬────────────────┬──────────────────────────┬───────────────┬─────────
    │fin│rsv 1 2 3 │opcode 4│mask 1│length 7        │length 16 (126), 64 (127) │mask 32, if any│payload
    └───┴──────────┴────────┴──────┴────────────────┴──────────────────────────┴───────────────┴─────────

Laws:

* A client masks every frame, a server none (§5.1). The mask hides nothing; it keeps a page from sending octets of its own choice
  through a proxy that takes them for a request (§10.3).
* A length is written in the fewest octets that hold it, and below 2⁶³ (§5.2). Reserved bits are 0 unless an extension that was
  agreed on says otherwise; reserved opcodes are not used.
* A control frame is whole, and at most 125 octets long, so that it fits between the frames of a message (§5.5).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .closing import PROTOCOL_ERROR, WebSocketError

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

CONTROL: Final = 8
"""This bit of an opcode tells control frames from frames of data."""
FIN: Final = 0x80
COMPRESSED: Final = 0x40  # rsv1 (RFC 7692 §6)
_RESERVED: Final = 0x30
_MASKED: Final = 0x80
_OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
CONTROL_LENGTH: Final = 125
MANY: Final = 4096
"""Octets from which on `unmask` goes by tables; it is as quick either way there."""
_OCTETS: Final = int.from_bytes(bytes(range(256)), "little")
_ONES: Final = int.from_bytes(b"\1" * 256, "little")


class FrameHead(NamedTuple):
    """What stands before a payload, checked as far as one frame alone can be."""

    fin: bool
    compressed: bool
    opcode: int
    length: int
    mask: bytes
    size: int
    """Octets of the head itself."""


def parse_frame_head(buffer: bytes | bytearray) -> FrameHead | None:
    """Read the head of the frame that a buffer begins with; None where it takes more octets.

    What two octets show to be wrong is refused when there are two, and so on: nobody waits for the rest of a broken frame.

    Raises:
        WebSocketError: 1002.
    """
    if len(buffer) < 2:
        return None
    first, second = buffer[0], buffer[1]
    opcode, length = first & 0x0F, second & 0x7F
    if first & _RESERVED:
        raise WebSocketError(PROTOCOL_ERROR, "a reserved bit of a frame is set")
    if opcode not in _OPCODES:
        raise WebSocketError(PROTOCOL_ERROR, "a frame has a reserved opcode")
    if not second & _MASKED:
        raise WebSocketError(PROTOCOL_ERROR, "a frame is not masked")
    if opcode & CONTROL and (length > CONTROL_LENGTH or first & (FIN | COMPRESSED) != FIN):
        raise WebSocketError(PROTOCOL_ERROR, "a control frame is long, in pieces or compressed")
    size = 2
    if length >= 126:
        size = 4 if length == 126 else 10
        if len(buffer) < size:
            return None
        least = 126 if length == 126 else 1 << 16
        length = int.from_bytes(buffer[2:size])
        if not least <= length < 1 << 63:
            raise WebSocketError(PROTOCOL_ERROR, "a frame's length is not written in the fewest octets, or too large for any")
    if len(buffer) < size + 4:
        return None
    return FrameHead(first >= FIN, bool(first & COMPRESSED), opcode, length, bytes(buffer[size : size + 4]), size + 4)


def unmask(octets: bytes | bytearray | memoryview, mask: bytes, position: int = 0) -> bytes:
    """Take a mask off, or put it on: that is the same (§5.3).

    Python has two ways to combine all octets of two strings. Of a few octets and their mask two large numbers are made. With many
    those leave the processor's cache; there each fourth octet is looked up in a table of what one octet of the mask does, which
    takes a third of the time for 64 KiB and a fifth for a megabyte.

    Args:
        octets: A payload, or a part of one.
        mask: Four octets.
        position: Where in its payload the part begins.
    """
    length = len(octets)
    if position & 3:
        position &= 3
        mask = mask[position:] + mask[:position]
    if length >= MANY:
        unmasked = bytearray(octets)
        for place, octet in enumerate(mask):
            table = (_OCTETS ^ _ONES * octet).to_bytes(256, "little")
            unmasked[place::4] = unmasked[place::4].translate(table)
        return bytes(unmasked)
    repeated = (mask * (length + 3 >> 2))[:length]
    return (int.from_bytes(octets, "little") ^ int.from_bytes(repeated, "little")).to_bytes(length, "little")


def frame_head(opcode: int, length: int, *, fin: bool = True, compressed: bool = False) -> bytes:
    """Write the head of a server's frame; its payload follows as it is.

    Args:
        opcode: Its opcode.
        length: Octets of its payload.
        fin: Whether its message ends with it.
        compressed: Whether a compressed message begins with it.
    """
    first = opcode | (FIN if fin else 0) | (COMPRESSED if compressed else 0)
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Write a server's frame that is not compressed.

    Raises:
        ValueError: for one that the protocol does not allow.
    """
    if opcode not in _OPCODES:
        raise ValueError(f"opcode {opcode}: a frame is a continuation (0), text (1), binary (2), close (8), ping (9), pong (10)")
    if opcode & CONTROL and (len(payload) > CONTROL_LENGTH or not fin):
        raise ValueError(f"a control frame is whole and has {CONTROL_LENGTH} octets at the most; this one has {len(payload)}")
    return frame_head(opcode, len(payload), fin=fin) + payload
