"""A file that is damaged, or not ours: the server does not start, says why, and leaves it as it is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.support import WAIT, Site, Visitor, launch


def noise(file: Path) -> None:
    file.write_bytes(b"This is a diary, and no database.\n" * 200)


def tiny(file: Path) -> None:
    file.write_bytes(b"x")


def foreign(file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE invoice (number INTEGER)")
    database.commit()
    database.close()


def newer(file: Path) -> None:
    with Site(f"sqlite:///{file}", file.parent).running() as site:
        visitor = Visitor(site.port)
        visitor.ask("POST", "/count")
        visitor.close()
        site.stop()
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version = 1000")
    database.commit()
    database.close()


def beheaded(file: Path) -> None:
    """Ours, but its first page is overwritten."""
    newer(file)
    octets = bytearray(file.read_bytes())
    octets[:100] = os.urandom(100)
    file.write_bytes(octets)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (noise, "is damaged or no database"),
        (tiny, "is damaged or no database: it is too short"),
        (foreign, "is a database of some other program"),
        (newer, "was made by a newer release (schema 1000"),
        (beheaded, "is damaged or no database"),
    ],
)
def test_it_is_refused_and_left_alone(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    file = tmp_path / "theirs.db"
    make(file)
    before = file.read_bytes()
    environment = {**os.environ, "HOSPES_STORE": f"sqlite:///{file}"}
    with launch(tmp_path, environment) as process:
        output, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 2, output
    assert says in output
    assert str(file) in output
    assert "It was left as it is." in output
    assert "Traceback" not in output
    assert file.read_bytes() == before


def test_damage_inside_is_an_error_and_no_new_visitor(tmp_path: Path) -> None:
    file = tmp_path / "hurt.db"
    site = Site(f"sqlite:///{file}", tmp_path)
    with site.running():
        visitor = Visitor(site.port)
        for _ in range(3):
            visitor.ask("POST", "/count")
        site.stop()
        octets = file.read_bytes()
        size = int.from_bytes(octets[16:18], "big")
        # Its head and schema stay; the pages behind them are worn out.
        file.write_bytes(octets[:size] + b"\xee" * (len(octets) - size))
        site.start()
        visitor.at(site.port)
        cookie = visitor.cookie
        for method in ("GET", "POST"):
            assert visitor.ask(method, "/count").status == 503
        assert visitor.cookie == cookie
        assert visitor.ask("GET", "/plain").status == 200
        visitor.close()
