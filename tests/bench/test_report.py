"""The report: what is met and what is missed, and that nothing that was not measured, or did not work, is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import report
from bench.bars import BARS, HOSTING, Bar, Bound
from bench.guard import AMONG_FEW, AMONG_MANY
from bench.load import Run
from bench.workloads import WORKLOADS

FIGURES: dict[str, Any] = {
    "machine": "a machine", "versions": "hospes at 1234567", "command": "python -m bench report", "rounds": "9", "load": "0.1",
    "macro": {
        ("plaintext", "c64", "nginx"): [Run(100.0, 10.0, 900.0), Run(90.0, 11.0, 900.0)],
        ("plaintext", "c64", "hospes"): [Run(95.0, 10.0, 1000.0), Run(80.0, 12.0, 1100.0)],
        ("plaintext", "c64", "two workers"): [Run(150.0, 12.0, 1000.0)],
        ("user-write", "c64", "hospes"): [Run(15_000.0, 50.0, 9_000.0)],
    },
    "problems": ["robyn, echo, c64: 3 of 3 requests failed"],
    "micro": {"read a date": (1_234.5, None), "parse": (None, 21.0)},
    "calls": {"/": (21, 1)},
    "idle": {"hospes": 601.0},
    "startup": {"asyncio, msgspec": (50.0, 20.0), "an application, ready": (75.0, 30.0)},
    "guard": {"engine": {AMONG_FEW: 1_000, AMONG_MANY: 1_030}},
    "visitors": {
        "requests per commit, fsync 5 ms longer": 64.0,
        "four writing processes: p99 ms": 51.0,
        "Valkey: round trips of a request, read": 1.0,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("by_rate", "by_cpu", "said"),
    [
        (0.95, 0.9, "met"), (0.94, 0.9, "by CPU"), (0.95, 0.89, "by rate"), (0.94, 0.89, "**missed**"),
    ],
)  # fmt: skip
def test_a_bar_is_met_by_cpu_and_by_rate(by_rate: float, by_cpu: float, said: str) -> None:
    assert Bar("plaintext", 0.9, rate=0.95).verdict(by_rate, by_cpu) == said


def test_a_bound_is_met_at_its_edge() -> None:
    assert [Bound("", 2, at_most=True).verdict(value) for value in (1.9, 2, 2.1)] == ["met", "met", "**missed**"]
    assert [Bound("", 2).verdict(value) for value in (1.9, 2, 2.1)] == ["**missed**", "met", "met"]


def test_every_bar_has_its_row() -> None:
    rows = report.verdicts(FIGURES["macro"]).splitlines()[2:]
    assert len(rows) == len(BARS) + len(HOSTING)
    assert rows[0] == "| plaintext | hospes | nginx | 0.9 / 0.95 | 1 | 0.95 | 0.95 | met |"
    assert rows[1] == "| inline | hospes | nginx | 0.9 / 0.95 | 1 | – | – | not measured |"
    assert {bar.workload for bar in BARS} <= set(WORKLOADS)


def test_bounds_are_judged_by_what_was_measured() -> None:
    assert report.bounds(FIGURES).splitlines()[2:] == [
        "| user-write: requests/s | ≥ 15,000 | 30,000 | 15,000 | met |",
        "| user-write: requests per commit, every fsync 5 ms longer | ≥ 16 | – | 64.00 | met |",
        "| four processes that write: p99 ms | ≤ 50 | – | 51.00 | **missed** |",
        "| start with a million visitors: s | ≤ 1 | – | – | not measured |",
        "| Valkey: round trips of a request that reads | ≤ 1 | – | 1.00 | met |",
        "| Valkey: round trips of a request that writes | ≤ 2 | – | – | not measured |",
        "| two workers on two cores: times one, by CPU per request | ≥ 1.8 | 2 | 1.83 | met |",
        "| the same, pipelined: so the load, on one of the two cores, can keep both busy | ≥ 1.8 | 2 | – | not measured |",
        "| an idle connection: octets | ≤ 600 | 400 | 601 | **missed** |",
        "| 2,000 routes: instructions, times those among 5 | ≤ 1.03 | – | 1.03 | met |",
        "| import of hospes and an application ready: times `import asyncio, msgspec` | ≤ 1.5 | – | 1.50 | met |",
    ]


def test_the_page_says_what_did_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "PLOTS", tmp_path / "plots")
    report.write(FIGURES)
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "### What did not work\n\n- robyn, echo, c64: 3 of 3 requests failed\n" in text
    assert "| read a date | 1,234 | – |" in text
    assert f"| {AMONG_MANY} | 1,030 |" in text
    assert (tmp_path / "plots" / "plaintext.svg").exists()


def test_a_page_of_a_run_that_measured_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{report.BEGIN}{report.END}")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "PLOTS", tmp_path / "plots")
    nothing: dict[str, Any] = {name: {} for name in ("macro", "micro", "calls", "idle", "startup", "guard", "visitors")}
    report.write({**FIGURES, **nothing, "problems": ["everything"]})
    text = page.read_text("utf-8")
    assert "- everything" in text
    assert "met |" not in text
