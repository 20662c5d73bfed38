"""Encoders: what is flushed can be decoded, whole and in pieces."""

from __future__ import annotations

import random

import pytest
from tests.filters.asking import decoded, opened

from hospes.filters.encoding import CODINGS, encode
from hospes.limits import MiB

TEXT = b"hospes means both host and guest. " * 40 + random.Random(0).randbytes(500)


@pytest.fixture(params=sorted(CODINGS))
def coding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_whole(coding: str) -> None:
    known = CODINGS[coding]
    for level in {known.levels[0], known.level, known.levels[-1]}:
        for content in (b"", b"x", TEXT):
            assert decoded(encode(known.make(level), content), coding) == content


def test_the_same_content_gives_the_same_octets(coding: str) -> None:
    known = CODINGS[coding]
    assert encode(known.make(known.level), TEXT) == encode(known.make(known.level), TEXT)


def test_the_usual_level_is_one(coding: str) -> None:
    known = CODINGS[coding]
    assert known.level in known.levels


def test_what_was_flushed_can_be_decoded(coding: str) -> None:
    encoder, undo = CODINGS[coding].make(CODINGS[coding].level), opened(coding)
    for at in range(0, 200, 7):
        piece = TEXT[at : at + 7]
        assert b"".join(undo(encoder.encode(piece) + encoder.flush())) == piece
    assert undo(encoder.finish(), finish=True) == []


@pytest.mark.parametrize("level", CODINGS["zstd"].levels)
def test_zstd_keeps_to_a_browsers_window(level: int) -> None:
    """RFC 8878 §3.1.1.1.2: the window descriptor is the sixth octet of a frame whose length is not known beforehand."""
    encoder = CODINGS["zstd"].make(level)
    head = encoder.encode(b"x") + encoder.flush()
    assert not head[4] & 0x20, "a single segment: its window is its length"
    assert (1 << (10 + (head[5] >> 3))) * (1 + (head[5] & 7) / 8) <= 8 * MiB
