"""`python -m bench`: hospes beside its peers; `python -m bench --help` has the rest."""

from __future__ import annotations

import argparse
import sys

from bench import calls, guard, hosting, macro, micro, scale, users, visitors, whole
from bench.load import MODES
from bench.peers import PEERS, install, there
from bench.report import machine, table
from bench.workloads import WORKLOADS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    asking = commands.add_parser("macro", help="hospes beside its peers (this is what no command means)")
    asking.add_argument("--peers", default="nginx,c,hospes", help=f"of {', '.join(PEERS)}; or `all`")
    asking.add_argument(
        "--workloads", default="plaintext,json,typed,echo,upload,static1k", help=f"of {', '.join(WORKLOADS)}; or `all`"
    )
    asking.add_argument("--modes", default="c64", help=", ".join(MODES))
    asking.add_argument("--rounds", type=int, default=3)
    asking.add_argument("--seconds", type=float, default=1, help="of each measurement")
    asking.add_argument("--reference", default="nginx")
    commands.add_parser("peers", help="install the peers below .bench/")
    asking = commands.add_parser("hosting", help="the same application under hospes and others: docs/guide/other-applications.md")
    asking.add_argument("--rounds", type=int, default=3)
    asking.add_argument("--seconds", type=float, default=1, help="of each measurement")
    commands.add_parser("micro", help="nanoseconds of single functions")
    commands.add_parser("calls", help="Python calls of one request")
    asking = commands.add_parser("users", help="what a million visitors cost")
    asking.add_argument("--users", type=int, default=1_000_000)
    asking = commands.add_parser("visitors", help="what remembering costs: commits, processes that write, round trips, a million")
    asking.add_argument("--users", type=int, default=1_000_000)
    asking = commands.add_parser("guard", help="instructions of a request, beside those written down")
    asking.add_argument("--renew", action="store_true", help="write them down")
    asking = commands.add_parser("scale", help="how cost grows, and what each hop adds: docs/scaling.md")
    asking.add_argument("--seconds", type=float, default=2, help="of each measurement")
    asking.add_argument("--rounds", type=int, default=2, help="no further one begins that would not end within 5½ minutes")
    asking.add_argument("--parts", default=",".join(scale.PARTS), help="of %(default)s")
    asking = commands.add_parser("report", help="all of it, written to docs/benchmarks.md and docs/plots/")
    asking.add_argument("--short", action="store_true", help="a quarter of the time")
    asking.add_argument("--again", action="store_true", help="write the page anew from the last figures")
    return parser.parse_args(sys.argv[1:] or ["macro"])


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    match options.command:
        case "peers":
            return install()
        case "micro":
            return micro.main()
        case "calls":
            return calls.main()
        case "guard":
            return guard.main(renew=options.renew)
        case "hosting":
            return hosting.main(options.rounds, options.seconds)
        case "report":
            return whole.main(short=options.short, again=options.again)
        case "scale":
            return scale.main(options.seconds, options.rounds, options.parts.split(","))
        case "users":
            return users.main(options.users)
        case "visitors":
            return visitors.main(options.users)
        case _:
            return _macro(options)


def _macro(options: argparse.Namespace) -> int:
    if lacking := macro.lacking():
        print(lacking, file=sys.stderr)
        return 2
    peers = list(PEERS) if options.peers == "all" else options.peers.split(",")
    workloads = list(WORKLOADS) if options.workloads == "all" else options.workloads.split(",")
    cases = [(workload, mode) for workload in workloads for mode in options.modes.split(",")]
    results, problems = macro.run([macro.Group(there(peers), cases)], options.rounds, options.seconds)
    print(f"{machine()}; {options.rounds} rounds of {options.seconds:g} s\n\n{table(results, options.reference)}")
    return 1 if problems else 0


sys.exit(main())
