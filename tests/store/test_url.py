"""URLs name engines; what names none is refused with what would."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hospes.errors import SetupError
from hospes.store import open_store
from hospes.store.memory import MemoryStore
from hospes.store.sqlite import SqliteStore


def stored_in(url: str) -> None:
    async def main() -> None:
        store = open_store(url)
        assert isinstance(store, SqliteStore)
        await store.open()
        await store.put("users", b"a", b"1")
        await store.close()

    asyncio.run(main())


def test_a_relative_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored_in("sqlite:///hospes.db")
    assert (tmp_path / "hospes.db").is_file()


@pytest.mark.parametrize(("written", "name"), [("a.db", "a.db"), ("a%20b%3Fc%23d.db", "a b?c#d.db"), ("%C3%A9%25.db", "é%.db")])
def test_an_absolute_file(tmp_path: Path, written: str, name: str) -> None:
    stored_in(f"SQLite:///{tmp_path}/{written}")
    assert (tmp_path / name).is_file()


def test_nothing_happens_before_open(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/missing/folder/a.db")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("url", ["memory:", "memory://", "MEMORY:"])
def test_memory(url: str) -> None:
    assert isinstance(open_store(url), MemoryStore)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hospes.db",
        "redis://user:secret@host/0",
        "sqlite",
        "sqlite:",
        "sqlite:hospes.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://hospes.db",
        "sqlite:///hospes.db?mode=ro",
        "sqlite:///hospes.db#top",
        "sqlite:///a%00b",
        "memory:name",
        "memory:///name",
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(SetupError) as refused:
        open_store(url)
    assert "sqlite:///hospes.db" in refused.value.remedy
    assert "memory:" in refused.value.remedy
    assert "secret" not in str(refused.value)
