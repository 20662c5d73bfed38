"""Programs written for simple_http_server, run as their users would: `python -m hospes.compat PROGRAM.py`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SEED = Path(__file__).parent / "seed" / "main.py"
MODES = ("threads", "coroutine")


@dataclass
class Program:
    """A program that runs.

    Attributes:
        url: Where it listens.
        log: What it has written to stderr.
    """

    process: subprocess.Popen[str]
    url: str = ""
    log: list[str] = field(default_factory=list[str])

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.rpartition("/")[2].rpartition(":")
        return host, int(port)

    def read_until(self, pattern: str) -> re.Match[str]:
        """Its next line of the log that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(pattern, line)
            if found is not None:
                return found
        raise AssertionError("".join(self.log))


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Program]:
    """Run a program, in a folder of its own, until it has listened and the block is left; then it has to end by itself."""
    environment = {**os.environ, "HOSPES_STORE": "memory:", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "hospes.compat", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    program = Program(process)
    try:
        program.url = program.read_until(r"listening on (https?://\S+),")[1]
        reader = threading.Thread(target=lambda: program.log.extend(process.stderr or ()), daemon=True)
        reader.start()
        yield program
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, "".join(program.log)
        reader.join(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
