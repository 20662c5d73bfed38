"""The guard: what it takes for dearer, on figures and on real counts of a server that has become dearer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import guard
from bench.counting import Asked, counting
from bench.guard import AMONG_FEW, AMONG_MANY, BARE_ASGI, SAME, YARDSTICK, Build
from bench.guard_app import ROUNDS

HERE = Build("3.11", "a build")
KNOWN = {"engine": {"plaintext": 1_000, YARDSTICK: 500}, "portable": {"plaintext": 9_000, YARDSTICK: 500}}
FEW_MORE = {1_050: [], 1_051: ["engine, plaintext: 1,051 instructions, and 1,000 were expected (+5% allowed)"]}
PLANTED = """
import asyncio, sys
sys.path.insert(0, {root!r})
from bench import guard_app
from hospes import App

planted = App()

@planted.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"

@planted.filter("/plaintext")
async def passing(request, call_next):
    sum(range(2_000))
    return await call_next(request)

asyncio.run(guard_app.main(sys.argv[1], planted))
"""


def counted(plaintext: int, yardstick: int = 500) -> dict[str, dict[str, int]]:
    return {"engine": {"plaintext": plaintext, YARDSTICK: yardstick}, "portable": KNOWN["portable"]}


@pytest.mark.parametrize(("plaintext", "problems"), FEW_MORE.items())
def test_the_same_build_is_compared_by_instructions(plaintext: int, problems: list[str]) -> None:
    found = counted(plaintext)
    assert guard.compare(found, *guard.expected(KNOWN, HERE, found, HERE)) == problems


@pytest.mark.parametrize(
    ("build", "most"), [(Build("3.11", "another build"), 2_700), (Build("3.12", "a build"), 4_000)], ids=["build", "version"]
)
def test_other_builds_are_compared_by_the_yardstick(build: Build, most: int) -> None:
    for plaintext, fine in ((most, True), (most + 1, False)):
        found = counted(plaintext, 1_000)  # everything takes twice as many there
        assert (guard.compare(found, *guard.expected(KNOWN, HERE, found, build)) == []) == fine


def test_a_carrier_that_was_not_built_is_left_out() -> None:
    found = {"portable": KNOWN["portable"]}
    for build in (HERE, Build("3.12", "")):
        before, tolerance = guard.expected(KNOWN, HERE, found, build)
        assert list(before) == ["portable"]
        assert guard.compare(found, before, tolerance) == []


@pytest.mark.parametrize(
    ("many", "problems"), [(1_030, []), (1_031, ["engine: 1,031 instructions among 2000 routes, and 1,000 among 5 routes"])]
)
def test_the_number_of_routes_does_not_matter(many: int, problems: list[str]) -> None:
    assert guard.uneven({"engine": {AMONG_FEW: 1_000, AMONG_MANY: many}}) == problems


def test_the_cheaper_count_counts() -> None:
    assert guard.cheaper({"engine": {"a": 1, "b": 4}}, {"engine": {"a": 3, "b": 2}}) == {"engine": {"a": 1, "b": 2}}


def test_what_was_written_down_is_of_all_that_is_counted() -> None:
    known = json.loads(guard.FIGURES.read_text("utf-8"))
    names = [*guard.WORKLOADS, YARDSTICK, BARE_ASGI, AMONG_FEW, AMONG_MANY]
    assert {carrier: list(counts) for carrier, counts in known["counts"].items()} == {"engine": names, "portable": names}


@pytest.mark.timeout(240)
def test_a_server_that_has_become_dearer_is_found(need: Callable[..., str], tmp_path: Path) -> None:
    need("valgrind")
    carrier = os.environ.get("HOSPES_CARRIER") or "portable"
    program = tmp_path / "program.py"
    program.write_text(PLANTED.format(root=str(Path(__file__).parent.parent.parent)))
    with counting(carrier, program) as (counter, _):
        before, again, after = (counter.count(Asked("/plaintext", application)) for application in (0, 0, 3))
        yardstick = counter.count(Asked("/yardstick", times=ROUNDS))
    known = {carrier: {"plaintext": before, YARDSTICK: yardstick}}
    for build, limit in ((HERE, before * (1 + SAME)), (Build("3.11", "another"), before * 1.35)):
        for value, problems in ((min(again, before), 0), (after, 1)):
            found = {carrier: {"plaintext": value, YARDSTICK: yardstick}}
            assert len(guard.compare(found, *guard.expected(known, HERE, found, build))) == problems, (before, value, limit)


def test_a_start_costs_a_bound_more_than_what_it_cannot_do_without() -> None:
    assert guard.slow_to_start(1_000, 1_550) == []
    assert guard.slow_to_start(1_000, 1_551) == [
        "start: 1,551 instructions, and 1,000 for what it cannot do without (times 1.55 allowed)"
    ]
