"""The commands, as who types them sees them."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden import check_golden
from tests.tools.support import ACCOUNT, STORED, everything, fill, hospes, shown


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    fill(url)
    return url


@pytest.mark.parametrize("command", ["", "list", "show", "export", "import", "purge", "migrate"])
def test_help(command: str) -> None:
    result = hospes("users", *command.split(), "--help")
    check_golden(f"tools/help_{command or 'users'}", shown(result))


def test_list(url: str, tmp_path: Path) -> None:
    check_golden("tools/list", shown(hospes("users", "list", "--store", url), tmp_path))


def test_show(url: str, tmp_path: Path) -> None:
    check_golden("tools/show", shown(hospes("users", "show", "ada", "--store", url), tmp_path))
    assert json.loads(hospes("users", "show", "02" * 16, "--store", url).stdout)["key"] == STORED.hex()
    check_golden("tools/show_nobody", shown(hospes("users", "show", "bob", "--store", url), tmp_path))


READING = (
    ["users", "list"],
    ["users", "show", "ada"],
    ["users", "export"],
    ["users", "export", "FILE"],
    ["users", "purge"],
    ["users", "purge", "--yes", "ada"],
    ["sessions", "list"],
    ["sessions", "show", "0222"],
    ["sessions", "export", "FILE"],
    ["sessions", "purge", "--all", "--yes"],
)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_store_that_is_not_there_is_a_mistake_and_stays_so(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    file.write_text("an export of yesterday")
    command = [str(file) if each == "FILE" else each for each in command]
    check_golden("tools/no_store", shown(hospes(*command, "--store", f"sqlite:///{tmp_path}/none.db"), tmp_path))
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "an export of yesterday"
    check_golden("tools/store_in_memory", shown(hospes(*command, "--store", "memory:"), tmp_path))


def test_a_store_with_nothing_in_it_is_one(tmp_path: Path) -> None:
    fill(url := f"sqlite:///{tmp_path}/a.db")
    hospes("sessions", "purge", "--all", "--yes", "--store", url)
    result = hospes("sessions", "list", "--store", url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 sessions\n")


def test_a_store_that_is_away() -> None:
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        result = hospes("users", "list", "--store", f"redis://:secret@127.0.0.1:{port}/0")
    check_golden("tools/store_away", re.sub(r"(:\d+/0): .*", r"\1: …", shown(result).replace(str(port), "6379")))


def test_a_wrong_store(tmp_path: Path) -> None:
    result = hospes("users", "list", "--store", "mysql://user:secret@host/")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "scheme 'mysql', which no engine answers to" in result.stderr
    assert "secret" not in result.stderr
    (tmp_path / "a.db").write_text("something else " * 100)
    check_golden("tools/foreign_file", shown(hospes("users", "list", "--store", f"sqlite:///{tmp_path}/a.db"), tmp_path))


def test_export_and_import(url: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    result = hospes("users", "export", str(file), "--store", url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "5 records\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    assert hospes("users", "export", str(file), "--store", url).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "of one that was there before, too"
    assert hospes("users", "export", "--store", url).stdout == file.read_text("utf-8")
    check_golden("tools/export", file.read_text("utf-8"))
    other = f"sqlite:///{tmp_path}/b.db"
    result = hospes("users", "import", str(file), "--store", other)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "5 written, 0 there already\n")
    assert everything(other) == [each for each in everything(url) if each[0] in {"users", "logins"}]
    assert hospes("users", "import", str(file), "--store", other).stderr == "0 written, 5 there already\n"
    assert hospes("users", "import", "--overwrite", str(file), "--store", other).stderr == "5 written, 0 there already\n"


def test_a_bad_last_line_imports_nothing(url: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    hospes("users", "export", str(file), "--store", url)
    file.write_text(file.read_text("utf-8") + '{"kind": "visitor"}\n', encoding="utf-8")
    other = f"sqlite:///{tmp_path}/b.db"
    check_golden("tools/import_bad_line", shown(hospes("users", "import", str(file), "--store", other), tmp_path))
    assert not (tmp_path / "b.db").exists()


def test_a_file_that_is_no_text_imports_nothing(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    other = f"sqlite:///{tmp_path}/b.db"
    check_golden("tools/import_no_text", shown(hospes("users", "import", str(file), "--store", other), tmp_path))
    assert not (tmp_path / "b.db").exists()


def test_an_export_to_nowhere(url: str, tmp_path: Path) -> None:
    result = hospes("users", "export", str(tmp_path / "no" / "file"), "--store", url)
    check_golden("tools/export_nowhere", shown(result, tmp_path))


def test_purge(url: str) -> None:
    assert hospes("users", "purge", "--store", url).stderr == "0 records removed\n"
    before = everything(url)
    result = hospes("users", "purge", "ada", "--store", url, input="n\n")
    assert result.exit_code == 1
    assert "Erase ada for good? [y/N]" in result.stderr
    result = hospes("users", "purge", "--yes", "ada", "bob", "--store", url)
    assert result.exit_code == 2
    assert everything(url) == before, "nobody is erased if somebody is not there"
    result = hospes("users", "purge", "ada", "02" * 16, "--store", url, input="y\n")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (0, "2 records removed")
    assert {key for _, key, _, _ in before} - {key for _, key, _, _ in everything(url)} >= {ACCOUNT, STORED}


def test_migrate(url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/b.db"
    check_golden("tools/migrate", shown(hospes("users", "migrate", url, other), tmp_path))
    assert everything(other) == everything(url)
    assert hospes("users", "migrate", url, other).exit_code == 0, "there is nothing left to do"
    hospes("users", "purge", "--yes", "ada", "--store", url)
    check_golden("tools/migrate_refused", shown(hospes("users", "migrate", url, other), tmp_path))
    assert hospes("users", "migrate", "--overwrite", url, other).exit_code == 0
    assert everything(other) == everything(url)
    for same in (url, f"sqlite:///{tmp_path}/../{tmp_path.name}/a.db"):
        check_golden("tools/migrate_same", shown(hospes("users", "migrate", url, same), tmp_path))
    nothing = shown(hospes("users", "migrate", f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/c.db"), tmp_path)
    check_golden("tools/no_store", nothing)
    assert not list(tmp_path.glob("c.db*"))


def test_the_store_of_the_environment(url: str) -> None:
    command = [sys.executable, "-m", "hospes", "users", "list"]
    done = subprocess.run(command, env={"HOSPES_STORE": url}, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 4
    assert done.stderr == "4 visitors\n"
