"""The load: wrk on a core of its own, and the CPU time that the server takes meanwhile.

CPU per request is the figure least disturbed by whatever else the machine does; of the rates, the best round is.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.workloads import Workload

HERE = Path(__file__).parent
_TICK = os.sysconf("SC_CLK_TCK")

MODES = {"c64": (64, ()), "c1": (1, ()), "c512": (512, ()), "browser": (64, ("browser=1",)), "pipelined": (64, ("pipeline=16",))}


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: requests per second, CPU microseconds of the server per request, the 99th percentile in microseconds."""

    rate: float
    cpu: float
    p99: float


def measure(workload: Workload, mode: str, port: int, pid: int, seconds: int, scratch: Path) -> Run:
    """Load a server for some seconds.

    Raises:
        RuntimeError: if wrk failed, or any answer was no success.
    """
    connections, extra = MODES[mode]
    arguments = list(extra)
    if workload.body:
        arguments += [f"body={scratch / workload.body}", f"type={workload.media_type}"]
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{min(connections, workload.connections)}", f"-d{seconds}s"]
    command += ["-s", str(HERE / "load.lua"), f"http://127.0.0.1:{port}{workload.path}", "--", *arguments]
    before = _cpu_seconds(pid)
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    used = _cpu_seconds(pid) - before
    line = next((line for line in output.stdout.splitlines() if line.startswith("@@")), "")
    if not line:
        raise RuntimeError(f"wrk said: {(output.stderr or output.stdout)[-200:]}")
    result = json.loads(line[2:])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"{result['errors']} of {result['requests']} requests failed")
    return Run(result["requests"] / result["seconds"], used * 1e6 / result["requests"], result["p99"])


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process and all below it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = (int(fields[11]) + int(fields[12])) / _TICK
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu_seconds(int(child)) for child in children)
