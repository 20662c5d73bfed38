"""Content codings made: gzip, br and zstd (RFC 1952, RFC 7932, RFC 8878), for whole contents and for streams.

Laws:

* After `flush`, everything that was given in can be decoded by whoever has got everything that was given out.
* The same octets in the same pieces give the same octets: no time and no name goes into what is made.
* zstd's levels end where its window would grow beyond the 8 MiB that a browser accepts (RFC 9659 §3).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from hospes.http.codings import library_of

_GZIP: Final = zlib.MAX_WBITS | 16


class Encoder(Protocol):
    """Makes one coding of one content."""

    def encode(self, octets: bytes, /) -> bytes:
        """Take octets; gives what is ready, which may be nothing."""
        ...

    def flush(self) -> bytes:
        """What is still held back of the octets taken."""
        ...

    def finish(self) -> bytes:
        """The end."""
        ...


class _Gzip:
    def __init__(self, level: int) -> None:
        self._engine = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
        self.encode: Callable[[bytes], bytes] = self._engine.compress

    def flush(self) -> bytes:
        return self._engine.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._engine.flush(zlib.Z_FINISH)


class _Brotli:
    def __init__(self, level: int) -> None:
        engine: Any = library_of("br").Compressor(quality=level)
        self.encode: Callable[[bytes], bytes] = engine.process
        self.flush: Callable[[], bytes] = engine.flush
        self.finish: Callable[[], bytes] = engine.finish


class _Zstd:
    def __init__(self, level: int) -> None:
        self._engine: Any = library_of("zstd").ZstdCompressor(level)
        self.encode: Callable[[bytes], bytes] = self._engine.compress

    def flush(self) -> bytes:
        octets: bytes = self._engine.flush(self._engine.FLUSH_BLOCK)
        return octets

    def finish(self) -> bytes:
        octets: bytes = self._engine.flush(self._engine.FLUSH_FRAME)
        return octets


class Coding(NamedTuple):
    """A coding that can be made."""

    make: Callable[[int], Encoder]
    """Makes an encoder of a level."""
    levels: range
    level: int
    """The level that is a good bargain for content that is made while somebody waits."""


CODINGS: Final[Mapping[str, Coding]] = MappingProxyType({
    "zstd": Coding(_Zstd, range(1, 20), 3),
    "br": Coding(_Brotli, range(12), 4),
    "gzip": Coding(_Gzip, range(1, 10), 6),
})  # fmt: skip
"""What there is, the best bargain first."""


def encode(encoder: Encoder, content: bytes) -> bytes:
    """A whole content."""
    return encoder.encode(content) + encoder.finish()
