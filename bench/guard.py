"""`python -m bench guard`: the instructions that one request costs, counted by valgrind, beside figures that were written down.

What was written down (`guard.json`) holds to the octet of an interpreter and the version of a compiler; so there are two ways to
compare, and both find what has become dearer:

| this machine has | compared is | may be dearer by |
|---|---|---|
| the same build of Python, the same compiler and libraries | instructions | 5 % |
| another build of the same Python, other libraries | instructions, by those of the yardstick in the same run | 35 % |
| another version of Python | the same | 100 % |

The yardstick (`guard_app.py`) is fixed work in Python: where the interpreter takes fewer instructions for everything, that is no
merit of ours. Two builds of 3.11 differed by up to 12 % in instructions and 17 % in this ratio; an engine compiled with -O1 cost
4 % more. What falls off a fast way costs two to five times as much.

And two laws need no figures: among 2,000 routes a request costs what it costs among 5, within 3 %; and an application that is
ready costs at most 1.55 times what `import asyncio, msgspec` does (1.46 when that was written).

Each count is the cheapest of several, and what is too dear is counted anew, twice at the most: a busy machine only ever adds.
valgrind before 3.20 knows no openat2; there `static1k` counts the handler's way to a file, and not the engine's own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from bench.counting import Asked, counting
from bench.guard_app import FEW, HOSTED, MANY, ROUNDS
from bench.programs import HERE, KEPT
from bench.startup import PROGRAMS

FIGURES = HERE / "guard.json"
WORKLOADS = ("plaintext", "inline", "json", "typed", "echo", "static1k", "user-read", "session-read")
YARDSTICK, BARE_ASGI = "yardstick", "bare ASGI"
AMONG_FEW, AMONG_MANY = f"among {FEW} routes", f"among {MANY} routes"
ROUTES_TOLERANCE = 0.03
START = 1.55
"""What a start may cost, in starts of what it cannot do without."""
TIMES = 3

Counts = Mapping[str, Mapping[str, int]]
"""By carrier and workload."""


class Build(NamedTuple):
    """What instructions depend on, beside our own sources."""

    python: str
    """Its version, without the last number."""
    rest: str
    """All else, octet by octet."""


SAME, OTHER_BUILD, OTHER_VERSION = 0.05, 0.35, 1.0


def this_build() -> Build:
    """That of this interpreter, and of what stands beside it."""
    digest = hashlib.blake2b(Path(sys.executable).resolve().read_bytes(), digest_size=6).hexdigest()
    compiler = ""
    if shutil.which("cc") is not None:
        compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]
    packages = ", ".join(f"{name} {_version(name)}" for name in ("Cython", "msgspec"))
    implementation = f"{platform.python_implementation()} {platform.python_version()} {digest}"
    return Build("{}.{}".format(*sys.version_info), f"{implementation}, {compiler}, {packages}, {platform.machine()}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def main(*, renew: bool) -> int:
    """Count, and compare."""
    if shutil.which("valgrind") is None:
        print("the guard counts with valgrind: apt-get install valgrind", file=sys.stderr)
        return 2
    build = this_build()
    counted = count(carriers())
    if renew:
        counted = cheaper(counted, count(carriers()))
        FIGURES.write_text(json.dumps({"build": build, "counts": counted}, indent=2) + "\n", "utf-8")
        return 0
    starts = count_start("asyncio, msgspec"), count_start("an application, ready")
    known = json.loads(FIGURES.read_text("utf-8"))
    for _ in range(TIMES):
        before, tolerance = expected(known["counts"], Build(*known["build"]), counted, build)
        problems = [*compare(counted, before, tolerance), *uneven(counted), *slow_to_start(*starts)]
        if not problems:
            break
        counted = cheaper(counted, count(carriers()))
    print(table(counted, before))
    print("\n".join(problems) or f"no request costs more than was written down, by more than {tolerance:.0%}")
    return 1 if problems else 0


def carriers() -> list[str]:
    """Those that are there."""
    return ["engine", "portable"] if importlib.util.find_spec("hospes.engine._core") is not None else ["portable"]


def count(names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Instructions of one request, by carrier and workload; the carriers are asked at the same time."""
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(_count, names), strict=True))


