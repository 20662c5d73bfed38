"""A store with visitors of every kind, always the same, and the commands to look at it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner, Result

from hospes.cli import main
from hospes.store import open_store
from hospes.users.account import STONE, Account, Pass, Token, login_key, moving
from hospes.users.seal import record_key
from hospes.users.values import encode

CREATED = 1_700_000_000.5
END = 4_000_000_000.25
DATA: dict[str, Any] = {"n": 1, "photo": b"\0\1", "since": datetime(2026, 5, 1, tzinfo=UTC), "deep": [{"ä": None}]}
LOCATOR = b"l" * 24
ANONYMOUS, STORED, MOVES, STONES = (bytes([number]) * 32 for number in range(1, 5))
ACCOUNT = record_key(LOCATOR)


def value(content: dict[str, Any], id: int) -> bytes:
    return encode(content, CREATED, bytes([id]) * 16, 10_000)


def fill(url: str) -> None:
    """Five records of people and of their past, a name, a key, and something of a session's."""

    async def work() -> None:
        store = open_store(url)
        await store.open()
        account = Account("ada", LOCATOR, (Pass(b"s" * 32, CREATED, END),), Token(MOVES, b"n" * 16))
        await store.put("users", ANONYMOUS, value({}, 1), expires=END)
        await store.put("users", STORED, value(DATA, 2), expires=END)
        await store.put("users", MOVES, moving(ACCOUNT, b"m" * 16, value({"cart": [1]}, 3)), expires=END)
        await store.put("users", STONES, STONE, expires=END)
        await store.put("users", ACCOUNT, account.encode(value({"mail": "a@b"}, 5)))
        await store.put("logins", login_key("ada"), LOCATOR)
        await store.put("keys", b"visitor cookies", b"k" * 32)
        await store.put("sessions", b"x" * 32, b"session", expires=END)
        await store.close()

    asyncio.run(work())


def hospes(*arguments: str, input: str = "") -> Result:
    """Run a command; its output and what it says are in the result."""
    return CliRunner().invoke(main, arguments, input=input, env={"HOSPES_STORE": ""})


def shown(result: Result, *folders: object) -> str:
    """What a command said, as a golden text."""
    text = f"status {result.exit_code}\n--- stdout\n{result.stdout}--- stderr\n{result.stderr}"
    for folder in folders:
        text = text.replace(str(folder), "…")
    return re.sub(r"[ \t]+$", "", text.replace("\r", "\n"), flags=re.MULTILINE)


def everything(url: str) -> list[tuple[str, bytes, bytes, float | None]]:
    """All that a store has."""

    async def work() -> list[tuple[str, bytes, bytes, float | None]]:
        store = open_store(url)
        await store.open()
        found = [
            (space, key, record.value, record.expires)
            for space in ("keys", "logins", "sessions", "users")
            async for key, record in store.scan(space)
        ]
        await store.close()
        return found

    return asyncio.run(work())
