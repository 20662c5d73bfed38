"""The mutations: repeatable, bounded, and near the seeds."""

from __future__ import annotations

from itertools import islice
from random import Random

from fuzz.mutation import MAX_LENGTH, mutations

SEEDS = (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"", b"x" * 100)


def inputs(seed: int, count: int) -> list[bytes]:
    return list(islice(mutations(SEEDS, Random(seed)), count))


def test_same_seed_same_inputs() -> None:
    assert inputs(7, 500) == inputs(7, 500)
    assert inputs(7, 500) != inputs(8, 500)


def test_inputs_are_bounded() -> None:
    long = (b"a" * MAX_LENGTH,)
    lengths = [len(data) for data in islice(mutations(long, Random(0)), 300)]
    assert max(lengths) == MAX_LENGTH
    assert min(lengths) < MAX_LENGTH


def test_inputs_differ_and_stay_near() -> None:
    found = inputs(0, 2_000)
    assert len(set(found)) > 1_200
    assert sum(data.startswith(b"GET / HTTP/1.1") for data in found) > 100
