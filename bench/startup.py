"""What starting costs: time and memory of importing hospes and having an application ready, beside what it cannot do without."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from bench.programs import KEPT

PROGRAMS = {
    "python": "pass",
    "asyncio, msgspec": "import asyncio, msgspec",
    "import hospes": "import hospes",
    "an application, ready": (
        "import asyncio, hospes\n"
        "app = hospes.App()\n"
        "@app.get('/')\n"
        "async def home() -> str: return 'hello'\n"
        "async def start():\n"
        "    async with app.started(): pass\n"
        "asyncio.run(start())\n"
    ),
}
# Not getrusage: its maximum begins with that of whoever started the process.
_MEMORY = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def startup(rounds: int = 15) -> dict[str, tuple[float, float]]:
    """Milliseconds, the median of interleaved rounds, and the largest memory in MiB; by program."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    memory: dict[str, float] = {}
    # As with an installed package nothing is compiled at each start, whatever this process was told of that.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(KEPT / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    for number in range(-1, rounds):
        for name, source in PROGRAMS.items():
            command = [sys.executable, "-c", source + _MEMORY]
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            if number < 0:
                continue
            times[name].append((time.perf_counter() - began) * 1e3)
            memory[name] = int(done.stdout) / 1024
    return {name: (statistics.median(each), memory[name]) for name, each in times.items()}
