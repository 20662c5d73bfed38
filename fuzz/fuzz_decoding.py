"""Content codings: whatever comes, only BadCoding or Inflated escapes, any split decodes the same, and no piece is large.

The first octet chooses the coding, the second one where the content is split.
"""

from __future__ import annotations

import gzip
import zlib

from hospes.client.decoding import FREE, PIECE, BadCoding, Decoding, Inflated, accept_encoding, codings

_NAMES = [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "deflate"]]
_TEXT = b"hospes means both host and guest. " * 4
SEEDS: list[bytes] = [
    b"\x00\x05" + gzip.compress(_TEXT),
    b"\x00\x21" + gzip.compress(_TEXT) + gzip.compress(b""),
    b"\x01\x01" + zlib.compress(_TEXT),
    b"\x01\x02" + zlib.compress(_TEXT)[2:-4],
    b"\x04\x09" + zlib.compress(gzip.compress(_TEXT)),
    b"\x00\x30" + gzip.compress(bytes(4 * FREE)),
    b"\x02\x03\x0b\x02\x80hello\x03",
    b"\x03\x03\x28\xb5\x2f\xfd\x04\x00\x29\x00\x00hello\xf9\x5d\x25\x36",
]


def target(data: bytes) -> None:
    codings([data.decode("latin-1")])
    if len(data) < 2:
        return
    names = _NAMES[data[0] % len(_NAMES)]
    if any(name not in accept_encoding() for name in names):
        return  # its library is not installed here
    content = data[2:]
    at = data[1] % (len(content) + 1)
    whole = _decode(names, [content])
    split = _decode(names, [content[:at], content[at:]])
    assert whole == split, "the split changes what is decoded"


def _decode(names: list[str], pieces: list[bytes]) -> bytes | None:
    """What is decoded; None for a refusal."""
    undo = Decoding(names, 100)
    given = bytearray()
    try:
        for piece in pieces:
            for out in undo.pieces(piece):
                assert 0 < len(out) <= 8 * PIECE
                given += out
        undo.finish()
    except (BadCoding, Inflated):
        return None
    return bytes(given)
