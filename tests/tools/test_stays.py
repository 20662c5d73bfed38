"""A session's record becomes a line of JSON and comes back, octet by octet; sessions found by their keys."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.tools.support import CREATED, DATA, END

from hospes.errors import SetupError
from hospes.sessions.record import encode
from hospes.store import Record
from hospes.store.memory import MemoryStore
from hospes.tools import stays
from hospes.tools.transfer import Imported

KEY = b"\x01\x23" + b"k" * 30
OTHER = b"\x01\x24" + b"k" * 30
LINE: dict[str, Any] = stays.to_line(KEY, Record(encode({"a": 1}, CREATED, 60.5, 1000), 1, END))


@pytest.mark.parametrize("attributes", [{}, DATA, {"hospes.flashes": [["Saved.", ""]]}])
@pytest.mark.parametrize("expires", [None, END, 0.0])
def test_there_and_back(attributes: dict[str, Any], expires: float | None) -> None:
    octets = encode(attributes, CREATED, 1_800, 1000)
    text = json.dumps(stays.to_line(KEY, Record(octets, 7, expires)))
    assert stays.from_line(json.loads(text)) == (KEY, octets, expires)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": "00"}, "'00' is not 32 octets"),
        ({"key": 7}, "wrong type"),
        ({"created": None}, "created is no time"),
        ({"created": "yesterday"}, "isoformat"),
        ({"idle": 0}, "its idle: it is a positive number of seconds"),
        ({"idle": "60"}, "its idle: it is a positive number of seconds"),
        ({"data": []}, "data is no object"),
        ({"data": {"a": {"$x": 1}}}, "marks no value"),
        ({"expires": 1}, "wrong type"),
    ],
)
def test_other_lines_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        stays.from_line(LINE | change)


@pytest.mark.parametrize("missing", ["key", "created", "expires", "idle", "data"])
def test_a_line_is_complete(missing: str) -> None:
    with pytest.raises(ValueError, match=f"it has no '{missing}'"):
        stays.from_line({name: each for name, each in LINE.items() if name != missing})


def test_a_line_is_an_object() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        stays.from_line([])


async def two() -> MemoryStore:
    store = MemoryStore()
    await store.open()
    entries = [stays.from_line(LINE), stays.from_line(LINE | {"key": OTHER.hex()})]
    assert await stays.take_in(store, entries, overwrite=False) == Imported(2, 0)
    return store


@pytest.mark.parametrize(("which", "key"), [(KEY.hex(), KEY), ("0123", KEY), ("0124", OTHER), (OTHER.hex()[:9], OTHER)])
def test_a_session_is_found(which: str, key: bytes) -> None:
    async def main() -> None:
        assert (await stays.find(await two(), which))[0] == key

    asyncio.run(main())


@pytest.mark.parametrize(
    ("which", "problem"),
    [
        ("", "no session with the key ''"),
        ("012", "no session"),
        ("0125", "no session"),
        ("ABCD", "no session"),
        ("k" * 64, "no session"),
    ],
)
def test_no_session_is_found(which: str, problem: str) -> None:
    async def main() -> None:
        await stays.find(await two(), which)

    with pytest.raises(SetupError, match=problem):
        asyncio.run(main())


def test_too_little_of_a_key_is_refused() -> None:
    async def main() -> None:
        store = await two()
        await store.put("sessions", b"\x01\x23" + b"z" * 30, stays.from_line(LINE)[1])
        await stays.find(store, "0123")

    with pytest.raises(SetupError, match="2 sessions have a key that begins with '0123'"):
        asyncio.run(main())


def test_what_is_there_stays_unless_told_otherwise() -> None:
    async def main() -> None:
        store = await two()
        newer = stays.from_line(LINE | {"data": {"a": 2}})
        assert await stays.take_in(store, [newer], overwrite=False) == Imported(0, 1)
        assert [line["data"] async for line in stays.lines(store)] == [{"a": 1}, {"a": 1}]
        assert await stays.take_in(store, [newer], overwrite=True) == Imported(1, 0)
        assert [line["data"] async for line in stays.lines(store)] == [{"a": 2}, {"a": 1}]

    asyncio.run(main())


def test_lines_are_read() -> None:
    text = json.dumps(LINE)
    assert list(stays.read(["", "\n", text])) == [stays.from_line(LINE)]
    with pytest.raises(SetupError, match="line 2 is no session: it has no 'data'"):
        list(stays.read([text, '{"key": "00"}']))
