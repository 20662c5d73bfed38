"""permessage-deflate: messages in the compression of zip (RFC 7692).

    a message ─▶ DEFLATE, flushed ─▶ without the 00 00 FF FF that every flush ends with ─▶ frames, rsv1 set in the first

Of what a peer offers, the first that can be kept is agreed on:

| parameter                    | offered by the client                    | agreed on                                           |
|------------------------------|------------------------------------------|-----------------------------------------------------|
| `server_no_context_takeover` | obeyed: each message by itself           | as offered                                          |
| `client_no_context_takeover` | promised                                 | as offered                                          |
| `server_max_window_bits=N`   | obeyed, N from 9 on: zlib cannot do 8    | the smaller of N and `WINDOW`, always               |
| `client_max_window_bits[=N]` | allowed to be asked for                  | the smaller of N and `WINDOW`, where it was offered |

Laws:

* What comes out of a message is counted while it comes out: a few octets that stand for gigabytes cost no more than the limit.
* A small window costs a few per cent of compression, and saves most of the quarter of a megabyte that zlib would take for each
  connection.
* An offer that is malformed, or has a parameter that is unknown or comes twice, is passed over (§5.1): the websocket is opened
  without compression, or by the next offer.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Final, Protocol

from msgspec import Struct

from .closing import BAD_DATA, TOO_BIG, WebSocketError

EXTENSION: Final = "permessage-deflate"
WINDOW: Final = 12
"""Bits of a window: 4 KiB. With `_MEMORY` a connection takes 32 KiB to compress, and 12 to decompress."""
_MEMORY: Final = 5
_LEVEL: Final = 6
LEAST: Final = 64
"""Octets of a message from which on it is compressed; what is shorter hardly shrinks."""
ENDS: Final = 16
"""Blocks of a message that say to be the last. Two octets are such a block, and each has a decompressor made anew; nobody sends
more than one."""
_TAIL: Final = b"\0\0\xff\xff"
_LARGEST: Final = 15
_SMALLEST: Final = 8
_BITS: Final = re.compile(r"[89]|1[0-5]")
_FLAGS: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_WINDOWS: Final = frozenset({"server_max_window_bits", "client_max_window_bits"})


class Deflate(Struct, frozen=True):
    """What was agreed on."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = _LARGEST
    client_max_window_bits: int = _LARGEST

    @classmethod
    def parse(cls, field: str) -> Deflate:
        """Read what `negotiate` has agreed on, or the program by itself.

        Raises:
            ValueError: if that is not permessage-deflate with parameters that can be kept.
        """
        parameters = _parameters(field)
        if parameters is None or parameters.get("server_max_window_bits") == str(_SMALLEST):
            raise ValueError(f"{field!r} is no answer that agrees on permessage-deflate")
        return cls(
            "server_no_context_takeover" in parameters,
            "client_no_context_takeover" in parameters,
            int(parameters.get("server_max_window_bits") or _LARGEST),
            int(parameters.get("client_max_window_bits") or _LARGEST),
        )


def negotiate(offers: Iterable[str]) -> str:
    """What to agree on, as the value of Sec-WebSocket-Extensions; "" for no compression.

    Args:
        offers: The values of the client's fields of that name, in their order.
    """
    for offer in ",".join(offers).split(","):
        parameters = _parameters(offer)
        if parameters is None or parameters.get("server_max_window_bits") in {"", str(_SMALLEST)}:
            continue
        agreed = [EXTENSION, *(name for name in parameters if name in _FLAGS)]
        agreed.append(f"server_max_window_bits={min(WINDOW, int(parameters.get('server_max_window_bits', _LARGEST)))}")
        if (bits := parameters.get("client_max_window_bits")) is not None:
            agreed.append(f"client_max_window_bits={min(WINDOW, int(bits or _LARGEST))}")
        return "; ".join(agreed)
    return ""


def _parameters(offer: str) -> dict[str, str] | None:
    """The parameters of one element of Sec-WebSocket-Extensions, "" for one without a value; None for what is not
    permessage-deflate, or not sound."""
    name, *rest = (each.strip() for each in offer.split(";"))
    if name != EXTENSION:
        return None
    found: dict[str, str] = {}
    for each in rest:
        key, equals, value = (part.strip() for part in each.partition("="))
        if value[:1] == value[-1:] == '"' and len(value) > 2:
            value = value[1:-1]  # a quoted string that must itself be a token (RFC 6455 §9.1)
        sound = not equals if key in _FLAGS else key in _WINDOWS and (not equals or _BITS.fullmatch(value))
        if key in found or not sound:
            return None
        found[key] = value
    return found


class _Compressor(Protocol):
    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...


class Deflater:
    """Compresses messages.

    Args:
        agreed: What was agreed on.
    """

    __slots__ = ("_agreed", "_stream")

    def __init__(self, agreed: Deflate) -> None:
        self._agreed = agreed
        self._stream = self._make()

    def _make(self) -> _Compressor:
        return zlib.compressobj(_LEVEL, zlib.DEFLATED, -self._agreed.server_max_window_bits, _MEMORY)

    def compress(self, message: bytes | bytearray | memoryview) -> bytes:
        """The payload for a message."""
        stream = self._stream
        payload = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
        if self._agreed.server_no_context_takeover:
            self._stream = self._make()
        return payload.removesuffix(_TAIL)


class Inflater:
    """Decompresses messages, piece by piece.

    Args:
        agreed: What was agreed on.
    """

    __slots__ = ("_agreed", "_ends", "_stream")

    def __init__(self, agreed: Deflate) -> None:
        self._agreed = agreed
        self._ends = 0  # of the message under way
        self._stream = self._make()

    def _make(self) -> _Decompressor:
        # Compressors that were asked for 8 take 9, zlib's do; a larger window reads what was written for a smaller one.
        return zlib.decompressobj(-max(self._agreed.client_max_window_bits, _SMALLEST + 1))

    def inflate(self, payload: bytes, room: int) -> bytes:
        """What a part of a compressed message stands for.

        Args:
            payload: The part.
            room: Octets that the message may still have.

        Raises:
            WebSocketError: 1009 for more than `room`, 1007 for what cannot be decompressed, or has more than `ENDS` last blocks.
        """
        pieces: list[bytes] = []
        try:
            while payload:
                piece = self._stream.decompress(payload, room + 1)
                room -= len(piece)
                if room < 0:
                    raise WebSocketError(TOO_BIG, "a message is larger than is taken here")
                pieces.append(piece)
                payload = self._stream.unused_data  # behind a block that says to be the last (§7.2.3.4): another stream begins
                if payload or self._stream.eof:
                    self._ends += 1
                    if self._ends > ENDS:
                        raise WebSocketError(BAD_DATA, "a message ends too often")
                    self._stream = self._make()
        except zlib.error:
            raise WebSocketError(BAD_DATA, "a message cannot be decompressed") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish(self, room: int) -> bytes:
        """What is left of the message, which ends here.

        Raises:
            WebSocketError: as `inflate`.
        """
        rest = self.inflate(_TAIL, room)
        self._ends = 0
        if self._agreed.client_no_context_takeover:
            self._stream = self._make()
        return rest
