"""`python -m fuzz [--seconds N] [--jobs N] [--seed N] [--plain] [NAME …]`, and `--replay FILE NAME` for one input.

Laws:

* atheris drives, guided by coverage, where it is installed and `--plain` is not given; else the mutations of this package.
  `--seed` repeats those exactly.
* Each target has a process of its own: one that crashes or hangs takes no other with it.
* The first input that breaks an invariant ends its target, is kept in fuzz/crashes and comes with the command to replay it.
* An input that takes longer than `INPUT_SECONDS` breaks the invariant of every target: parsers take linear time.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha1
from itertools import chain
from pathlib import Path
from random import Random
from types import FrameType

from fuzz import targets
from fuzz.mutation import MAX_LENGTH, mutations
from fuzz.targets import FOLDER, Target

INPUT_SECONDS = 10
CRASHES = FOLDER / "crashes"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 1 if an invariant broke, 2 if the command makes no sense."""
    options = _options().parse_args(arguments)
    names: list[str] = options.names or targets.names()
    if unknown := set(names) - set(targets.names()):
        print(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(targets.names())}", file=sys.stderr)
        return 2
    if not names:
        print(f"there is no target in {FOLDER}", file=sys.stderr)
        return 2
    if options.replay is not None:
        return _replay(options.replay, names)
    if options.here:
        return _drive(options, names[0])
    with ThreadPoolExecutor(options.jobs) as pool:
        return max(pool.map(partial(_in_own_process, options), names), default=0)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzzes the parsers of hospes.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="targets, all by default: " + ", ".join(targets.names()))
    parser.add_argument("--seconds", type=int, default=60, help="how long for each target (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run (default: the time)")
    parser.add_argument("--plain", action="store_true", help="leave atheris alone")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run NAME on this one input")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser


def _replay(file: Path, names: list[str]) -> int:
    if len(names) != 1:
        print("--replay FILE NAME: name one target", file=sys.stderr)
        return 2
    target = targets.load(names[0])
    faulthandler.dump_traceback_later(INPUT_SECONDS, exit=True)
    target.run(file.read_bytes())
    faulthandler.cancel_dump_traceback_later()
    print(f"{target.name}: holds: {target.invariant}")
    return 0


def _in_own_process(options: argparse.Namespace, name: str) -> int:
    command = [sys.executable, "-m", "fuzz", "--here", "--seconds", str(options.seconds), "--seed", str(options.seed), name]
    if options.plain:
        command.append("--plain")
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    lines = outcome.stdout.splitlines()
    # Of a run that ended well only our own lines matter; of the other everything does.
    shown = [line for line in lines if line.startswith(f"{name}: ")] if outcome.returncode == 0 else lines
    print("\n".join(shown), flush=True)
    return int(outcome.returncode != 0)


def _drive(options: argparse.Namespace, name: str) -> int:
    if importlib.util.find_spec("atheris") is None or options.plain:
        return _mutate(targets.load(name), options.seconds, options.seed)
    return _guided(name, options.seconds, options.seed)


def _guided(name: str, seconds: int, seed: int) -> int:
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["hospes", "fuzz"]):
        target = targets.load(name)
    target.corpus.mkdir(parents=True, exist_ok=True)
    CRASHES.mkdir(exist_ok=True)
    for octets in target.seeds:
        (target.corpus / sha1(octets, usedforsecurity=False).hexdigest()).write_bytes(octets)

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except Exception:
            _keep(target, data)
            raise

    print(f"{name}: {target.invariant} [atheris, {seconds} s, --seed {seed}]", flush=True)
    # libFuzzer's random state is 32 bits wide. The crash file it writes has our file's name; for a timeout only it writes one.
    settings = [f"-max_total_time={seconds}", f"-max_len={MAX_LENGTH}", f"-timeout={INPUT_SECONDS}", f"-seed={seed % 2**32}"]
    atheris.Setup([name, *settings, f"-artifact_prefix={CRASHES}/{name}-", str(target.corpus)], run)
    atheris.Fuzz()
    return 0


def _mutate(target: Target, seconds: int, seed: int) -> int:
    print(f"{target.name}: {target.invariant} [mutations, {seconds} s, --seed {seed}]", flush=True)
    signal.signal(signal.SIGPROF, _too_long)
    kept = [path.read_bytes() for path in sorted(target.corpus.glob("*"))]
    started = armed = time.monotonic()
    _arm()
    count = 0
    for data in chain(target.seeds, kept, mutations(target.seeds, Random(seed))):
        now = time.monotonic()
        if now > started + seconds:
            break
        if now > armed + 1:
            armed = now
            _arm()
        _attempt(target, data)
        count += 1
    print(f"{target.name}: {count:,} inputs, nothing found", flush=True)
    return 0


def _arm() -> None:
    # An alarm cannot interrupt a loop in C, such as a regular expression that backtracks; this ends the process from a
    # thread that needs no interpreter, and shows where it hung. It counts the time that passes, the alarm only the time that is
    # spent: a busy machine lets a process wait for long.
    faulthandler.dump_traceback_later(INPUT_SECONDS * 6, exit=True)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"one input took longer than {INPUT_SECONDS} s")


def _attempt(target: Target, data: bytes) -> None:
    signal.setitimer(signal.ITIMER_PROF, INPUT_SECONDS)
    try:
        target.run(data)
    except Exception:
        _keep(target, data)
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _keep(target: Target, data: bytes) -> None:
    CRASHES.mkdir(exist_ok=True)
    file = CRASHES / f"{target.name}-crash-{sha1(data, usedforsecurity=False).hexdigest()}"
    file.write_bytes(data)
    print(f"{target.name}: BROKEN: {target.invariant}\n  input:  {data[:200]!r}{' …' if len(data) > 200 else ''}")
    print(f"  replay: python -m fuzz --replay {os.path.relpath(file)} {target.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
