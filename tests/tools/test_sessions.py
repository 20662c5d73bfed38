"""The commands of `hospes sessions`, as who types them sees them."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from tests.golden import check_golden
from tests.tools.support import CREATED, DATA, END, everything, fill, hospes, shown

from hospes import App, Session
from hospes.sessions.record import encode
from hospes.store import open_store

FIRST, SECOND = b"\x01\x11" + b"k" * 30, b"\x02\x22" + b"k" * 30


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    fill(url)

    async def work() -> None:
        store = open_store(url)
        await store.open()
        await store.delete("sessions", b"x" * 32)
        await store.put("sessions", FIRST, encode({"name": "Ada"}, CREATED, 1_800, 1000), expires=END)
        await store.put("sessions", SECOND, encode(DATA, CREATED, 60.5, 1000), expires=END)
        await store.close()

    asyncio.run(work())
    return url


@pytest.mark.parametrize("command", ["", "list", "show", "export", "import", "purge", "migrate"])
def test_help(command: str) -> None:
    result = hospes("sessions", *command.split(), "--help")
    check_golden(f"tools/sessions_help_{command or 'group'}", shown(result))


def test_list_and_show(url: str, tmp_path: Path) -> None:
    check_golden("tools/sessions_list", shown(hospes("sessions", "list", "--store", url), tmp_path))
    check_golden("tools/sessions_show", shown(hospes("sessions", "show", "0222", "--store", url), tmp_path))
    check_golden("tools/sessions_show_none", shown(hospes("sessions", "show", "0333", "--store", url), tmp_path))


def test_export_and_import(url: str, tmp_path: Path) -> None:
    file, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/b.db"
    result = hospes("sessions", "export", str(file), "--store", url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "2 sessions\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert hospes("sessions", "export", "--store", url).stdout == file.read_text("utf-8")
    assert hospes("sessions", "import", str(file), "--store", other).stderr == "2 written, 0 there already\n"
    assert everything(other) == [each for each in everything(url) if each[0] == "sessions"]
    assert hospes("sessions", "import", str(file), "--store", other).stderr == "0 written, 2 there already\n"
    assert hospes("sessions", "import", "--overwrite", str(file), "--store", other).stderr == "2 written, 0 there already\n"


def test_a_visitors_export_is_no_sessions(url: str, tmp_path: Path) -> None:
    file, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path}/b.db"
    hospes("users", "export", str(file), "--store", url)
    check_golden("tools/sessions_import_users", shown(hospes("sessions", "import", str(file), "--store", other), tmp_path))
    assert not (tmp_path / "b.db").exists()


def test_purge(url: str) -> None:
    def keys() -> list[bytes]:
        return [key for space, key, _, _ in everything(url) if space == "sessions"]

    assert hospes("sessions", "purge", "--store", url).stderr == "0 records removed\n"
    result = hospes("sessions", "purge", "0111", "--store", url, input="n\n")
    assert (result.exit_code, "End 0111? [y/N]" in result.stderr) == (1, True)
    assert hospes("sessions", "purge", "--yes", "0111", "0333", "--store", url).exit_code == 2
    assert keys() == [FIRST, SECOND], "none is ended if one is not there"
    assert hospes("sessions", "purge", "--yes", "0111", "--store", url).stderr == "1 record removed\n"
    assert keys() == [SECOND]
    result = hospes("sessions", "purge", "--all", "--store", url, input="y\n")
    assert (result.exit_code, result.stderr.splitlines()[-1], keys()) == (0, "1 record removed", [])
    check_golden("tools/sessions_purge_both", shown(hospes("sessions", "purge", "--all", "0222", "--store", url)))


def test_migrate_is_the_same_command(url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/b.db"
    assert hospes("sessions", "migrate", url, other).exit_code == 0
    assert everything(other) == everything(url)


def test_a_live_session_is_shown_and_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/live.db"
    app = App(store=url)

    @app.post("/")
    def count(session: Session) -> str:
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    with app.test() as client:
        assert [client.post("/").text for _ in range(2)] == ["1", "2"]
        line = json.loads(hospes("sessions", "list", "--store", url).stdout)
        assert json.loads(hospes("sessions", "show", line["key"], "--store", url).stdout)["data"] == {"n": 2}
        assert hospes("sessions", "purge", "--yes", line["key"], "--store", url).exit_code == 0
        assert client.post("/").text == "1", "it has ended, and another one begins"
