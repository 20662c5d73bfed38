"""Records into files and out of them, a line of JSON each; whose records they are is the business of who asks.

Laws:

* An import looks at every line before it writes the first record, and says which line is wrong.
* A file that is written can be read by its owner alone: what is kept of visitors is personal data.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from hospes.errors import SetupError
from hospes.store import Conflict, Store
from hospes.tools.opened import opened, run

TOGETHER: Final = 256  # writes under way at once: they share their commits

Entry: TypeAlias = "tuple[bytes, bytes, float | None]"
"""Key, value and end of a record."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines.

    Args:
        written: Records that were written.
        kept: Records that were there already, and stayed.
    """

    written: int
    kept: int


def text(value: object) -> str:
    """A line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def read(texts: Iterable[str], parse: Callable[[Any], Entry], what: str) -> Iterator[Entry]:
    """The records of lines of JSON; empty lines are passed over.

    Args:
        texts: The lines.
        parse: Makes a record of what a line says; a ValueError says what is wrong with it.
        what: What a line should be: "visitor".

    Raises:
        SetupError: if a line is no such thing.
    """
    for number, line in enumerate(texts, 1):
        if not line.strip():
            continue
        try:
            yield parse(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise SetupError(f"line {number} is no {what}: {error}", remedy="nothing was imported") from None


async def take_in(entries: Iterable[Entry], write: Callable[[Entry], Awaitable[bool]]) -> Imported:
    """Write records, several at a time.

    Args:
        entries: The records.
        write: Writes one; False if it was there already, and stayed.
    """
    written = total = 0
    batch: list[Any] = []
    for entry in entries:
        batch.append(write(entry))
        total += 1
        if len(batch) == TOGETHER:
            written += sum(await asyncio.gather(*batch))
            batch = []
    written += sum(await asyncio.gather(*batch))
    return Imported(written, total - written)


async def put_entry(store: Store, space: str, overwrite: bool, entry: Entry) -> bool:
    """Write a record; False where there is one, and it is to stay."""
    key, value, expires = entry
    if overwrite:
        await store.put(space, key, value, expires=expires)
        return True
    try:
        await store.compare_and_set(space, key, value, 0, expires=expires)
    except Conflict:
        return False
    return True


def export(url: str, file: str, lines: Callable[[Store], AsyncIterator[Any]]) -> int:
    """Write what a store has to a file, "-" for standard output; gives how many lines.

    Raises:
        SetupError: if the store cannot be read, or the file not be written.
    """

    async def work() -> int:
        count = 0
        async with opened(url) as source:  # before the file is emptied
            with _writing(file) as target:
                async for line in lines(source):
                    target.write(text(line) + "\n")
                    count += 1
        return count

    return run(work())


def take_file(
    url: str,
    file: Path,
    entries: Callable[[Iterable[str]], Iterator[Entry]],
    put: Callable[[Store, Iterable[Entry]], Awaitable[Imported]],
) -> Imported:
    """Take what a file has into a store.

    Args:
        url: The store's.
        file: As `export` writes it.
        entries: Makes records of lines.
        put: Writes records into the store.

    Raises:
        SetupError: if a line is wrong, or the store cannot be used.
    """

    async def work() -> Imported:
        with file.open(encoding="utf-8") as lines:
            try:
                for _ in entries(lines):
                    pass  # a mistake in the last line is found before the first is written
            except UnicodeDecodeError as error:
                raise SetupError(
                    f"{file} is no text in UTF-8: {error.reason}",
                    remedy="nothing was imported; name a file that an export has written",
                ) from None
            lines.seek(0)
            async with opened(url, makes=True) as target:
                return await put(target, entries(lines))

    return run(work())


@contextmanager
def _writing(file: str) -> Generator[IO[str]]:
    """A file that is written, "-" for standard output."""
    if file == "-":
        yield sys.stdout
        return
    try:
        with open(file, "w", encoding="utf-8", opener=_private) as target:
            yield target
    except OSError as error:
        problem = f"{file} cannot be written: {error.strerror}"
        raise SetupError(problem, remedy='name a file in a folder that is there, or "-" for standard output') from None


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)  # one that was there before may be open to everybody
    return descriptor
