"""Content codings undone: gzip, deflate, br and zstd (RFC 9110 §8.4.1, RFC 7932, RFC 8878).

Laws:

* Memory has a bound: a decoder gives pieces of about 64 KiB, and takes more only when those are gone, however far its input
  inflates.
* Content that inflates beyond the cap is refused at that point, not at its end.
* So is content that decodes to nothing for long: every octet that is taken costs, whatever is given earns, at each coding.
* Content that breaks off, or goes on after its end, is an error: what was cut off must not pass for what was sent.
* A coding that we do not know is an error: nobody asked for it (RFC 9110 §12.5.3), and its octets would pass for the content.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, Protocol

from hospes.http.codings import LIBRARIES, is_available, library_of
from hospes.limits import KiB, MiB

PIECE: Final = 64 * KiB
FREE: Final = 1 * MiB
"""Octets that content may decode to whatever it came from: a page of spaces is no attack."""
MOST_CODINGS: Final = 2
"""Codings on top of each other. Nobody uses two; each multiplies what the next one inflates."""
PATIENCE: Final = 1 * MiB
"""Octets that may be taken while nothing is given. Of usual content no coding holds back more than a block, 128 KiB."""
END: Final = 512
"""Octets that the end of a gzip member or a zstd frame counts for: the next one has an engine of its own, which takes
50 µs of zstd. So 2,000 empty ones are too many."""
_EARNED: Final = 1024
"""Octets that may be taken again for each that is given: a server may send every line as a member of its own."""
_WINDOW_LOG: Final = 23
"""zstd's largest window, 8 MiB: what RFC 9659 §3 allows in HTTP, and what a decoder holds in memory."""


class BadCoding(Exception):
    """The content is not in the coding its field names."""


class Inflated(Exception):
    """The content decodes to more than it may."""


class _Purse:
    """What a decoder may still take before it has to give something."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = PATIENCE

    def pay(self, cost: int) -> None:
        """Take so much.

        Raises:
            BadCoding: if nothing has come of what was taken.
        """
        self._left -= cost
        if self._left < 0:
            raise BadCoding("it goes on and on, and decodes to nothing")

    def earn(self, piece: bytes) -> bytes:
        """Give a piece."""
        self._left = min(PATIENCE, self._left + len(piece) * _EARNED)
        return piece


class Decoder(Protocol):
    """Undoes one coding."""

    def pieces(self, octets: bytes) -> Iterator[bytes]:
        """What the octets decode to, in bounded pieces; to be used up before the next call."""
        ...

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            BadCoding: if something is missing.
        """
        ...


