"""The load: wrk, or `wsload` for websockets, on a core of its own, and the CPU time that the server takes meanwhile.

CPU per request is the figure least disturbed by whatever else the machine does; of the rates, the best round is.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.programs import program
from bench.workloads import Workload, cookies

HERE = Path(__file__).parent
LOAD_CORE = 1

MODES = {"c64": (64, ()), "c1": (1, ()), "c512": (512, ()), "browser": (64, ("browser=1",)), "pipelined": (64, ("pipeline=16",))}
"""Connections, and what else load.lua is told."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: requests per second, CPU microseconds of the server per request, the 99th percentile in microseconds."""

    rate: float
    cpu: float
    p99: float


def measure(workload: Workload, mode: str, port: int, pid: int, seconds: float, scratch: Path, connection: str = "") -> Run:
    """Load a server for some seconds.

    Args:
        workload: What is asked for.
        mode: How; one of `MODES`.
        port: The server's.
        pid: Its process.
        seconds: For how long.
        scratch: Where files lie.
        connection: What requests say of their connections; see `Peer`.

    Raises:
        RuntimeError: if the load failed, or any answer was no success.
    """
    command = ["taskset", "-c", str(LOAD_CORE), *_command(workload, mode, port, seconds, scratch, connection)]
    before = cpu_seconds(pid)
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    used = cpu_seconds(pid) - before
    line = next((line for line in output.stdout.splitlines() if line.startswith("@@")), "")
    if not line:
        raise RuntimeError(f"the load said: {(output.stderr or output.stdout)[-200:]}")
    result = json.loads(line[2:])
    ended = result.get("ended", 0)  # connections by the server; wrk cannot tell an answer's end from a failure
    failed = result["errors"] + (max(0, ended - result["requests"]) if connection == "close" else ended)
    if failed or not result["requests"]:
        raise RuntimeError(f"{failed} of {result['requests']} requests failed")
    return Run(result["requests"] / result["seconds"], used * 1e6 / result["requests"], result["p99"])


def _command(workload: Workload, mode: str, port: int, seconds: float, scratch: Path, connection: str) -> list[str]:
    connections, extra = MODES[mode]
    connections = min(connections, workload.connections)
    if workload.message:
        depth = "16" if mode == "pipelined" else "1"
        return [str(program("wsload")), str(port), workload.path, str(connections), str(workload.message), str(seconds), depth]
    arguments = [*extra, *([f"connection={connection}"] if connection else [])]
    if workload.body:
        arguments += [f"body={scratch / workload.body}", f"type={workload.media_type}"]
    if workload.introduction:
        arguments.append(f"cookies={cookies(scratch, workload.introduction)}")
    # wrk counts whole seconds; the rate is by the time it really took.
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(HERE / "load.lua")]
    return [*command, f"http://127.0.0.1:{port}{workload.path}", "--", *arguments]


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, ended ones too, and of all processes below it."""
    # Linux: the clock of another process's CPU time is named by its number, as clock_getcpuclockid(3) does it.
    own = time.clock_gettime(~pid << 3 | 2)
    children = [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return own + sum(cpu_seconds(int(child)) for child in children)
