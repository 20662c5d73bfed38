"""`hospes users`: what a store keeps of its visitors.

Laws:

* What is asked for goes to standard output, as JSON; what is said about it, and progress, to standard error.
* Reading changes nothing, and makes no file where there is no store.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from hospes.app.application import DEFAULT_STORE
from hospes.errors import SetupError
from hospes.tools import migration, visitors
from hospes.tools.lines import to_line
from hospes.tools.opened import opened, run

C = TypeVar("C", bound=Callable[..., Any])


def _store(command: C) -> C:
    return click.option(
        "--store", envvar="HOSPES_STORE", default=DEFAULT_STORE, show_default=True, metavar="URL", help="The store's URL."
    )(command)


@click.group()
def users() -> None:
    """Look after what a store keeps of its visitors."""


@users.command("list")
@_store
def list_(store: str) -> None:
    """List the visitors, a line of JSON each."""

    async def work() -> int:
        count = 0
        async with opened(store) as source:
            async for key, record in visitors.everybody(source):
                line = to_line(key, record)
                shown = {name: line.get(name) for name in ("id", "name", "created", "expires")}
                click.echo(_text(shown | {"size": len(record.value)}))
                count += 1
        return count

    _say(run(work()), "visitor")


@users.command()
@click.argument("who")
@_store
def show(who: str, store: str) -> None:
    """Show everything that is kept of one visitor: WHO is a public id or a login name."""

    async def work() -> None:
        async with opened(store) as source:
            click.echo(_text(to_line(*await visitors.find(source, who))))

    run(work())


@users.command()
@click.argument("file", default="-")
@_store
def export(file: str, store: str) -> None:
    """Write every visitor to FILE (standard output if there is none), a line of JSON each.

    It is personal data: a FILE can be read by you alone.
    """

    async def work(target: IO[str]) -> int:
        count = 0
        async with opened(store) as source:
            async for line in visitors.lines(source):
                target.write(_text(line) + "\n")
                count += 1
        return count

    if file == "-":
        count = run(work(sys.stdout))
    else:
        try:
            with open(file, "w", encoding="utf-8", opener=_private) as target:
                count = run(work(target))
        except OSError as error:
            raise SetupError(f"{file} cannot be written: {error}") from None
    _say(count, "record")


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace what is there; else it stays.")
@_store
def import_(file: Path, overwrite: bool, store: str) -> None:
    """Take in the visitors of FILE, as `hospes users export` writes it."""

    async def work() -> visitors.Imported:
        with file.open(encoding="utf-8") as lines:
            for _ in visitors.read(lines):
                pass  # a mistake in the last line is found before the first is written
            lines.seek(0)
            async with opened(store) as target:
                return await visitors.take_in(target, visitors.read(lines), overwrite)

    done = run(work())
    click.echo(f"{done.written} written, {done.kept} there already", err=True)


@users.command()
@click.argument("who", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_store
def purge(who: tuple[str, ...], yes: bool, store: str) -> None:
    """Remove what is over; or erase each WHO, a public id or a login name, for good."""
    if who and not yes:
        click.confirm(f"Erase {', '.join(who)} for good?", abort=True, err=True)

    async def work() -> int:
        async with opened(store) as target:
            found = [await visitors.find(target, each) for each in who]  # all, before the first is gone
            for key, record in found:
                await visitors.erase(target, key, record)
            return len(found) if who else await visitors.sweep(target)

    _say(run(work()), "record", "removed")


@users.command()
@click.argument("source")
@click.argument("target")
@click.option("--overwrite", is_flag=True, help="Replace what is different in TARGET, and delete what SOURCE does not have.")
def migrate(source: str, target: str, overwrite: bool) -> None:
    """Copy everything in the store SOURCE to the store TARGET: visitors, sessions, keys.

    Stop the server first. If this is interrupted, run it again: it goes on where it was. At the end both are compared, record by
    record.
    """
    if source == target:
        raise SetupError("the source and the target are the same store", remedy="name two different URLs")

    async def work() -> migration.Comparison:
        async with opened(source) as ours, opened(target) as theirs:
            total = await migration.count(ours)
            with click.progressbar(length=total, label="copying", file=sys.stderr) as bar:
                return await migration.copy(ours, theirs, bar.update, overwrite)

    done = run(work())
    click.echo(f"{_many(done.records, 'record')} in both stores, SHA-256 {done.checksum}", err=True)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _say(count: int, what: str, how: str = "") -> None:
    click.echo(f"{_many(count, what)} {how}".rstrip(), err=True)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
