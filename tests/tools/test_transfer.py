"""Lines and records, many at a time."""

from __future__ import annotations

import pytest

from hospes.errors import SetupError
from hospes.store.memory import MemoryStore
from hospes.tools.transfer import TOGETHER, Entry, Imported, put_entry, read, take_in, text


def parse(line: object) -> Entry:
    if line != {"a": 1}:
        raise ValueError("it is another one")
    return b"k", b"v", None


def test_the_line_that_is_wrong_is_named() -> None:
    assert list(read(["", '{"a": 1}', " \n"], parse, "thing")) == [(b"k", b"v", None)]
    with pytest.raises(SetupError, match="line 3 is no thing: it is another one"):
        list(read(["", '{"a": 1}', "{}"], parse, "thing"))
    with pytest.raises(SetupError, match="line 1 is no thing: "):
        list(read(["{"], parse, "thing"))
    with pytest.raises(SetupError, match="line 1 is no thing: "):
        list(read(["[" * 100_000], parse, "thing"))


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1])
async def test_all_are_written_and_counted(count: int) -> None:
    store = MemoryStore()
    await store.open()

    async def write(entry: Entry) -> bool:
        return await put_entry(store, "things", False, entry)

    entries = [(str(number).encode(), b"v", None) for number in range(count)]
    assert await take_in(entries, write) == Imported(count, 0)
    assert await take_in(entries, write) == Imported(0, count)
    assert await put_entry(store, "things", True, (b"0", b"w", None))


def test_text_is_as_it_is() -> None:
    assert text({"ä": None}) == '{"ä": null}'
