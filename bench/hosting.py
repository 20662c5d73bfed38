"""`python -m bench hosting`: the same application under hospes and under its own servers, and the table that shows it.

The table stands between two marks in `docs/guide/other-applications.md`; it is made here, and not by hand. One process of each
serves, on one core; all are asked in turn, in rounds. What is not installed is named and left out (`python -m bench peers`).
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator

from bench import macro
from bench.bars import HOSTING, Bar, Results, ratios
from bench.peers import there
from bench.report import ROOT, between, machine, verdict_of, versions

PAGE = ROOT / "docs" / "guide" / "other-applications.md"
APPLICATIONS = {
    "bare ASGI": ("hospes-asgi", "granian-asgi", "uvicorn"),
    "Starlette": ("hospes-starlette", "granian-starlette", "uvicorn-starlette"),
    "FastAPI": ("hospes-fastapi", "granian-fastapi", "uvicorn-fastapi"),
    "bare WSGI": ("hospes-wsgi", "granian-wsgi", "gunicorn-wsgi", "waitress-wsgi", "bjoern", "fastwsgi"),
    "Flask": ("hospes-flask", "granian-flask", "gunicorn-flask", "waitress-flask"),
    "Falcon, WSGI": ("hospes-falcon", "granian-falcon", "bjoern-falcon", "fastwsgi-falcon"),
}
"""Each with its servers, ours first. bjoern and fastwsgi are servers in C that answer one request after the other."""
WORKLOADS = ("plaintext", "typed")


def main(rounds: int, seconds: float) -> int:
    """Measure, and write the table."""
    if lacking := macro.lacking():
        print(lacking, file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    names = there([name for servers in APPLICATIONS.values() for name in servers])
    results, problems = macro.run([macro.Group(names, [(workload, "c64") for workload in WORKLOADS])], rounds, seconds)
    said = (
        f"{machine()}; {versions()}; `python -m bench hosting`, {rounds} rounds of {seconds:g} s; load {load:.1f} at the start."
    )
    text = "\n".join([said, "", *table(results), "", *bars(results)])
    between(PAGE, text)
    print(text)
    return 1 if problems else 0


def table(results: Results) -> Iterator[str]:
    """A row for each application and server, the cheapest server of each first."""
    yield (
        "| application | server | " + " | ".join(f"{each}: requests/s | CPU µs | CPU beside hospes" for each in WORKLOADS) + " |"
    )
    yield "|---|---|" + "---:|" * 3 * len(WORKLOADS)
    for application, servers in APPLICATIONS.items():
        rows = [(_cpu(results, WORKLOADS[0], name), name) for name in servers if (WORKLOADS[0], "c64", name) in results]
        for _, name in sorted(rows):
            cells = [cell for workload in WORKLOADS for cell in _cells(results, workload, name, servers[0])]
            yield f"| {application} | {_shown(name, name == servers[0])} | " + " | ".join(cells) + " |"


def bars(results: Results) -> Iterator[str]:
    """What hospes is to reach there."""
    yield "| | server | beside | must | aim | by CPU | by best rate | |"
    yield "|---|---|---|---:|---:|---:|---:|---|"
    for bar in HOSTING:
        yield from _bar(results, bar)


def _bar(results: Results, bar: Bar) -> Iterator[str]:
    found = ratios(results, bar.workload, bar.mode, bar.server, bar.reference)
    if found:
        yield verdict_of(bar, *found)


def _cells(results: Results, workload: str, name: str, ours: str) -> Iterator[str]:
    runs = results.get((workload, "c64", name))
    if not runs:
        yield from ("–", "–", "–")
        return
    cpu = _cpu(results, workload, name)
    yield f"{max(run.rate for run in runs):,.0f}"
    yield f"{cpu:.1f}"
    yield f"{cpu / _cpu(results, workload, ours):.2f}" if (workload, "c64", ours) in results else "–"


def _cpu(results: Results, workload: str, name: str) -> float:
    return statistics.median(run.cpu for run in results[workload, "c64", name])


def _shown(name: str, is_ours: bool) -> str:
    server = name.partition("-")[0]
    return f"**{server}**" if is_ours else server
