"""Every fuzz target holds for its seeds and for the 2,000 inputs next to them; and targets are found and loaded."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from fuzz import targets
from fuzz.mutation import mutations

INPUTS = 2_000


@pytest.mark.parametrize("name", targets.names())
def test_target_holds(name: str) -> None:
    target = targets.load(name)
    for data in (*target.seeds, *islice(mutations(target.seeds, Random(0)), INPUTS)):
        try:
            target.run(data)
        except Exception as error:
            error.add_note(f"{target.invariant} Input: {data!r}")
            raise


def test_unknown_target() -> None:
    with pytest.raises(LookupError, match="no target 'nothing'"):
        targets.load("nothing")


def test_each_target_has_an_invariant() -> None:
    assert [name for name in targets.names() if not targets.load(name).invariant.endswith(".")] == []
