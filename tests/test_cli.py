"""The command line: finding apps, serving, listing; every mistake's text."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from tests.golden import check_golden
from tests.server.support import GET, WAIT, Peer, listens
from tests.server.support import request as octets

from hospes.cli import find, load, main
from hospes.errors import SetupError
from hospes.quick import using
from hospes.running import App

PROGRAM = """
import asyncio, os
from hospes import App, get
from neighbour import text

app = App(store="memory:")
other = 3

@app.get("/")
async def home() -> str:
    return text

@app.get("/wait")
async def wait() -> str:
    print("waiting", flush=True)
    await asyncio.sleep(60)
    return ""

@app.lifespan
async def life():
    yield
    os.write(1, b"ended\\n")  # in one piece: two processes end at the same time
"""


VISITED = """
from hospes import App, User

app = App(store="redis://127.0.0.1:1")

@app.get("/")
def home(user: User) -> str:
    return "here"
"""

UNGUARDED = """
from hospes import App, run

app = App(store="memory:")

@app.get("/")
def home() -> str:
    return "here"

app.run(port=1)
run(port=1)
"""

GUESTS = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"wsgi"]

async def other(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"asgi"})

def make():
    return application

def wants(settings, *, debug):
    return application

def anything(*arguments):
    return application(*arguments)

silent = type("Silent", (), {"__signature__": 3, "__call__": lambda self: application})()

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A folder with a program, which is the working directory; what it imports is forgotten."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "neighbour.py").write_text("text = 'Hello'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def says(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a command."""
    result = CliRunner().invoke(main, arguments, prog_name="hospes")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("target", ["program:app", "program", "program.py", "program.py:app", "./program.py"])
def test_an_app_is_found(folder: Path, target: str) -> None:
    app = load(target)
    with app.test() as client:
        assert client.get("/").text == "Hello"


def test_the_only_app_under_any_name(folder: Path) -> None:
    (folder / "single.py").write_text("from hospes import App\nshop = App()\nalias = shop\n")
    assert isinstance(load("single"), App)


def test_an_app_in_a_package(folder: Path) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "web.py").write_text("from hospes import App\napp = App()\n")
    assert isinstance(load("package.web:app"), App)


@pytest.mark.parametrize("declaration", ["get('/x')(lambda: '')", "mount('/x', lambda request: None)"])
def test_the_default_app(folder: Path, declaration: str) -> None:
    (folder / "quickly.py").write_text(f"from hospes import get, mount\n{declaration}\n")
    with using(App()) as app:
        assert load("quickly.py") is app


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("guests", {}, b"wsgi"),
        ("guests:other", {}, b"asgi"),
        ("guests:make", {"factory": True}, b"wsgi"),
        ("guests:silent", {"factory": True}, b"wsgi"),
        ("guests:anything", {"interface": "wsgi"}, b"wsgi"),
        ("factories", {"factory": True}, b"wsgi"),
        ("program:app", {}, b"Hello"),
        ("program", {}, b"Hello"),
    ],
)
def test_an_application_of_any_kind_is_found(folder: Path, target: str, options: Any, said: bytes) -> None:
    (folder / "guests.py").write_text(GUESTS)
    (folder / "factories.py").write_text("from guests import make as create_app")
    with find(target, **options).serving() as server, Peer(server.server.address[1]) as peer:
        peer.send(GET)
        assert peer.get().content == said


def mistaken(folder: Path, name: str) -> list[str]:
    """A command with a mistake."""
    (folder / "empty.py").write_text("")
    (folder / "guests.py").write_text(GUESTS)
    (folder / "several.py").write_text("from hospes import App\none = App()\ntwo = App()\n")
    (folder / "wrong.py").write_text("from hospes import App\napp = App()\n@app.get('/{x:nothing}')\ndef show(x): ...\n")
    (folder / "visited.py").write_text(VISITED)
    (folder / "refused.py").write_text("from hospes import App\napp = App()\napp.get('/x')(3)\n")
    commands = {
        "no_module": ["run", "nowhere:app"],
        "no_module_in_package": ["run", "nowhere.inner"],
        "no_file": ["run", "nowhere.py"],
        "no_attribute": ["run", "program:nothing"],
        "no_attribute_in_attribute": ["run", "program:app.nothing"],
        "no_name": ["run", ":app"],
        "no_variable": ["run", "program:"],
        "no_app": ["routes", "program:other"],
        "empty": ["run", "empty"],
        "several": ["run", "several"],
        "no_factory": ["run", "guests", "--factory"],
        "factory_not_there": ["run", "guests:nothing", "--factory"],
        "factory_is_no_function": ["run", "guests:number", "--factory"],
        "factory_that_wants_more": ["run", "guests:wants", "--factory"],
        "a_factory": ["run", "guests:make"],
        "unknown_kind": ["run", "guests:anything"],
        "wrong_pattern": ["run", "wrong", "--port", "0"],
        "wrong_routes": ["routes", "wrong"],
        "refused_declaration": ["routes", "refused.py"],
        "key_without_certificate": ["run", "program", "--tls-key", "key.pem"],
        "certificate_not_there": ["run", "program", "--port", "0", "--tls-cert", "nowhere.pem"],
        "store_not_there": ["run", "visited:app", "--port", "0"],
    }
    return commands[name]


