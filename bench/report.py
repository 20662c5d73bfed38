"""Figures to a Markdown table: honest, so rows in which hospes loses stay."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bench.load import Run
from bench.workloads import WORKLOADS

Results = Mapping[tuple[str, str, str], Sequence[Run]]
"""By workload, mode and peer."""


def table(results: Results, reference: str) -> str:
    """A row per workload, mode and peer, with ratios to the reference peer.

    `rate` is the median of the rounds, `best` the fastest; `cpu` the median CPU time per request. A ratio over 1 is better
    than the reference, in both columns.
    """
    lines = [
        f"| workload | mode | server | requests/s | best | CPU µs | p99 ms | best ÷ {reference} | CPU: {reference} ÷ it |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (workload, mode, peer), runs in results.items():
        rate = statistics.median(run.rate for run in runs)
        best = max(run.rate for run in runs)
        cpu = statistics.median(run.cpu for run in runs)
        p99 = statistics.median(run.p99 for run in runs) / 1e3
        other = results.get((workload, mode, reference)) or results.get((WORKLOADS[workload].against, mode, reference))
        ratios = ("–", "–")
        if other:
            ratios = (
                f"{best / max(run.rate for run in other):.2f}",
                f"{statistics.median(run.cpu for run in other) / cpu:.2f}",
            )
        row = f"| {workload} | {mode} | {peer} | {rate:,.0f} | {best:,.0f} | {cpu:.1f} | {p99:.1f} | {ratios[0]} | {ratios[1]} |"
        lines.append(row)
    return "\n".join(lines)


def machine() -> str:
    """What it was measured on."""
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        pass
    return f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, {model}"
