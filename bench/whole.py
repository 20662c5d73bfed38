"""`python -m bench report`: all that is measured, in one run, and the page that shows it.

| | rounds | takes about |
|---|---|---|
| `report` | 9 for what a bar compares, else 3 for the portable carrier, 1 for other servers | 13 minutes |
| `report --short` | 3 for the first, 1 for the strongest others | 6 minutes |
| `report --again` | writes the page anew from the last figures | a second |
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection
from typing import Any

from bench import calls, guard, macro, micro, report, visitors
from bench.bars import BARS, HOSTING
from bench.memory import idle
from bench.peers import PEERS, there
from bench.startup import startup
from bench.workloads import WORKLOADS

CORE = ("nginx", "c", "picows", "hospes")
"""Those whom most bars compare, always in the same round."""
BEST = ("bjoern", "fastwsgi")
"""The best Python peers, in every round too where a bar names the best of them."""
STRONGEST = ("bjoern", "fastwsgi", "granian-rsgi", "granian-wsgi", "robyn", "uvicorn", "picows")
HEAVY = frozenset({"upload", "upload-file", "static10m"})
FRAMEWORKS = ("-starlette", "-fastapi", "-flask", "-falcon")
"""Names of peers that `python -m bench hosting` compares; here they would take two minutes more."""
MODES = ("browser", "pipelined", "c1", "c512")
IDLE = 2_000


def main(*, short: bool, again: bool) -> int:
    """Measure, or take what was kept, and write the page."""
    if again:
        report.write(report.kept())
        return 0
    if lacking := macro.lacking():
        print(lacking, file=sys.stderr)
        return 2
    rounds = 3 if short else 9
    load = f"{os.getloadavg()[0]:.1f} at the start"
    results, problems = macro.run(_groups(short), rounds, 1)
    figures: dict[str, Any] = {
        "machine": report.machine(),
        "versions": report.versions(),
        "command": "python -m bench report" + (" --short" if short else ""),
        "rounds": f"{rounds} rounds of a second; what no bar compares: the portable carrier {1 if short else 3}, other peers 1",
        "load": load,
        "macro": results,
        "problems": problems,
    }
    for name, measure in _rest(5 if short else 15).items():
        figures[name] = {}
        try:
            figures[name] = measure()
        except Exception as error:  # what was measured so far is shown all the same
            problems.append(f"{name}: {error}")
            print(problems[-1], file=sys.stderr)
    report.keep(figures)
    report.write(figures)
    print(report.verdicts(results), report.bounds(figures), *problems, sep="\n")
    return 1 if problems else 0


def _rest(rounds: int) -> dict[str, Callable[[], Any]]:
    """What is measured beside requests."""
    return {
        "micro": micro.measured,
        "calls": calls.counts,
        "idle": _idle,
        "startup": lambda: startup(rounds),
        "visitors": lambda: visitors.measured(1_000_000),
        "guard": lambda: guard.count(guard.carriers()) if shutil.which("valgrind") else {},
    }


def _idle() -> dict[str, float]:
    """Octets of idle connections, and of idle websockets."""
    found = idle(there(["hospes", "portable", "nginx", "c", "uvicorn"]), IDLE)
    for name, value in idle(there(["hospes", "portable", "picows"]), IDLE, "/ws").items():
        found[f"{name}, websocket"] = value
    for name, value in idle(["hospes", "portable"], IDLE, "/ws/for").items():
        found[f"{name}, websocket of an async def handler"] = value
    return found


def _groups(short: bool) -> list[macro.Group]:
    everything = [(workload, "c64") for workload in WORKLOADS]
    light = [case for case in everything if case[0] not in HEAVY]
    hosting = {name for bar in HOSTING for name in (bar.server, bar.reference)}
    names = [name for name in PEERS if not short or name in {*CORE, *BEST, *STRONGEST, *hosting}]
    peers = there([name for name in names if not name.endswith(FRAMEWORKS)])

    def of(names: Collection[str], cases: list[macro.Case]) -> macro.Group:
        return macro.Group([name for name in peers if name in names], cases)

    compared = [
        of(CORE, [*everything, *(("plaintext", mode) for mode in MODES)]),
        of(BEST, [(bar.workload, bar.mode) for bar in BARS if bar.reference == "best"]),
        of(hosting, [("plaintext", "c64")]),
        macro.Group(["two workers"], [("plaintext", "c64"), ("plaintext", "pipelined")]),
        macro.Group(["portable"], [(bar.workload, bar.mode) for bar in BARS if bar.server == "portable"]),
    ]
    measured = {(name, case) for group in compared for name in group.peers for case in group.cases}

    def rest(name: str, cases: list[macro.Case], every: int) -> macro.Group:
        return macro.Group([name], [case for case in cases if (name, case) not in measured], every)

    others = [name for name in peers if name not in {*CORE, "portable", "two workers"}]
    return [
        *compared,
        *([] if short else [rest("portable", light, 3)]),
        *(rest(name, [case for case in everything if case[0] != "static10m"], 9) for name in others),
    ]