class _Zlib:
    """gzip, of one member or several (RFC 1952 §2.2); deflate (RFC 1950, and bare RFC 1951 as some send it)."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._engine = zlib.decompressobj(bits) if bits else None
        self._start = b""
        self._begun = False
        self._purse = _Purse()

    def pieces(self, octets: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(octets)
        self._purse.pay(len(octets))
        try:
            yield from self._pieces(octets)
        except zlib.error as error:
            raise BadCoding(str(error)) from None

    def finish(self) -> None:
        if self._begun and (self._engine is None or not self._engine.eof):
            raise BadCoding("it breaks off")

    def _pieces(self, octets: bytes) -> Iterator[bytes]:
        engine = self._engine
        if engine is None:
            octets = self._start = self._start + octets
            if len(octets) < 2:
                return
            engine = self._engine = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_head(octets) else -zlib.MAX_WBITS)
        while octets:
            if engine.eof:
                if self._bits != _GZIP:
                    raise BadCoding("it goes on after its end")
                self._purse.pay(END)
                engine = self._engine = zlib.decompressobj(_GZIP)
            piece = engine.decompress(octets, PIECE)
            if piece:
                yield self._purse.earn(piece)
            octets = engine.unused_data if engine.eof else engine.unconsumed_tail
            while not octets and len(piece) == PIECE:  # there may be more in the engine
                piece = engine.decompress(b"", PIECE)
                if piece:
                    yield self._purse.earn(piece)


_GZIP: Final = zlib.MAX_WBITS | 16


def _has_zlib_head(octets: bytes) -> bool:
    """Whether octets begin as RFC 1950 §2.2 has it."""
    return octets[0] & 0x0F == 8 and (octets[0] << 8 | octets[1]) % 31 == 0


class _Brotli:
    def __init__(self, library: Any) -> None:
        self._error: type[Exception] = library.error
        self._engine: Any = library.Decompressor()
        self._begun = False
        self._purse = _Purse()

    def pieces(self, octets: bytes) -> Iterator[bytes]:
        if not octets:
            return
        self._begun = True
        if self._engine.is_finished():
            raise BadCoding("it goes on after its end")
        self._purse.pay(len(octets))
        try:
            piece: bytes = self._engine.process(octets, output_buffer_limit=PIECE)
            while piece:
                yield self._purse.earn(piece)
                # A few octets may stand for a long content, and count as taken before all of that is out.
                piece = b"" if self._engine.is_finished() else self._engine.process(b"", output_buffer_limit=PIECE)
        except self._error as error:
            raise BadCoding(str(error)) from None

    def finish(self) -> None:
        if self._begun and not self._engine.is_finished():
            raise BadCoding("it breaks off")


class _Zstd:
    """zstd, of one frame or several (RFC 8878 §3)."""

    def __init__(self, library: Any) -> None:
        self._error: type[Exception] = library.ZstdError
        options = {library.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._make: Callable[[], Any] = lambda: library.ZstdDecompressor(options=options)
        self._engine: Any = self._make()
        self._begun = False
        self._purse = _Purse()

    def pieces(self, octets: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(octets)
        self._purse.pay(len(octets))
        try:
            while octets or not (self._engine.eof or self._engine.needs_input):
                if self._engine.eof:
                    self._purse.pay(END)
                    self._engine = self._make()
                piece: bytes = self._engine.decompress(octets, PIECE)
                octets = self._engine.unused_data if self._engine.eof else b""
                if piece:
                    yield self._purse.earn(piece)
        except self._error as error:
            raise BadCoding(str(error)) from None

    def finish(self) -> None:
        if self._begun and not self._engine.eof:
            raise BadCoding("it breaks off")


class Decoding:
    """Undoes the codings of one content, and keeps the cap.

    Args:
        codings: As the Content-Encoding field lists them, in the order in which they were applied.
        inflation: Octets that one octet may decode to, beyond `FREE`.

    Raises:
        BadCoding: for a coding that is not known here, or too many of them.
    """

    def __init__(self, codings: list[str], inflation: int) -> None:
        if len(codings) > MOST_CODINGS:
            raise BadCoding(f"{len(codings)} codings on top of each other")
        self._decoders = [decoder(coding) for coding in reversed(codings)]
        self._inflation = inflation
        self._taken = self._given = 0

    def pieces(self, octets: bytes) -> Iterator[bytes]:
        """What the octets decode to; to be used up before the next call.

        Raises:
            BadCoding: if they are not in the coding.
            Inflated: if they decode to too much.
        """
        self._taken += len(octets)
        stream: Iterable[bytes] = (octets,)
        for each in self._decoders:
            stream = _through(each, stream)
        for piece in stream:
            self._given += len(piece)
            if self._given > max(FREE, self._taken * self._inflation):
                raise Inflated
            yield piece

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            BadCoding: if something is missing.
        """
        for each in self._decoders:
            each.finish()


def _through(undo: Decoder, stream: Iterable[bytes]) -> Iterator[bytes]:
    for octets in stream:
        for at in range(0, len(octets), PIECE):  # what an engine leaves of its input is copied, again and again
            yield from undo.pieces(octets[at : at + PIECE])


def codings(content_encoding: list[str]) -> list[str]:
    """The codings that the lines of a Content-Encoding field name, in order; identity is none."""
    names = [each.strip(" \t").lower() for line in content_encoding for each in line.split(",")]
    return [name for name in names if name and name != "identity"]


def decoder(coding: str) -> Decoder:
    """A decoder for a coding.

    Raises:
        BadCoding: if it is not known here.
    """
    if coding in {"gzip", "x-gzip"}:  # RFC 9110 §8.4.1.3
        return _Zlib(_GZIP)
    if coding == "deflate":
        return _Zlib(0)
    library = library_of(coding)
    if library is None:
        raise BadCoding(f"the coding {coding[:20]!r} is not known here")
    return _Brotli(library) if coding == "br" else _Zstd(library)


@cache
def accept_encoding() -> str:
    """What can be decoded here, as Accept-Encoding says it."""
    return ", ".join(["gzip", "deflate", *(coding for coding in LIBRARIES if is_available(coding))])
