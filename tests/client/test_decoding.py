"""Content codings: any split gives the same octets, bombs end early, what breaks off is refused."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable
from importlib import import_module

import pytest

from hospes.client import decoding
from hospes.client.decoding import FREE, PIECE, BadCoding, Decoding, Inflated

TEXT = b"hospes means both host and guest. " * 20 + os.urandom(300)


def brotli(content: bytes) -> bytes:
    compressed: bytes = import_module("brotli").compress(content, quality=5)
    return compressed


def zstd(content: bytes) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    compressed: bytes = import_module(name).compress(content)
    return compressed


def bare_deflate(content: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(content) + made.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "br": ("br", brotli),
    "zstd": ("zstd", zstd),
}


@pytest.fixture(params=sorted(ENCODERS))
def coding(request: pytest.FixtureRequest) -> tuple[str, Callable[[bytes], bytes]]:
    return ENCODERS[request.param]


Coding = tuple[str, Callable[[bytes], bytes]]


def decode(name: str, *pieces: bytes, inflation: int = 100) -> bytes:
    undo = Decoding([name], inflation)
    decoded = b"".join(out for piece in pieces for out in undo.pieces(piece))
    undo.finish()
    return decoded


def test_whole_and_split_at_every_octet(coding: Coding) -> None:
    name, encode = coding
    encoded = encode(TEXT)
    assert decode(name, encoded) == TEXT
    assert decode(name, *(encoded[at : at + 1] for at in range(len(encoded)))) == TEXT
    for at in range(len(encoded)):
        assert decode(name, encoded[:at], encoded[at:]) == TEXT


def test_empty(coding: Coding) -> None:
    name, encode = coding
    assert decode(name, encode(b"")) == b""
    assert decode(name) == b""  # an answer without content says its coding all the same
    assert decode(name, b"") == b""


def test_broken_off(coding: Coding) -> None:
    name, encode = coding
    encoded = encode(TEXT)
    for at in range(1, len(encoded)):
        with pytest.raises(BadCoding):
            decode(name, encoded[:at])


@pytest.mark.parametrize("name", ["zlib", "br"])
def test_more_after_the_end(name: str) -> None:
    coding, encode = ENCODERS[name]
    with pytest.raises(BadCoding):
        decode(coding, encode(TEXT) + b"x")
    with pytest.raises(BadCoding):
        decode(coding, encode(TEXT), b"x")


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_and_frames(name: str) -> None:
    coding, encode = ENCODERS[name]
    encoded = encode(TEXT) + encode(b"") + encode(b"and more")
    assert decode(coding, encoded) == TEXT + b"and more"
    assert decode(coding, *(encoded[at : at + 1] for at in range(len(encoded)))) == TEXT + b"and more"
    with pytest.raises(BadCoding):
        decode(coding, encode(TEXT) + b"xxxxxxxxxxx")


def test_not_that_coding(coding: Coding) -> None:
    with pytest.raises(BadCoding):
        decode(coding[0], b"\xff\xfe no such thing, whatever it may be \x00\x01")


def test_a_bomb_ends_early_and_in_pieces(coding: Coding) -> None:
    name, encode = coding
    encoded = encode(bytes(32 * 1024 * 1024))
    undo = Decoding([name], 100)
    sizes: list[int] = []
    with pytest.raises(Inflated):
        sizes.extend(len(piece) for piece in undo.pieces(encoded))
    assert sum(sizes) <= max(FREE, 100 * len(encoded))
    assert max(sizes) <= 4 * PIECE  # brotli's limit is a soft one


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_free_octets(more: int) -> None:
    encoded = gzip.compress(bytes(FREE + more))
    if more <= 0:
        assert len(decode("gzip", encoded, inflation=1)) == FREE + more
    else:
        with pytest.raises(Inflated):
            decode("gzip", encoded, inflation=1)


def test_much_that_inflates_little_passes() -> None:
    content = os.urandom(FREE) * 2
    assert decode("gzip", gzip.compress(content), inflation=2) == content


@pytest.mark.parametrize("more", [0, 1, 129, 257, 258, 259, 1_000])
def test_what_the_engine_still_holds_at_the_end(coding: Coding, more: int) -> None:
    name, encode = coding
    content = bytes(PIECE + more)
    encoded = encode(content)
    assert decode(name, encoded, inflation=10**6) == content
    assert decode(name, *(encoded[at : at + 1] for at in range(len(encoded))), inflation=10**6) == content


def test_two_codings_are_undone_from_the_last() -> None:
    undo = Decoding(["gzip", "br"], 100)
    assert b"".join(undo.pieces(brotli(gzip.compress(TEXT)))) == TEXT
    undo.finish()


def test_a_bomb_in_a_bomb() -> None:
    encoded = gzip.compress(gzip.compress(bytes(64 * 1024 * 1024), 1))
    undo = Decoding(["gzip", "gzip"], 100)
    sizes: list[int] = []
    with pytest.raises(Inflated):
        sizes.extend(len(piece) for piece in undo.pieces(encoded))
    assert max(sizes) <= PIECE


def test_a_few_octets_for_a_long_content(coding: Coding) -> None:
    name, encode = coding
    content = b"0123456789" * 30_000
    encoded = encode(content)
    assert decode(name, encoded, inflation=100_000) == content
    assert decode(name, *(encoded[at : at + 1] for at in range(len(encoded))), inflation=100_000) == content


def test_three_codings_are_too_many() -> None:
    with pytest.raises(BadCoding, match="3 codings"):
        Decoding(["gzip"] * 3, 100)


@pytest.mark.parametrize("name", ["compress", "exi", "", "gzip2" * 50])
def test_unknown(name: str) -> None:
    with pytest.raises(BadCoding, match="not known"):
        Decoding([name], 100)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        (["gzip"], ["gzip"]),
        ([" GZip ,identity", "br"], ["gzip", "br"]),
        ([",, identity"], []),
    ],
)
def test_reads_the_field(lines: list[str], expected: list[str]) -> None:
    assert decoding.codings(lines) == expected


def test_says_what_is_installed() -> None:
    assert decoding.accept_encoding() == "gzip, deflate, br, zstd"


def test_zstd_windows_have_a_bound() -> None:
    library = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    options = {library.CompressionParameter.window_log: 24, library.CompressionParameter.enable_long_distance_matching: 1}
    with pytest.raises(BadCoding):
        decode("zstd", library.compress(os.urandom(17 * 1024 * 1024), options=options))
