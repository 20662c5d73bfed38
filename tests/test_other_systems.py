"""hospes where Linux is not: a process from which what Windows or macOS do not have is taken away imports all of it, and serves.

That is no Windows. It proves that nothing is imported, or named at import, that is not there; and that what stands in for it
works.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LACKS = {
    "win32": {
        "modules": "fcntl grp pwd resource termios",
        "os": "O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH chown fchmod fchown fork geteuid getuid killpg mkfifo "
        "pread preadv pwrite register_at_fork sched_getaffinity sendfile setsid",
        "signal": "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTTIN SIGTTOU SIGUSR1 SIGUSR2 SIGWINCH "
        "pthread_sigmask setitimer sigwait",
        "socket": "AF_UNIX SCM_RIGHTS SO_REUSEPORT TCP_CORK TCP_DEFER_ACCEPT TCP_QUICKACK recv_fds send_fds",
        "select": "epoll poll",
    },
    "darwin": {
        "os": "O_PATH eventfd memfd_create posix_fadvise posix_fallocate sched_getaffinity",
        "socket": "SO_PEERCRED TCP_CORK TCP_DEFER_ACCEPT TCP_QUICKACK",
        "select": "epoll",
    },
}
"""What a system has not, by the module that has it elsewhere."""

PROGRAM = """
import asyncio, concurrent.futures, ctypes.util, email, http.client, importlib, json, logging.handlers, multiprocessing, os
import pkgutil, select, signal, socket, sqlite3, ssl, subprocess, sys, sysconfig, tempfile, urllib.request
import click, jinja2, msgspec, multipart

sysconfig.get_paths()  # the libraries above are on their own system; what is hidden is hidden from hospes
pair, unix = socket.socketpair, socket.AF_UNIX
socket.socketpair = lambda: pair(unix)  # the loop's own
asking = urllib.request.build_opener()  # likewise
asyncio.new_event_loop().close()  # likewise: which loop is the usual one is found out once

system, lacks, store, folder = json.loads(sys.argv[1])
hidden = set(lacks.pop("modules", "").split())

class Hides:
    def find_spec(self, name, path=None, target=None):
        if name in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hides())
for name in hidden:
    sys.modules.pop(name, None)
for module, names in lacks.items():
    for name in names.split():
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
if system == "win32":
    os.supports_dir_fd.clear()
sys.platform = system

import hospes

for module in pkgutil.walk_packages(hospes.__path__, "hospes."):
    if not module.name.startswith("hospes.engine") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from hospes import App, HttpError, User

app = App(store=store)
app.files("/files", folder)

@app.get("/")
async def home(user: User) -> str:
    user["visits"] = user.get("visits", 0) + 1
    return str(user["visits"])

@app.get("/plain")
def plain() -> str:
    return "from a thread"

with app.test() as client:
    print(client.get("/").text, client.get("/").text)
with app.serving() as server:
    for path in ("/", "/plain", "/files/a.txt"):
        with asking.open(server.url + path) as answer:
            print(answer.read().decode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="platform: what Linux has is taken away here")
@pytest.mark.parametrize("store", ["memory:", "sqlite"])
@pytest.mark.parametrize("system", sorted(LACKS))
def test_it_serves(system: str, store: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a file")
    url = store if store != "sqlite" else f"sqlite:///{tmp_path}/hospes.db"
    asked = json.dumps([system, LACKS[system], url, str(tmp_path)])
    environment = {**os.environ, "HOSPES_CARRIER": "portable", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked], env=environment, capture_output=True, text=True, encoding="utf-8", timeout=50
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 2", "1", "from a thread", "a file"]
