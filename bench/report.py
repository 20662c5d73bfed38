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

from bench import bars, plots
from bench.bars import BARS, HOSTING, OWN, Bar, Bound, Results, ratios
from bench.guard import AMONG_FEW, AMONG_MANY, Counts
from bench.load import Run
from bench.micro import table as functions
from bench.peers import versions as peers
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
    """A row per bar; one that could not be judged says so."""
    lines = ["| | server | beside | must | aim | by CPU | by best rate | |", "|---|---|---|---:|---:|---:|---:|---|"]
    for bar in (*BARS, *HOSTING):
        found = ratios(results, bar.workload, bar.mode, bar.server, bar.reference)
        lines.append(verdict_of(bar, *found) if found else _row(bar, "–", "–", "not measured"))
    return "\n".join(lines)


def verdict_of(bar: Bar, by_rate: float, by_cpu: float) -> str:
    """The row of a bar that could be judged."""
    return _row(bar, f"{by_cpu:.2f}", f"{by_rate:.2f}", bar.verdict(by_rate, by_cpu))


def _row(bar: Bar, by_cpu: str, by_rate: str, said: str) -> str:
    what = bar.workload if bar.mode == "c64" else f"{bar.workload}, {bar.mode}"
    beside = "best Python peer" if bar.reference == "best" else bar.reference
    must = f"{bar.must:g} / {bar.rate:g}" if bar.rate else f"{bar.must:g}"
    return f"| {what} | {bar.server} | {beside} | {must} | {_aim(bar.aim)} | {by_cpu} | {by_rate} | {said} |"


def _aim(aim: float) -> str:
    return f"{aim:,g}" if aim else "–"


def bounds(figures: Mapping[str, Any]) -> str:
    """A row per bar that is no comparison with a peer's rate."""
    lines = ["| | must | aim | measured | |", "|---|---:|---:|---:|---|"]
    for bound, value in _bounded(figures):
        must = f"{'≤' if bound.at_most else '≥'} {bound.must:,g}"
        shown = f"{value:,.0f}" if value and value >= 100 else f"{value:.2f}" if value else "–"
        said = bound.verdict(value) if value else "not measured"
        lines.append(f"| {bound.what} | {must} | {_aim(bound.aim)} | {shown} | {said} |")
    return "\n".join(lines)


def _bounded(figures: Mapping[str, Any]) -> Iterator[tuple[Bound, float | None]]:
    results: Results = figures["macro"]
    writes = results.get(("user-write", "c64", "hospes"))
    yield bars.USER_WRITES, max(run.rate for run in writes) if writes else None
    for name, bound in bars.VISITORS.items():
        yield bound, figures["visitors"].get(name)
    for bound, mode in ((bars.TWO_WORKERS, "c64"), (bars.TWO_PIPELINED, "pipelined")):
        alone = ratios(results, "plaintext", mode, "two workers", "hospes")
        yield bound, 2 * alone[1] if alone else None
    yield bars.IDLE, figures["idle"].get("hospes")
    counts = figures["guard"].get("engine")
    yield bars.ROUTES, counts[AMONG_MANY] / counts[AMONG_FEW] if counts else None
    times = figures["startup"]
    yield bars.START, times["an application, ready"][0] / times["asyncio, msgspec"][0] if times else None


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
    return ", ".join([f"hospes at {commit}", f"kernel {platform.release()}", f"nginx {nginx}", *peers()])


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
    yield f"### The bars\n\n{verdicts(results)}\n\n{bounds(figures)}\n"
    if figures["problems"]:
        yield "### What did not work\n"
        yield from (f"- {problem}" for problem in figures["problems"])
        yield ""
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
    yield "### Single functions\n"
    yield from functions(figures["micro"])
    yield "\n### Instructions of a request\n"
    yield from instructions(figures["guard"])
    yield "\n### Python calls of a request, wire to wire\n\n| request | portable | engine |\n|---|---:|---:|"
    yield from (f"| `{target}` | {counts[0]} | {counts[1]} |" for target, counts in figures["calls"].items())
    yield "\n### Visitors\n\n| | |\n|---|---:|"
    yield from (f"| {name} | {value:,.2f} |" for name, value in figures["visitors"].items())
    yield "\n### Memory of an idle connection\n\n| server | octets |\n|---|---:|"
    yield from (f"| {name} | {value:,.0f} |" for name, value in figures["idle"].items())
    yield "\n### Starting\n\n| program | ms | MiB |\n|---|---:|---:|"
    yield from (f"| {name} | {value[0]:.0f} | {value[1]:.1f} |" for name, value in figures["startup"].items())
    yield ""


def instructions(counts: Counts) -> Iterator[str]:
    """A row per request, a column per carrier."""
    yield "| request | " + " | ".join(counts) + " |"
    yield "|---|" + "---:|" * len(counts)
    for name in next(iter(counts.values()), {}):
        yield f"| {name} | " + " | ".join(f"{each[name]:,}" for each in counts.values()) + " |"
