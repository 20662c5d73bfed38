"""The bars: what hospes is to reach beside others in the same run. A bar that is missed stays in the report, and says so."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.load import Run
from bench.workloads import WORKLOADS

Results = Mapping[tuple[str, str, str], Sequence[Run]]
"""By workload, mode and peer."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One of them.

    Args:
        workload: Its workload.
        must: The least ratio to the reference.
        aim: The ratio that is aimed at.
        mode: Its mode.
        reference: The peer it is compared with; "best" for the best of the others that run Python.
        server: Whose figure it is.
        rate: The least ratio by rate, where it is another one.
    """

    workload: str
    must: float
    aim: float = 0
    mode: str = "c64"
    reference: str = "nginx"
    server: str = "hospes"
    rate: float = 0

    def verdict(self, by_rate: float, by_cpu: float) -> str:
        """Whether it is met, by CPU per request and by the best rate."""
        met_by_rate = by_rate >= (self.rate or self.must)
        if by_cpu >= self.must:
            return "met" if met_by_rate else "by CPU"
        return "by rate" if met_by_rate else "**missed**"


@dataclass(frozen=True, slots=True)
class Bound:
    """A bar that is no comparison with a peer's rate.

    Args:
        what: What is bounded.
        must: The least, or the most.
        aim: What is aimed at.
        at_most: Whether less is better.
    """

    what: str
    must: float
    aim: float = 0
    at_most: bool = False

    def verdict(self, value: float) -> str:
        """Whether it is met."""
        met = value <= self.must if self.at_most else value >= self.must
        return "met" if met else "**missed**"


BARS = (
    Bar("plaintext", 0.9, 1.0, rate=0.95),
    Bar("inline", 0.9, 1.0, rate=0.95),
    Bar("json", 0.9, 1.0, rate=0.95),
    Bar("typed", 0.8, 0.95),
    Bar("typed", 2.0, reference="best"),
    Bar("echo", 0.32, 0.4),
    Bar("echo", 1.2, reference="best"),
    Bar("threaded", 0.5, 0.6),
    Bar("plaintext", 1.05, 1.2, "browser"),
    Bar("plaintext", 3.5, 6, "pipelined"),
    Bar("plaintext", 0.85, 0.95, "c1"),
    Bar("plaintext", 1.0, 1.1, "c512"),
    Bar("user-read", 0.45, 0.6),
    Bar("session-read", 0.45, 0.6),
    Bar("upload", 0.9, 1.0, reference="c"),
    Bar("upload-file", 0.35, 0.5, reference="c"),
    Bar("static1k", 0.85, 1.0),
    Bar("static10m", 0.95, 1.0),
    Bar("ws125", 1.8, 2.0, reference="picows"),
    Bar("ws64k", 1.6, 2.0, reference="picows"),
    Bar("ws125-for", 1.25, 1.4, reference="picows"),
    Bar("ws64k-for", 1.25, 1.4, reference="picows"),
    Bar("plaintext", 0.28, 0.35, server="portable"),
    Bar("typed", 0.22, 0.28, server="portable"),
)
HOSTING = (
    Bar("plaintext", 1.5, reference="granian-asgi", server="hospes-asgi"),
    Bar("plaintext", 2.5, reference="uvicorn", server="hospes-asgi"),
    Bar("plaintext", 1.0, reference="granian-wsgi", server="hospes-wsgi"),
    Bar("plaintext", 2.0, reference="gunicorn-wsgi", server="hospes-wsgi"),
)
"""The same bare application under hospes and under its own servers."""
USER_WRITES = Bound("user-write: requests/s", 15_000, 30_000)
VISITORS = {
    "requests per commit, fsync 5 ms longer": Bound("user-write: requests per commit, every fsync 5 ms longer", 16),
    "four writing processes: p99 ms": Bound("four processes that write: p99 ms", 50, at_most=True),
    "start with 1,000,000 visitors: s": Bound("start with a million visitors: s", 1, at_most=True),
    "Valkey: round trips of a request, read": Bound("Valkey: round trips of a request that reads", 1, at_most=True),
    "Valkey: round trips of a request, written": Bound("Valkey: round trips of a request that writes", 2, at_most=True),
}
"""By their names in the figures of `bench.visitors`."""
TWO_WORKERS = Bound("two workers on two cores: times one, by CPU per request", 1.8, 2)
TWO_PIPELINED = Bound("the same, pipelined: so the load, on one of the two cores, can keep both busy", 1.8, 2)
IDLE = Bound("an idle connection: octets", 600, 400, at_most=True)
ROUTES = Bound("2,000 routes: instructions, times those among 5", 1.03, at_most=True)
START = Bound("import of hospes and an application ready: times `import asyncio, msgspec`", 1.5, at_most=True)
NOT_PYTHON = frozenset({"nginx", "c"})
OWN = frozenset({"hospes", "portable", "two workers", "hospes-asgi", "hospes-wsgi"})


def ratios(results: Results, workload: str, mode: str, server: str, reference: str) -> tuple[float, float] | None:
    """How a server stands beside a reference: by the best round's rate, and by CPU per request; over 1 is better than it.

    Pipelined requests of the reference are compared with pipelined ones, and so on; a workload that the reference lacks is
    compared with what `Workload.against` says. None where either was not measured.
    """
    own = results.get((workload, mode, server))
    if not own:
        return None
    if reference == "best":
        others = {peer for peer_workload, _, peer in results if peer_workload == workload} - OWN - NOT_PYTHON
        found = [each for peer in others if (each := ratios(results, workload, mode, server, peer))]
        return min(found, key=lambda each: each[1]) if found else None
    other = results.get((workload, mode, reference)) or results.get((WORKLOADS[workload].against, mode, reference))
    if not other:
        return None
    by_rate = max(run.rate for run in own) / max(run.rate for run in other)
    return by_rate, statistics.median(run.cpu for run in other) / statistics.median(run.cpu for run in own)