@pytest.mark.parametrize(
    "name",
    [
        "no_module",
        "no_module_in_package",
        "no_file",
        "no_attribute",
        "no_attribute_in_attribute",
        "no_name",
        "no_variable",
        "no_app",
        "empty",
        "several",
        "no_factory",
        "factory_not_there",
        "factory_is_no_function",
        "factory_that_wants_more",
        "a_factory",
        "unknown_kind",
        "wrong_pattern",
        "wrong_routes",
        "refused_declaration",
        "key_without_certificate",
        "certificate_not_there",
        "store_not_there",
    ],
)
def test_mistakes(folder: Path, name: str) -> None:
    with using(App()):
        status, text = says(*mistaken(folder, name))
    assert status == 2
    check_golden(f"cli/{name}", text[text.index("Error:") :])


@pytest.mark.parametrize("arguments", [["run", "program", "--port", "70000"], ["fly"], ["run"], ["run", "program", "--nothing"]])
def test_what_click_refuses(folder: Path, arguments: list[str]) -> None:
    status, text = says(*arguments)
    assert (status, "Error:" in text) == (2, True)


@pytest.mark.parametrize("target", ["unguarded.py", "unguarded:app"])
def test_a_program_that_runs_itself_is_served_by_the_command_line(
    folder: Path, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "unguarded.py").write_text(UNGUARDED)
    with using(App()):
        assert isinstance(find(target), App)
    name = target.partition(":")[0]
    message = f'run() in {name} is passed over, the command line serves: put it below `if __name__ == "__main__":`'
    assert caplog.messages == [message, message]


def test_an_app_inside_of_something(folder: Path) -> None:
    (folder / "holding.py").write_text("from hospes import App\nclass Shop:\n    app = App()\n")
    assert isinstance(load("holding:Shop.app"), App)
    assert isinstance(load("./holding.py:Shop.app"), App)


def test_a_module_that_fails_shows_its_traceback(folder: Path) -> None:
    for name, line in {"broken": "1 / 0", "missing": "import nowhere_at_all"}.items():
        (folder / f"{name}.py").write_text(f"{line}\n")
        for target in (name, f"{name}.py"):
            result = CliRunner().invoke(main, ["run", target])
            assert isinstance(result.exception, (ZeroDivisionError, ModuleNotFoundError))
            assert name not in sys.modules


def test_a_file_that_is_no_program(folder: Path) -> None:
    (folder / "folder.py").mkdir()
    with pytest.raises(SetupError, match="is not there"):
        load("folder.py")


def test_routes(folder: Path) -> None:
    (folder / "static").mkdir()
    (folder / "routed.py").write_text(
        "from hospes import App\n"
        "app, inner = App(), App()\n"
        "app.get('/')(lambda: '')\n"
        "app.route('/any')(lambda: '')\n"
        "app.route(regexp='^v', method='PUT, POST')(lambda: '')\n"
        "inner.get('/x')(lambda: '')\n"
        "inner.get(regexp='^y')(lambda: '')\n"
        "app.mount('/a b', inner)\n"
        "inner.mount('/circle', app)\n"
        "app.files('/static', 'static')\n"
    )
    status, text = says("routes", "routed:app")
    assert status == 0
    check_golden("cli/routes", text)


def test_help_and_version() -> None:
    for arguments in ([], ["--help"], ["-h"], ["run", "--help"], ["routes", "-h"]):
        assert "Usage: hospes" in says(*arguments)[1]
    status, text = says("--version")
    assert status == 0
    assert re.fullmatch(r"hospes \d+\.\d+\.\d+\S*, CPython 3\.\S+, (engine|portable) carrier\n", text)


