"""Who is measured: one line adds a server.

A peer that is not installed is left out, and that is said. None of them is needed for anything but comparing.
"""

from __future__ import annotations

import importlib.util
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

HERE = Path(__file__).parent
ALL = frozenset({"plaintext", "json", "typed", "echo", "upload"})
OURS = ALL | {"inline", "threaded", "static1k"}


@dataclass(frozen=True, slots=True)
class Peer:
    """A server.

    Args:
        command: How it is started; {port}, {scratch} and {here} are filled in.
        serves: Workloads it has.
        needs: Program or module that must be there.
        environment: Variables it is started with.
    """

    command: str
    serves: frozenset[str]
    needs: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return not self.needs or bool(shutil.which(self.needs)) or importlib.util.find_spec(self.needs) is not None

    @contextmanager
    def serving(self, port: int, scratch: Path, core: int) -> Iterator[int]:
        """Run it on one core; gives its process id."""
        if "{scratch}/nginx.conf" in self.command:
            _configure_nginx(port, scratch)
        command = shlex.split(self.command.format(port=port, scratch=scratch, here=HERE, python=sys.executable))
        with (scratch / "server.log").open("w") as log:
            environment = {**os.environ, "PYTHONPATH": str(HERE), **dict(self.environment)}
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *command], stdout=log, stderr=log, env=environment, cwd=scratch
            )
        try:
            _wait_until_listening(process, port, scratch)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


PEERS = {
    "hospes": Peer("{python} {here}/app.py {port} {scratch}/static", OURS),
    "nginx": Peer("nginx -c {scratch}/nginx.conf", frozenset({"plaintext", "json", "typed", "static1k"}), "nginx"),
    "uvicorn": Peer("{python} -m uvicorn asgi_app:app --port {port} --no-access-log --log-level warning", ALL, "uvicorn"),
    "granian": Peer(
        "{python} -m granian --interface asgi --http 1 --port {port} --no-access-log --log-level error asgi_app:app",
        ALL,
        "granian",
    ),
}

_NGINX = """worker_processes 1; daemon off; master_process off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 4096; multi_accept on; }}
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


def _configure_nginx(port: int, scratch: Path) -> None:
    (scratch / "nginx.conf").write_text(_NGINX.format(port=port, scratch=scratch))


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
