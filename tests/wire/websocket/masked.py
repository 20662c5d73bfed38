"""A client's frames, for tests: written here by the RFC, not by what is under test."""

from __future__ import annotations

MASK = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes = MASK) -> bytes:
    """A masked frame (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    else:
        size = b"\xfe" + length.to_bytes(2, "big") if length < 1 << 16 else b"\xff" + length.to_bytes(8, "big")
    body = bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))
    return bytes([opcode | rsv << 4 | (0x80 if fin else 0)]) + size + mask + body
