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
from hospes.client.decoding import END, FREE, PATIENCE, PIECE, BadCoding, Decoding, Inflated
from hospes.limits import MiB

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


EMPTY: dict[str, tuple[str, bytes]] = {
    "gzip members": ("gzip", gzip.compress(b"")),
    "gzip, a file's name": ("gzip", b"\x1f\x8b\x08\x08" + b"name" * PATIENCE),
    "deflate, stored blocks": ("deflate", b"\x00\x00\x00\xff\xff"),
    "br, metadata": ("br", b"\x0c" + b"\x06" * (2 * PATIENCE)),
    "zstd frames": ("zstd", zstd(b"")),
    "zstd, skipped": ("zstd", b"\x50\x2a\x4d\x18\x10\x00\x00\x00" + bytes(16)),
    "zstd, much of it": ("zstd", b"\x50\x2a\x4d\x18\xff\xff\xff\x7f" + bytes(2 * PATIENCE)),
}


def nothing(name: str, at_least: int) -> tuple[str, bytes]:
    coding, octets = EMPTY[name]
    return coding, octets[:at_least] if len(octets) > at_least else octets * -(-at_least // len(octets))


@pytest.mark.parametrize("name", sorted(EMPTY))
def test_content_that_decodes_to_nothing_ends(name: str) -> None:
    coding, octets = nothing(name, PATIENCE + PIECE)
    undo = Decoding([coding], 100)
    taken = 0

    def take() -> None:
        nonlocal taken
        for at in range(0, len(octets), 1000):
            taken += 1000
            assert list(undo.pieces(octets[at : at + 1000])) == []

    with pytest.raises(BadCoding, match="decodes to nothing"):
        take()
    assert taken <= PATIENCE + 1000


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("more", [0, 1])
def test_empty_members_and_frames(name: str, more: int) -> None:
    coding, encode = ENCODERS[name]
    empty = encode(b"")
    most = PATIENCE // (END + len(empty))  # and one, for the last has none behind it
    something = encode(b"a" * PATIENCE)
    assert decode(coding, something, empty * (most - 9), something, empty * (most - 9), inflation=10**6) == b"a" * 2 * PATIENCE
    octets = empty * (most + 2 * more)
    if more:
        with pytest.raises(BadCoding, match="decodes to nothing"):
            decode(coding, octets)
    else:
        assert decode(coding, octets) == b""


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_every_octet_may_be_a_member_of_its_own(name: str) -> None:
    coding, encode = ENCODERS[name]
    assert decode(coding, *[encode(b"a")] * 5_000) == b"a" * 5_000


@pytest.mark.parametrize("share", [0, 10, 50, 90, 100])
@pytest.mark.parametrize("step", [1_000, PIECE, 1 << 30])
def test_usual_content_is_never_taken_for_nothing(coding: Coding, share: int, step: int) -> None:
    """Not even with a quarter of the patience."""
    name, encode = coding
    content = b"".join(os.urandom(share) + bytes(100 - share) for _ in range(20_000))
    encoded = encode(content)
    undo = Decoding([name], 10**6)
    taken = given = most = 0
    for at in range(0, len(encoded), step):
        taken += len(encoded[at : at + step])
        given += sum(map(len, undo.pieces(encoded[at : at + step])))
        most = max(most, taken - given)
    assert given == len(content)
    assert most < PATIENCE / 4


@pytest.mark.parametrize("name", ["gzip members", "zstd frames"])
def test_nothing_that_inflates_to_much_ends_at_once(name: str) -> None:
    """Ten thousand octets, that would be four million of empty members."""
    coding, octets = nothing(name, 4 * MiB)
    with pytest.raises(BadCoding, match="decodes to nothing"):
        list(Decoding([coding, "gzip"], 100).pieces(gzip.compress(octets)))


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
