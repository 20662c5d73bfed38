"""Who is measured: one line adds a server.

`python -m bench peers` installs them below `.bench/`, each group into an environment of its own. A peer that is not there is left
out, and that is said. None of them is needed for anything but comparing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import cpu_seconds
from bench.programs import KEPT, program

HERE = Path(__file__).parent
VENVS = KEPT / "venvs"

HTTP = frozenset({"plaintext", "json", "typed", "echo", "upload"})
STATIC = frozenset({"static1k", "static10m"})
SOCKETS = frozenset({"ws125", "ws64k"})
STATE = frozenset({"user-read", "user-write", "session-read"})
OURS = HTTP | STATIC | STATE | SOCKETS | {"inline", "threaded", "upload-file", "ws125-for", "ws64k-for"}
CONSTANTS = frozenset({"plaintext", "json", "typed"})

PACKAGES = {
    "servers": "uvicorn uvloop httptools granian gunicorn waitress aiohttp picows websockets"
    " starlette fastapi falcon flask msgspec",
    "bjoern": "bjoern falcon msgspec",
    "fastwsgi": "fastwsgi falcon msgspec",
    "socketify": "socketify msgspec",
    "robyn": "robyn",
    "simple": "simple_http_server",
}
"""By environment what is installed there. bjoern is compiled, and wants libev (apt-get install libev-dev)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server.

    Args:
        command: How it is started. Its names in braces are filled in: {python} is ours, {bin} its environment's.
        serves: Workloads it has.
        venv: The environment it is installed in; "" for none.
        environment: Variables it is started with.
        cores: Where it runs, if not on the one core of all others.
        connection: What requests have to say to it: "keep-alive" where it keeps a connection for nobody else, "close" where it
            ends each after one answer, whatever it was told.
    """

    command: str
    serves: frozenset[str]
    venv: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    cores: str = ""
    connection: str = ""

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        if self.venv:
            return (VENVS / self.venv / "installed").exists()
        return "{program}" in self.command or "{python}" in self.command or shutil.which(self.command.split()[0]) is not None

    @contextmanager
    def serving(self, port: int, scratch: Path, core: int) -> Iterator[int]:
        """Run it on one core; gives its process id.

        Raises:
            RuntimeError: if it does not begin to listen.
        """
        if "{scratch}/nginx.conf" in self.command:
            (scratch / "nginx.conf").write_text(_NGINX.format(port=port, scratch=scratch))
        names = {"port": port, "scratch": scratch, "apps": HERE / "apps", "here": HERE, "python": sys.executable}
        names |= {"bin": VENVS / self.venv / "bin", "program": program("yardstick") if "{program}" in self.command else ""}
        variables = {"PYTHONPATH": str(HERE / "apps"), "BENCH_STATIC": str(scratch / "static"), **dict(self.environment)}
        with (scratch / "server.log").open("w") as log:
            process = subprocess.Popen(
                ["taskset", "-c", self.cores or str(core), *shlex.split(self.command.format(**names))],
                stdout=log,
                stderr=log,
                env={**os.environ, **variables},
                cwd=scratch,
            )
        try:
            _wait_until_listening(process, port, scratch)
            _wait_until_quiet(process.pid)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_HOSPES = "{python} -m hospes run --port {port} "
_UVICORN = "{bin}/uvicorn --port {port} --loop uvloop --http httptools --no-access-log --log-level warning "
_GRANIAN = "{bin}/granian --port {port} --http 1 --runtime-mode st --no-access-log --log-level error "
_GUNICORN = "{bin}/gunicorn --bind 127.0.0.1:{port} --workers 1 --keep-alive 600 "

PEERS = {
    "hospes": Peer("{python} {here}/app.py {port} {scratch}/static", OURS),
    "portable": Peer("{python} {here}/app.py {port} {scratch}/static", OURS, environment=(("HOSPES_CARRIER", "portable"),)),
    "two workers": Peer("{python} {here}/app.py {port} {scratch}/static 2", frozenset({"plaintext"}), cores="0,1"),
    "hospes-asgi": Peer(_HOSPES + "asgi_app:app", HTTP | SOCKETS),
    "hospes-wsgi": Peer(_HOSPES + "wsgi_app:app", HTTP),
    "hospes-starlette": Peer(_HOSPES + "starlette_app:app", HTTP | STATIC | SOCKETS),
    "hospes-fastapi": Peer(_HOSPES + "fastapi_app:app", HTTP | STATIC),
    "hospes-flask": Peer(_HOSPES + "flask_app:app", HTTP | STATIC),
    "hospes-falcon": Peer(_HOSPES + "falcon_app:app", HTTP),
    "c": Peer("{program} {port}", frozenset({"plaintext", "json", "echo", "upload"}) | SOCKETS),
    "nginx": Peer("nginx -c {scratch}/nginx.conf", CONSTANTS | STATIC),
    "bjoern": Peer("{bin}/python {apps}/wsgi_app.py bjoern {port} wsgi_app", HTTP, "bjoern"),
    "bjoern-falcon": Peer("{bin}/python {apps}/wsgi_app.py bjoern {port} falcon_app", HTTP, "bjoern"),
    "fastwsgi": Peer("{bin}/python {apps}/wsgi_app.py fastwsgi {port} wsgi_app", HTTP, "fastwsgi"),
    "fastwsgi-falcon": Peer("{bin}/python {apps}/wsgi_app.py fastwsgi {port} falcon_app", HTTP, "fastwsgi"),
    "granian-asgi": Peer(_GRANIAN + "--interface asgi --loop uvloop asgi_app:app", HTTP | SOCKETS, "servers"),
    "granian-rsgi": Peer(
        _GRANIAN + "--interface rsgi --loop uvloop --static-path-mount {scratch}/static rsgi_app:app",
        HTTP | STATIC | SOCKETS,
        "servers",
    ),
    "granian-wsgi": Peer(_GRANIAN + "--interface wsgi --blocking-threads 1 wsgi_app:app", HTTP, "servers"),
    "granian-falcon": Peer(_GRANIAN + "--interface wsgi --blocking-threads 1 falcon_app:app", HTTP, "servers"),
    "granian-flask": Peer(_GRANIAN + "--interface wsgi --blocking-threads 1 flask_app:app", HTTP | STATIC, "servers"),
    "granian-fastapi": Peer(_GRANIAN + "--interface asgi --loop uvloop fastapi_app:app", HTTP | STATIC, "servers"),
    "granian-starlette": Peer(_GRANIAN + "--interface asgi --loop uvloop starlette_app:app", HTTP | STATIC | SOCKETS, "servers"),
    "uvicorn": Peer(_UVICORN + "asgi_app:app", HTTP | SOCKETS, "servers"),
    "uvicorn-starlette": Peer(_UVICORN + "starlette_app:app", HTTP | STATIC | SOCKETS, "servers"),
    "uvicorn-fastapi": Peer(_UVICORN + "fastapi_app:app", HTTP | STATIC, "servers"),
    "socketify": Peer("{bin}/python {apps}/socketify_app.py {port}", (HTTP - {"echo"}) | SOCKETS, "socketify"),
    "robyn": Peer(
        "{bin}/python {apps}/robyn_app.py {port} --log-level ERROR --processes 1 --workers 1", HTTP | {"static1k"}, "robyn"
    ),
    "aiohttp": Peer("{bin}/python {apps}/aiohttp_app.py {port}", HTTP | STATIC | SOCKETS, "servers"),
    "gunicorn-wsgi": Peer(_GUNICORN + "--worker-class gthread --threads 4 wsgi_app:app", HTTP, "servers"),
    "waitress-wsgi": Peer("{bin}/waitress-serve --listen 127.0.0.1:{port} --threads 4 wsgi_app:app", HTTP, "servers"),
    "gunicorn-flask": Peer(_GUNICORN + "--worker-class gthread --threads 4 flask_app:app", HTTP | STATIC, "servers"),
    "waitress-flask": Peer("{bin}/waitress-serve --listen 127.0.0.1:{port} --threads 4 flask_app:app", HTTP | STATIC, "servers"),
    "simple-coroutine": Peer(
        "{bin}/python {apps}/simple_app.py {port} coroutine", HTTP - {"upload"}, "simple", connection="close"
    ),
    "simple-thread": Peer(
        "{bin}/python {apps}/simple_app.py {port} thread", HTTP - {"upload"}, "simple", connection="keep-alive"
    ),
    "picows": Peer("{bin}/python {apps}/picows_app.py {port}", SOCKETS, "servers"),
    "websockets": Peer("{bin}/python {apps}/websockets_app.py {port}", SOCKETS, "servers"),
}

_QUIET = 0.005
"""CPU seconds, in a tenth of a second, of a server that waits."""

_NGINX = """worker_processes 1; daemon off; master_process off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
worker_rlimit_nofile 30000;
events {{ worker_connections 25000; multi_accept on; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on; open_file_cache max=100;
  client_body_temp_path {scratch}/n1; proxy_temp_path {scratch}/n2; fastcgi_temp_path {scratch}/n3; uwsgi_temp_path {scratch}/n4;
  scgi_temp_path {scratch}/n5; types {{ text/plain txt; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /plaintext {{ default_type text/plain; return 200 "Hello, World!"; }}
    location = /json {{ default_type application/json; return 200 '{{"message":"Hello, World!"}}'; }}
    location /users/ {{ default_type application/json; return 200 '{{"id":42,"verbose":true}}'; }}
    location /static/ {{ alias {scratch}/static/; }}
  }}
}}
"""


def install() -> int:
    """Install all peers; one that cannot be installed is named, and the others are."""
    failed = 0
    for name, packages in PACKAGES.items():
        folder = VENVS / name
        print(f"{name}: {packages}", flush=True)
        steps = [[sys.executable, "-m", "venv", str(folder)]]
        steps += [[str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", *packages.split()]]
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                failed = 1
                print(f"{name} is left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                break
        else:
            (folder / "installed").touch()
    return failed


def versions() -> list[str]:
    """What is installed of the peers, with versions."""
    found: set[str] = set()
    for name, packages in PACKAGES.items():
        wanted = {package.replace("-", "_") for package in packages.split()} - {"msgspec"}
        for folder in VENVS.glob(f"{name}/lib/*/site-packages/*.dist-info"):
            package, _, version = folder.name.removesuffix(".dist-info").partition("-")
            if package.lower() in wanted:
                found.add(f"{package} {version}")
    return sorted(found)


def there(names: list[str]) -> list[str]:
    """Those of the peers that are installed; the others are named."""
    for name in names:
        if not PEERS[name].is_there:
            print(f"{name} is not installed and left out (`python -m bench peers` installs it)", file=sys.stderr)
    return [name for name in names if PEERS[name].is_there]


def _wait_until_quiet(pid: int) -> None:
    """Others of its processes may still be starting when the first one listens: that is no cost of a request."""
    before = -1.0
    for _ in range(50):
        now = cpu_seconds(pid)
        if now - before < _QUIET:
            return
        before = now
        time.sleep(0.1)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, scratch: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"it ended at once: {(scratch / 'server.log').read_text()[-300:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("it does not listen")
