"""`python -m hospes.compat PROGRAM.py`."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import beside
from simple_http_server import route, Request
import simple_http_server.server as server
from http_server import WebServer
from alink.httpserver import HttpServer
print(__name__, sys.argv, beside.HERE, route.__module__, server.start.__module__)
sys.exit(3)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "hospes.compat", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_a_program_finds_the_faces_and_what_lies_beside_it(tmp_path: Path) -> None:
    program = tmp_path / "app"
    program.mkdir()
    (program / "main.py").write_text(PROGRAM)
    (program / "beside.py").write_text("HERE = 'here'\n")
    said = "hospes.compat.simple_http_server.app_conf hospes.compat.simple_http_server.server\n"
    done = run(tmp_path, "app/main.py", "-a", "b")
    assert (done.stdout, done.stderr, done.returncode) == (f"__main__ ['app/main.py', '-a', 'b'] here {said}", "", 3)
    done = run(program, "-m", "main", "-m")
    assert (done.stderr, done.returncode) == ("", 3)
    assert done.stdout == f"__main__ ['{program / 'main.py'}', '-m'] here {said}"


@pytest.mark.parametrize(("arguments", "status", "begins"), [((), 2, "usage: "), (("--help",), 0, "usage: ")])
def test_usage(tmp_path: Path, arguments: tuple[str, ...], status: int, begins: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == status
    assert (done.stdout or done.stderr).startswith(begins)
    assert "simple_http_server" in (done.stdout or done.stderr)


def test_a_face_itself_may_be_the_module(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "simple_http_server", "--help")
    assert done.returncode == 0
    assert "--scan" in done.stdout


MAKING_PROCESSES = """
import multiprocessing
import sys
import simple_http_server.server

def work():
    print(simple_http_server.server.start.__module__, flush=True)

if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    process.start()
    process.join()
    raise SystemExit(process.exitcode)
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("arguments", [("main.py",), ("-m", "main")])
def test_processes_that_it_makes_find_the_faces(arguments: tuple[str, ...], method: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(MAKING_PROCESSES)
    done = run(tmp_path, *arguments, method)
    assert (done.stdout, done.stderr, done.returncode) == ("hospes.compat.simple_http_server.server\n", "", 0)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, "nothing.py")
    assert (done.stderr, done.returncode) == ("there is no file nothing.py\n", 2)


@pytest.mark.parametrize("module", ["nothing", "nothing.inside", "package.nothing"])
def test_a_module_that_is_not_there(tmp_path: Path, module: str) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    done = run(tmp_path, "-m", module)
    assert (done.stderr, done.returncode) == (f"there is no module {module}\n", 2)


def test_a_package_that_lacks_something_itself(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import nothing")
    done = run(tmp_path, "-m", "package.main")
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'nothing'\n")
