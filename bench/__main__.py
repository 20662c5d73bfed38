"""`python -m bench`: hospes beside its peers; `… micro`: functions; `… calls`: Python calls of a request; `… users`: visitors."""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from bench import calls, micro, users
from bench.load import MODES, Run, measure
from bench.peers import PEERS
from bench.report import machine, table
from bench.workloads import WORKLOADS, prepare

SERVER_CORE = 0


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="macro", choices=("macro", "micro", "calls", "users"))
    parser.add_argument("--peers", default="nginx,hospes,uvicorn,granian", help=", ".join(PEERS))
    parser.add_argument(
        "--workloads", default="plaintext,inline,threaded,json,typed,echo,upload,static1k", help=", ".join(WORKLOADS)
    )
    parser.add_argument("--modes", default="c64", help=", ".join(MODES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--reference", default="nginx")
    parser.add_argument("--users", type=int, default=1_000_000, help="how many the store has, for `users`")
    options = parser.parse_args()
    if options.what == "micro":
        return micro.main()
    if options.what == "calls":
        return calls.main()
    if options.what == "users":
        return users.main(options.users)
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            print(
                f"the load comes from {tool}: apt-get install wrk util-linux (and nginx-light to compare with)", file=sys.stderr
            )
            return 2
    return _macro(options)


def _macro(options: argparse.Namespace) -> int:
    results: dict[tuple[str, str, str], list[Run]] = {}
    names = [name for name in options.peers.split(",") if _is_there(name)]
    plan = [(workload, mode) for workload in options.workloads.split(",") for mode in options.modes.split(",")]
    for workload, mode in plan:
        for name in names:
            if workload in PEERS[name].serves:
                results[workload, mode, name] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="hospes-bench-") as folder:
        scratch = Path(folder)
        prepare(scratch)
        # Interleaved, so that a machine that slows down slows all of them down.
        for number in range(options.rounds):
            for name in names:
                try:
                    _round(name, [each for each in plan if each[0] in PEERS[name].serves], options.seconds, scratch, results)
                except RuntimeError as error:
                    failed = True
                    print(f"{name}: {error}", file=sys.stderr)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    measured = {key: runs for key, runs in results.items() if runs}
    print(f"{machine()}; best of {options.rounds} rounds of {options.seconds} s\n\n{table(measured, options.reference)}")
    return int(failed)


def _round(
    name: str, plan: list[tuple[str, str]], seconds: int, scratch: Path, results: dict[tuple[str, str, str], list[Run]]
) -> None:
    port = _free_port()
    with PEERS[name].serving(port, scratch, SERVER_CORE) as pid:
        for workload, mode in plan:
            WORKLOADS[workload].check(port, scratch)
            results[workload, mode, name].append(measure(WORKLOADS[workload], mode, port, pid, seconds, scratch))


def _is_there(name: str) -> bool:
    if PEERS[name].is_there:
        return True
    print(f"{name} is not installed and left out", file=sys.stderr)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


sys.exit(main())
