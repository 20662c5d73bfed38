"""The macro bench: servers asked in turn, in rounds, one process on one core, the load on another.

Rounds are interleaved, so that a machine that slows down slows all of them down; a figure is the median of its rounds, or the
best of them, and worth something beside another of the same run only.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from bench.load import Run, measure
from bench.peers import PEERS
from bench.workloads import WORKLOADS, introduce, prepare

SERVER_CORE = 0
PROBLEMS = (RuntimeError, OSError, HTTPException, subprocess.TimeoutExpired)
"""Of one server, or of its load: they are told, and the others go on."""

Case = tuple[str, str]
"""A workload and a mode."""
Results = dict[tuple[str, str, str], list[Run]]
"""By workload, mode and peer."""


@dataclass(frozen=True, slots=True)
class Group:
    """Peers that are measured alike.

    Args:
        peers: Their names.
        cases: Workloads and modes; a peer is asked for those that it serves.
        every: It is their turn in each so manieth round.
    """

    peers: Sequence[str]
    cases: Sequence[Case]
    every: int = 1


def run(groups: Sequence[Group], rounds: int, seconds: float) -> tuple[Results, list[str]]:
    """Measure.

    Returns:
        What was measured, and what did not work.
    """
    results: Results = {}
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        scratch = Path(folder)
        prepare(scratch)
        for number in range(rounds):
            for group in groups:
                if number % group.every:
                    continue
                for name in group.peers:
                    cases = [case for case in group.cases if case[0] in PEERS[name].serves]
                    for problem in _ask(name, cases, seconds, scratch, results):
                        problems.append(problem)
                        print(problem, file=sys.stderr, flush=True)
            print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return results, problems


def lacking() -> str:
    """What has to be installed before anything can be measured; "" if nothing."""
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if not missing:
        return ""
    return f"the load comes from {', '.join(missing)}: apt-get install wrk util-linux (and nginx-light to compare with)"


def _ask(name: str, cases: Sequence[Case], seconds: float, scratch: Path, results: Results) -> Iterator[str]:
    """One round of one server; what does not work is told, and left out."""
    if not cases:
        return
    port = free_port()
    try:
        peer = PEERS[name]
        with peer.serving(port, scratch, SERVER_CORE) as pid:
            for target in sorted({WORKLOADS[workload].introduction for workload, _ in cases} - {""}):
                introduce(port, scratch, target)
            for workload, mode in cases:
                try:
                    WORKLOADS[workload].check(port, scratch, peer.connection)
                    measured = measure(WORKLOADS[workload], mode, port, pid, seconds, scratch, peer.connection)
                    results.setdefault((workload, mode, name), []).append(measured)
                except PROBLEMS as error:
                    yield f"{name}, {workload}, {mode}: {error}"
    except PROBLEMS as error:
        yield f"{name}: {error}"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
