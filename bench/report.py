"""Figures to Markdown and plots: honest, so rows in which hospes loses stay.

`docs/benchmarks.md` has two marks; what stands between them is made here, the rest is written by hand. The figures are kept in
`.bench/figures.json`, from which `python -m bench report --again` writes the same page without measuring.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import plots
from bench.bars import BARS, HOSTING, OWN, Bar, Results, ratios
from bench.load import Run
from bench.programs import KEPT

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "plots"
FIGURES = KEPT / "figures.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOTTED = ("plaintext", "json", "typed", "echo", "upload", "static1k", "static10m", "ws125", "ws64k")


def table(results: Results, reference: str) -> str:
    """A row per workload, mode and peer, with ratios to the reference peer.

    `rate` is the median of the rounds, `best` the fastest; `cpu` the median CPU time per request. A ratio over 1 is better
    than the reference, in both columns.
    """
    lines = [
        f"| workload | mode | server | requests/s | best | CPU µs | p99 ms | best ÷ {reference} | CPU: {reference} ÷ it |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for workload, mode, peer in sorted(results, key=lambda key: _place(results, key)):
        runs = results[workload, mode, peer]
        rate, p99 = statistics.median(run.rate for run in runs), statistics.median(run.p99 for run in runs) / 1e3
        best, cpu = max(run.rate for run in runs), statistics.median(run.cpu for run in runs)
        found = ratios(results, workload, mode, peer, reference)
        shown = (f"{found[0]:.2f}", f"{found[1]:.2f}") if found else ("–", "–")
        name = f"**{peer}**" if peer in OWN else peer
        lines.append(
            f"| {workload} | {mode} | {name} | {rate:,.0f} | {best:,.0f} | {cpu:.1f} | {p99:.1f} | {shown[0]} | {shown[1]} |"
        )
    return "\n".join(lines)


def _place(results: Results, key: tuple[str, str, str]) -> tuple[int, str, float]:
    """Workloads in the order in which they were first measured; in each the cheapest server first."""
    workloads = list(dict.fromkeys(workload for workload, _, _ in results))
    return workloads.index(key[0]), key[1], statistics.median(run.cpu for run in results[key])


def verdicts(results: Results) -> str:
    """A row per bar that can be judged."""
    lines = ["| | server | beside | must | aim | by CPU | by best rate | |", "|---|---|---|---:|---:|---:|---:|---|"]
    for bar in (*BARS, *HOSTING):
        found = ratios(results, bar.workload, bar.mode, bar.server, bar.reference)
        if found:
            lines.append(verdict_of(bar, *found))
    return "\n".join(lines)


def verdict_of(bar: Bar, by_rate: float, by_cpu: float) -> str:
    """The row of a bar."""
    what = bar.workload if bar.mode == "c64" else f"{bar.workload}, {bar.mode}"
    beside = "best Python peer" if bar.reference == "best" else bar.reference
    said = "met" if by_cpu >= bar.must and by_rate >= bar.must else "by CPU" if by_cpu >= bar.must else ""
    said = said or ("by rate" if by_rate >= bar.must else "**missed**")
    aim = f"{bar.aim:g}" if bar.aim else "–"
    return f"| {what} | {bar.server} | {beside} | {bar.must:g} | {aim} | {by_cpu:.2f} | {by_rate:.2f} | {said} |"


def machine() -> str:
    """What it was measured on."""
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        pass
    return f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, {model}"


def versions() -> str:
    """What was measured."""
    commit = _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
    nginx = _said(["nginx", "-v"]).rpartition("/")[2] if shutil.which("nginx") else "absent"
    return f"hospes at {commit}, kernel {platform.release()}, nginx {nginx}"


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def keep(figures: Mapping[str, Any]) -> None:
    """Keep figures for `--again`; those of macro as lists."""
    kept = dict(figures)
    kept["macro"] = [[*key, [[run.rate, run.cpu, run.p99] for run in runs]] for key, runs in figures["macro"].items()]
    KEPT.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(kept, indent=1))


def kept() -> dict[str, Any]:
    """What was kept.

    Raises:
        FileNotFoundError: if nothing was.
    """
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    figures["macro"] = {(w, m, p): [Run(*run) for run in runs] for w, m, p, runs in figures["macro"]}
    return figures


def write(figures: Mapping[str, Any]) -> None:
    """Write the page and the plots."""
    PLOTS.mkdir(exist_ok=True)
    between(PAGE, "\n".join(_sections(figures)))


def between(page: Path, text: str) -> None:
    """Put a text between the two marks of a page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


def _sections(figures: Mapping[str, Any]) -> Iterator[str]:
    results: Results = figures["macro"]
    yield f"{figures['machine']}; {figures['versions']}; `{figures['command']}`; {figures['rounds']}; load {figures['load']}.\n"
    yield f"### The bars\n\n{verdicts(results)}\n"
    yield "### CPU time per request\n"
    for workload in PLOTTED:
        values = {
            peer: statistics.median(run.cpu for run in runs)
            for (each, mode, peer), runs in results.items()
            if each == workload and mode == "c64"
        }
        if values:
            plot = plots.bars(
                f"{workload}: CPU µs per request", dict(sorted(values.items(), key=lambda item: item[1])), sorted(OWN)
            )
            (PLOTS / f"{workload}.svg").write_text(plot, "utf-8")
            yield f"![{workload}: CPU time per request of each server](plots/{workload}.svg)\n"
    yield f"### All of it\n\n{table(results, 'nginx')}\n"
    yield "### Single functions\n\n| function | ns |\n|---|---:|"
    yield from (f"| {name} | {value:,.0f} |" for name, value in figures["micro"].items())
    yield "\n### Python calls of a request, wire to wire\n\n| request | portable | engine |\n|---|---:|---:|"
    yield from (f"| `{target}` | {counts[0]} | {counts[1]} |" for target, counts in figures["calls"].items())
    yield "\n### Memory of an idle connection\n\n| server | octets |\n|---|---:|"
    yield from (f"| {name} | {value:,.0f} |" for name, value in figures["idle"].items())
    yield "\n### Starting\n\n| program | ms | MiB |\n|---|---:|---:|"
    yield from (f"| {name} | {value[0]:.0f} | {value[1]:.1f} |" for name, value in figures["startup"].items())
    yield ""