def test_the_help_of_run() -> None:
    status, text = says("run", "--help")
    assert status == 0
    assert max(map(len, text.splitlines())) <= 80
    check_golden("cli/run_help", text)


def test_a_carrier_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPES_CARRIER", "pigeon")
    status, text = says("--version")
    assert status == 2
    check_golden("cli/no_carrier", text)


class Running:
    """`hospes run` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "hospes", "run", *arguments, "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = ""
        while not self.url:
            line = self.line()
            assert line, self.process.communicate()[1]
            self.url = line.split()[-1] if "address" in line else ""
        self.port = int(self.url.rpartition(":")[2])

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        out, errors = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, errors


def test_run_from_end_to_end(folder: Path) -> None:
    running = Running(folder, "program.py")
    with Peer(running.port) as peer:
        peer.send(GET)
        assert peer.get().content == b"Hello"
        running.process.send_signal(signal.SIGTERM)
        status, out, errors = running.end()
    assert (status, out.splitlines()[-1]) == (0, "ended")
    assert "INFO hospes.server: stopped" in errors


def test_a_second_signal(folder: Path) -> None:
    running = Running(folder, "program:app")
    with Peer(running.port) as peer:
        peer.send(GET.replace(b"GET /", b"GET /wait"))
        while running.line() != "waiting\n":
            pass
        running.process.send_signal(signal.SIGTERM)
        while listens(running.port):
            pass
        running.process.send_signal(signal.SIGTERM)
        assert running.end()[0] == 143


COUNTING = """
from hospes import App, Session, User

app = App()
app.health()

@app.get("/")
def count(user: User) -> str:
    user["n"] = user.get("n", 0) + 1
    return str(user["n"])

@app.post("/session")
def remember(session: Session) -> str:
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])
"""


def test_visitors_and_sessions_are_the_same_in_all_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """160 requests of one visitor at the same time, over two workers: each of them counts."""
    (folder / "counting.py").write_text(COUNTING)
    monkeypatch.setenv("HOSPES_STORE", f"sqlite:///{folder}/visitors.db")
    running = Running(folder, "counting:app", "--workers", "2")
    with Peer(running.port) as peer:
        peer.send(GET)
        cookie = peer.get().fields["set-cookie"].partition(";")[0]
        peer.send(octets("/session", "POST", b"", f"Cookie: {cookie}"))
        own = peer.get().fields["set-cookie"].partition(";")[0]

    def ask(number: int) -> tuple[int, int]:
        with Peer(running.port) as peer:
            peer.send(octets("/", "GET", None, f"Cookie: {cookie}"))
            user = peer.get()
            peer.send(octets("/session", "POST", b"", f"Cookie: {cookie}; {own}"))
            session = peer.get()
            return int(user.content), int(session.content)

    with ThreadPoolExecutor(16) as pool:
        counted = list(pool.map(ask, range(160)))
    assert sorted(user for user, _ in counted) == list(range(2, 162))
    assert sorted(session for _, session in counted) == list(range(2, 162))
    running.process.send_signal(signal.SIGTERM)
    assert running.end()[0] == 0


def test_a_program_with_workers_from_end_to_end(folder: Path) -> None:
    running = Running(folder, "program.py", "--workers", "2", "--access-log", "log")
    with Peer(running.port) as peer:
        peer.send(GET)
        assert peer.get().content == b"Hello"
    rest = ""
    while "stop" not in rest:
        rest = running.line()
    running.process.send_signal(signal.SIGTERM)
    status, out, _ = running.end()
    assert (status, out.split()) == (0, ["ended", "ended"])
    assert (folder / "log").read_text().count("GET / HTTP/1.1") == 1


def test_workers_of_what_is_not_there(folder: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hospes", "run", "nowhere", "--workers", "3", "--port", "0"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    assert process.stderr.count("there is no module nowhere") == 1


def test_run_with_tls(folder: Path) -> None:
    import ssl

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    running = Running(folder, "program", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert running.url.startswith("https://")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Peer(running.port) as peer:
        peer.sock = context.wrap_socket(peer.sock, server_hostname="localhost")
        peer.send(GET)
        assert peer.get().content == b"Hello"
    running.process.send_signal(signal.SIGTERM)
    assert running.end()[0] == 0