def _count(carrier: str) -> dict[str, int]:
    with counting(carrier) as (counter, folder):
        counts = {workload: counter.count(Asked.of(workload, folder)) for workload in WORKLOADS}
        counts[YARDSTICK] = counter.count(Asked("/yardstick", times=ROUNDS))
        counts[BARE_ASGI] = counter.count(Asked("/", HOSTED))
        for application, name in enumerate((AMONG_FEW, AMONG_MANY), 1):
            counts[name] = counter.count(Asked("/users/42?verbose=true", application))
        return counts


def cheaper(one: Counts, other: Counts) -> dict[str, dict[str, int]]:
    """The cheaper of two counts of everything."""
    return {
        carrier: {name: min(value, other[carrier][name]) for name, value in counts.items()} for carrier, counts in one.items()
    }


def expected(known: Counts, known_build: Build, counted: Counts, build: Build) -> tuple[dict[str, dict[str, float]], float]:
    """What requests should cost here, and by how much they may be dearer.

    Args:
        known: What was written down.
        known_build: Where.
        counted: What was counted.
        build: Here.
    """
    if build == known_build:
        return {carrier: dict(counts) for carrier, counts in known.items() if carrier in counted}, SAME
    scaled = {
        carrier: {name: value * counted[carrier][YARDSTICK] / counts[YARDSTICK] for name, value in counts.items()}
        for carrier, counts in known.items()
        if carrier in counted
    }
    return scaled, OTHER_BUILD if build.python == known_build.python else OTHER_VERSION


def compare(counted: Counts, before: Mapping[str, Mapping[str, float]], tolerance: float) -> list[str]:
    """Say which requests cost more than they should."""
    return [
        f"{carrier}, {name}: {counted[carrier][name]:,} instructions, and {value:,.0f} were expected (+{tolerance:.0%} allowed)"
        for carrier, counts in before.items()
        for name, value in counts.items()
        if counted[carrier][name] > value * (1 + tolerance)
    ]


def uneven(counted: Counts) -> list[str]:
    """Say where the number of routes matters."""
    return [
        f"{carrier}: {counts[AMONG_MANY]:,} instructions {AMONG_MANY}, and {counts[AMONG_FEW]:,} {AMONG_FEW}"
        for carrier, counts in counted.items()
        if counts[AMONG_MANY] > counts[AMONG_FEW] * (1 + ROUTES_TOLERANCE)
    ]


def count_start(name: str) -> int:
    """Instructions of one of the programs of `startup`, with its bytecode at hand."""
    bytecode = {"PYTHONPYCACHEPREFIX": str(KEPT / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **bytecode, "PYTHONHASHSEED": "0"}
    program = [sys.executable, "-c", PROGRAMS[name]]
    subprocess.run(program, env=environment, check=True)
    counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program]
    done = subprocess.run(counter, env=environment, check=True, capture_output=True, text=True)
    return int(done.stderr.partition("Collected : ")[2].split()[0])


def slow_to_start(without: int, ready: int) -> list[str]:
    """Say whether a start costs too much.

    Args:
        without: Instructions of importing what it cannot do without.
        ready: Those until an application is ready.
    """
    if ready <= without * START:
        return []
    return [f"start: {ready:,} instructions, and {without:,} for what it cannot do without (times {START} allowed)"]


def table(counted: Counts, before: Mapping[str, Mapping[str, float]]) -> str:
    """A row per request: what it costs, and what that is of what was expected."""
    carriers = list(counted)
    lines = ["| instructions of | " + " | ".join(f"{each} | of expected" for each in carriers) + " |"]
    lines.append("|---|" + "---:|---:|" * len(carriers))
    for name in counted[carriers[0]]:
        cells = [f"{counted[each][name]:,} | {counted[each][name] / before[each][name]:.2f}" for each in carriers]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
