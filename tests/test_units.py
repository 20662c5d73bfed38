"""Units of sizes."""

from __future__ import annotations

import hospes
from hospes import limits, units


def test_each_is_1024_of_the_one_before() -> None:
    assert (units.KiB, units.MiB, units.GiB) == (2**10, 2**20, 2**30)


def test_programs_find_them_beside_the_limits_too() -> None:
    for place in (hospes, limits):
        assert (place.KiB, place.MiB, place.GiB) == (units.KiB, units.MiB, units.GiB)
